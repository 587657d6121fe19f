"""Opening runs.db: settings, every way in which the file can be wrong, and that nothing is lost by looking at it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arctl.errors import ArctlError, DataError
from arctl.registry import connect, read, write
from arctl.registry.connect import (
    RegistryBusy,
    RegistryDamaged,
    RegistryFull,
    RegistryReadOnly,
    RegistryTooNew,
    explained,
    open_write,
    reading,
    transaction,
)
from arctl.registry.migrations import SCHEMA


def new_run(db: Path, name: str = "a", **more: object) -> int:
    token = f"arctl-{os.urandom(6).hex()}"
    return write.new_run(db, name=name, token=token, created=1.0, cluster="local", template="single", **more)  # type: ignore[arg-type]


def put_run_directory(workspace: Path) -> None:
    (workspace / "runs" / "run0001").mkdir(parents=True)
    (workspace / "runs" / "run0001" / "run.yaml").write_text("contract: 1\n")


def test_the_settings_are_those_of_a_shared_file_system(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    connection = open_write(db)
    for pragma, value in {
        "journal_mode": "delete", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1, "trusted_schema": 0,
        "mmap_size": 0, "cell_size_check": 1, "user_version": SCHEMA,
    }.items():  # fmt: skip
        found = connection.execute(f"PRAGMA {pragma}").fetchone()
        assert (found[0] if found else 0) == value, pragma
    assert connection.in_transaction is False
    connection.close()


def test_a_registry_that_does_not_exist_is_an_empty_one_and_looking_makes_none(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    assert read.runs(db) == [] and read.run(db, 1) is None and read.curve(db, 1, "val/top1") == []
    assert read.names(db) == {} and read.watched(db) == [] and read.live_jobs(db, "local") == []
    assert not db.exists()
    db.touch()
    assert read.runs(db) == []
    assert new_run(db) == 1


def test_looking_cannot_write(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    new_run(db)
    with pytest.raises(ArctlError), reading(db) as connection:
        assert connection is not None
        connection.execute("DELETE FROM runs")
    assert len(read.runs(db)) == 1


@pytest.mark.parametrize("empty", ["missing", "0 bytes", "no tables"])
def test_an_empty_registry_beside_runs_is_not_initialised_over(tmp_path: Path, empty: str) -> None:
    db = tmp_path / "runs.db"
    put_run_directory(tmp_path)
    if empty == "0 bytes":
        db.touch()
    elif empty == "no tables":
        with sqlite3.connect(db) as connection:
            connection.execute("PRAGMA user_version=0")
            connection.execute("CREATE TABLE x (y)")
            connection.execute("DROP TABLE x")
        connection.close()
    before = db.read_bytes() if db.exists() else None
    for use in (read.runs, new_run, write.create, read.watched):
        with pytest.raises(RegistryDamaged, match="arctl rebuild"):
            use(db)
    assert (db.read_bytes() if db.exists() else None) == before


def damage(db: Path, how: str) -> None:
    content = bytearray(db.read_bytes())
    match how:
        case "garbage":
            content = bytearray(os.urandom(len(content)))
        case "half":
            content = content[: len(content) // 2]
        case "zeroed pages":
            content[4096:] = bytes(len(content) - 4096)
        case "all zero":
            content = bytearray(len(content))
        case "text":
            content = bytearray(b"run,name\n1,a\n" * 400)
    db.write_bytes(content)


@pytest.mark.parametrize("how", ["garbage", "half", "zeroed pages", "all zero", "text"])
def test_a_damaged_registry_is_named_with_its_cure_and_left_as_it_is(tmp_path: Path, how: str) -> None:
    db = tmp_path / "runs.db"
    for _ in range(4):
        new_run(db, note="n" * 9000)
    damage(db, how)
    before = db.read_bytes()
    for use in (read.runs, new_run):
        with pytest.raises(RegistryDamaged, match="arctl rebuild") as caught:
            use(db)
        assert caught.value.where == str(db) and isinstance(caught.value, DataError)
    assert db.read_bytes() == before


def test_flipped_bytes_raise_nothing_but_our_errors(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    for _ in range(5):
        new_run(db)
    whole = db.read_bytes()
    damaged = 0
    for place in [*range(100), *range(100, len(whole), 397)]:
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        db.write_bytes(flipped)
        try:
            read.runs(db)
            read.watched(db)
        except ArctlError as error:
            damaged += 1
            assert error.cure
    assert damaged > 20


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    with sqlite3.connect(db) as connection:
        connection.execute("CREATE TABLE runs (number INTEGER)")
    connection.close()
    before = db.read_bytes()
    for use in (read.runs, new_run):
        with pytest.raises(RegistryDamaged, match="not a registry"):
            use(db)
    assert db.read_bytes() == before


def test_a_newer_schema_is_refused_and_kept(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    new_run(db)
    connection = open_write(db)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    for use in (read.runs, new_run):
        with pytest.raises(RegistryTooNew, match="99"):
            use(db)


def test_a_directory_and_a_missing_directory_are_errors_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    with pytest.raises(ArctlError, match="cannot be opened"):
        read.runs(tmp_path / "runs.db")
    with pytest.raises(ArctlError, match="registry cannot be"):
        new_run(tmp_path / "nowhere" / "runs.db")


def test_a_lock_that_another_holds_is_explained(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    new_run(db)
    with transaction(db):
        impatient = sqlite3.connect(db, timeout=0)
        with pytest.raises(RegistryBusy, match="try again"), explained(db):
            impatient.execute("BEGIN IMMEDIATE")
        impatient.close()
        assert len(read.runs(db)) == 1


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    new_run(db)
    with pytest.raises(ZeroDivisionError), transaction(db) as connection:
        connection.execute("UPDATE runs SET note = 'half'")
        raise ZeroDivisionError
    found = read.run(db, 1)
    assert found is not None and found.note == ""
    assert not (tmp_path / "runs.db-journal").exists()


_LATE_WRITER = """
import sys
from pathlib import Path
from arctl.registry import ingest
from arctl.registry.connect import transaction
print("go", flush=True)
with transaction(Path(sys.argv[1])) as connection:
    ingest.set_message(connection, 1, "late")
