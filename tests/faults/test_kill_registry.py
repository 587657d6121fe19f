"""Sync, migration and rebuild, each killed at every step, and what mends it killed at every step too."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from arctl.registry import read
from arctl.rundir import RunDir
from arctl.states import State
from tests.faults.laboratory import Copies, Lab, told
from tests.faults.steps import each_kill

OLD = Path(__file__).parents[1] / "schemas" / "schema-1.sql"
START = {"kind": "start", "attempt": "x", "host": "n1", "pid": 1, "epochs": 3, "resumed_step": None}


def write_events(lab: Lab, number: int, attempt: str, *values: object, resumed: int | None = None) -> None:
    """Write the events of an attempt, with one damaged line."""
    path = RunDir(lab.workspace.run_dir(number)).events(attempt)
    path.parent.mkdir(parents=True)
    items = [{**START, "resumed_step": resumed}]
    for place, value in enumerate(values, start=1 + (resumed or 0)):
        metrics = {"val/top1": value, "val/loss": 1.5}
        items.append({"kind": "eval", "split": "val", "epoch": place, "step": place, "metrics": metrics})
    lines = [json.dumps({"seq": place, "t": 2000.0 + place, **item}) for place, item in enumerate(items)]
    path.write_bytes(b"\n" + "\n".join(lines).encode() + b"\n\xff torn\n")


def everything(lab: Lab) -> list[str]:
    """Return what the registry holds that run directories hold too, as text, so that NaN equals NaN."""
    db, found = lab.workspace.db, []
    for number, row in sorted(lab.rows().items()):
        curves = {name: read.curve(db, number, name) for name in sorted(row.metrics)}
        places = {name: (at.offset, at.last_seq) for name, at in read.offsets(db, number).items()}
        found += [repr(told(row)), repr(curves), repr(read.attempts(db, number)), repr(places)]
        found += [repr([(job.cluster, job.job_id, job.submitted) for job in read.jobs(db, number)])]
    return found


@pytest.fixture
def busy(lab: Lab) -> Lab:
    """A lab with two runs: one that was requeued, and one whose hand-over nobody has settled."""
    lab.arctl("submit", "--name", "a", "--tag", "t", "--", "true")
    write_events(lab, 1, "71.0", 0.1, "NaN", 0.3)
    write_events(lab, 1, "71.1", 0.4, 0.5, resumed=2)
    (lab.slurm / "mute").touch()
    assert lab.arctl("submit", "--name", "b", "--", "true", status=None, kill_at=10_000).killed
    lab.age()
    return lab


def test_a_sync_killed_at_every_step_and_again(busy: Lab, tmp_path: Path) -> None:
    copies = Copies(busy, tmp_path / "aside")
    copies.fresh().arctl("sync")
    wanted = everything(busy)
    assert [row.state for row in busy.rows().values()] == [State.PENDING, State.PENDING]
    assert [round(point.value, 1) for point in read.curve(busy.workspace.db, 1, "val/top1")][2:] == [0.4, 0.5]
    for step, _ in each_kill(lambda step: copies.fresh().arctl("sync", kill_at=step), least=20):
        busy.check()
        busy.arctl("sync", kill_at=step // 2 + 1, status=None)
        busy.arctl("ls", kill_at=step // 3 + 1, status=None)
        busy.check()
        busy.arctl("sync")
        assert everything(busy) == wanted, step


def test_a_rebuild_killed_at_every_step_and_again(busy: Lab, tmp_path: Path) -> None:
    busy.arctl("sync")
    wanted = everything(busy)
    copies = Copies(busy, tmp_path / "aside")
    for step, _ in each_kill(lambda step: copies.fresh().arctl("rebuild", kill_at=step), least=20):
        busy.check()
        assert everything(busy) == wanted, step
        busy.arctl("rebuild", kill_at=step // 2 + 1, status=None)
        assert everything(busy) == wanted, step
        busy.arctl("rebuild")
        assert everything(busy) == wanted, step
        assert list(busy.root.glob(".runs.db*")) == []
        for backup in busy.root.glob("runs.db.bak-*"):
            assert len(read.runs(backup)) == 2


@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_a_rebuild_of_a_lost_registry_killed_at_every_step(busy: Lab, tmp_path: Path, how: str) -> None:
    busy.arctl("sync")
    wanted = everything(busy)
    if how == "missing":
        busy.workspace.db.unlink()
    else:
        busy.workspace.db.write_bytes(b"garbage" * 3000)
    copies = Copies(busy, tmp_path / "aside")
    for step, ended in each_kill(lambda step: copies.fresh().arctl("rebuild", kill_at=step), least=15, every=3):
        listed = busy.arctl("ls", "--json", status=None)
        if listed.status != 0:
            assert ended.killed and "arctl rebuild" in listed.err and listed.out == ""
            busy.arctl("rebuild")
        busy.arctl("sync")
        assert everything(busy) == wanted, step
        if how == "garbage":
            kept = [path.read_bytes()[:7] for path in busy.root.glob("runs.db.bak-*")]
            assert b"garbage" in kept
        busy.arctl("rebuild")
        assert list(busy.root.glob(".runs.db*")) == []


def test_a_migration_killed_at_every_step_and_again(lab: Lab, tmp_path: Path) -> None:
    connection = sqlite3.connect(lab.workspace.db)
    connection.executescript(OLD.read_text())
    columns = "name, created, cluster, template, note, expects_events, submission, state, watched, attempts, damaged"
    with connection:
        for number in range(1, 40):
            values = "'old', 1.0, 'slurm', 'single', '', 1, 'refused', 'refused', 0, 0, 0"
            connection.execute(f"INSERT INTO runs (number, token, dropped, {columns}) VALUES (?, ?, 0, {values})",
                               (number, f"arctl-{number:012d}"))  # fmt: skip
    connection.close()
    copies = Copies(lab, tmp_path / "aside")
    first = json.loads(copies.fresh().arctl("ls", "--all", "--json").out)
    assert first["runs"]
    shutil.copytree(lab.root / "runs.db.lease", tmp_path / "aside" / "lab" / "runs.db.lease")
    for step, _ in each_kill(lambda step: copies.fresh().arctl("ls", "--json", kill_at=step), least=8):
        lab.arctl("ls", "--json", kill_at=step // 2 + 1, status=None)
        assert json.loads(lab.arctl("ls", "--all", "--json").out) == first, step
        lab.check()
        for backup in lab.root.glob("runs.db.bak-*"):
            kept = sqlite3.connect(backup)
            assert kept.execute("PRAGMA user_version").fetchone()[0] == 1
            assert kept.execute("SELECT count(*) FROM runs").fetchone()[0] == len(first["runs"])
            kept.close()
        assert list(lab.root.glob("runs.db.bak-*"))
