"""Which parameter of a sweep mattered, in few lines that say how much they rest on, and its plot below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from arctl.numerals import value_text
from arctl.text import safe_line, safe_part
from arctl.tui import palette, wording
from arctl.tui.look import Look
from arctl.tui.reading.sweep import SweepPanel, short
from arctl.tui.widgets.columns import pad

if TYPE_CHECKING:
    from arctl.sweeps.importance import Effect

LEAST_PLOT = 4
"""Lines below which a plot tells nothing, and is left out."""

TALLEST, WIDEST = 18, 90
"""Lines and columns of the plot at the most."""

_VERDICTS = {"matters": f"bold {palette.GOOD}", "perhaps": palette.WAIT}


class EffectsView(Widget):
    """What each parameter did, the chosen one marked, and the metric against it."""

    DEFAULT_CSS = "EffectsView { height: 1fr; background: $background; padding: 0 1; }"

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._panel: SweepPanel | None = None
        self._key: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters, the clearest first, then those of which nothing can be said yet."""
        if self._panel is None:
            return ()
        told = [effect.key for effect in self._panel.effects]
        return (*told, *(key for key in self._panel.board.varied if key not in told))

    @property
    def chosen(self) -> str | None:
        """The parameter that is plotted."""
        return self._key if self._key in self.keys else next(iter(self.keys), None)

    def show(self, panel: SweepPanel | None) -> None:
        """Draw a sweep."""
        self._panel = panel
        self.refresh()

    def step(self, by: int) -> None:
        """Plot the next parameter, or the one before."""
        if self.keys and self.chosen is not None:
            self._key = self.keys[(self.keys.index(self.chosen) + by) % len(self.keys)]
            self.refresh()

    def render(self) -> Text:
        """Draw the table, what it rests on, and the plot in what room is left."""
        if self._panel is None or not self.keys:
            return Text("nothing varies in this sweep" if self._panel else "", palette.MUTED)
        width, height = self.size.width, self.size.height
        told = [*self._table(width), *self._remarks(width)]
        room = height - len(told) - 1
        if room < LEAST_PLOT:
            told = told[: max(1, height - LEAST_PLOT - 1)]
            room = height - len(told) - 1
        plot = self._plot(width, room) if room >= LEAST_PLOT else []
        lines = [*told, *([Text()] if plot else []), *plot]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return Text("\n", no_wrap=True).join(lines)

    def _table(self, width: int) -> list[Text]:
        assert self._panel is not None
        effects = {effect.key: effect for effect in self._panel.effects}
        titles = short(self.keys)
        name = min(max([9, *(cell_len(text) for text in titles.values())]), max(9, width // 3))
        lines = [Text(f"  {pad('parameter', name)} {pad('verdict', 15)} share trend     p", f"bold {palette.MUTED}")]
        for key in self.keys:
            here = key == self.chosen
            mark = (">" if self._look.ascii else "▸") if here else " "
            line = Text(f"{mark} ", palette.ACCENT)
            line.append(pad(titles[key], name), f"bold {palette.TEXT}" if here else palette.TEXT)
            self._facts(line, effects.get(key))
            lines.append(line)
        return lines

    def _facts(self, line: Text, effect: Effect | None) -> None:
        assert self._panel is not None
        if effect is None:
            line.append(" nothing has completed with different values yet", palette.FAINT)
            return
        board = self._panel.board
        best, worst = effect.ends(lower=board.lower)
        share = wording.NOTHING if effect.share is None else f"{100 * effect.share:.0f}%"
        trend = wording.NOTHING if effect.trend is None else f"{effect.trend:+.2f}"
        p = wording.NOTHING if effect.p is None else f"{effect.p:.3f}"
        line.append(f" {pad(effect.verdict, 15)}", _VERDICTS.get(effect.verdict, palette.MUTED))
        line.append(f" {share:>5} {trend:>5} {p:>5}", palette.TEXT)
        ends = [safe_line(f"{group.label} ({value_text(board.metric, group.mean)})") for group in (best, worst)]
        line.append(f"  best {ends[0]}, worst {ends[1]}", palette.MUTED)

    def _remarks(self, width: int) -> list[Text]:
        """Say what the verdicts rest on, and which parameters nobody can tell apart."""
        assert self._panel is not None
        effects = self._panel.effects
        if not effects:
            return []
        judged = max(effect.count for effect in effects)
        said = [f"by {judged} completed run{'s' if judged != 1 else ''} of {len(self._panel.board.entries)}; "]
        said[0] += "p: how often chance alone shows as much"
        if len(effects) > 2:
            said.append("of many parameters one looks clear by chance")
        for effect in effects:
            if effect.twins and effect.key < min(effect.twins):
                together = ", ".join(safe_line(key, limit=60) for key in (effect.key, *effect.twins))
                said.append(f"{together} change together: nobody can tell them apart here")
        return [Text(text, palette.MUTED) for text in _wrapped(said, width)]

    def _plot(self, width: int, height: int) -> list[Text]:
        from arctl.sweeps.scatter import ASCII_MARKS, MARKS, Kind, axis, rows, scatter

        assert self._panel is not None and self.chosen is not None
        board = self._panel.board
        points = scatter(board, self.chosen)
        if not points.dots:
            return [Text(f"no run has a value of {safe_line(board.metric, limit=60)} yet", palette.MUTED)]
        marks = ASCII_MARKS if self._look.ascii else MARKS
        styles = {Kind.BEST: f"bold {palette.GOOD}", Kind.LIVE: palette.ACCENT, Kind.DONE: palette.TEXT}
        kinds = {dot.kind for dot in points.dots}
        legend = ", ".join(f"{marks[kind]} {kind}" for kind in Kind if kind in kinds)
        log = ", log" if points.log else ""
        title = safe_line(f"{points.metric} against {points.key}{log}", limit=200)
        lines = [Text(f"{title}   {legend}", palette.MUTED)]
        low, high = points.y_range
        lines_of_plot = min(TALLEST, height - 2)
        ends = {0: value_text(points.metric, high), lines_of_plot - 1: value_text(points.metric, low)}
        side = max(cell_len(text) for text in ends.values())
        across = max(8, min(WIDEST, width - side - 3))
        wall = "|" if self._look.ascii else "│"
        for at, row in enumerate(rows(points, across, lines_of_plot)):
            line = Text(f"{ends.get(at, ''):>{side}} {wall} ", palette.FAINT)
            for kind in row:
                line.append(" " if kind is None else marks[kind], "" if kind is None else styles[kind])
            lines.append(line)
        lines.append(Text(f"{'':>{side}}   {safe_part(axis(points, across))}", palette.MUTED))
        return lines


def _wrapped(sentences: Sequence[str], width: int) -> list[str]:
    """Return sentences in lines of at most `width` cells, each sentence on a line of its own."""
    lines = []
    for sentence in sentences:
        line = ""
        for word in sentence.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = ""
            line = f"{line} {word}".strip()
        lines.append(line)
    return lines
