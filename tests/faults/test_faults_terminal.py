"""The dashboard when its terminal goes, when its storage hangs, and when a log floods it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.terminal import Terminal, environment
from tests.tui import workspace as workspaces

RESTORED = b"\x1b[?1049l"


def opened(root: Path, **env: str) -> Terminal:
    """Open the dashboard on a terminal, and wait until it shows its runs."""
    terminal = Terminal([sys.executable, "-m", "arctl"], cwd=root, env=environment(**env), size=(160, 45))
    terminal.until(lambda raw: b"synced" in raw or b"silent" in raw)
    return terminal


def whole(root: Path) -> bool:
    connection = sqlite3.connect(root / "runs.db")
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return bool(found == "ok")


@pytest.fixture
def sleeping(tmp_path: Path, desk_in: Any) -> Iterator[Any]:
    """A desk with a run that sleeps on this machine."""
    desk_in(tmp_path).arctl("init", str(tmp_path / "lab"))
    desk = desk_in(tmp_path / "lab")
    desk.arctl("submit", "--cluster", "local", "--no-snapshot", "--", "sleep", "100")
    desk.until("run1", lambda run: run["state"] == "running")
    yield desk
    desk.arctl("cancel", "run1")
    assert desk.until("run1", lambda run: run["state"] == "cancelled")["number"] == 1


@pytest.mark.parametrize("how", ["hangup", "terminate", "closed"])
def test_a_terminal_that_goes_ends_the_dashboard_and_nothing_else(sleeping: Any, how: str) -> None:
    terminal = opened(sleeping.directory)
    if how == "closed":
        os.close(terminal._here)
        assert terminal.process.wait(timeout=15) == 128 + signal.SIGHUP
    else:
        number = signal.SIGHUP if how == "hangup" else signal.SIGTERM
        terminal.process.send_signal(number)
        assert terminal.close(seconds=15) == 128 + number
        assert RESTORED in terminal.written and b"Traceback" not in terminal.written
    assert whole(sleeping.directory)
    assert json.loads(sleeping.arctl("show", "run1", "--json").stdout)["state"] == "running"
    assert len(sleeping.json("ls", "--all")["runs"]) == 1


def test_it_goes_with_its_terminal_whatever_it_waits_for(tmp_path: Path) -> None:
    waits = "print('waits', flush=True); threading.Event().wait()"  # as textual does for a writer that has ended
    code = f"import threading; from arctl.tui import terminal; terminal.leave_with_the_terminal(); {waits}"
    terminal = Terminal([sys.executable, "-c", code], cwd=tmp_path, env=environment())
    terminal.until(lambda raw: b"waits" in raw)
    os.close(terminal._here)
    try:
        assert terminal.process.wait(timeout=15) == 128 + signal.SIGHUP
    finally:
        terminal.process.kill()


def test_stopped_it_gives_the_terminal_back_and_goes_on_when_it_is_told_to(sleeping: Any) -> None:
    terminal = opened(sleeping.directory)
    terminal.settled()
    os.kill(terminal.process.pid, signal.SIGTSTP)
    terminal.until(lambda raw: RESTORED in raw)
    stat = Path(f"/proc/{terminal.process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.05)
    os.kill(terminal.process.pid, signal.SIGCONT)
    since = len(terminal.written)
    terminal.until(lambda raw: b"\x1b[?1049h" in raw, since=since)
    terminal.type(b"?")
    terminal.until(lambda raw: b"one line down" in raw, since=since)
    terminal.type(b"\x1b")
    terminal.settled()
    terminal.type(b"q")
    assert terminal.close() == 0 and RESTORED in terminal.written


class HungDisk:
    """A file system (FUSE) whose server never answers: whoever looks into it waits."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._server = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._server},rootmode=40000,user_id=0,group_id=0".encode()
        if self._libc.mount(b"hung", os.fsencode(place), b"fuse.hung", 0, options):
            os.close(self._server)
            pytest.skip(f"mounting is not allowed here: {os.strerror(ctypes.get_errno())}")

    def gone(self) -> None:
        """Let everybody who waits have an error, and take it away."""
        os.close(self._server)
        self._libc.umount2(os.fsencode(self.place), 2)


@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs FUSE")
def test_storage_that_hangs_leaves_the_screen_alive_and_quitting_works(tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    terminal = opened(workspace.root)
    disk = HungDisk(workspace.run_dir(4))
    try:
        since = len(terminal.written)
        terminal.until(lambda raw: b"silent for" in raw, since=since)
        since = len(terminal.written)
        terminal.type(b"?")
        terminal.until(lambda raw: b"one line down" in raw, since=since, seconds=5)
        terminal.type(b"\x1b")
        terminal.settled()
        before = time.monotonic()
        terminal.type(b"q")
        assert terminal.close(seconds=15) == 0 and time.monotonic() - before < 10
        assert RESTORED in terminal.written and b"Traceback" not in terminal.written
    finally:
        disk.gone()
    assert whole(workspace.root)


@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs FUSE")
def test_storage_that_comes_back_broken_and_then_well_is_read_again(tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    terminal = opened(workspace.root)
    disk = HungDisk(workspace.run_dir(4))
    terminal.until(lambda raw: b"silent for" in raw, since=len(terminal.written))
    since = len(terminal.written)
    disk.gone()
    terminal.until(lambda raw: b"synced" in raw, since=since)
    terminal.type(b"q")
    assert terminal.close() == 0 and b"fault of arctl" not in terminal.written


def test_a_log_that_floods_is_cut_and_the_screen_answers(tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    log = workspace.run_dir(4) / "log-9004.txt"
    with log.open("a") as file:
        file.write("x" * 5_000_000 + "\n")
        file.writelines(f"line {number} of the flood\n" for number in range(50_000))
    terminal = opened(workspace.root)
    terminal.type(b"]")
    terminal.until(lambda raw: b"line 49999 of the flood" in raw)
    with log.open("a") as file:
        for batch in range(20):
            file.writelines(f"more {batch} {number}\n" for number in range(2_500))
            file.write("y" * 300_000)
            file.flush()
            since, before = len(terminal.written), time.monotonic()
            terminal.type(b"?")
            terminal.until(lambda raw: b"one line down" in raw, since=since, seconds=5)
            assert time.monotonic() - before < 3
            terminal.type(b"\x1b")
            terminal.settled(quiet=0.05)
    before = time.monotonic()
    terminal.type(b"q")
    assert terminal.close() == 0 and time.monotonic() - before < 5
    assert len(terminal.written) < 5_000_000


def test_a_log_that_floods_is_bounded_on_the_command_line(tmp_path: Path, desk_in: Any) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    with (workspace.run_dir(4) / "log-9004.txt").open("a") as file:
        file.writelines(f"line {number}\n" for number in range(50_000))
        file.write("x" * 5_000_000 + "\nlast\n")
    before = time.monotonic()
    lines = desk_in(workspace.root).arctl("logs", "run4", "-n", "3").stdout.splitlines()
    assert time.monotonic() - before < 10
    assert lines[0] == "line 49999" and lines[2] == "last"
    assert len(lines[1]) < 5000 and "more bytes)" in lines[1]
