"""The registry when others hold it, replace it, lose it or bring it to a newer schema while the dashboard is open."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from arctl import turns
from arctl.clusters import calls
from arctl.registry.migrations import SCHEMA
from arctl.settings import Workspace
from arctl.sync import rebuild
from tests.reliability.terminal import Terminal, environment
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""

SYNC = """
import sys
from pathlib import Path
from arctl import turns
from arctl.settings import find_workspace
turns.take(find_workspace(Path(sys.argv[1])), every=0.0)
"""

ARCTL = (sys.executable, "-m", "arctl")


@pytest.fixture
def dashboards(small: Workspace) -> Iterator[Callable[[], Terminal]]:
    """Opens dashboards, which are ended at the end."""
    opened: list[Terminal] = []

    def open_one() -> Terminal:
        opened.append(Terminal(ARCTL, cwd=small.root, env=environment(), size=(120, 35)))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()


def seen(terminal: Terminal, *words: bytes, since: int = 0, seconds: float = 30.0) -> int:
    """Wait until all words were written; return how much was."""
    terminal.until(lambda raw: all(word in raw for word in words), since=since, seconds=seconds)
    return len(terminal.written)


def test_a_lock_of_forty_seconds_is_named_and_passes_by_itself(
    small: Workspace, dashboards: Callable[[], Terminal]
) -> None:
    looks, changes = dashboards(), dashboards()
    since = {one: seen(one, b"synced", b"frame_tiny") for one in (looks, changes)}
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(small.db), "40"], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        began, late = time.monotonic(), dashboards()
        changes.type(b"t")
        seen(changes, b"tags of run4", since=since[changes])
        changes.type(b"late\r")
        changes.settled()
        changes.type(b"q")
        seen(changes, b"q again leaves", since=since[changes])
        seen(late, b"silent for")
        late.type(b"?")
        seen(late, b"one line down", seconds=5)
        late.type(b"\x1b")
        named = seen(looks, b"stale since", b"another process", since=since[looks], seconds=45)
        failed = seen(changes, b"for more than 30 s", since=since[changes], seconds=45)
        empty = seen(late, b"The runs cannot be read", b"another process", seconds=45)
        assert time.monotonic() - began < 40
    for one, before in ((looks, named), (changes, failed), (late, empty)):
        seen(one, b"synced", since=before, seconds=45)
        one.type(b"q")
        one.settled()
        assert one.close() == 0 and b"fault of arctl" not in one.written
    assert b"frame_tiny" in late.written


async def test_a_registry_that_is_deleted_or_made_anew_is_followed(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        small.db.unlink()
        await seen.shows("stale since", "missing", "frame_tiny")
        workspaces.new_run(small, 5, "later", age=5)
        rebuild(small)
        await seen.shows("later", "frame_tiny", "synced")
        await seen.until(lambda: seen.app.snapshot.trouble is None)
        connection = sqlite3.connect(small.db)
        connection.execute(f"PRAGMA user_version={SCHEMA + 1}")
        connection.commit()
        await seen.shows("stale since", "newer arctl", "frame_tiny")
        connection.execute(f"PRAGMA user_version={SCHEMA}")
        connection.commit()
        connection.close()
        await seen.until(lambda: seen.app.snapshot.trouble is None)


def test_whoever_syncs_may_be_killed_and_the_next_one_takes_over_at_once(small: Workspace) -> None:
    held = sqlite3.connect(small.db, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    first = subprocess.Popen([sys.executable, "-c", SYNC, str(small.root)], env=environment())
    while not (small.state / "turn.claim").exists():
        assert first.poll() is None
        time.sleep(0.02)
    assert turns.take(small, every=1.0) is None
    first.kill()
    first.wait()
    held.execute("ROLLBACK")
    held.close()
    turn = turns.take(small, every=1.0)
    assert turn is not None and turn.own
    again = turns.take(small, every=60.0)
    assert again is not None and not again.own and again.at == turn.at


async def test_clocks_that_jump_stop_no_sync_and_break_no_screen(small: Workspace, opened: Opener) -> None:
    """Word of a sync tomorrow and a claim of next week are from clocks that were set; a run may be born tomorrow."""
    day = 86400.0
    small.state.mkdir(exist_ok=True)
    calls.put(small.state / "turn.json", {"at": time.time() + day, "trouble": ""})
    claim = small.state / "turn.claim"
    claim.write_text("{}")
    os.utime(claim, (time.time() + 7 * day, time.time() + 7 * day))
    workspaces.learned(workspaces.new_run(small, 5, "tomorrow", age=-day), epochs=2, of=9, top=0.5)
    rebuild(small)
    async with opened(small, (120, 35)) as seen:
        await seen.shows("tomorrow", "frame_tiny", "synced")
        for title in seen.app.runs.pane.titles:
            await seen.app.runs.show_tab(title)
            await seen.pilot.pause()
        synced = seen.app.snapshot.synced
        assert synced is not None and synced < time.time() + 5


def test_two_dashboards_and_a_command_live_together_and_one_may_be_killed(
    small: Workspace, dashboards: Callable[[], Terminal]
) -> None:
    one, other = dashboards(), dashboards()
    for terminal in (one, other):
        seen(terminal, b"synced", b"frame_tiny")
    one.process.kill()
    assert one.close() == -signal.SIGKILL
    subprocess.run([*ARCTL, "note", "run1", "told from outside"], cwd=small.root, env=environment(), check=True)
    since = len(other.written)
    workspaces.submitted(small, 5, "newcomer").start(3)
    seen(other, b"newcomer", since=since)
    other.type(b"q")
    assert other.close() == 0
    assert list(small.state.glob("turn.claim*")) == []
