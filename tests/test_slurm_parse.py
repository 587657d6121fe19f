"""Slurm's answers as text: what is read from squeue, sacct, scontrol and sbatch, and what is not believed."""

from __future__ import annotations

import pytest

from arctl.clusters import slurm_parse
from arctl.states import State

TOKEN = "arctl-0123456789ab"


@pytest.mark.parametrize(
    ("stdout", "job_id"),
    [
        ("77\n", "77"), ("77;clusterB\n", "77"), ("Welcome to site\n2026\n***\n78\n", "78"), ("", None),
        ("queued\n", None), ("Submitted batch job 77\n", None),
    ],
)  # fmt: skip
def test_job_id_stands_in_the_last_line_that_is_one(stdout: str, job_id: str | None) -> None:
    assert slurm_parse.submitted_id(stdout) == job_id


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", State.PENDING), ("CONFIGURING", State.PENDING), ("REQUEUED", State.PENDING),
        ("RUNNING", State.RUNNING), ("COMPLETING", State.RUNNING),
        ("SUSPENDED", State.SUSPENDED), ("STOPPED", State.SUSPENDED),
        ("COMPLETED", State.COMPLETED), ("FAILED", State.FAILED), ("CANCELLED by 1000", State.CANCELLED),
        ("CANCELLED+", State.CANCELLED), ("TIMEOUT", State.TIMEOUT), ("DEADLINE", State.TIMEOUT),
        ("OUT_OF_MEMORY", State.OUT_OF_MEMORY), ("NODE_FAIL", State.NODE_FAIL), ("BOOT_FAIL", State.NODE_FAIL),
        ("PREEMPTED", State.PREEMPTED), ("SOMETHING_NEW", None), ("", None),
    ],
)  # fmt: skip
def test_slurms_words(word: str, state: State | None) -> None:
    assert slurm_parse.state_of(word) == state


def test_exit_status_and_signal() -> None:
    assert slurm_parse.exit_of("3:0") == (3, None)
    assert slurm_parse.exit_of("0:9") == (None, 9)
    assert slurm_parse.exit_of("") == (None, None)


def row(*first: str, name: str = "x", **more: str) -> str:
    """A line of squeue; `first` are its id, its state and what follows, the rest is usual."""
    usual = [
        "77",
        "RUNNING",
        "low",
        "2026-11-21T02:51:15",
        "2026-11-21T02:50:00",
        "1:00",
        "0:45",
        "4294901753",
        "1",
        "2",
    ]
    usual += ["300M", "gres:gpu:2", "normal", "root", "gpu1", "(null)", "None"]
    fields = [*first, *usual[len(first) :]]
    for key, value in more.items():
        fields[["gres", "qos", "account", "node", "dependency", "reason"].index(key) + 11] = value
    return "|".join([*fields, name]) + "\n"


def test_squeue_rows_arrays_and_banners() -> None:
    text = (
        "*** maintenance on Friday ***\n"
        + row("77", "RUNNING", name=f"run1-{TOKEN}")
        + row("80_[1-3,7%2]", "PENDING", "low", "N/A", node="", reason="Resources", name=f"sweep-{TOKEN}")
        + row("80_0", "RUNNING", node="gpu2", name="sweep")
        + row("81", "PENDING", "low", "N/A", reason="Priority", name="a|b|COMPLETED|")
        + row("82", "NEW_WORD")
        + "83|RUNNING|low|2026-11-21T02:51:15|half a li"
    )
    states = slurm_parse.squeue_states(text, at=5.0)
    assert set(states) == {"77", "80_0", "80_1", "80_2", "80_3", "80_7", "81"}
    assert (states["77"].token, states["77"].node, states["77"].started) == (TOKEN, "gpu1", 1795229475.0)
    assert states["80_7"].job_id == "80_7" and states["80_7"].reason == "Resources"
    assert (states["80_7"].token, states["80_0"].token) == (f"{TOKEN}_7", None)
    assert states["81"].state is State.PENDING


def test_a_queued_job_has_all_that_squeue_knows() -> None:
    (job,) = slurm_parse.queued_jobs(row("77", "RUNNING", name=f"run1-{TOKEN}"))
    assert (job.word, job.name, job.token, job.partition, job.node) == (
        "RUNNING",
        f"run1-{TOKEN}",
        TOKEN,
        "low",
        "gpu1",
    )
    assert (job.started, job.submitted) == (1795229475.0, 1795229400.0)
    assert (job.limit_s, job.left_s, job.priority) == (60.0, 45.0, 4294901753)
    assert (job.nodes, job.cpus, job.mem, job.gres) == (1, 2, "300M", "gres:gpu:2")
    assert (job.qos, job.account, job.dependency, job.reason) == ("normal", "root", None, None)