"""


def test_a_registry_that_is_replaced_while_a_writer_waits_gets_the_write(tmp_path: Path) -> None:
    db, other = tmp_path / "runs.db", tmp_path / "other.db"
    new_run(db)
    new_run(other, name="replaced")
    with transaction(db):
        child = subprocess.Popen(
            [sys.executable, "-c", _LATE_WRITER, str(db)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
        )
        assert child.stdout is not None and child.stdout.readline() == b"go\n"
        (tmp_path / "old.db").hardlink_to(db)
        other.replace(db)
    child.communicate(timeout=20)
    assert child.returncode == 0
    found = read.run(db, 1)
    assert found is not None and (found.name, found.message) == ("replaced", "late")


def try_both(db: Path) -> str:
    names = [row.name for row in read.runs(db)]
    try:
        with transaction(db) as connection:
            connection.execute("UPDATE runs SET note = 'x'")
    except RegistryReadOnly as error:
        return f"{names} {error}"
    return "written"


def as_somebody_else(task: Callable[[], str]) -> str:
    """Run a task in a child process that is not root."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            os.write(sink, task().encode())
        except BaseException as error:
            os.write(sink, repr(error).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as file:
        said = file.read().decode()
    os.waitpid(child, 0)
    return said


def test_a_registry_of_somebody_else_can_be_read_and_says_that_it_cannot_be_written(tmp_path: Path) -> None:
    db = tmp_path / "shared" / "runs.db"
    db.parent.mkdir()
    new_run(db)
    for directory in db.parent.parents:
        if directory.stat().st_uid == os.geteuid() and not directory.stat().st_mode & 0o005:
            directory.chmod(0o755)
    db.chmod(0o444)
    db.parent.chmod(0o555)
    said = as_somebody_else(lambda: try_both(db))
    db.parent.chmod(0o755)
    assert said.startswith("['a']") and "cannot be written" in said


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root")
def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        db = disk / "runs.db"
        stored = []
        with pytest.raises(RegistryFull, match="free some space"):
            for _ in range(500):
                stored.append(new_run(db, note="n" * 4000))
        assert stored
        assert [row.number for row in read.runs(db)] == stored[::-1]
        connection = connect.open_read(db)
        assert connection is not None and connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_every_error_of_this_room_is_one_of_ours() -> None:
    for kind in (RegistryBusy, RegistryDamaged, RegistryFull, RegistryReadOnly, RegistryTooNew):
        assert issubclass(kind, ArctlError)
