"""A short working day in a terminal: tmux types as a person would, on runs that really run on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl import control
from arctl.registry import read
from arctl.settings import Workspace
from arctl.states import LIVE, State
from arctl.sync import sync
from tests.tui import live_work
from tests.tui.tmux import Terminal, open_terminal
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    """One run that is done soon, one that fails, one that goes on for long."""
    workspace = live_work.workplace(tmp_path / "ws")
    live_work.start(workspace, "quick", top=0.9, epochs=3)
    live_work.start(workspace, "broken", top=-1.0, epochs=3)
    live_work.start(workspace, "slow", top=0.8, epochs=400, pause=0.2)
    yield workspace
    sync(workspace)
    live = [row.number for row in read.runs(workspace.db) if row.state in LIVE]
    if live:
        control.cancel(workspace, live)


def test_a_day(work: Workspace, terminals: list[Terminal], tmp_path: Path) -> None:
    terminal = open_terminal(terminals, work, tmp_path, size=(120, 35))
    terminal.shows("quick", "broken", "slow", "running", "completed", "failed", timeout=30)
    # The failing one is found, its log is read.
    terminal.type("/", *"state:failed", "Enter")
    terminal.shows("1/3 match state:failed", "run2 broken", "loss is NaN: lower optim.lr")
    terminal.type("l")
    terminal.shows("Traceback", "ValueError: loss is NaN")
    # A note is written, and is in the run directory.
    terminal.type("1", "e")
    terminal.shows("note of run2")
    terminal.type(*"too", "Space", *"hot", "C-s")
    until(lambda: "too hot" in (work.run_dir(2) / "run.yaml").read_text(), seconds=20)
    terminal.type("Escape", "Escape", "Escape", "1")
    terminal.shows("quick", "slow")
    # A live run moves by itself.
    first = read.run(work.db, 3)
    assert first is not None
    until(lambda: (read.run(work.db, 3) or first).step != first.step, seconds=20)
    # It is cancelled: no, then yes.
    terminal.type("g", "x")
    terminal.shows("Cancel run3 slow?", "arctl cancel run3")
    terminal.type("Enter")
    terminal.shows("open", "filter")
    terminal.type("x", "y")
    terminal.shows("cancelled", timeout=30)
    until(lambda: getattr(read.run(work.db, 3), "state", None) is State.CANCELLED, seconds=30)
    # Views by number, the palette, and out.
    terminal.type("5")
    terminal.shows("this machine")
    terminal.type("1", ":")
    terminal.shows("commands")
    terminal.type(*"run1", "Enter")
    terminal.shows("run1 quick")
    terminal.type("q", "q")
    terminal.shows("left with 0", timeout=10)
