"""The Curves tab: which curves of a run are drawn and how; keys choose, zoom, pan, and read values with a cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from arctl.registry.rows import RunRow
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.keys import Key, bindings
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.curves import CurvesPanel, CurvesWant
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.curve_canvas import CurveCanvas
from arctl.tui.widgets.curve_keys import KEYS
from arctl.tui.widgets.metric_picker import MetricPicker

if TYPE_CHECKING:
    from arctl.raster import Floats

__all__ = ["AXES", "KEYS", "SMOOTHINGS", "CurvesTab"]

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
AXES = ("epoch", "step", "time", "hours")
_PATIENCE = 0.25
"""Seconds after which a run that has not come says that it is being read."""

_WIDE = 100
_FINEST = 1e-5
"""The smallest part of a curve that can be zoomed to."""


class CurvesTab(Vertical):
    """Curves of the run that it was last given; the settings stay from run to run."""

    TITLE: ClassVar[str] = "Curves"
    KEYS: ClassVar[tuple[Key, ...]] = KEYS
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "next-tab", "metrics", "cursor-left", "zoom-in", "axis", "smooth")
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)
    DEFAULT_CSS = """
    CurvesTab CurveCanvas { height: 1fr; }
    CurvesTab .reading { height: 1; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        self._look = look
        self._row: RunRow | None = None
        self._asked = CurvesWant(0, 0, 0, ascii=look.ascii, colour=look.colour)
        self._panel: CurvesPanel | None = None
        self._cursor: float | None = None
        self._answered = False
        self.canvas = CurveCanvas(look)
        """Where the curves are drawn."""
        self._reading = Static(classes="reading", markup=False)

    def compose(self) -> ComposeResult:
        """The canvas, and below it what the cursor reads."""
        yield self.canvas
        yield self._reading

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Ask for a run's curves where it is another one or may have written more."""
        before, self._row = self._row, row
        if before is None or before.number != row.number:
            self._cursor = self._panel = None
            self._answered = False
            self._asked = replace(self._asked, number=row.number, window=None)
            self.set_timer(_PATIENCE, self._say_reading)
        elif not fresh and before is not None and _written(before) == _written(row):
            return
        self._ask(written=_written(row))

    def take(self, panel: Panel) -> None:
        """Draw what was read, unless something else is wanted by now."""
        if panel.want != self._asked:
            return
        self._answered = True
        if isinstance(panel, CurvesPanel):
            self._panel = panel
            self._show()
        elif isinstance(panel, EmptyPanel):
            self._panel = None
            self._say(panel.why)

    def _say(self, word: str) -> None:
        self.canvas.say(word)
        self._reading.update("")

    def _say_reading(self) -> None:
        if not self._answered:
            self._say("reading ...")

    def _ask(self, **changes: object) -> None:
        width, height = self.size.width, self.size.height - 1
        self._asked = replace(self._asked, **changes, width=width, height=height)  # type: ignore[arg-type]
        if self._asked.number and width > 0 and height > 0:
            self.post_message(Wanted(self._asked, self))

    def _show(self) -> None:
        if self._panel is None:
            return
        self.canvas.show(self._panel.drawing, self._cursor)
        self._reading.update(self._words())
        note = self._noted()
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def _noted(self) -> str:
        panel, asked = self._panel, self._asked
        if panel is None:
            return ""
        wide = asked.width >= _WIDE
        # A narrow strip has no room for what the canvas says as well.
        axis = next((line.axis for line in panel.curves), asked.x) if wide else ""
        weight = f"smooth {asked.smooth:g}" if wide else f"smooth {asked.smooth:g}".replace("0.", ".")
        parts = [axis, weight if asked.smooth else "", "log" if asked.log and wide else ""]
        parts += ["zoom" if asked.window else "", "chosen" if panel.at is None else ""]
        if panel.at is not None and len(panel.groups) > 1:
            parts.append(f"{panel.at + 1}/{len(panel.groups)}")
        return (" | " if wide else ", ").join(part for part in parts if part)

    def _words(self) -> Text:
        """Return what the cursor reads, or how to read."""
        from arctl import curves, plots

        panel = self._panel
        if panel is None or self._cursor is None:
            return Text("M next metrics  L log  b best  < > pan  0 all", style=palette.MUTED)
        found = curves.read_at(panel.curves, self._cursor)
        text = Text(no_wrap=True, overflow="ellipsis")
        newest = max(found, key=lambda one: one.x, default=None)
        axis = panel.curves[0].axis
        text.append(plots.place_text(axis, self._cursor if newest is None else newest.x), style=palette.MUTED)
        if newest is not None and newest.step is not None and axis != "step":
            text.append(f" step {newest.step}", style=palette.MUTED)
        for one in found:
            smoothed = "" if one.smoothed is None else f" ({plots.figure(one.metric, one.smoothed)})"
            text.append(f"  {safe_line(one.metric)} ", style=palette.MUTED)
            text.append(f"{plots.figure(one.metric, one.value)}{smoothed}", style=f"bold {palette.TEXT}")
            if newest is not None and one.step != newest.step:
                text.append(f" at {one.step}", style=palette.FAINT)
        return text

    def on_resize(self) -> None:
        """Ask for a drawing of this size."""
        if (self.size.width, self.size.height - 1) != (self._asked.width, self._asked.height):
            self._ask()

    @on(CurveCanvas.Pointed)
    def _pointed(self, event: CurveCanvas.Pointed) -> None:
        x = self._places()
        before = x[x <= event.x]
        self._go(float(before[-1]) if len(before) else event.x)

    @property
    def _drawn(self) -> CurvesPanel | None:
        """What is drawn, while it has the horizontal axis that is wanted: keys may be faster than drawings."""
        panel = self._panel
        if panel is None:
            return None
        return panel if isinstance(panel.want, CurvesWant) and panel.want.x == self._asked.x else None

    def _places(self) -> Floats:
        """Return where the lines have points, rising."""
        import numpy as np

        lines = () if self._drawn is None else self._drawn.curves
        return np.unique(np.concatenate([line.x for line in lines])) if lines else np.zeros(0)

    def _go(self, x: float | None) -> None:
        self._cursor = x
        self._show()

    def action_cursor(self, way: int) -> None:
        """Move the cursor to the next point, at least one column on."""
        import numpy as np

        frame = next((frame for frame in self._drawn.drawing.frames if frame), None) if self._drawn else None
        if frame is None:
            return
        x = self._places()
        x = x[(x >= frame.low) & (x <= frame.high)]
        if not len(x):
            return
        if self._cursor is None or not frame.low <= self._cursor <= frame.high:
            self._go(float(x[-1] if way < 0 else x[0]))
            return
        columns = ((x - frame.low) / (frame.high - frame.low) * (2 * frame.columns - 1)).astype(np.intp) // 2
        here = frame.column(self._cursor) or 0
        on = x[columns > here] if way > 0 else x[columns < here]
        if len(on):
            self._go(float(on[0] if way > 0 else on[-1]))

    def action_drop(self) -> None:
        """Take the cursor away; without one the key means what it means elsewhere."""
        if self._cursor is None:
            raise SkipAction()
        self._go(None)

    def action_metrics(self) -> None:
        """Choose metrics from a list."""
        panel = self._panel
        if panel is None:
            return
        chosen = tuple(dict.fromkeys(line.metric for line in panel.curves)) if panel.at is None else ()

        def picked(metrics: tuple[str, ...] | None) -> None:
            if metrics is not None:
                self._ask(metrics=metrics)

        self.app.push_screen(MetricPicker(panel.names, chosen, ascii=self._look.ascii), picked)

    def action_group(self) -> None:
        """Draw the next group of metrics."""
        panel = self._panel
        if panel is None:
            return
        place = 0 if panel.at is None else (panel.at + 1) % len(panel.groups)
        self._ask(metrics=(), group=panel.groups[place])

    def action_smooth(self, by: int) -> None:
        """Smooth more, or less."""
        place = SMOOTHINGS.index(self._asked.smooth) + by
        self._ask(smooth=SMOOTHINGS[place % len(SMOOTHINGS)])

    def action_log_scale(self) -> None:
        """Change between a linear and a logarithmic scale."""
        self._ask(log=not self._asked.log)

    def action_axis(self) -> None:
        """Draw over the next quantity; what was zoomed to and the cursor have no place on it."""
        self._cursor = None
        self._ask(x=AXES[(AXES.index(self._asked.x) + 1) % len(AXES)], window=None)

    def action_best(self) -> None:
        """Mark the best values, or not."""
        self._ask(best=not self._asked.best)

    def action_whole(self) -> None:
        """Show all of the curves."""
        self._ask(window=None)

    def action_zoom(self, way: int) -> None:
        """Show half as much around the cursor or the middle, or twice as much."""
        panel = self._drawn
        if panel is None:
            return
        low, high = self._asked.window or panel.extent
        middle = self._cursor if self._cursor is not None and low <= self._cursor <= high else (low + high) / 2
        # What the cursor stands on stays where it is on the screen.
        factor = 0.5 if way > 0 else 2.0
        self._look_at(middle - (middle - low) * factor, middle + (high - middle) * factor)

    def action_pan(self, way: int) -> None:
        """Move the window by a quarter of its width."""
        if self._drawn is None or self._asked.window is None:
            return
        low, high = self._asked.window
        by = way * (high - low) / 4
        self._look_at(low + by, high + by)

    def _look_at(self, low: float, high: float) -> None:
        """Show a window, moved and cut to where there are curves."""
        assert self._panel is not None
        first, last = self._panel.extent
        width = max(high - low, (last - first) * _FINEST)
        if width >= last - first or last <= first:
            self._ask(window=None)
            return
        low = min(max(low, first), last - width)
        self._ask(window=(low, low + width))


def _written(row: RunRow) -> tuple[object, ...]:
    """Return what changes when a run has written more."""
    return row.attempts, row.step, row.epoch, row.last_event, row.state, row.damaged, row.gpus
