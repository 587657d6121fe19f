"""The curves of the runs that are compared, on one canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from arctl.tui import palette
from arctl.tui.look import Look

if TYPE_CHECKING:
    from arctl.tui.reading.compare import OverlayPanel

_TALL = 24
"""Lines from which a second chart stands below the first."""


class VersusCurves(Widget, can_focus=True):
    """Draws what was read, once for each size and content."""

    DEFAULT_CSS = "VersusCurves { height: 1fr; background: $background; }"

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._panel: OverlayPanel | None = None
        self._why = ""
        self._made: tuple[tuple[int, int], Text] | None = None

    def show(self, panel: OverlayPanel) -> None:
        """Draw other curves."""
        self._panel, self._made, self._why = panel, None, ""
        self.refresh()

    def say(self, why: str) -> None:
        """Say why there are none."""
        self._panel, self._made, self._why = None, None, why
        self.refresh()

    def render(self) -> Text:
        """Return the drawing for the present size."""
        size = (self.size.width, self.size.height)
        if self._made is None or self._made[0] != size:
            self._made = (size, self._draw(*size))
        return self._made[1]

    def _draw(self, width: int, height: int) -> Text:
        if self._panel is None or min(width, height) < 1:
            return Text(self._why or "reading ...", palette.MUTED)
        charts = self._panel.charts[: 2 if height >= _TALL else 1]
        if not charts:
            return Text("no metrics yet: curves begin with the first step that a trainer writes", palette.MUTED)
        from arctl import plots

        first = height - height // len(charts) * (len(charts) - 1)
        heights = [first, *[height // len(charts)] * (len(charts) - 1)]
        ansi = plots.stacked(charts, width=width, heights=heights, colour=self._look.colour, ascii=self._look.ascii)
        return Text.from_ansi(ansi, no_wrap=True)
