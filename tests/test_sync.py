"""Disk and scheduler into the registry: what grew, what is damaged, what was cut or replaced."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from arctl.registry import read
from arctl.registry.connect import RegistryDamaged
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.states import State
from arctl.sync import sync
from tests.scripted import END, START, Scripted, append, events, state, step, submitted, values

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings(slurm=SlurmSettings(poll_s=30.0)))


@pytest.fixture
def slurm() -> Scripted:
    return Scripted()


def test_an_empty_workspace_costs_nothing_and_makes_nothing(workspace: Workspace) -> None:
    assert sync(workspace).runs == 0
    assert not workspace.db.exists()


def test_only_what_grew_is_read(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    assert sync(workspace, clusters={"slurm": slurm}).events == 0
    append(workspace, 1, events(START, step(1), step(2)) + b'{"seq": 3, "t"')
    assert sync(workspace, clusters={"slurm": slurm}).events == 3
    assert sync(workspace, clusters={"slurm": slurm}).events == 0
    append(workspace, 1, b': 5.0, "kind": "step", "step": 3, "epoch": 0.3, "metrics": {"step/loss": 0.25}}\n')
    assert sync(workspace, clusters={"slurm": slurm}).events == 1
    assert values(workspace) == [(1, 0.5), (2, 0.5), (3, 0.25)]
    row = read.run(workspace.db, 1)
    assert row is not None and (row.epochs, row.step, row.epoch, row.attempts) == (4, 3, 0.3, 1)


def test_a_sync_without_news_writes_nothing(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    slurm.say("77", State.RUNNING, node="n1")
    append(workspace, 1, events(START, step(1)))
    sync(workspace, clusters={"slurm": slurm})
    before = workspace.db.stat().st_mtime_ns
    for _ in range(3):
        sync(workspace, clusters={"slurm": slurm})
    assert workspace.db.stat().st_mtime_ns == before


def test_damaged_lines_are_counted_with_their_place_and_the_others_live(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    good = events(START, step(1))
    path = append(
        workspace, 1, good + b"\xff\xfe garbage\n" + events(step(2), first=2) + b"[1]\n" + events(step(3), first=3)
    )
    report = sync(workspace, clusters={"slurm": slurm})
    assert (report.events, report.damaged) == (4, 2)
    assert report.troubles == (f"run1 77.0/events.jsonl, byte {len(good)}: not UTF-8",)
    assert [number for number, _ in values(workspace)] == [1, 2, 3]
    assert path.read_bytes().startswith(good)
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 2


def test_a_seq_that_was_seen_is_ignored_and_one_damaged_digit_hides_nothing(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1), step(2)))
    append(workspace, 1, events(step(2, 9.0), first=2))
    append(workspace, 1, events(step(3), first=900_003) + events(step(4), step(5), first=4))
    sync(workspace, clusters={"slurm": slurm})
    append(workspace, 1, events(step(6), first=6) + events(step(1, 9.0), first=1))
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(number, 0.5) for number in range(1, 7)]


def test_cut_at_every_byte_and_read_at_every_cut_nothing_is_lost_or_doubled(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    whole = events(START, step(1), step(2), END)
    for cut in range(len(whole)):
        append(workspace, 1, whole[cut : cut + 1])
        if cut % 3 == 0:
            sync(workspace, clusters={"slurm": slurm})
    sync(workspace, clusters={"slurm": slurm})
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 0
    assert values(workspace) == [(1, 0.5), (2, 0.5)]
    assert read.attempts(workspace.db, 1)[0].status == "completed"


def test_flipped_bytes_cost_at_most_their_own_lines(workspace: Workspace, slurm: Scripted) -> None:
    whole = events(START, *(step(number) for number in range(1, 40)))
    path = None
    for place in range(0, len(whole), 131):
        number = submitted(workspace, job_id=str(1000 + place))
        flipped = bytearray(whole)
        flipped[place] ^= 0x15
        path = append(workspace, number, bytes(flipped), attempt=f"{1000 + place}.0")
        os.utime(path, (time.time() - 300,) * 2)
    sync(workspace, clusters={"slurm": slurm})
    rows = read.runs(workspace.db)
    assert len(rows) > 15
    for row in rows:
        kept = {number for number, _ in values(workspace, row.number)}
        assert len(kept & set(range(1, 40))) >= 37, row.number


def test_a_requeued_run_goes_on_in_a_new_attempt(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0), step(3, 1.0)))
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm})
    slurm.say("77", State.PENDING, reason="BeginTime")
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert state(workspace) is State.PENDING
    again = {**START, "attempt": "77.1", "resumed_step": 2}
    append(workspace, 1, events(again, step(3, 2.0)), attempt="77.1")
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert values(workspace) == [(1, 1.0), (2, 1.0), (3, 2.0)]
    assert [attempt.name for attempt in read.attempts(workspace.db, 1)] == ["77.0", "77.1"]
    assert state(workspace) is State.RUNNING


def test_an_older_attempt_that_appears_late_is_put_in_its_place(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events({**START, "resumed_step": 1}, step(2, 2.0)), attempt="77.1")
    sync(workspace, clusters={"slurm": slurm})
    append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0)), attempt="77.0")
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(1, 1.0), (2, 2.0)]
    assert [attempt.name for attempt in read.attempts(workspace.db, 1)] == ["77.0", "77.1"]


def test_attempts_outside_of_a_job_follow_their_claims_not_their_process_ids(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    for name, at, value in (("local-900.0", 100.0, 1.0), ("local-31.0", 200.0, 2.0)):
        path = append(workspace, 1, events(START, step(1, value)), attempt=name)
        path.with_name("claim.json").write_text(json.dumps({"attempt": name, "time": at}))
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(1, 2.0)]


@pytest.mark.parametrize("how", ["cut", "replaced"])
def test_a_cut_or_replaced_event_file_is_read_again(workspace: Workspace, slurm: Scripted, how: str) -> None:
    submitted(workspace)
    path = append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0), step(3, 1.0)))
    sync(workspace, clusters={"slurm": slurm})
    fresh = events(START, step(1, 2.0))
    if how == "cut":
        path.write_bytes(fresh)
    else:
        other = path.with_name("other")
        other.write_bytes(fresh + events(step(2, 2.0), step(3, 2.0), step(4, 2.0), first=2))
        other.replace(path)
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace)[0] == (1, 2.0) and len(values(workspace)) == (1 if how == "cut" else 4)
    row = read.run(workspace.db, 1)
    assert row is not None and row.metrics["step/loss"].max == 2.0


def test_one_bad_run_does_not_stop_the_others(workspace: Workspace, slurm: Scripted) -> None:
    for job_id in ("1", "2", "3"):
        submitted(workspace, job_id=job_id)
    path = append(workspace, 1, b"", attempt="1.0")
    path.unlink()
    path.symlink_to("/etc/passwd")
    (workspace.run_dir(2) / "attempts").write_text("no directory")
    append(workspace, 3, events(START, step(1)), attempt="3.0")
    report = sync(workspace, clusters={"slurm": slurm})
    assert len(report.troubles) == 1 and "run1" in report.troubles[0]
    assert values(workspace, 3) == [(1, 0.5)]


def test_a_deleted_run_directory_keeps_its_row(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1)))
    sync(workspace, clusters={"slurm": slurm})
    shutil.rmtree(workspace.run_dir(1))
    assert sync(workspace, clusters={"slurm": slurm}).troubles == ()
    assert values(workspace) == [(1, 0.5)]


def test_a_registry_that_is_missing_beside_runs_is_no_empty_list(workspace: Workspace) -> None:
    submitted(workspace)
    workspace.db.unlink()
    with pytest.raises(RegistryDamaged, match="arctl rebuild"):
        sync(workspace)


def _sync_for(workspace: Workspace, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sync(workspace, clusters={"slurm": Scripted()})


def test_several_syncs_some_of_them_killed_store_each_event_once(workspace: Workspace) -> None:
    submitted(workspace)
    written = 0
    workers = [FORK.Process(target=_sync_for, args=(workspace, 1.5)) for _ in range(4)]
    append(workspace, 1, events(START))
    for worker in workers:
        worker.start()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        append(workspace, 1, events(step(written + 1, written * 0.5), first=written + 1))
        written += 1
        time.sleep(0.002)
        if written == 80:
            assert workers[0].pid is not None
            os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers[1:]] == [0, 0, 0]
    sync(workspace, clusters={"slurm": Scripted()})
    assert values(workspace) == [(number, (number - 1) * 0.5) for number in range(1, written + 1)]
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 0
    connection = sqlite3.connect(workspace.db)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
