"""runs.db under real faults: no room, no rights, another host, gone while open, without its journal, in WAL mode."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl.cli import app
from arctl.registry import health, read
from arctl.registry.connect import RegistryBusy, begin, explained
from tests.faults.laboratory import Lab
from tests.faults.steps import Ended, load, run
from tests.faults.test_faults_events import lines, put
from tests.reliability.terminal import environment

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to mount, or to become somebody else")

KEEPER = """
import sys, time
from pathlib import Path
from arctl.registry import write
write.note(Path(sys.argv[1]), 1, "held")
print("on", flush=True)
time.sleep(60)
"""


@pytest.fixture
def one(lab: Lab) -> Lab:
    """A lab with one run."""
    lab.arctl("submit", "--name", "a", "--", "true")
    return lab


@pytest.fixture
def full(one: Lab) -> Iterator[Lab]:
    """The lab on a disk of 1 MB that is full, and a run that has written more."""
    aside = one.root.with_name("aside")
    shutil.copytree(one.root, aside, symlinks=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(one.root)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    shutil.copytree(aside, one.root, symlinks=True, dirs_exist_ok=True)
    put(one, lines(*range(1, 600)))
    with (one.root / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    yield one
    subprocess.run(["umount", "--lazy", str(one.root)], check=True)


def test_a_full_disk_pauses_reading_and_loses_nothing(full: Lab) -> None:
    for argv in (("sync",), ("ls",), ("show", "run1")):
        ended = full.arctl(*argv)
        assert "the disk is full" in ended.err and "nothing that was stored is lost" in ended.err, (argv, ended)
    assert "run1" in full.arctl("ls").out
    refused = full.arctl("submit", "--", "true", status=None)
    assert refused.status not in (0, 70) and refused.err.count("\n") <= 3
    (full.root / "filler").unlink()
    assert "600 new events" in full.arctl("sync").out
    assert len(read.curve(full.workspace.db, 1, "step/loss")) == 599
    assert len(full.jobs()) == 1


def test_a_registry_that_goes_while_it_is_open_takes_no_write(one: Lab) -> None:
    db = one.workspace.db
    connection = begin(db)
    db.unlink()
    with pytest.raises(RegistryBusy, match="replaced while it was open"), explained(db):
        connection.execute("UPDATE runs SET note = 'late'")
    connection.close()
    said = one.arctl("ls", status=5)
    assert "missing although there are runs" in said.err and "arctl rebuild" in said.err and said.out == ""
    one.arctl("rebuild")
    assert read.run(db, 1).note == ""  # type: ignore[union-attr]


def test_copied_without_its_journal_it_is_found_out_and_made_anew(one: Lab, tmp_path: Path) -> None:
    """A writer is killed in the middle of a large transaction; somebody copies runs.db alone."""
    db = one.workspace.db
    for number in range(2, 40):
        shutil.copytree(one.workspace.run_dir(1), one.workspace.run_dir(number))
        text = (one.workspace.run_dir(number) / "run.yaml").read_text()
        token = read.run(db, 1).token  # type: ignore[union-attr]
        text = text.replace("number: 1\n", f"number: {number}\n").replace(token, f"arctl-{number:012x}")
        text = text.replace("id: '71'", f"id: '{170 + number}'").replace("note: ''", f"note: {'n' * 3000}")
        (one.workspace.run_dir(number) / "run.yaml").write_text(text)
    one.arctl("rebuild")
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(db, isolation_level=None)
        connection.execute("PRAGMA cache_size=2")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE runs SET note = hex(randomblob(5000)), name = hex(randomblob(900))")
        connection.execute("DELETE FROM runs WHERE number % 3 = 0")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    journal = Path(f"{db}-journal")
    assert journal.stat().st_size > 4096
    half = db.read_bytes()
    listed = json.loads(one.arctl("ls", "--all", "--json").out)  # with its journal it is rolled back
    assert len(listed["runs"]) == 39 and not journal.exists()
    db.write_bytes(half)
    found = one.arctl("ls", "--all", "--json", status=None)
    troubles = one.arctl("doctor", "--json", status=None).out
    assert (found.status != 0 and "arctl rebuild" in found.err) or "rebuild" in troubles, found.out
    one.arctl("rebuild")
    rows = one.rows()
    assert len(rows) == 39 and rows[2].note == "n" * 3000 and rows[39].name == "a"
    assert [path for path in one.root.glob("runs.db.bak-*") if path.read_bytes() == half]


def test_nothing_that_arctl_does_drops_a_lock_that_it_holds(one: Lab) -> None:
    """Closing a file drops the process's POSIX locks on it, so nothing but SQLite may ever open runs.db."""
    db = one.workspace.db
    connection = begin(db)
    connection.execute("UPDATE runs SET note = 'x'")
    read.runs(db)
    read.watched(db)
    health.examine(db, seconds=5)
    health.numbers(db)
    probe = f"import sqlite3; sqlite3.connect({str(db)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert "database is locked" in done.stderr
    connection.execute("ROLLBACK")
    connection.close()
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 0


