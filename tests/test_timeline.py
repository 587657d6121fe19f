"""What happened to a run, in order: waits, preemption, resumption, failure, and what it does now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arctl.registry import read
from arctl.registry.rows import AttemptRow, JobRow, RunRow
from arctl.states import State
from arctl.sync import rebuild
from arctl.timeline import span, timeline
from tests.tui import workspace as workspaces

T = 1_800_000_000.0


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> RunRow:
    made = workspaces.init_workspace(tmp_path_factory.mktemp("timeline") / "ws")
    workspaces.new_run(made, 1, "one")
    rebuild(made)
    found = read.run(made.db, 1)
    assert found is not None
    return replace(found, created=T)


def attempt(ordinal: int, began: float, ended: float | None, status: str | None, **more: object) -> AttemptRow:
    plain = AttemptRow(1, ordinal, f"77.{ordinal - 1}", "gpu7", began, ended, status, ended, None)
    return replace(plain, **more)  # type: ignore[arg-type]


def told(row: RunRow, jobs: list[JobRow], attempts: list[AttemptRow], *, now: float) -> list[str]:
    return [f"{moment.at - T:.0f} {moment.what}" for moment in timeline(row, jobs, attempts, now=now)]


def test_a_run_that_waited_was_preempted_and_goes_on(row: RunRow) -> None:
    job = JobRow(1, "slurm", "77", T + 2, state=State.RUNNING, node="gpu8", started=T + 10802)
    first = attempt(1, T + 10810, T + 28000, "interrupted", message="preempted: saved at step 58")
    second = attempt(2, T + 28100, None, None, host="gpu8", resumed_step=58)
    running = replace(row, state=State.RUNNING, node="gpu8", job_id="77")
    assert told(running, [job], [first, second], now=T + 30000) == [
        "2 job 77 submitted to slurm",
        "10802 job 77 began on gpu8, after 3 h 00 min in the queue",
        "10810 attempt 1 started on gpu7",
        "28000 attempt 1 interrupted: preempted: saved at step 58",
        "28100 attempt 2 started on gpu8, from the checkpoint at step 58",
        "30000 running for 5 h 19 min on gpu8",
    ]


def test_a_run_that_failed_and_one_that_was_cancelled(row: RunRow) -> None:
    job = JobRow(1, "slurm", "77", T, State.OUT_OF_MEMORY, exit_code=137, signal=9, started=T + 5, ended=T + 100)
    failed = replace(row, state=State.OUT_OF_MEMORY, job_id="77")
    moments = timeline(failed, [job], [attempt(1, T + 6, T + 99, "failed", message="CUDA out of memory")], now=T + 900)
    assert [moment.what for moment in moments][-2:] == [
        "attempt 1 failed: CUDA out of memory",
        "job 77 ended: out of memory, exit status 137, signal 9, after 1 min",
    ]
    assert [moment.good for moment in moments] == [True, True, True, False, False]
    gone = replace(row, state=State.CANCELLED, cancelled=T + 50, rerun_of=7, job_id="77")
    ended = replace(job, state=State.CANCELLED, exit_code=0, signal=15)
    assert told(gone, [ended], [], now=T + 900) == [
        "0 made, as run7 once more",
        "0 job 77 submitted to slurm",
        "5 job 77 began",
        "50 arctl was asked to cancel it",
        "100 job 77 ended: cancelled, signal 15, after 1 min",
    ]


def test_a_run_that_waits_says_why_in_plain_words(row: RunRow) -> None:
    job = JobRow(1, "slurm", "77", T + 1, State.PENDING, reason="Priority")
    pending = replace(row, state=State.PENDING, reason="Priority", job_id="77")
    assert told(pending, [job], [], now=T + 601)[-1] == "601 pending for 10 min: jobs of higher priority go first"
    refused = replace(row, state=State.REFUSED, message="Slurm refused the job", job_id=None)
    assert told(refused, [], [], now=T + 5) == ["0 made", "5 refused: Slurm refused the job"]


def test_durations_have_two_units() -> None:
    assert [span(seconds) for seconds in (-3, 45, 720, 11100, 190000)] == [
        "0 s", "45 s", "12 min", "3 h 05 min", "2 d 4 h"
    ]  # fmt: skip
