"""The Confusion tab: which classes a run takes for which, after any epoch that there are predictions of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from arctl.registry.rows import RunRow
from arctl.tui import keys, palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.confusion import ClipsPanel, ClipsWant, ConfusionPanel, ConfusionWant
from arctl.tui.reading.sources import Source
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.class_finder import ClassFinder
from arctl.tui.widgets.class_map import ClassMap
from arctl.tui.widgets.confusion_lines import head, line, stamp
from arctl.tui.widgets.section_page import SectionPage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEYS = (
    Key("slash", "/", "find", "find", "find a class by its name or number", "find-confused"),
    Key("b", "b", "page('classes')", "best, worst", "the best and the worst classes with intervals", "best-worst"),
    Key("i", "i", "page('pairs')", "pairs", "the most frequent confusions", "confused-pairs"),
    Key("o", "o", "order", "order", "order of the classes: confused, class, recall", "confusion-order"),
    Key("z", "z", "normalize", "share of", "cells as shares of the row, the column, all, or counts", "normalize"),
    Key("full_stop", ".", "epoch(1)", "later", "after the next epoch", "later-epoch"),
    Key("comma", ",", "epoch(-1)", "earlier", "after the epoch before", "earlier-epoch"),
    Key("v", "v", "source", "views", "other answers: split, views, probe, verbs and nouns", "answers"),
    Key("escape", "esc", "widen", "back", "back to the whole map", "whole-map"),
)
"""What can be done with a confusion matrix."""

ORDERS = ("confused", "class", "recall")
NORMALIZE = {"true": "row", "pred": "column", "all": "all samples", "none": "counts"}


class ConfusionTab(Vertical):
    """A map, or a page of classes, pairs or clips."""

    TITLE: ClassVar[str] = "Confusion"
    KEYS = KEYS
    FOOTER = ("back", "next-tab", "find-confused", "best-worst", "later-epoch", "confused-pairs")
    BINDINGS = keys.bindings(KEYS)
    DEFAULT_CSS = """
    ConfusionTab { height: 1fr; }
    ConfusionTab #confusion-head { height: auto; max-height: 4; }
    ConfusionTab #confusion-line { height: auto; max-height: 2; }
    ConfusionTab #confusion-word { height: 1fr; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        """What the strip says: split and epoch."""
        self._look = look
        self._row: RunRow | None = None
        self._source: Source | None = None
        self._epoch: int | None = None
        self._panel: ConfusionPanel | None = None
        self._order, self._normalize, self._page_of = ORDERS[0], "true", ""
        self._trail: list[str] = []
        self._head = Static(id="confusion-head", markup=False)
        self._finder = ClassFinder()
        self._word = Static(id="confusion-word", markup=False)
        self.map = ClassMap()
        """The cells."""
        self.page = SectionPage()
        """Classes, pairs or clips."""
        self._line = Static(id="confusion-line", markup=False)

    def compose(self) -> ComposeResult:
        """What is shown of, the map or a page, and a line on one class."""
        yield self._head
        yield self._finder
        yield self._word
        yield self.map
        yield self.page
        yield self._line

    def on_mount(self) -> None:
        """Show nothing yet; the word takes the focus that the map will have."""
        self._word.can_focus = True
        self._see(self._word)

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run's matrix, again where an evaluation may have come."""
        before, self._row = self._row, row
        if fresh:
            self._source, self._epoch, self._panel, self._trail = None, None, None, []
            self._say("reading ...")
        if fresh or before is None or stamp(before) != stamp(row):
            self._ask()

    def _ask(self) -> None:
        if self._row is not None:
            want = ConfusionWant(self._row.number, self._source, self._epoch, stamp(self._row))
            self.app.post_message(Wanted(want, self))

    def take(self, panel: Panel) -> None:
        """Draw what was read."""
        if isinstance(panel, EmptyPanel):
            if self._panel is None or isinstance(panel.want, ConfusionWant):
                self._panel = None
                self._say(panel.why)
        elif isinstance(panel, ConfusionPanel):
            self._show(panel)
        elif isinstance(panel, ClipsPanel):
            self.page.show(panel.sections)
            self._see(self.page)
            self.page.focus()

    def _show(self, panel: ConfusionPanel) -> None:
        before, self._panel = self._panel, panel
        self._source = panel.source
        matrix = panel.confusion
        fresh = before is None or before.confusion.classes != matrix.classes
        self._head.update(head(panel))
        self._draw_map(fresh=fresh)
        if fresh or self._page_of not in ("classes", "pairs"):
            self._page_of, self._trail = "", []
            self._see(self.map)
        else:
            self.page.show(panel.classes if self._page_of == "classes" else panel.pairs, fresh=False)
        self._note()

    def _draw_map(self, *, fresh: bool) -> None:
        from arctl import heatmap

        if self._panel is None:
            return
        matrix = self._panel.confusion
        order = self._panel.order if self._order == "confused" else matrix.order(self._order)
        look = self._look
        draw = partial(heatmap.confusion, matrix, normalize=self._normalize, colour=look.colour, ascii=look.ascii)
        self.map.show(draw, order, fresh=fresh)

    def _note(self) -> None:
        panel = self._panel
        note = ""
        if panel is not None:
            at = panel.epochs.index(panel.confusion.epoch) + 1 if panel.confusion.epoch in panel.epochs else 0
            slider = f" ({at} of {len(panel.epochs)})" if len(panel.epochs) > 1 else ""
            note = f"{panel.source.words()} epoch {panel.confusion.epoch}{slider}"
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def _say(self, why: str) -> None:
        self._word.update(Text(why, palette.MUTED))
        self._head.update("")
        self._see(self._word)
        self._note()

    def _see(self, chosen: Widget) -> None:
        focused = self.map.has_focus or self.page.has_focus or self._word.has_focus
        for widget in (self._word, self.map, self.page):
            widget.display = widget is chosen
        self._head.display = self._line.display = chosen is not self._word
        self._line.display = chosen is self.map
        if focused and chosen.focusable:
            chosen.focus()

    def _focus_seen(self) -> None:
        (self.page if self.page.display else self.map).focus()

    @on(ClassMap.Moved)
    def _moved(self, event: ClassMap.Moved) -> None:
        event.stop()
        if self._panel is not None:
            self._line.update(line(self._panel, event.one, *self.map.shown))

    @on(ClassMap.Opened)
    def _opened(self, event: ClassMap.Opened) -> None:
        event.stop()
        self._clips(event.one, None)

    @on(SectionPage.Opened)
    def _row_opened(self, event: SectionPage.Opened) -> None:
        event.stop()
        self._clips(*event.about)

    def _clips(self, true: int | None, predicted: int | None) -> None:
        if self._panel is not None and self._row is not None:
            self._trail.append(self._page_of)
            self._page_of = "clips"
            self.app.post_message(Wanted(ClipsWant(self._row.number, true, predicted, self._panel), self))

    def action_page(self, name: str) -> None:
        """List classes or pairs; the map again where they are listed already."""
        if self._panel is None:
            return
        if self._page_of == name:
            self.action_widen()
            return
        self._page_of, self._trail = name, []
        self.page.show(self._panel.classes if name == "classes" else self._panel.pairs)
        self._see(self.page)
        self.page.focus()

    def action_widen(self) -> None:
        """Go back from a page to what it came from, from a block to the whole map."""
        before = self._trail.pop() if self._trail else ""
        if self._page_of and before in ("classes", "pairs"):
            self._page_of = ""
            self.action_page(before)
        elif self._page_of:
            self._page_of = ""
            self._see(self.map)
            self.map.focus()
        elif not self.map.whole():
            raise SkipAction

    def action_order(self) -> None:
        """Put the classes in another order."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._redraw(f"order: {self._order}")

    def action_normalize(self) -> None:
        """Let cells be shares of something else."""
        names = list(NORMALIZE)
        self._normalize = names[(names.index(self._normalize) + 1) % len(names)]
        self._redraw(f"cells: {NORMALIZE[self._normalize]}")

    def _redraw(self, told: str) -> None:
        self._draw_map(fresh=False)
        if self._panel is not None:
            self._head.update(head(self._panel, told))

    def action_epoch(self, by: int) -> None:
        """Look at the answers after another epoch."""
        if self._panel is None or not self._panel.epochs:
            return
        epochs = self._panel.epochs
        here = self._epoch if self._epoch in epochs else self._panel.confusion.epoch
        at = epochs.index(here) if here in epochs else len(epochs) - 1
        self._epoch = epochs[max(0, min(len(epochs) - 1, at + by))]
        self._ask()

    def action_source(self) -> None:
        """Look at other answers of the run."""
        if self._panel is None or len(self._panel.sources) < 2:
            self.notify("the run has no other answers: `arctl eval` makes some", markup=False)
            return
        sources = self._panel.sources
        at = sources.index(self._panel.source) if self._panel.source in sources else -1
        self._source, self._epoch = sources[(at + 1) % len(sources)], None
        self._ask()

    def action_find(self) -> None:
        """Look for a class."""
        if self._panel is not None:
            self._finder.open(self._panel.confusion.classes)

    @on(ClassFinder.Found)
    def _found(self, event: ClassFinder.Found) -> None:
        event.stop()
        self._page_of, self._trail = "", []
        self._see(self.map)
        self.map.focus()
        self._zoom(event.one)

    @on(ClassFinder.Left)
    def _left(self, event: ClassFinder.Left) -> None:
        event.stop()
        self._focus_seen()

    def _zoom(self, one: int) -> None:
        from arctl import heatmap
        from arctl.seriation import window

        assert self._panel is not None
        matrix = self._panel.confusion
        order: NDArray[np.intp] = self._panel.order if self._order == "confused" else matrix.order(self._order)
        size = min(heatmap.room(matrix.classes, self.map.size.width or 80), max(8, self.size.height - 7))
        self.map.zoom_to(one, *window(order, matrix.shares().cells, around=one, size=size))
