"""What happened to runs between two snapshots, as a line for a toast; and the bell and the desktop's notification."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arctl.rundir import run_name
from arctl.states import ENDED, State
from arctl.text import safe_line
from arctl.tui import palette

if TYPE_CHECKING:
    from textual.app import App

    from arctl.registry.rows import RunRow
    from arctl.settings import Settings
    from arctl.tui.snapshot import Snapshot

MOST = 6
"""Runs that a toast names."""

LONGEST = 120
"""Characters of a notification on the desktop."""

_WAITING = (State.PENDING, State.SUBMITTING, State.UNCONFIRMED)


@dataclass(frozen=True)
class Notice:
    """One thing to tell."""

    text: str
    """One line, safe to show."""
    good: bool
    """False where a run went wrong."""
    loud: bool
    """Whether runs ended, which bell and notification are for."""


def between(before: Snapshot, now: Snapshot) -> list[Notice]:
    """Return what happened since the snapshot before: what ended first, several runs of one kind in one line.

    Nothing is told of the first snapshot, nor of runs that appeared since: whoever submits knows it.
    """
    if not before.complete:
        return []
    old = {row.number: row for row in before.runs}
    changed = [row for row in now.runs if _differs(old.get(row.number), row)]
    ended = [row for row in changed if row.state in ENDED and old[row.number].state is not row.state]
    completed = [row for row in ended if row.state in (State.COMPLETED, State.CANCELLED)]
    lost = [row for row in ended if row not in completed]
    again = [row for row in changed if _again(old[row.number], row)]
    began = [row for row in changed if row.state is State.RUNNING and row not in again]
    told = [
        _notice(lost, "ended badly", good=False, loud=True),
        _notice(completed, "ended", good=True, loud=True),
        _notice(again, "were stopped, and are queued or run again", good=True, loud=False),
        _notice([row for row in began if old[row.number].state in _WAITING], "began", good=True, loud=False),
    ]
    return [notice for notice in told if notice is not None]


def _differs(old: RunRow | None, row: RunRow) -> bool:
    return old is not None and (old.state, old.job_id, old.attempts) != (row.state, row.job_id, row.attempts)


def _again(old: RunRow, row: RunRow) -> bool:
    """Tell whether a run that had begun waits once more, or began once more."""
    if row.state in ENDED:
        return False
    waits = old.state is State.RUNNING and row.state is State.PENDING
    return waits or old.state is State.PREEMPTED or row.attempts > old.attempts > 0


def _notice(rows: Sequence[RunRow], what: str, *, good: bool, loud: bool) -> Notice | None:
    if not rows:
        return None
    if len(rows) == 1:
        return Notice(_one(rows[0]), good, loud)
    names = ", ".join(run_name(row.number) for row in rows[:MOST])
    more = f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
    return Notice(f"{len(rows)} runs {what}: {names}{more}", good, loud)


def _one(row: RunRow) -> str:
    word, _ = palette.state_word(row.state)
    name = f"{run_name(row.number)} {safe_line(row.name, limit=40)}"
    place = f" on {safe_line(row.node, limit=40)}" if row.node else ""
    words: Mapping[State, str] = {
        State.RUNNING: f"{'runs again' if row.attempts > 1 else 'began'}{place}",
        State.PENDING: "was stopped and is queued again",
    }
    said = words.get(row.state, word)
    top1 = row.metrics.get("val/top1")
    if row.state is State.COMPLETED and top1 is not None and top1.best is not None:
        said += f", best top-1 {100 * top1.best:.1f}%"
    if row.message and row.state in ENDED:
        said += f": {safe_line(row.message, limit=160)}"
    return f"{name}: {said}"


def sound(app: App[Any], settings: Settings, notice: Notice) -> None:
    """Ring the bell and ask for a notification, where both are switched on and a run has ended."""
    if not notice.loud:
        return
    if settings.dashboard.bell:
        app.bell()
    driver = app._driver
    if settings.dashboard.osc9 and driver is not None and not app.is_headless:
        driver.write(osc9(f"arctl: {notice.text}", env=os.environ))
        driver.flush()


def osc9(text: str, *, env: Mapping[str, str]) -> str:
    """Return what asks a terminal for a notification: printable text alone, and not too much of it.

    tmux and screen are asked to pass it on to the terminal around them; tmux does so where `allow-passthrough` is on.
    A text that begins like a number would be one of the other commands of OSC 9.
    """
    said = safe_line(text, limit=400).replace("\\", "/")
    said = "".join(char for char in said if char.isprintable())[:LONGEST].lstrip("0123456789; ")
    if env.get("TMUX"):
        return f"\x1bPtmux;\x1b\x1b]9;{said}\x07\x1b\\"
    if env.get("STY"):
        return f"\x1bP\x1b]9;{said}\x07\x1b\\"
    return f"\x1b]9;{said}\x07"
