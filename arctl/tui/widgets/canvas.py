"""Widgets that show what `arctl.plots` draws: curves and confusion matrices, redrawn when size or content change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.snapshot import Chart

if TYPE_CHECKING:
    from arctl.confusion import Confusion

_TALL = 26
"""Lines from which a tab shows a second thing below the first."""

_PAIRS = 8
"""Confused pairs below a matrix."""


class Canvas(Widget, can_focus=True):
    """A drawing that depends on its size; drawn once for each size and content."""

    def __init__(self, *, ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.ascii = ascii
        self._made: tuple[tuple[int, int], Text] | None = None

    def draw(self, width: int, height: int) -> Text:
        """Return the drawing for a size in cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Forget the drawing and make it again."""
        self._made = None
        self.refresh()

    def render(self) -> Text:
        """Return the drawing for the present size."""
        size = (self.size.width, self.size.height)
        if self._made is None or self._made[0] != size:
            self._made = (size, self.draw(*size) if min(size) > 0 else Text())
        return self._made[1]

    @property
    def colour(self) -> bool:
        """False where NO_COLOR is set."""
        return not self.app.no_color


class CurvesView(Canvas):
    """Charts above each other, as many as there is room for."""

    def __init__(self, *, ascii: bool = False, id: str | None = None, tall: int = _TALL) -> None:
        super().__init__(ascii=ascii, id=id)
        self.charts: Sequence[Chart] = ()
        self._tall = tall

    def show(self, charts: Sequence[Chart]) -> None:
        """Show other charts."""
        self.charts = charts
        self.redraw()

    def draw(self, width: int, height: int) -> Text:
        """Draw one chart, or two where the height allows it."""
        from arctl import plots

        count = min(len(self.charts), 2 if height >= self._tall else 1)
        if count == 0:
            return Text()
        ansi = plots.stacked(
            [(chart.title, chart.curves) for chart in self.charts[:count]],
            width=width,
            heights=[height - height // count * (count - 1), *[height // count] * (count - 1)],
            colour=self.colour,
            ascii=self.ascii,
        )
        return Text.from_ansi(ansi)


class ConfusionView(Canvas):
    """A confusion matrix, with its most confused pairs where there is room."""

    def __init__(self, *, ascii: bool = False, id: str | None = None) -> None:
        super().__init__(ascii=ascii, id=id)
        self.confusion: Confusion | None = None

    def show(self, confusion: Confusion) -> None:
        """Show another matrix."""
        self.confusion = confusion
        self.redraw()

    def draw(self, width: int, height: int) -> Text:
        """Draw the matrix."""
        from arctl import plots

        if self.confusion is None:
            return Text()
        room = max(8, height - _PAIRS - 3) if height >= _TALL else height
        ansi = plots.confusion(self.confusion, width=width, height=room, colour=self.colour, ascii=self.ascii)
        text = Text.from_ansi("\n".join(_without_blank_end(ansi)))
        left = height - len(text.split("\n")) - 3
        return Text("\n").join([text, *self._pairs(min(left, _PAIRS), width)]) if left > 0 else text

    def _pairs(self, count: int, width: int) -> list[Text]:
        matrix = self.confusion
        if matrix is None or not (pairs := matrix.pairs(count)):
            return []
        lines = [Text(), Text("most confused", style=f"bold {palette.MUTED}")]
        for true, predicted, times in pairs:
            line = Text.assemble(
                (f"{times:>4} of {matrix.support[true]:<5}", palette.WAIT),
                (safe_line(matrix.classes[true], limit=40), palette.TEXT),
                (" taken for ", palette.MUTED),
                (safe_line(matrix.classes[predicted], limit=40), palette.TEXT),
            )
            line.truncate(width, overflow="ellipsis")
            lines.append(line)
        return lines


def _without_blank_end(ansi: str) -> list[str]:
    lines = ansi.split("\n")
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    return lines
