"""What is told of runs between two snapshots, and what the terminal is sent for it."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.states import State
from arctl.tui import notices
from arctl.tui.snapshot import Snapshot
from tests.tui import workspace as workspaces


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRow, ...]:
    made = workspaces.small(tmp_path_factory.mktemp("notices") / "ws")
    return tuple(read.runs(made.db))


def snapshot(rows: tuple[RunRow, ...], **changes: dict[str, object]) -> Snapshot:
    """Return a snapshot; `run4={"state": ...}` changes a run in it."""
    found = tuple(replace(row, **changes.get(f"run{row.number}", {})) for row in rows)  # type: ignore[arg-type]
    return Snapshot(found, at=time.time(), complete=True)


def told(before: Snapshot, now: Snapshot) -> list[str]:
    return [notice.text for notice in notices.between(before, now)]


def test_nothing_is_told_at_the_first_snapshot_nor_of_runs_that_appear(rows: tuple[RunRow, ...]) -> None:
    assert told(Snapshot(), snapshot(rows)) == []
    assert told(Snapshot(rows[:1], complete=False), snapshot(rows)) == []
    assert told(snapshot(rows[1:]), snapshot(rows)) == []
    assert told(snapshot(rows), snapshot(rows)) == []


def test_a_run_that_ends_is_told_with_what_it_reached_or_why(rows: tuple[RunRow, ...]) -> None:
    running = snapshot(rows, run2={"state": State.RUNNING}, run3={"state": State.RUNNING})
    done, lost = (
        told(running, snapshot(rows, run3={"state": State.RUNNING})),
        told(running, snapshot(rows, run2={"state": State.RUNNING})),
    )
    assert len(done) == 1 and re.fullmatch(r"run2 r3d_tiny: completed, best top-1 9\d\.\d%", done[0])
    assert lost == ["run3 r3d_tiny-lr1: failed: loss is NaN at step 31: lower optim.lr"]
    (bad,) = notices.between(running, snapshot(rows, run2={"state": State.RUNNING}))
    assert not bad.good and bad.loud


def test_several_at_once_are_one_line_and_failures_come_first(rows: tuple[RunRow, ...]) -> None:
    running = snapshot(rows, **{f"run{number}": {"state": State.RUNNING} for number in (1, 2, 3, 4)})
    assert told(running, snapshot(rows, run4={"state": State.TIMEOUT})) == [
        "2 runs ended badly: run4, run3",
        "2 runs ended: run2, run1",
    ]
    many = tuple(replace(rows[0], number=number, state=State.RUNNING) for number in range(20, 0, -1))
    ended = tuple(replace(row, state=State.COMPLETED) for row in many)
    assert told(snapshot(many), snapshot(ended)) == [
        "20 runs ended: run20, run19, run18, run17, run16, run15 and 14 more"
    ]


def test_a_run_that_begins_waits_again_or_goes_on_is_told_and_is_not_loud(rows: tuple[RunRow, ...]) -> None:
    pending = snapshot(rows, run4={"state": State.PENDING, "attempts": 0})
    assert told(pending, snapshot(rows, run4={"state": State.RUNNING, "attempts": 0, "node": "gpu7"})) == [
        "run4 r3d_tiny-aug: began on gpu7"
    ]
    running = snapshot(rows, run4={"state": State.RUNNING})
    assert told(running, snapshot(rows, run4={"state": State.PENDING})) == [
        "run4 r3d_tiny-aug: was stopped and is queued again"
    ]
    (on,) = notices.between(running, snapshot(rows, run4={"state": State.RUNNING, "attempts": 2, "node": "gpu8"}))
    assert on.text == "run4 r3d_tiny-aug: runs again on gpu8" and not on.loud


def test_a_notification_is_printable_short_and_passed_on_by_tmux_and_screen(tmp_path: Path) -> None:
    poison = "\x1b]52;c;cG9pc29u\x07run1 \x1b[2Jbad\n\x9d0;title\x9c" + "x" * 500
    plain = notices.osc9(poison, env={})
    assert plain.startswith("\x1b]9;run") and plain.endswith("\x07")
    inside = plain[len("\x1b]9;") : -1]
    assert inside.isprintable() and len(inside) <= notices.LONGEST and "52;" not in inside
    assert notices.osc9("run1 ended", env={"TMUX": "/tmp/x,1,0"}) == "\x1bPtmux;\x1b\x1b]9;run1 ended\x07\x1b\\"
    assert notices.osc9("run1 ended", env={"STY": "1.pts"}) == "\x1bP\x1b]9;run1 ended\x07\x1b\\"
    assert notices.osc9("4;3;50 percent", env={}) == "\x1b]9;percent\x07"


def test_bell_and_notification_reach_the_terminal_when_they_are_switched_on_and_a_run_ends(tmp_path: Path) -> None:
    made = workspaces.init_workspace(tmp_path / "ws")
    live = workspaces.new_run(made, 1, "live")
    workspaces.learned(live, epochs=2, of=50, top=0.8)
    workspaces.rebuild(made)
    (made.root / "arctl.yaml").write_text("dashboard: {bell: true, osc9: true, refresh_s: 0.5}\n")
    child, terminal = pty.fork()
    if child == 0:
        env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "STY")} | {"TERM": "xterm"}
        os.execvpe(sys.executable, [sys.executable, "-m", "arctl", "-w", str(made.root)], env)
    try:
        assert b"epoch" in heard(terminal, b"synced")
        live.end("completed")
        said = heard(terminal, b"\x1b]9;")
        assert b"\x07" in said
        assert b"arctl: run1 live: completed" in said[said.index(b"\x1b]9;") :]
    finally:
        os.write(terminal, b"q")
        os.close(terminal)
        os.waitpid(child, 0)


def heard(terminal: int, word: bytes, *, within: float = 30.0) -> bytes:
    """Return what a program wrote to its terminal up to half a second behind a word."""
    said, deadline = b"", time.monotonic() + within
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 65536)
        if word in said:
            deadline = min(deadline, time.monotonic() + 0.5)
    assert word in said, said[-2000:]
    return said
