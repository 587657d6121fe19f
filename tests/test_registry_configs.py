"""What lists are filtered by and GPU-hours are counted from: in the registry from the start, for old runs soon."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arctl import chores
from arctl.errors import SubmitRefused
from arctl.launch import submit, submit_array
from arctl.rebuild import rebuild
from arctl.registry import read
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, Curves, store_job, store_news
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.request import Request, Resources
from arctl.resume import resume
from arctl.rundir import RunDir
from arctl.settings import Workspace, init_workspace, load_settings
from arctl.states import State
from arctl.sync import sync
from tests.twovideos import two_videos

SCHEMA_3 = Path(__file__).with_name("schemas") / "schema-3.sql"
TRAIN = Request(model="r3d_tiny", data="motions", cluster="slurm", resources=Resources(gpus=2, nodes=2, time="4:00:00"))
PLAIN = Request(command=("true",), cluster="slurm")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace beside an sbatch that gives 71, 72, ..."""
    made = init_workspace(tmp_path / "lab")
    two_videos(made.root / "data" / "motions")
    (made.root / "arctl.yaml").write_text("python: /bin/true\n")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.chdir(made.root)
    for name in ("squeue", "sacct", "scancel", "scontrol"):
        does(tmp_path / "bin" / name, "exit 0")
    does(tmp_path / "bin" / "sbatch", f"echo x >> {tmp_path}/calls; echo $((70 + $(wc -l < {tmp_path}/calls)))")
    return Workspace(root=made.root, settings=load_settings(made.root / "arctl.yaml"))