def test_what_squeue_does_not_know_is_none() -> None:
    odd = row(
        "5", "PENDING", "low,high", "N/A", "N/A", "UNLIMITED", "UNLIMITED", "0", "1-2", "", "", dependency="afterok:3"
    )
    (job,) = slurm_parse.queued_jobs(odd)
    assert (job.started, job.submitted, job.limit_s, job.left_s) == (None, None, None, None)
    assert (job.partition, job.priority, job.nodes, job.cpus, job.mem) == ("low,high", 0, None, None, None)
    assert job.dependency == "afterok:3"
    (endless,) = slurm_parse.queued_jobs(row("5", "RUNNING", "low", "N/A", "N/A", "365-00:00:00", "364-23:59:59"))
    assert (endless.limit_s, endless.left_s) == (None, None), "what squeue says of a running job without a limit"
    (late,) = slurm_parse.queued_jobs(row("5", "COMPLETING", "low", "N/A", "N/A", "2-03:00:00", "INVALID"))
    assert (late.limit_s, late.left_s, late.state) == (183600.0, None, State.RUNNING)


def test_another_jobs_name_is_no_line_of_squeue() -> None:
    forged = row("66", "RUNNING", name="x\n" + row("77", "COMPLETED").strip())
    assert [job.job_id for job in slurm_parse.queued_jobs(forged)] == ["66", "77"], (
        "without a mark it would be believed"
    )
    mark = "5ca1ab1e|"
    jobs = slurm_parse.queued_jobs(mark + forged + mark + row("77", "RUNNING", name="a\x1b]0;t\x07\u2028b"), mark=mark)
    assert [(job.job_id, job.word) for job in jobs] == [("66", "RUNNING"), ("77", "RUNNING")]
    assert "\x1b" not in jobs[1].name and "\x07" not in jobs[1].name


def test_sacct_the_last_record_of_a_requeued_job_counts() -> None:
    text = (
        f"77|CANCELLED by 0|0:15|2026-11-21T02:10:00|2026-11-21T02:20:00|2026-11-21T02:30:00|gpu2|BeginTime|a-{TOKEN}\n"
        f"77|REQUEUED|0:0|2026-11-21T01:59:00|2026-11-21T02:00:00|2026-11-21T02:10:00|gpu1|None|run1-{TOKEN}\n"
        "78|RUNNING|0:0|2026-11-21T02:19:00|2026-11-21T02:20:00|Unknown|gpu2|None|x\n"
        "79|REQUEUED|0:0|2026-11-21T02:19:00|2026-11-21T02:20:00|2026-11-21T02:21:00|gpu2|None|x\n"
    )
    states = slurm_parse.sacct_states(text, at=5.0)
    assert (states["77"].state, states["77"].signal, states["77"].node) == (State.CANCELLED, 15, "gpu2")
    assert states["77"].reason is None, "why it waited last"
    assert (states["78"].exit_code, states["78"].ended) == (None, None)
    assert (states["79"].state, states["79"].started, states["79"].ended) == (State.PENDING, None, None)


def test_sacct_of_an_id_that_was_given_anew_the_record_with_the_token_counts() -> None:
    other = TOKEN.replace("0", "f")
    text = (
        f"77|TIMEOUT|0:0|2026-10-01T00:00:00|2026-10-01T00:00:00|2026-10-01T01:00:00|gpu1|None|run1-{TOKEN}\n"
        f"77|COMPLETED|0:0|2026-11-21T02:00:00|2026-11-21T02:00:00|2026-11-21T02:10:00|gpu2|None|run9-{other}\n"
    )
    assert slurm_parse.sacct_states(text, at=5.0)["77"].state is State.COMPLETED
    assert slurm_parse.sacct_states(text, at=5.0, tokens={"77": TOKEN})["77"].state is State.TIMEOUT
    assert slurm_parse.sacct_states(text, at=5.0, tokens={"77": "arctl-aaaaaaaaaaaa"})["77"].token == other
    nameless = "77|FAILED|1:0|2026-11-21T03:00:00|2026-11-21T03:00:00|2026-11-21T03:10:00|gpu2|None|\n"
    assert slurm_parse.sacct_states(text + nameless, at=5.0, tokens={"77": TOKEN})["77"].state is State.TIMEOUT
    assert slurm_parse.sacct_states(text + nameless, at=5.0)["77"].state is State.FAILED


def test_scontrol_speaks_only_of_its_own_job() -> None:
    line = "JobId=81 ArrayJobId=80 ArrayTaskId=1 JobName=x JobState=FAILED Reason=NonZeroExitCode ExitCode=3:0"
    told = slurm_parse.scontrol_state(line, "80_1", at=5.0)
    assert told is not None and (told.state, told.exit_code, told.reason) == (State.FAILED, 3, "NonZeroExitCode")
    assert slurm_parse.scontrol_state(line, "77", at=5.0) is None
