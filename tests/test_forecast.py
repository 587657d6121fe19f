"""When runs will be done and what they held: from real registries, equal to what `arctl why` and `arctl usage` say."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.forecast import Outlook, gpu_hours, held_hours, outlooks, span
from arctl.registry import ingest, read, write
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, NewPoint
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.settings import Workspace, init_workspace
from arctl.states import State
from arctl.usage import spent
from arctl.why.health import epoch_seconds
from tests.test_usage import job, make, start

NOW = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
H = 3600.0


def live(db: Path, *, limit_s: float | None = None, began: float = NOW - 5 * H, events: bool = True) -> int:
    """Register a run whose job began to run."""
    token = f"arctl-{time.monotonic_ns():x}"
    told = {"name": "a", "created": NOW - 9 * H, "cluster": "slurm", "template": "single", "model": "r3d18"}
    number = write.new_run(db, token=token, expects_events=events, **told)
    write.record_job(db, number, cluster="slurm", job_id=str(70 + number), submitted=NOW - 9 * H)
    with transaction(db) as connection:
        ingest.store_size(connection, number, gpus=2, limit_s=limit_s)
        running = JobRow(number, "slurm", str(70 + number), NOW - 9 * H, State.RUNNING, "squeue", NOW, started=began)
        ingest.store_job(connection, running)
        settle(connection, number, now=NOW)
    return number


def attempt(db: Path, run: int, name: str, ends: list[tuple[float, float]], **more: object) -> None:
    """Store an attempt that ended epochs at these times, 50 steps an epoch."""
    points = [NewPoint("train/loss", int(50 * epoch), epoch, t, 1.0) for epoch, t in ends]
    told: dict[str, object] = {
        "begins": True, "started": ends[0][1] - 4000 if ends else NOW - H, "epochs": 50, "points": points,
        "epoch": ends[-1][0] if ends else None, "step": int(50 * ends[-1][0]) if ends else None,
        "last_event": ends[-1][1] if ends else NOW - 50, **more,
    }  # fmt: skip
    news = AttemptNews(run, name, 0, 10, 5, 8, **told)  # type: ignore[arg-type]
    with transaction(db) as connection:
        assert ingest.store_news(connection, news)
        settle(connection, run, now=NOW)


def only(db: Path) -> Outlook:
    (found,) = outlooks(db, read.runs(db), NOW).values()
    return found


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return init_workspace(tmp_path).db


def test_the_pace_is_that_of_the_last_epochs_and_not_of_the_loading(db: Path) -> None:
    run = live(db, limit_s=16 * H)
    attempt(db, run, f"{70 + run}.0", [(float(epoch), NOW - 600 * (10 - epoch) - 60) for epoch in range(1, 11)])
    found = only(db)
    assert (found.epoch_s, found.measured) == (600.0, 5)
    assert found.eta_s == 40 * 600.0
    assert found.ends_at == NOW + 24000
    assert found.limit_at == NOW + 11 * H
    assert (found.fits, found.reached, found.stale_s) == (True, 50, 60.0)
    assert found.words() == "eta 6h40"
    assert found.epoch_s == epoch_seconds(read.curve(db, run, "train/loss"))


def test_a_late_one_says_where_it_stops(db: Path) -> None:
    run = live(db, limit_s=5 * H + 6000)
    attempt(db, run, f"{70 + run}.0", [(float(epoch), NOW - 600 * (10 - epoch)) for epoch in range(1, 11)])
    found = only(db)
    assert (found.fits, found.reached) == (False, 20)
    assert found.words() == "late: stops at epoch 20"


def test_after_a_resume_only_the_newest_start_counts(db: Path) -> None:
    run = live(db)
    attempt(db, run, f"{70 + run}.0", [(float(epoch), NOW - 90000 + 3000 * epoch) for epoch in range(1, 9)])
    later = [(float(epoch), NOW - 100 * (20 - epoch)) for epoch in (9, 10, 12, 20)]
    attempt(db, run, f"{70 + run}.1", later, resumed_step=400, started=NOW - 9000)
    found = only(db)
    assert (found.epoch_s, found.measured, found.limit_at, found.fits) == (100.0, 3, None, None)
    assert found.epoch_s == epoch_seconds(read.curve(db, run, "train/loss"))


def test_before_the_second_epoch_steps_tell_and_else_all_since_the_start(db: Path) -> None:
    by_steps, by_start, nothing, own = live(db), live(db), live(db), live(db, events=False)
    steps = [NewPoint("step/loss", step, step / 50, NOW - 1000 + 10 * step, 1.0) for step in range(1, 31)]
    attempt(db, by_steps, f"{70 + by_steps}.0", [], points=steps, epoch=0.6, step=30)
    resumed = {"epoch": 20.0, "step": 1000, "resumed_step": 500, "started": NOW - 5000, "last_event": NOW}
    attempt(db, by_start, f"{70 + by_start}.0", [], **resumed)
    found = outlooks(db, read.runs(db), NOW)
    assert found[by_steps].epoch_s == pytest.approx(500.0)
    assert found[by_steps].measured == 0
    assert found[by_start].epoch_s == pytest.approx(500.0)
    assert found[by_start].eta_s == pytest.approx(15000.0)
    for run in (nothing, own):
        assert (found[run].eta_s, found[run].words()) == (None, "")
    assert found[own].stale_s is None


def test_only_what_runs_has_an_outlook(db: Path) -> None:
    assert outlooks(db, read.runs(db), NOW) == {}
    run = live(db)
    attempt(db, run, f"{70 + run}.0", [(1.0, NOW - 900), (2.0, NOW - 300)])
    (row,) = read.runs(db)
    assert outlooks(db, [row, replace(row, number=99)], NOW)[99].eta_s is None
    assert outlooks(db, [replace(row, state=State.COMPLETED), replace(row, state=State.PENDING)], NOW) == {}
    assert outlooks(db, [replace(row, state=State.SUSPENDED)], NOW)[run].epoch_s == 600.0


def test_clocks_and_odd_epochs_make_no_nonsense(db: Path) -> None:
    run = live(db, limit_s=H)
    attempt(db, run, f"{70 + run}.0", [(1.0, NOW + 900), (2.0, NOW + 900)], epoch=60.0)
    assert (only(db).eta_s, only(db).fits, only(db).measured, only(db).stale_s) == (0.0, True, 0, 0.0)
    other = live(db, limit_s=H)
    attempt(db, other, f"{70 + other}.0", [(1.0, NOW - 900), (2.0, NOW - 300)], epoch=60.0)
    found = outlooks(db, read.runs(db), NOW)[other]
    assert (found.eta_s, found.stale_s) == (0.0, 300.0)


def test_spans_are_short() -> None:
    assert [span(seconds) for seconds in (-5, 45, 720, 11100, 187000)] == ["0s", "45s", "12m", "3h05", "2d3h"]


def test_hours_are_those_of_usage_over_resumes_and_requeues(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path)
    plain = make(workspace, gpus=4)
    job(workspace, plain, "77", State.COMPLETED, NOW - 5 * H, NOW - 3 * H)
    start(workspace, plain, "77.0", NOW - 5 * H + 60, NOW - 3 * H - 60, "completed")
    running = make(workspace, gpus=2)
    job(workspace, running, "78", State.RUNNING, NOW - 3 * H)
    start(workspace, running, "78.0", NOW - 3 * H, NOW - 60, None)
    resumed = make(workspace, gpus=1)
    job(workspace, resumed, "79", State.TIMEOUT, NOW - 9 * H, NOW - 8 * H)
    job(workspace, resumed, "80", State.COMPLETED, NOW - 5 * H, NOW - 4.5 * H)
    requeued = make(workspace, gpus=3)
    start(workspace, requeued, "81.0", NOW - 9 * H, NOW - 7 * H, "interrupted")
    start(workspace, requeued, "81.1", NOW - 6 * H, NOW - 5 * H, None)
    start(workspace, requeued, "81.2", NOW - 4 * H + 30, NOW - 2 * H - 30, "completed")
    job(workspace, requeued, "81", State.COMPLETED, NOW - 4 * H, NOW - 2 * H)
    waits = make(workspace, gpus=1)
    start(workspace, waits, "82.0", NOW - 9 * H, NOW - 7 * H, "interrupted")
    job(workspace, waits, "82", State.PENDING, None)
    by_hand = make(workspace, gpus=1)
    start(workspace, by_hand, "1.0", NOW - 3 * H, NOW - 2 * H, "completed")
    backwards = make(workspace, gpus=1)
    job(workspace, backwards, "83", State.FAILED, NOW - 1 * H, NOW - 2 * H)
    never = make(workspace, gpus=1)
    agree(workspace, {plain: 4, running: 2, resumed: 1, requeued: 3, waits: 1, by_hand: 1, backwards: 1, never: 1})
    assert held_hours(workspace.db, NOW, numbers=[running]) == {running: 3.0}


def agree(workspace: Workspace, gpus: dict[int, int]) -> None:
    with transaction(workspace.db) as connection:
        for number, count in gpus.items():
            ingest.store_size(connection, number, gpus=count, limit_s=None)
    usage = {
        one.run.number: sum(end - begin for job in one.jobs for begin, end in job.whole) / H
        for one in spent(workspace, now=NOW)
    }
    held = held_hours(workspace.db, NOW)
    assert held == {number: hours for number, hours in usage.items() if hours > 0}
    rows = read.runs(workspace.db, metrics=())
    assert gpu_hours(rows, held) == {number: hours * gpus[number] for number, hours in held.items()}
    assert gpu_hours([replace(row, gpus=None) for row in rows], held) == {}