def test_a_registry_that_somebody_put_into_wal_mode_is_put_back_or_refused(one: Lab) -> None:
    db = one.workspace.db
    other = sqlite3.connect(db)
    assert other.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal"
    other.execute("SELECT count(*) FROM runs").fetchone()
    refused = one.arctl("submit", "--again", "--", "true", status=None)
    assert refused.status == 1 and "write-ahead log" in refused.err and refused.err.count("\n") <= 3
    other.close()
    one.arctl("submit", "--again", "--", "true")
    check = sqlite3.connect(db)
    assert check.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    check.close()
    assert len(one.jobs()) == 2 and not Path(f"{db}-wal").exists()


def as_nobody(lab: Lab, *argv: str) -> Ended:
    """Run `arctl ARGV` as the user nobody, who may read the workspace and write nothing of it."""

    load()

    def become() -> None:
        os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = "/nonexistent"
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        app.main(["-w", str(lab.root), *argv])

    return run(become)


@ROOT_ONLY
def test_somebody_else_sees_the_runs_and_is_told_that_he_may_not_write(one: Lab) -> None:
    put(one, lines(1, 2))
    one.arctl("sync")
    put(one, lines(3, first=3))
    for path in (one.root, *one.root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in one.root.parents:
        if path != Path("/") and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o055)
    before = {path: path.stat().st_mtime_ns for path in one.root.rglob("*")}
    for argv in (("ls",), ("show", "run1"), ("curves", "run1", "-m", "step/loss")):
        done = as_nobody(one, *argv)
        assert done.status == 0 and "run1" in done.out and "cannot be written" in done.err, (argv, done)
    for argv in (("submit", "--cluster", "local", "--", "true"), ("rebuild",), ("cancel", "run1")):
        done = as_nobody(one, *argv)
        assert done.status not in (0, 70) and "error: " in done.err, (argv, done)
    assert {path: path.stat().st_mtime_ns for path in one.root.rglob("*")} == before


@ROOT_ONLY
def test_on_a_disk_that_is_mounted_for_reading_everything_can_be_seen(one: Lab) -> None:
    put(one, lines(1, 2))
    root = str(one.root)
    if subprocess.run(["mount", "--bind", root, root], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
        for argv in (("ls",), ("show", "run1"), ("sync",)):
            ended = one.arctl(*argv)
            assert "cannot be written" in ended.err and ended.err.count("\n") <= 2, ended
        assert one.arctl("submit", "--", "true", status=None).status not in (0, 70)
    finally:
        subprocess.run(["umount", root], check=True)
    assert "3 new events" in one.arctl("sync").out


def test_another_login_node_reads_and_is_told_who_writes(one: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    db = one.workspace.db
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(db)], env=environment(ARCTL_HOST="login1"), stdout=subprocess.PIPE, text=True
    )
    shutil.rmtree(f"{db}.lease", ignore_errors=True)
    assert keeper.stdout is not None and keeper.stdout.readline() == "on\n"
    monkeypatch.setenv("ARCTL_HOST", "login2")
    put(one, lines(1))
    ended = one.arctl("ls")
    assert "run1" in ended.out and "arctl on login1" in ended.err and "can only be read" in ended.err, ended
    refused = one.arctl("submit", "--", "true", status=None)
    assert refused.status == 1 and "login1" in refused.err and "--take-over" in refused.err
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()
    assert len(one.jobs()) == 1
