"""What changed between two confusion matrices, as a heat map with a line on the class under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from arctl.tui import palette
from arctl.tui.look import Look
from arctl.tui.widgets.class_map import ClassMap

if TYPE_CHECKING:
    from arctl.tui.reading.compare import ComparePanel


class VersusMap(Vertical):
    """The difference of two matrices; says why where there is none."""

    DEFAULT_CSS = """
    VersusMap { height: 1fr; }
    VersusMap #versus-class { height: auto; max-height: 3; }
    """

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._panel: ComparePanel | None = None
        self.map = ClassMap()
        """The cells."""
        self._line = Static(id="versus-class", markup=False)

    def compose(self) -> ComposeResult:
        """Cells, and a line on one class."""
        yield self.map
        yield self._line

    def show(self, panel: ComparePanel, *, fresh: bool) -> None:
        """Draw a comparison's difference."""
        self._panel = panel
        change = panel.comparison.confusion
        self.map.display = change is not None
        if change is None or panel.order is None:
            self._line.update(Text(panel.comparison.why_no_confusion or "no predictions", palette.MUTED))
            return
        from functools import partial

        from arctl import heatmap

        draw = partial(heatmap.difference, change, colour=self._look.colour, ascii=self._look.ascii)
        self.map.show(draw, panel.order, fresh=fresh)

    @on(ClassMap.Moved)
    def _moved(self, event: ClassMap.Moved) -> None:
        event.stop()
        where = self._panel.comparison.where if self._panel is not None else None
        if where is None or self._panel is None:
            return
        one, (first, second) = event.one, self._panel.comparison.labels
        before, after = (float(where.recall(side)[one]) for side in (0, 1))
        line = Text.assemble((f"{one + 1} {where.classes[one]}", f"bold {palette.ACCENT}"))
        if before == before:
            moved = after - before
            word, style = (
                ("better", palette.GOOD) if moved > 0 else ("worse", palette.BAD) if moved < 0 else ("the same", "")
            )
            line.append(f": recall {100 * before:.1f}% in {first}, {100 * after:.1f}% in {second}, ", palette.TEXT)
            line.append(f"{100 * moved:+.1f} {word}", style or palette.MUTED)
            line.append(f", of {where.support[one]} samples", palette.TEXT)
        else:
            line.append(": no samples here", palette.MUTED)
        count, total = self.map.shown
        line.append(f"  ({count} of {total} classes)" if count < total else "", palette.MUTED)
        self._line.update(line)
