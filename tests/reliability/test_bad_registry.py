"""B67-B68: a runs.db that is no database, half of one, somebody else's, or a trap."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from arctl.cli import app
from arctl.registry import write
from arctl.settings import Workspace
from tests.tui.workspace import small


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return small(tmp_path / "ws")


class Said(NamedTuple):
    """What a command said; without the traceback of its error, in which an open cursor would keep its lock."""

    exit_code: int
    stdout: str
    stderr: str


def run(workspace: Workspace, *argv: str) -> Said:
    result = CliRunner().invoke(app, ["-w", str(workspace.root), *argv])
    return Said(result.exit_code, result.stdout, result.stderr)


def _zero_page(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
    connection.close()
    raw = bytearray(db.read_bytes())
    raw[4096 * (page - 1) : 4096 * page] = bytes(4096)
    db.write_bytes(raw)


def _replaced(content: bytes) -> Callable[[Path], None]:
    return lambda db: (db.write_bytes(content), None)[1]


def _foreign(db: Path) -> None:
    db.unlink()
    with sqlite3.connect(db) as connection:
        connection.execute("CREATE TABLE diary (secret TEXT)")
    connection.close()


def _sql(*statements: str) -> Callable[[Path], None]:
    def change(db: Path) -> None:
        with sqlite3.connect(db) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return change


DAMAGE: dict[str, tuple[Callable[[Path], object], int]] = {
    "garbage": (lambda db: db.write_bytes(os.urandom(20_000)), 5),
    "text": (_replaced(b"these are not the runs you are looking for\n" * 100), 5),
    "half": (lambda db: db.write_bytes(db.read_bytes()[: db.stat().st_size // 2]), 5),
    "a page of zeros": (_zero_page, 5),
    "empty": (_replaced(b""), 5),
    "missing": (lambda db: db.unlink(), 5),
    "another program's": (_foreign, 5),
    "a trigger": (_sql("CREATE TRIGGER evil AFTER UPDATE ON runs BEGIN DELETE FROM tags; END"), 5),
    "a view in place of a table": (_sql("ALTER TABLE tags RENAME TO x", "CREATE VIEW tags AS SELECT * FROM x"), 5),
    "a table is gone": (_sql("DROP TABLE summaries"), 5),
    "columns are gone": (_sql("ALTER TABLE runs RENAME COLUMN note TO nota"), 5),
    "values of another type": (_sql("UPDATE summaries SET packed = x'00ff'"), 5),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_registry_is_one_sentence_and_a_rebuild_brings_all_back(workspace: Workspace, how: str) -> None:
    before = run(workspace, "ls").stdout
    damage, status = DAMAGE[how]
    damage(workspace.db)
    left = workspace.db.read_bytes() if workspace.db.exists() else None
    for words in (["ls"], ["show", "1"], ["compare", "1", "2"]):
        result = run(workspace, *words)
        assert (result.exit_code, result.stdout) == (status, ""), (words, result.stderr)
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith(f"error: {workspace.db}: ") and "`arctl rebuild`" in last, last
    assert (workspace.db.read_bytes() if workspace.db.exists() else None) == left, "it is left as it is"
    rebuilt = run(workspace, "rebuild")
    assert (rebuilt.exit_code, rebuilt.stdout) == (0, "4 runs\n"), rebuilt.stderr
    assert [line.split()[:3] for line in run(workspace, "ls").stdout.splitlines()] == [
        line.split()[:3] for line in before.splitlines()
    ]
    kept = [path.read_bytes() for path in workspace.root.glob("runs.db.bak-*")]
    assert left is None or left in kept, "what was there is kept"


@pytest.mark.parametrize("how", DAMAGE)
def test_a_submission_into_a_damaged_registry_is_refused_or_outlives_it(workspace: Workspace, how: str) -> None:
    DAMAGE[how][0](workspace.db)
    submitted = run(workspace, "submit", "--", "true")
    count = len(list(workspace.runs.iterdir()))
    assert (submitted.exit_code, count) in ((5, 4), (0, 5)), submitted.stderr
    assert run(workspace, "rebuild").stdout == f"{count} runs\n"
    assert run(workspace, "ls").stdout.count("\n") == count + 1


@pytest.mark.parametrize("kind", ["directory", "fifo", "dangling", "device"])
def test_what_is_no_file_is_no_registry_and_hangs_nothing(workspace: Workspace, kind: str) -> None:
    workspace.db.unlink()
    if kind == "directory":
        workspace.db.mkdir()
    elif kind == "fifo":
        os.mkfifo(workspace.db)
    else:
        workspace.db.symlink_to("/no/where/runs.db" if kind == "dangling" else "/dev/zero")
    for words in (["ls"], ["submit", "--", "true"]):
        command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), *words]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=Path(__file__).parents[2])
        assert time.monotonic() - begun < 15
        assert done.returncode in (1, 5) and done.stdout == "", done
        assert done.stderr.count("error: ") == 1 and str(workspace.db) in done.stderr
        assert "should not have happened" not in done.stderr


def test_a_registry_that_is_a_link_is_followed_and_its_journal_lies_beside_the_file(workspace: Workspace) -> None:
    elsewhere = workspace.root / "elsewhere"
    elsewhere.mkdir()
    workspace.db.rename(elsewhere / "real.db")
    workspace.db.symlink_to(elsewhere / "real.db")
    assert run(workspace, "ls").stdout.count("\n") == 5
    write.note(workspace.db, 1, "through the link")
    assert workspace.db.is_symlink() and "through the link" in run(workspace, "show", "1").stdout
    hot = sqlite3.connect(workspace.db, isolation_level=None)
    hot.execute("BEGIN IMMEDIATE")
    hot.execute("UPDATE runs SET note = 'lost'")
    hot.execute("PRAGMA cache_spill=1")
    assert (elsewhere / "real.db-journal").exists() and not (workspace.root / "runs.db-journal").exists()
    hot.execute("ROLLBACK")
    hot.close()


def test_a_registry_with_a_second_name_is_refused_with_the_cure(workspace: Workspace) -> None:
    other = workspace.root.parent / "other.db"
    other.hardlink_to(workspace.db)
    for words in (["ls"], ["submit", "--", "true"], ["rebuild"]):
        result = run(workspace, *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "second name (hard link)" in result.stderr and "cp -p runs.db copy && mv copy runs.db" in result.stderr
    shutil.copy2(workspace.db, workspace.root / "copy")
    (workspace.root / "copy").replace(workspace.db)
    assert run(workspace, "ls").stdout.count("\n") == 5


def test_a_backup_of_our_own_that_is_the_same_file_is_no_second_name(workspace: Workspace) -> None:
    (workspace.root / "runs.db.bak-20261121T000000").hardlink_to(workspace.db)
    assert run(workspace, "ls").exit_code == 0, "a rebuild that was killed between two steps leaves this"
    assert run(workspace, "rebuild").stdout == "4 runs\n"


def test_numbers_that_no_run_has_had_do_no_harm(workspace: Workspace) -> None:
    _sql(
        "UPDATE runs SET created = 9e999, epoch = -9e999, step = 9223372036854775807, exit_code = -9223372036854775808",
        "UPDATE runs SET state = 'dancing', job_id = 'x' WHERE number = 1",
    )(workspace.db)
    for words in (["ls"], ["ls", "--json"], ["show", "1"], ["show", "1", "--json"], ["usage"], ["compare", "1", "2"]):
        result = run(workspace, *words)
        assert result.exit_code in (0, 5), (words, result.stderr)
        assert "should not have happened" not in result.stderr, words
