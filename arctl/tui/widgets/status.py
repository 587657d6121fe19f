"""The two lines at the bottom: how fresh the screen is, and the keys that matter now."""

from __future__ import annotations

import time
from collections import Counter

from rich.text import Text
from textual.widget import Widget

from arctl.states import State
from arctl.tui import keys, palette, wording
from arctl.tui.snapshot import Snapshot

_SLOW = 5.0
"""Seconds of one look after which the status line says that it waits."""

_BADLY = (State.FAILED, State.TIMEOUT, State.OUT_OF_MEMORY, State.NODE_FAIL, State.REFUSED)
_COUNTED = {State.RUNNING: (State.RUNNING,), State.PENDING: (State.PENDING,), State.FAILED: _BADLY}
"""What is counted, and the states that count as each: however a run went wrong, the line says that one did."""


class StatusLine(Widget):
    """How fresh the screen is, or since when it is stale and why; on the right what the runs do."""

    def __init__(self, *, step: int = 1) -> None:
        super().__init__()
        self._snapshot = Snapshot()
        self._busy: float | None = None
        self._step = step
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
        gone = max(0, int(now - snapshot.synced)) // self._step * self._step
        return Text(f"synced {gone} s ago" if gone else "synced just now", palette.MUTED)

    def _counts(self) -> Text:
        counts = Counter(row.state for row in self._snapshot.runs)
        text = Text()
        for state, members in _COUNTED.items():
            if count := sum(counts[member] for member in members):
                word, style = palette.state_word(state)
                text.append(f"{count} {word}  ", style)
        total = len(self._snapshot.runs)
        text.append(f"{total} run{'' if total == 1 else 's'}", palette.MUTED)
        return text

    def render(self) -> Text:
        """Draw the line; a long reason leaves the counts out."""
        width = self.size.width
        left, right = self._left.copy(), self._right
        blanks = width - left.cell_len - right.cell_len
        if blanks >= 2:
            return Text.assemble(left, " " * blanks, right)
        left.truncate(width, overflow="ellipsis")
        return left


class KeyBar(Widget):
    """The keys that matter now; `?` shows the others."""

    def __init__(self, actions: tuple[str, ...] = keys.LIST_FOOTER) -> None:
        super().__init__()
        self._actions = actions

    def show(self, actions: tuple[str, ...]) -> None:
        """Show other keys."""
        if actions != self._actions:
            self._actions = actions
            self.refresh()

    def render(self) -> Text:
        """Draw keys and words."""
        text = Text(no_wrap=True, overflow="ellipsis")
        for key, word in keys.hints(self._actions):
            text.append(f" {key} ", f"bold {palette.ACCENT}")
            text.append(f"{word} ", palette.MUTED)
        return text
