"""The autopsy's rules: who is believed before whom, and remedies with the run's own values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arctl.autopsy.diagnosis import Case, Cause
from arctl.autopsy.remedies import memory_bytes, next_memory, time_text
from arctl.autopsy.rules import diagnose, one_line
from arctl.clusters.slurm_accounts import Accounts, read_accounts
from arctl.states import State

CONFIG = {
    "data.batch_size": 16,
    "optim.accumulate": 1,
    "optim.lr": 0.003,
    "optim.clip_grad": None,
    "data.workers": 8,
    "data.root": "/data/ucf101",
    "data.name": "ucf101",
    "train.precision": "bf16",
}
FAILED = Case(
    run="run12",
    state=State.FAILED,
    exit_code=1,
    node="gpu2",
    job="77",
    log="log-77.txt",
    first=101,
    elapsed=28800.0,
    attempt="attempts/77.0/events.jsonl",
    end_line=912,
    epoch=31.0,
    epochs=50,
    asked={"mem": "16G", "time": "8:00:00", "gpus": 1},
    config=CONFIG,
)


def ended(message: str, **more: object) -> Case:
    return replace(FAILED, ended="failed", end_message=message, **more)  # type: ignore[arg-type]


def commands(case: Case) -> list[str]:
    return [remedy.command for remedy in diagnose(case).remedies]


def test_a_full_gpu_halves_the_batch_and_keeps_the_step() -> None:
    message = (
        "CUDA out of memory.: the GPU's memory is full (lower data.batch_size (now 16) and raise optim.accumulate)"
    )
    found = diagnose(ended(message))
    assert found.cause is Cause.GPU_MEMORY
    assert found.sentence == "the GPU's memory was full, with data.batch_size=16"
    assert found.evidence[0].where == "attempts/77.0/events.jsonl:912"
    assert found.remedies[0].command == "arctl rerun run12 --set data.batch_size=8 --set optim.accumulate=2"


def test_a_batch_of_one_takes_shorter_clips() -> None:
    config = {**CONFIG, "data.batch_size": 1, "data.frames": 16}
    case = ended("x: the GPU's memory is full (lower)", config=config)
    assert commands(case)[0] == "arctl rerun run12 --set data.frames=8"


def test_a_nan_lowers_the_rate_and_clips() -> None:
    found = diagnose(
        ended("epoch 3: the loss is nan at step 812 (lower optim.lr (now 0.003), or clip)", resumable=True)
    )
    assert (found.cause, found.sentence) == (Cause.NOT_FINITE, "the loss became nan at step 812, with optim.lr=0.003")
    (remedy,) = found.remedies  # going on from the checkpoint would meet the same NaN
    assert remedy.command == "arctl rerun run12 --set optim.lr=0.001 --set optim.clip_grad=1.0"


def test_a_collapsed_loss_scale_proposes_bf16_first() -> None:
    message = "loss: 41 steps in a row gave no finite gradient under fp16 (lower optim.lr)"
    case = ended(message, config={**CONFIG, "train.precision": "fp16"})
    assert diagnose(case).cause is Cause.LOSS_SCALE
    assert commands(case)[0] == "arctl rerun run12 --set train.precision=bf16"


def test_slurms_word_on_memory_needs_no_line_in_the_log() -> None:
    accounts = Accounts("OUT_OF_MEMORY", peak=int(15.6 * 2**30), granted="16G")
    case = replace(
        FAILED, state=State.OUT_OF_MEMORY, signal=9, exit_code=None, lines=("epoch 3/50",), accounts=accounts
    )
    found = diagnose(case)
    assert found.cause is Cause.MEMORY
    assert "15.6 GiB" in found.sentence
    assert commands(case)[:2] == ["arctl rerun run12 --mem 24G", "arctl rerun run12 --set data.workers=4"]
    assert "arctl resume run12 --mem 24G" in commands(replace(case, resumable=True))


def test_a_time_limit_asks_for_what_is_left() -> None:
    line = "slurmstepd: error: *** JOB 77 ON gpu2 CANCELLED AT 2026-11-21T05:43:09 DUE TO TIME LIMIT ***"
    case = replace(FAILED, state=State.TIMEOUT, exit_code=0, lines=("epoch 31/50", line), resumable=True, pace=900.0)
    found = diagnose(case)
    assert found.sentence == "it reached its time limit of 8:00:00 at epoch 31 of 50"
    assert (found.evidence[0].where, found.evidence[0].text) == ("log-77.txt:102", line)
    assert found.remedies[0].command == "arctl resume run12 --time 6:00:00"  # 19 epochs of 15 min, and a fifth more
    assert commands(replace(case, resumable=False))[0] == "arctl rerun run12 --time 16:00:00"
    assert commands(replace(case, pace=None))[0] == "arctl resume run12 --time 16:00:00"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("stopped 58 s before the time limit at step 9; the state is saved", Cause.TIME_LIMIT),
        ("preempted at step 9; the state is saved", Cause.PREEMPTED),
        ("stopped by SIGTERM at step 9; the state is saved: start again to go on", Cause.SIGNAL),
    ],
)
def test_an_interrupted_trainer_says_by_what(message: str, cause: Cause) -> None:
    case = replace(FAILED, state=State.TIMEOUT, exit_code=143, ended="interrupted", end_message=message, resumable=True)
    assert diagnose(case).cause is cause
    assert commands(case)[0].startswith("arctl resume run12")


def test_a_failed_node_is_left_out_next_time() -> None:
    line = "slurmstepd: error: *** JOB 77 ON gpu2 CANCELLED AT 2026-11-21T05:43:09 DUE TO NODE FAILURE ***"
    case = replace(FAILED, state=State.NODE_FAIL, lines=(line,), resumable=True)
    assert diagnose(case).sentence == "its node gpu2 failed at epoch 31 of 50"
    assert commands(case) == ["arctl resume run12 --exclude gpu2"]


def test_what_an_earlier_start_of_the_job_printed_does_not_count() -> None:
    before = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"
    cut = "slurmstepd: error: *** JOB 77 ON gpu1 CANCELLED AT 2026-11-21T05:43:09 DUE TO PREEMPTION ***"
    case = replace(FAILED, lines=(before, cut, "ValueError: bad label 101"))
    found = diagnose(case)
    assert found.sentence == "ValueError: bad label 101"
    assert found.evidence[0].where == "log-77.txt:103"


def test_who_cancelled_it() -> None:
    line = "slurmstepd: error: *** JOB 77 ON gpu2 CANCELLED AT 2026-11-21T05:43:09 ***"
    case = replace(FAILED, state=State.CANCELLED, exit_code=0, lines=(line,))
    by = replace(case, accounts=Accounts("CANCELLED by 1007", by="ada"))
    assert diagnose(by).sentence == "ada cancelled it at epoch 31 of 50, outside of arctl"
    assert diagnose(replace(by, cancelled=1.0)).sentence == "it was cancelled with arctl at epoch 31 of 50"
    lost = replace(case, lines=("epoch 31/50",), accounts=Accounts("CANCELLED"))
    assert diagnose(lost).cause is Cause.LOST
    dropped = replace(lost, log=None, lines=(), dependency="afterok:76")
    assert diagnose(dropped).sentence == "Slurm dropped it: the job it depended on (afterok:76) did not end as it must"


@pytest.mark.parametrize(
    ("changes", "cause", "part"),
    [
        ({"exit_code": None, "signal": 53, "log": None}, Cause.NO_LOG, "could not open its log"),
        ({"exit_code": None, "signal": 11}, Cause.SIGNAL, "SIGSEGV"),
        ({"exit_code": 139}, Cause.SIGNAL, "SIGSEGV"),
        ({"exit_code": 9}, Cause.SIGNAL, "SIGKILL"),
        ({"exit_code": None, "signal": 12}, Cause.SIGNAL, "the warning before the time limit"),
        ({"exit_code": 96}, Cause.MODULES, "arctl.yaml"),
        ({"exit_code": 97}, Cause.WORKDIR, "missing on the node"),
        ({"exit_code": 98}, Cause.SUPERSEDED, "another start"),
        ({"exit_code": 127}, Cause.NOT_FOUND, "not found"),
        ({"exit_code": 0}, Cause.NO_END, "wrote no end record"),
        ({"exit_code": 7}, Cause.UNKNOWN, "it ended with exit status 7 and says nothing that arctl knows"),
    ],
)
def test_bare_statuses(changes: dict[str, object], cause: Cause, part: str) -> None:
    lines = ("working",) if changes.get("log", "") is not None else ()
    case = replace(FAILED, lines=lines, **changes)  # type: ignore[arg-type]
    found = diagnose(case)
    assert found.cause is cause
    assert part in found.sentence
    assert found.remedies
    assert found.evidence


def test_a_vague_end_record_gives_way_to_the_log() -> None:
    case = ended("a data worker died: DataLoader worker (pid 812) is killed by signal: Killed. (often memory)")
    assert diagnose(case).cause is Cause.WORKER
    oom = (
        "slurmstepd: error: Detected 1 oom_kill event in StepId=77.batch. Some of the step tasks have been OOM Killed."
    )
    found = diagnose(replace(case, lines=(oom,)))
    assert (found.cause, found.evidence[0].source) == (Cause.MEMORY, "log-77.txt")


def test_a_file_of_the_data_set_is_checked_with_the_rest() -> None:
    lines = ("FileNotFoundError: [Errno 2] No such file or directory: '/data/ucf101/v_x.avi'",)
    assert commands(replace(FAILED, lines=lines))[0] == "arctl data check ucf101"


def test_the_line_of_ones_own_code_is_shown() -> None:
    lines = (
        "Traceback (most recent call last):",
        '  File "/w/train.py", line 12, in <module>',
        '  File "/opt/lib/python3.11/site-packages/torch/nn/module.py", line 99, in forward',
        "KeyError: 'frames'",
    )
    found = diagnose(replace(FAILED, lines=lines))
    assert [one.where for one in found.evidence] == ["log-77.txt:104", "log-77.txt:102"]


def test_sizes_and_times_are_those_that_people_write() -> None:
    assert [next_memory(asked, peak=None) for asked in ("100M", "16G", "64G", "4000")] == ["1G", "24G", "96G", "8G"]
    assert next_memory(None, peak=30 * 2**30) == "48G"
    assert next_memory(None, peak=None) is None
    assert memory_bytes("16Gn") == 16 * 2**30
    assert [time_text(s) for s in (60, 5000, 8 * 3600 + 1, 30 * 3600)] == [
        "0:15:00",
        "1:30:00",
        "9:00:00",
        "1-06:00:00",
    ]


def test_accounts_are_read_over_all_steps_of_the_right_job() -> None:
    own, other = "arctl-0123456789ab", "arctl-ba9876543210"
    text = (
        f"18|CANCELLED by 4294967295||100Mn|r3d18-{own}\n18.batch|CANCELLED|629432K||batch\n"
        "18.0|FAILED|1.5G||python|3\nbanner\n"
    )
    wanted = Accounts("CANCELLED by 4294967295", "user 4294967295", int(1.5 * 2**30), "100M")
    assert read_accounts(text, token=f"{own}_3") == wanted
    assert read_accounts(text) == wanted
    assert read_accounts(text, token=other) is None  # Slurm gave the id to somebody else
    assert read_accounts("") is None


def test_lists_show_the_last_line_of_what_nobody_knows() -> None:
    assert one_line(replace(FAILED, exit_code=7, lines=("one", "about to fail", ""))) == "about to fail"
    assert one_line(replace(FAILED, exit_code=None, signal=11, lines=("one",))).startswith("it was ended by SIGSEGV")