def does(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def sizes(workspace: Workspace) -> list[tuple[int | None, float | None]]:
    return [(row.gpus, row.limit_s) for row in reversed(read.runs(workspace.db, metrics=()))]


def ended(workspace: Workspace, number: int, job_id: str) -> RunRow:
    with transaction(workspace.db) as connection:
        told = JobRow(number, "slurm", job_id, time.time(), State.TIMEOUT, "sacct", time.time(), ended=time.time())
        store_job(connection, told)
        settle(connection, number, now=time.time())
    (row,) = read.runs(workspace.db, numbers=[number])
    return row


def test_a_submission_records_its_size_and_its_configuration(workspace: Workspace) -> None:
    submit(workspace, TRAIN)
    submit(workspace, PLAIN)
    submit(workspace, Request(command=("true",), cluster="local", resources=Resources(gpus=1)))
    assert sizes(workspace) == [(4, 14_400.0), (0, None), (1, None)]
    found = read.configs(workspace.db)
    assert list(found) == [1] and found[1]["model.name"] == "r3d_tiny" and isinstance(found[1]["optim.lr"], float)
    assert read.configs(workspace.db, [1, 2], ["optim.lr", "no.such"]) == {1: {"optim.lr": found[1]["optim.lr"]}}
    assert read.configs(workspace.db, [2]) == read.configs(workspace.db, keys=["no.such"]) == {}


def test_elements_of_an_array_have_each_their_own_configuration(workspace: Workspace) -> None:
    submit_array(workspace, replace(TRAIN, resources=Resources(gpus=1, time="30")).with_seeds([4, 5]))
    assert sizes(workspace) == [(1, 1_800.0)] * 2
    assert [config["train.seed"] for config in read.configs(workspace.db, keys=["train.seed"]).values()] == [4, 5]


def test_what_the_script_says_counts_whoever_wrote_it(workspace: Workspace) -> None:
    (workspace.root / "arctl.yaml").write_text("python: /bin/true\nslurm:\n  extra_sbatch: ['--gpus-per-node=8']\n")
    submit(Workspace(root=workspace.root, settings=load_settings(workspace.root / "arctl.yaml")), PLAIN)
    assert sizes(workspace) == [(8, None)]


def test_a_further_job_has_a_size_of_its_own_and_a_refused_one_none(workspace: Workspace, tmp_path: Path) -> None:
    submit(workspace, TRAIN)
    ended(workspace, 1, "71")
    resume(workspace, 1, resources=Resources(gpus=4, time="8:00:00"))
    assert sizes(workspace) == [(8, 28_800.0)]
    ended(workspace, 1, "72")
    does(tmp_path / "bin" / "sbatch", "echo 'Batch job submission failed: Invalid qos specification' >&2; exit 1")
    with pytest.raises(SubmitRefused):
        resume(workspace, 1, resources=Resources(gpus=1))
    assert sizes(workspace) == [(8, 28_800.0)]


def test_a_rebuild_knows_them_again(workspace: Workspace) -> None:
    submit(workspace, TRAIN)
    submit(workspace, PLAIN)
    ended(workspace, 1, "71")
    resume(workspace, 1, resources=Resources(time="8:00:00"))
    before = sizes(workspace), read.configs(workspace.db)
    assert before[0] == [(4, 28_800.0), (0, None)]
    workspace.db.unlink()
    rebuild(workspace)
    assert (sizes(workspace), read.configs(workspace.db)) == before


def age(workspace: Workspace) -> None:
    """Make the registry one of schema 3, with what it holds."""
    new, old = workspace.db.with_name(".new.db"), sqlite3.connect(workspace.db.with_name(".old.db"))
    workspace.db.rename(new)
    old.executescript(SCHEMA_3.read_text())
    old.execute("ATTACH ? AS new", (str(new),))
    names = old.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in names:
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({name})"))
        old.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM new.{name}")
    old.commit()
    old.close()
    new.unlink()
    workspace.db.with_name(".old.db").rename(workspace.db)


def left(workspace: Workspace) -> dict[str, int]:
    connection = sqlite3.connect(workspace.db)
    found = dict(connection.execute("SELECT name, below FROM chores"))
    connection.close()
    return found


def test_runs_of_an_older_schema_get_them_by_syncs(workspace: Workspace) -> None:
    for _ in range(3):
        submit(
            workspace,
            TRAIN,
        )
    submit(workspace, PLAIN)
    with transaction(workspace.db) as connection:
        steps = list(range(1, 30_001))
        block = Curves(("step/loss",), steps, [1.0] * 30_000, [2.0] * 30_000, [(0.5,)] * 30_000)
        assert store_news(connection, AttemptNews(2, "72.0", 0, 10, 1, 0, curves=[block], step=30_000))
    before = sizes(workspace), read.configs(workspace.db)
    config = RunDir(workspace.run_dir(1)).config
    config.write_text(config.read_text() + "private:\n  api_key: hunter2\n")
    shutil.rmtree(workspace.run_dir(3))
    age(workspace)
    assert sizes(workspace) == [(None, None)] * 4 and read.configs(workspace.db) == {}
    assert left(workspace) == {"files": 5, "digests": 5}
    for _ in range(50):
        assert sync(workspace).troubles == ()
        if not left(workspace):
            break
    found = dict(read.configs(workspace.db))
    assert found.pop(1) == {**before[1][1], "private.api_key": "(hidden)"} and found == {2: before[1][2]}
    assert sizes(workspace) == [(4, 14_400.0), (4, 14_400.0), (None, None), (0, None)] and left(workspace) == {}
    connection = sqlite3.connect(workspace.db)
    assert connection.execute("SELECT run, sum(count) FROM digests").fetchall() == [(2, 30_000 // 64 * 64)]
    connection.close()


def test_one_look_fills_in_a_bounded_number(workspace: Workspace) -> None:
    submit(workspace, TRAIN)
    submit(workspace, PLAIN)
    age(workspace)
    read.runs(workspace.db)
    chores.catch_up(workspace, seconds=0.0)
    assert left(workspace) == {"files": 3, "digests": 3}
    chores.catch_up(workspace, seconds=30.0)
    assert left(workspace) == {}
