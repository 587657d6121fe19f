"""The two lines at the bottom: how fresh the screen is, and the keys that matter now."""

from __future__ import annotations

import time
from collections import Counter

from rich.text import Text
from textual.widget import Widget

from arctl.states import State
from arctl.tui import palette, wording
from arctl.tui.keys import Key
from arctl.tui.snapshot import Snapshot

LEAST = (80, 24)
"""Columns and lines on which everything is seen."""

_SLOW = 5.0
"""Seconds of one look after which the status line says that it waits."""

_BADLY = (State.FAILED, State.TIMEOUT, State.OUT_OF_MEMORY, State.NODE_FAIL, State.REFUSED)
_COUNTED = {State.RUNNING: (State.RUNNING,), State.PENDING: (State.PENDING,), State.FAILED: _BADLY}
"""What is counted, and the states that count as each: however a run went wrong, the line says that one did."""


class StatusLine(Widget):
    """How fresh the screen is, or since when it is stale and why; on the right what the runs do."""

    def __init__(self) -> None:
        super().__init__()
        self._snapshot = Snapshot()
        self._busy: float | None = None
        self._left = Text()
        self._right = Text()

    def show(self, snapshot: Snapshot, busy_since: float | None) -> None:
        """Take a snapshot and when the look under way began; draws only what reads differently."""
        self._snapshot, self._busy = snapshot, busy_since
        left, right = self._freshness(time.time()), self._counts()
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def _freshness(self, now: float) -> Text:
        snapshot = self._snapshot
        if snapshot.trouble is not None:
            return Text.assemble(
                (f"stale since {wording.clock(snapshot.trouble.since)}: ", f"bold {palette.WAIT}"),
                (snapshot.trouble.what, palette.WAIT),
            )
        if self._busy is not None and now - self._busy > _SLOW:
            return Text(f"disk or scheduler silent for {int(now - self._busy)} s", palette.WAIT)
        if snapshot.synced is None:
            return Text("reading ...", palette.MUTED)
        # To the minute: a clock that ticks each second would cost more bytes over SSH than all runs together.
        return Text(f"synced {wording.clock(snapshot.synced)}", palette.MUTED)

    def _counts(self) -> Text:
        counts = Counter(row.state for row in self._snapshot.runs)
        text = Text()
        for state, members in _COUNTED.items():
            if count := sum(counts[member] for member in members):
                word, style = palette.state_word(state)
                text.append(f"{count} {word}  ", style)
        total = len(self._snapshot.runs)
        text.append(f"{total} run{'' if total == 1 else 's'}", palette.MUTED)
        if self._snapshot.calls:
            text.append(f"  slurm {self._snapshot.calls}/min", palette.MUTED)
        return text

    def render(self) -> Text:
        """Draw the line; a long reason leaves the counts out."""
        width = self.size.width
        left, right = self._left.copy(), self._right
        if (small := _small(self.app.size.width, self.app.size.height)) is not None:
            left = Text.assemble((small, f"bold {palette.WAIT}"), left)
        blanks = width - left.cell_len - right.cell_len
        if blanks >= 2:
            return Text.assemble(left, " " * blanks, right)
        left.truncate(width, overflow="ellipsis")
        return left


def _small(width: int, height: int) -> str | None:
    """Say what a terminal lacks."""
    if width >= LEAST[0] and height >= LEAST[1]:
        return None
    return f"{width}x{height} is small: all is seen at {LEAST[0]}x{LEAST[1]}  "


class KeyBar(Widget):
    """The keys that matter now; `?` shows the others."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Key, ...] = ()

    def show(self, shown: tuple[Key, ...]) -> None:
        """Show other keys."""
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Text:
        """Draw keys and words; those that have no room are left out, never one of the last two."""
        last, room, text = self._shown[-2:], self.size.width, Text(no_wrap=True)
        hints = [_hint(key) for key in self._shown]
        room -= sum(hint.cell_len for hint in hints[-len(last) :])
        for hint in hints[: -len(last)] if last else hints:
            room -= hint.cell_len
            if room >= 0:
                text.append_text(hint)
        for hint in hints[-len(last) :]:
            text.append_text(hint)
        return text


def _hint(key: Key) -> Text:
    return Text.assemble((f" {key.shown} ", f"bold {palette.ACCENT}"), (f"{key.word} ", palette.MUTED))
