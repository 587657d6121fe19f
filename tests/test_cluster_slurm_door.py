"""The door to Slurm without a cluster: what is rendered, what is refused, how answers are read, what sbatch may say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arctl.clusters.directives import directives, seconds
from arctl.clusters.slurm import SlurmCluster, render_directives
from arctl.clusters.slurm_call import scrubbed
from arctl.errors import SchedulerError, SubmitRefused, SubmitUnconfirmed, UsageError
from arctl.settings import SlurmSettings

TOKEN = "arctl-0123456789ab"


def wanted(**changes: object) -> dict[str, object]:
    settings = changes.pop("settings", SlurmSettings())
    asked = {"name": "run12", "token": TOKEN, "log": Path("/w/runs/run0012/log-%j.txt"), "settings": settings}
    return directives(**{**asked, **changes})  # type: ignore[arg-type]


def test_directives_of_a_usual_job() -> None:
    settings = SlurmSettings(partition="gpu", account="vision", qos="long", gres="gpu:a100")
    found = wanted(settings=settings, gpus=2, cpus=8, mem="64G", time="4:00:00")
    assert render_directives(found) == [
        f"#SBATCH --job-name=run12-{TOKEN}",
        f"#SBATCH --comment={TOKEN}",
        "#SBATCH --output=/w/runs/run0012/log-%j.txt",
        "#SBATCH --open-mode=append",
        "#SBATCH --partition=gpu",
        "#SBATCH --account=vision",
        "#SBATCH --qos=long",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --gres=gpu:a100:2",
        "#SBATCH --mem=64G",
        "#SBATCH --time=4:00:00",
        "#SBATCH --signal=B:USR2@120",
        "#SBATCH --requeue",
    ]


def test_site_settings_add_replace_and_leave_out() -> None:
    extra = ("--constraint=a100&ib", "--exclusive=user", "--mem-per-cpu=4G", "--no-requeue", "--segment=4")
    lines = render_directives(wanted(settings=SlurmSettings(extra_sbatch=extra, skip=("comment",)), mem="8G", gpus=1))
    assert {"#SBATCH --constraint=a100&ib", "#SBATCH --exclusive=user", "#SBATCH --no-requeue"} <= set(lines)
    assert "#SBATCH --segment=4" in lines, "an option newer than simple_slurm"
    assert not [line for line in lines if line.startswith(("#SBATCH --mem=", "#SBATCH --comment", "#SBATCH --requeue"))]


def test_short_limits_are_warned_in_proportion() -> None:
    assert wanted(time="1")["signal"] == "B:USR2@20"
    assert wanted(time="1", signal="USR2")["signal"] == "USR2@20"
    assert "signal" not in wanted()


def test_percent_in_a_directory_is_no_pattern() -> None:
    assert wanted(log=Path("/w/100%job/log-%j.txt"))["output"] == "/w/100%%job/log-%j.txt"


@pytest.mark.parametrize(
    ("text", "value"),
    [("30", 1800), ("1:30", 90), ("2:00:00", 7200), ("1-0", 86400), ("1-2:03", 93780), ("1-02:03:04", 93784)],
)
def test_times_are_read_as_sbatch_reads_them(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "change",
    [
        {"time": "-5"}, {"time": "soon"}, {"time": "0"}, {"time": "1h"}, {"mem": "lots"}, {"mem": "-1"}, {"gpus": -1},
        {"nodes": 0}, {"cpus": 0}, {"array": 0}, {"partition": "a b"}, {"partition": "-p"}, {"name": "a\nb"},
        {"name": "x`touch PWN`"}, {"settings": SlurmSettings(extra_sbatch=("exclusive",))},
    ],
)  # fmt: skip
def test_nonsense_is_refused_before_slurm_sees_it(change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        wanted(**change)


@pytest.mark.parametrize(
    "bad",
    [
        {"comment": "x\nrm -rf ~"}, {"comment": "a#b"}, {"comment": 'say "hi"'}, {"comment": "it's"},
        {"comment": "a\\b"}, {"comment": "\x1b]0;t\x07"}, {"comment": "-rf"}, {"comment": ""},
        {"part": "gpu"}, {"-p": "gpu"},
        {"job_name": "x"}, {"Partition": "x"},
    ],
)  # fmt: skip
def test_what_slurm_would_misread_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        render_directives(bad)


def test_every_rendered_line_is_one_directive() -> None:
    lines = render_directives({"comment": "two words", "requeue": True, "hold": False, "qos": None, "nice": 5})
    assert lines == ['#SBATCH --comment="two words"', "#SBATCH --requeue", "#SBATCH --nice=5"]


def test_a_users_squeue_format_does_not_stop_the_import() -> None:
    script = "from arctl.clusters.slurm import render_directives; print(*render_directives({'time': '30'}))"
    env = {**os.environ, "SQUEUE_FORMAT": "%i %j", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "#SBATCH --time=30", "")


def test_scrubbing_keeps_the_users_environment_and_nothing_of_a_job() -> None:
    env = {"HOME": "/h", "SLURM_CONF": "/c", "SLURM_JOB_ID": "1", "SBATCH_PARTITION": "x", "SQUEUE_FORMAT": "y"}
    gone = {
        "PMIX_RANK": "0",
        "SLURMD_NODENAME": "n",
        "ARCTL_JOB_ID": "3",
        "CUDA_VISIBLE_DEVICES": "0",
        "SACCT_FORMAT": "z",
    }
    assert scrubbed({**env, **gone}) == {"HOME": "/h", "SLURM_CONF": "/c"}
    assert scrubbed({"CUDA_VISIBLE_DEVICES": "1"}) == {"CUDA_VISIBLE_DEVICES": "1"}


def fake_sbatch(directory: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = directory / "sbatch"
    program.write_text(f"#!/bin/bash\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    script = directory / "job.sbatch"
    script.write_text("#!/bin/bash\ntrue\n")
    return script


def submit(script: Path) -> str:
    from arctl.clusters.base import Submission

    job = Submission(script=script, run_dir=script.parent, token=TOKEN, log=script.parent / "log-%j.txt", directives={})
    return SlurmCluster(SlurmSettings()).submit(job)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("echo 'sbatch: error: Batch job submission failed: Invalid account or partition' >&2; exit 1", SubmitRefused),
        ("echo \"sbatch: unrecognized option '--foo'\" >&2; exit 255", SubmitRefused),
        (
            "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv' >&2; exit 1",
            SubmitUnconfirmed,
        ),
        ("echo 'sbatch: error: Unable to contact slurm controller (connect failure)' >&2; exit 1", SubmitUnconfirmed),
        ("kill -9 $$", SubmitUnconfirmed),
        ("exit 1", SubmitUnconfirmed),
        ("echo 'welcome'", SubmitUnconfirmed),
    ],
)
def test_only_a_definite_no_is_a_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, error: type[SchedulerError]
) -> None:
    script = fake_sbatch(tmp_path, body, monkeypatch)
    with pytest.raises(error) as caught:
        submit(script)
    assert type(caught.value) is error and caught.value.cure and str(script) in str(caught.value)


def test_escape_sequences_in_a_refusal_do_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = fake_sbatch(tmp_path, r"printf 'Invalid \033]52;c;ZXZpbA==\007thing\n' >&2; exit 1", monkeypatch)
    with pytest.raises(SubmitRefused) as caught:
        submit(script)
    assert "Invalid thing" in str(caught.value)


def test_sbatch_gets_a_list_of_arguments_and_no_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a b;$(touch PWN)"
    place.mkdir()
    script = fake_sbatch(place, 'cat; printf "%s\\n" "$@" > "${0%/*}/args"; echo 77', monkeypatch)
    assert submit(script) == "77"
    assert (place / "args").read_text().splitlines() == ["--parsable", str(script)]


def test_no_slurm_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cluster = SlurmCluster(SlurmSettings())
    for ask in (lambda: submit(tmp_path / "x"), lambda: cluster.states(["1"]), lambda: cluster.cancel(["1"])):
        with pytest.raises(SchedulerError, match="--cluster local"):
            ask()
