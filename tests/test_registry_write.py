"""What people do, from one process and from many at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arctl.errors import ArctlError, NotFoundError
from arctl.registry import ingest, read, write
from arctl.registry.connect import open_read, transaction
from arctl.registry.ingest import AttemptNews, NewPoint
from arctl.registry.rows import JobRow
from arctl.states import State

FORK = multiprocessing.get_context("fork")


def new_run(db: Path, name: str = "a", **more: object) -> int:
    token = f"arctl-{os.urandom(6).hex()}"
    return write.new_run(db, name=name, token=token, created=1.0, cluster="local", template="single", **more)  # type: ignore[arg-type]


def intact(db: Path) -> bool:
    connection = open_read(db)
    assert connection is not None
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return bool(found == "ok")


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    number = write.new_run(
        db, name="r3d", token="arctl-0123456789ab", created=5.5, cluster="slurm", template="single", model="r3d_tiny",
        data="toy", preset="quick", tags=["b", "a", "b"], note="ünïcode\nline", group="g", sweep="s", rerun_of=None,
        expects_events=True,
    )  # fmt: skip
    row = read.run(db, number)
    assert row is not None
    assert (row.number, row.name, row.token, row.created) == (1, "r3d", "arctl-0123456789ab", 5.5)
    assert (row.model, row.data, row.preset, row.group, row.sweep) == ("r3d_tiny", "toy", "quick", "g", "s")
    assert (row.tags, row.note, row.cluster, row.template) == (("a", "b"), "ünïcode\nline", "slurm", "single")
    assert (row.state, row.submission, row.expects_events) == (State.SUBMITTING, "submitting", True)


def test_no_number_is_used_twice(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    assert [new_run(db), new_run(db, floor=7), new_run(db, floor=3)] == [1, 8, 9]


def test_a_token_belongs_to_one_run(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    for expected in (True, False):
        try:
            write.new_run(db, name="a", token="arctl-1", created=1.0, cluster="local", template="t")
            assert expected
        except ArctlError as error:
            assert not expected and "token" in str(error)
    assert len(read.runs(db)) == 1


def test_the_hand_over_to_the_scheduler(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    for _ in range(3):
        new_run(db)
    write.record_job(db, 1, cluster="local", job_id="77", submitted=2.0)
    write.record_job(db, 1, cluster="local", job_id="77", submitted=3.0)
    write.set_submission(db, 2, "refused", "sbatch: error: \x1b[31minvalid partition\n")
    write.set_submission(db, 3, "unconfirmed", "nobody answered")
    write.set_cancelled(db, 1, 9.0)
    three, two, one = read.runs(db)
    assert (one.state, one.job_id, one.submission, one.cancelled) == (State.PENDING, "77", "submitted", 9.0)
    assert read.jobs(db, 1) == [JobRow(1, "local", "77", 2.0)]
    assert (two.state, two.message) == (State.REFUSED, "sbatch: error: invalid partition")
    assert (three.state, three.message) == (State.UNCONFIRMED, "nobody answered")
    assert [run.number for run in read.watched(db)] == [1, 3]
    assert [row.number for row in read.runs(db, live_only=True)] == [3, 1]


def test_tags_and_notes(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    new_run(db, tags=["keep", "drop"])
    assert write.tag(db, 1, add=["new", "keep"], remove=["drop", "never"]) == ("keep", "new")
    write.note(db, 1, "why")
    row = read.run(db, 1)
    assert row is not None and (row.tags, row.note) == (("keep", "new"), "why")
    for use in (lambda: write.tag(db, 9, add=["x"]), lambda: write.note(db, 9, "x")):
        with pytest.raises(NotFoundError, match="run9"):
            use()


def _submit_for(db: Path, seconds: float, name: str, acknowledged: Path) -> None:
    """Write runs, jobs and points for a while, and note on disk each one that was acknowledged."""
    end = time.monotonic() + seconds
    with acknowledged.open("a") as file:
        while time.monotonic() < end:
            number = new_run(db, name)
            write.record_job(db, number, cluster="local", job_id=str(number), submitted=1.0)
            news = AttemptNews(number, f"{number}.0", 0, 10, 1, 0, points=[NewPoint("a/b", 1, 1.0, 1.0, float(number))])
            with transaction(db) as connection:
                assert ingest.store_news(connection, news)
            assert read.run(db, number) is not None
            file.write(f"{number}\n")
            file.flush()


def test_eight_processes_at_once_lose_nothing_and_never_see_a_lock(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    write.create(db)
    logs = [tmp_path / f"acknowledged-{place}" for place in range(8)]
    workers = [FORK.Process(target=_submit_for, args=(db, 2.0, f"w{place}", log)) for place, log in enumerate(logs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
    acknowledged = [int(line) for log in logs for line in log.read_text().split()]
    assert len(acknowledged) == len(set(acknowledged)) and len(acknowledged) > 8
    rows = {row.number: row for row in read.runs(db)}
    assert sorted(acknowledged) == sorted(rows)
    assert all(row.job_id == str(number) for number, row in rows.items())
    assert all(row.metrics["a/b"].last == float(number) for number, row in rows.items())
    assert intact(db)


def test_killed_at_any_moment_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    write.create(db)
    log = tmp_path / "acknowledged"
    log.touch()
    for turn in range(8):
        worker = FORK.Process(target=_submit_for, args=(db, 30.0, "w", log))
        worker.start()
        time.sleep(0.1 + 0.037 * turn)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        rows = {row.number for row in read.runs(db)}
        assert {int(line) for line in log.read_text().splitlines() if line} <= rows
        assert intact(db)
    assert log.read_text()


def test_two_first_submissions_at_once_make_one_registry(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    workers = [FORK.Process(target=new_run, args=(db,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 6
    assert sorted(read.numbers(db)) == [1, 2, 3, 4, 5, 6]


def test_looking_writing_and_ingesting_load_neither_sqlmodel_nor_numpy(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    write.create(db)
    code = f"""
import sys
import arctl.registry.read, arctl.registry.ingest, arctl.registry.settle, arctl.sync, arctl.references
from pathlib import Path
from arctl.registry import write
write.new_run(Path({str(db)!r}), name="a", token="t", created=1.0, cluster="local", template="single", tags=["x"])
heavy = ("sqlmodel", "sqlalchemy", "pydantic", "numpy", "torch", "textual")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
