"""The registry from nothing: what a rebuild makes is what was there, and what was there is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.registry import ingest, read, write
from arctl.registry.connect import RegistryDamaged, transaction
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.rundir import RunDir
from arctl.runfile import RunFile, change_run, read_run, write_run
from arctl.settings import Settings, Workspace
from arctl.states import State
from arctl.sync import rebuild, sync

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings())


def make(workspace: Workspace, name: str, *, submission: str = "submitted", **more: object) -> RunDir:
    """Make a run as a submission does."""
    token = f"arctl-{os.urandom(6).hex()}"
    same = {"name": name, "token": token, "created": 1000.0, "cluster": "slurm", "template": "single", **more}
    number = write.new_run(workspace.db, expects_events=more.get("model") is not None, **same)  # type: ignore[arg-type]
    record = RunFile(number=number, **same)  # type: ignore[arg-type]
    if submission == "submitted":
        write.record_job(workspace.db, number, cluster="slurm", job_id=str(70 + number), submitted=1001.0)
        record = record.with_job("slurm", str(70 + number), 1001.0)
    else:
        write.set_submission(workspace.db, number, submission, "because")
        record = replace(record, submission=submission)
    directory = RunDir(workspace.run_dir(number))
    directory.path.mkdir()
    write_run(directory.run_yaml, record)
    return directory


def events(directory: RunDir, attempt: str, *items: dict[str, object], torn: bytes = b"") -> None:
    path = directory.events(attempt)
    path.parent.mkdir(parents=True)
    lines = [json.dumps({"seq": place, "t": 2000.0 + place, **item}) for place, item in enumerate(items)]
    path.write_bytes(b"\n" + "\n".join(lines).encode() + b"\n" + torn)


def start(resumed: int | None = None) -> dict[str, object]:
    return {"kind": "start", "attempt": "x", "host": "n1", "pid": 1, "epochs": 3, "resumed_step": resumed}


def epoch(step: int, value: object) -> dict[str, object]:
    return {"kind": "eval", "split": "val", "epoch": step, "step": step, "metrics": {"val/top1": value, "val/loss": 1}}


def end(status: str) -> dict[str, object]:
    return {"kind": "end", "status": status, "exit_code": 0, "message": "said so", "epoch": 3, "step": 3}


def hear(workspace: Workspace, number: int, state: State, **more: object) -> None:
    with transaction(workspace.db) as connection:
        job = JobRow(number, "slurm", str(70 + number), 1001.0, state, "sacct", 3000.0, **more)  # type: ignore[arg-type]
        ingest.store_job(connection, job)
        settle(connection, number, now=time.time())


@pytest.fixture
def story(workspace: Workspace) -> Workspace:
    """Runs in many states: done, requeued and failed, cancelled, refused, own command, live."""
    events(make(workspace, "done", model="r3d", tags=("a", "b"), note="n: ü", sweep="s"), "71.0",
           start(), epoch(1, 0.5), epoch(2, "NaN"), epoch(3, 0.75), end("completed"), torn=b"\xff\n")  # fmt: skip
    requeued = make(workspace, "requeued", model="r3d", group="g", rerun_of=1)
    events(requeued, "72.0", start(), epoch(1, 0.1), epoch(2, 0.9), end("interrupted"))
    events(requeued, "72.1", start(1), epoch(2, 0.2), epoch(3, 0.3), end("failed"))
    make(workspace, "cancelled", model="r3d")
    make(workspace, "refused", submission="refused", model="r3d")
    make(workspace, "own")
    events(make(workspace, "live", model="r3d"), "76.0", start(), epoch(1, 0.4))
    sync(workspace, clusters={})
    hear(workspace, 1, State.COMPLETED, exit_code=0, started=1500.0, ended=2990.0, node="n1")
    hear(workspace, 2, State.FAILED, exit_code=1)
    hear(workspace, 3, State.CANCELLED)
    hear(workspace, 5, State.OUT_OF_MEMORY, signal=9)
    hear(workspace, 6, State.RUNNING, node="n2")
    write.tag(workspace.db, 6, add=["later"])
    write.set_cancelled(workspace.db, 3, 2500.0)
    change_run(RunDir(workspace.run_dir(6)).run_yaml, lambda run: replace(run, tags=("later",)))
    change_run(RunDir(workspace.run_dir(3)).run_yaml, lambda run: replace(run, cancelled=2500.0))
    return workspace


def everything(workspace: Workspace) -> list[object]:
    """All that can be read of a registry, as text, so that NaN equals NaN."""
    found: list[object] = []
    for row in read.runs(workspace.db):
        curves = {name: read.curve(workspace.db, row.number, name) for name in sorted(row.metrics)}
        metrics = dict(sorted(row.metrics.items()))
        found += [repr(replace(row, metrics=metrics)), repr(curves), repr(read.jobs(workspace.db, row.number))]
        found += [repr(read.attempts(workspace.db, row.number)), repr(read.offsets(workspace.db, row.number))]
    return found


def test_a_rebuild_gives_the_same_rows(story: Workspace) -> None:
    before = everything(story)
    old = story.db.stat().st_ino
    report = rebuild(story)
    assert everything(story) == before
    assert story.db.stat().st_ino != old
    assert (report.runs, report.damaged, len(report.troubles)) == (6, 1, 1)
    assert report.events == 5 + 4 + 4 + 2
    states = {row.name: row.state for row in read.runs(story.db)}
    assert states == {
        "done": State.COMPLETED, "requeued": State.FAILED, "cancelled": State.CANCELLED, "refused": State.REFUSED,
        "own": State.OUT_OF_MEMORY, "live": State.RUNNING,
    }  # fmt: skip


def test_the_old_registry_is_kept_and_readable(story: Workspace) -> None:
    before = everything(story)
    report = rebuild(story)
    assert report.backup is not None and report.backup.name.startswith("runs.db.bak-")
    assert [row.name for row in read.runs(report.backup)] == [row.name for row in read.runs(story.db)]
    assert rebuild(story).backup not in (None, report.backup)
    assert everything(story) == before
    assert sorted(path.name for path in story.root.iterdir() if path.name.startswith(".runs.db")) == []


@pytest.mark.parametrize("how", ["missing", "0 bytes", "garbage", "half"])
def test_from_a_lost_or_damaged_registry_all_but_the_schedulers_words_comes_back(story: Workspace, how: str) -> None:
    def told(rows: list[RunRow]) -> list[object]:
        return [
            (r.number, r.name, r.token, r.tags, r.note, r.sweep, r.group, r.rerun_of, repr(r.metrics)) for r in rows
        ]

    before = told(read.runs(story.db))
    content = story.db.read_bytes()
    match how:
        case "missing":
            story.db.unlink()
        case "0 bytes":
            story.db.write_bytes(b"")
        case "garbage":
            story.db.write_bytes(os.urandom(len(content)))
        case "half":
            story.db.write_bytes(content[: len(content) // 2])
    with pytest.raises(RegistryDamaged, match="arctl rebuild"):
        sync(story, clusters={})
    damaged = story.db.read_bytes() if how != "missing" else None
    report = rebuild(story)
    assert told(read.runs(story.db)) == before
    assert (report.backup.read_bytes() if report.backup else None) == damaged
    states = {row.name: row.state for row in read.runs(story.db)}
    assert (states["done"], states["requeued"], states["refused"]) == (State.COMPLETED, State.FAILED, State.REFUSED)
    assert [row.job_id for row in read.runs(story.db)] == ["76", "75", None, "73", "72", "71"]
    assert write.new_run(story.db, name="n", token="arctl-n", created=1.0, cluster="local", template="t") == 7


def test_a_journal_of_a_damaged_registry_is_not_played_into_the_new_one(story: Workspace) -> None:
    story.db.write_bytes(b"garbage" * 1000)
    journal = story.db.with_name("runs.db-journal")
    journal.write_bytes(os.urandom(5000))
    assert rebuild(story).runs == 6
    assert not journal.exists() and len(read.runs(story.db)) == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("number: [1", "no YAML"),
        ("just text", "mapping"),
        ("contract: 1\nnumber: one\n", "number"),
        ("contract: 9\n", "newer"),
        (None, "No such file"),
        ("other number", "run2"),
    ],
)
def test_a_damaged_run_yaml_is_reported_and_the_others_live(story: Workspace, content: str | None, reason: str) -> None:
    path = RunDir(story.run_dir(1)).run_yaml
    if content is None:
        path.unlink()
    elif content == "other number":
        write_run(path, replace(read_run(path), number=2))
    else:
        path.write_text(content)
    report = rebuild(story)
    assert report.runs == 5 and [row.number for row in read.runs(story.db)] == [6, 5, 4, 3, 2]
    assert any("run1 was left out" in trouble and reason in trouble for trouble in report.troubles)


def test_unreadable_event_files_are_reported_and_the_others_live(story: Workspace) -> None:
    path = RunDir(story.run_dir(1)).events("71.0")
    path.unlink()
    path.symlink_to("/etc/passwd")
    report = rebuild(story)
    assert report.runs == 6 and any("this is a link" in trouble for trouble in report.troubles)
    assert read.curve(story.db, 6, "val/top1")


def test_a_rebuild_that_is_killed_leaves_the_old_registry(story: Workspace) -> None:
    before = everything(story)
    for delay in (0.0, 0.01, 0.02, 0.04, 0.08):
        worker = FORK.Process(target=rebuild, args=(story,))
        worker.start()
        time.sleep(delay)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert everything(story) == before
    rebuild(story)
    assert everything(story) == before
    assert list(story.root.glob(".runs.db*")) == []


def _submit(workspace: Workspace, count: int) -> None:
    for place in range(count):
        make(workspace, f"new{place}", model="r3d")


def test_runs_that_are_submitted_meanwhile_are_not_lost(story: Workspace) -> None:
    worker = FORK.Process(target=_submit, args=(story, 10))
    worker.start()
    for _ in range(4):
        rebuild(story)
    worker.join(60)
    assert worker.exitcode == 0
    names = [row.name for row in read.runs(story.db)]
    assert len(names) == 16 and set(names) >= {f"new{place}" for place in range(10)}
