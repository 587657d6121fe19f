"""The System tab: whether the run makes good use of its machine, and whether its numbers stay sound."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from arctl.registry.rows import RunRow
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.system import SystemPanel, SystemWant
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.curve_canvas import CurveCanvas

KEYS: tuple[Key, ...] = ()
"""The tab only shows."""


class SystemTab(Vertical):
    """Figures of the run that it was last given."""

    TITLE: ClassVar[str] = "System"
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "next-tab", "last-tab", "why", "copy")
    DEFAULT_CSS = "SystemTab CurveCanvas { height: 1fr; }"

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        self._asked = SystemWant(0, 0, 0, ascii=look.ascii)
        self._row: RunRow | None = None
        self._canvas = CurveCanvas(look)

    def compose(self) -> ComposeResult:
        """The charts."""
        yield self._canvas

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Ask for a run's figures where it is another one or has written more."""
        before, self._row = self._row, row
        if fresh or before is None or _written(before) != _written(row):
            self._ask()

    def take(self, panel: Panel) -> None:
        """Draw what was read, unless something else is wanted by now."""
        if panel.want != self._asked:
            return
        note = ""
        if isinstance(panel, SystemPanel):
            self._canvas.show(panel.drawing, None)
            count = len(panel.alarms)
            note = f"{count} alarm{'s' if count != 1 else ''}" if count else "nothing out of bounds"
        elif isinstance(panel, EmptyPanel):
            self._canvas.say(panel.why)
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def on_resize(self) -> None:
        """Ask for a drawing of this size."""
        if (self.size.width, self.size.height) != (self._asked.width, self._asked.height):
            self._ask()

    def _ask(self) -> None:
        number = 0 if self._row is None else self._row.number
        self._asked = replace(self._asked, number=number, width=self.size.width, height=self.size.height)
        if number and self.size.width and self.size.height:
            self.post_message(Wanted(self._asked, self))


def _written(row: RunRow) -> tuple[object, ...]:
    """Return what changes when a run has written more."""
    return row.number, row.attempts, row.step, row.epoch, row.last_event
