"""The parts of a comparison: on a narrow screen one at a time, on a wide one a text beside a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget

from arctl.sections import Cell, Section
from arctl.tui.look import Look
from arctl.tui.messages import Wanted
from arctl.tui.reading.sources import TRAINING
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.class_map import ClassMap
from arctl.tui.widgets.section_page import SectionPage
from arctl.tui.widgets.versus_curves import VersusCurves
from arctl.tui.widgets.versus_map import VersusMap

if TYPE_CHECKING:
    from arctl.tui.reading.compare import ComparePanel, OverlayPanel

TABS = ("Verdict", "Curves", "Set-up", "Classes", "Confusion", "Predictions")
"""The parts."""

_BESIDE = {
    "Verdict": "Curves",
    "Curves": "Verdict",
    "Set-up": "Curves",
    "Classes": "Confusion",
    "Confusion": "Classes",
    "Predictions": "Confusion",
}
"""What stands beside a part where there is room."""

_WIDE = 116
"""Columns from which two parts stand beside each other."""


class Versus(Horizontal):
    """Draws comparisons; asks for samples itself."""

    DEFAULT_CSS = """
    Versus { height: 1fr; }
    Versus > * { width: 2fr; height: 1fr; padding: 0 1; }
    Versus > SectionPage { width: 3fr; }
    Versus > .-beside { border: round $edge; border-title-color: $muted; }
    Versus > .-beside:focus, Versus > .-beside:focus-within {
        border: round $primary 60%; border-title-color: $primary; border-title-style: bold;
    }
    """

    class Noted(Message):
        """Another part is shown, or its note changed."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.panel: ComparePanel | None = None
        """What is shown."""
        self.tab = TABS[0]
        """The part that is shown."""
        self._every = False
        self._only: tuple[int | None, int | None] = (None, None)
        self._from = ""
        self._samples_note = ""
        self._charts = ""
        self.curves = VersusCurves(look)
        """The curves."""
        self._map = VersusMap(look)
        self.pages = {name: SectionPage() for name in ("Verdict", "Set-up", "Classes", "Predictions")}
        """The parts that are text."""
        self._parts: dict[str, Widget] = {**self.pages, "Curves": self.curves, "Confusion": self._map}

    def compose(self) -> ComposeResult:
        """All parts, of which one or two are seen."""
        for name, part in self._parts.items():
            part.border_title = Text(name)
            yield part

    @property
    def filled(self) -> bool:
        """Whether there is something to see."""
        return self.panel is not None

    @property
    def classes_known(self) -> Sequence[str]:
        """The names of the classes that are compared."""
        where = self.panel.comparison.where if self.panel is not None else None
        return () if where is None else where.classes

    @property
    def note(self) -> str:
        """What the strip says of the part."""
        if self.panel is None:
            return ""
        if self.tab == "Predictions" and self._samples_note:
            return f"only {self._samples_note} (esc: all)"
        if self.tab == "Curves":
            return f"{self._charts}  m others" if self._charts else ""
        of = self.panel.source
        return f"at {self.panel.comparison.at}" + (f", {of.words()}" if of != TRAINING else "")

    def forget(self) -> None:
        """Other runs will be shown."""
        self.panel, self._only, self._from, self._samples_note = None, (None, None), "", ""

    def show(self, panel: ComparePanel) -> None:
        """Draw a comparison; what is drawn already stays as it is."""
        if self.panel is not None and panel.comparison is self.panel.comparison:
            return
        fresh = self.panel is None
        self.panel = panel
        head, *figures = panel.verdict
        self.pages["Verdict"].show([*figures[:1], _moments(head), *figures[1:]], fresh=fresh)
        self.pages["Set-up"].show(panel.setup, fresh=fresh)
        self._show_classes(fresh=fresh)
        self._map.show(panel, fresh=fresh)
        self._ask()
        self._arrange()
        if fresh:
            self.focus_tab()

    def show_curves(self, panel: OverlayPanel) -> None:
        """Draw curves."""
        self.curves.show(panel)
        self._charts = ", ".join(name for name, _ in panel.charts[:1])
        self.post_message(self.Noted())

    def toggle_every(self) -> None:
        """List every class, or the first of them."""
        self._every = not self._every
        if self.panel is not None:
            self._show_classes(fresh=True)
            self.show_tab("Classes")

    def _show_classes(self, *, fresh: bool) -> None:
        assert self.panel is not None
        sections = self.panel.every if self._every else self.panel.classes
        if not sections or self.panel.comparison.where is None:
            why = self._why() or "the same answers in every class"
            sections = (Section("", (Cell(why, "dim"),)),)
        self.pages["Classes"].show(sections, fresh=fresh)

    def _why(self) -> str:
        """Return why there is nothing to say of single classes, and what to press."""
        if self.panel is None or self.panel.comparison.why_no_confusion is None:
            return ""
        more = " (p goes through them two by two)" if len(self.panel.comparison.runs) > 2 else ""
        return self.panel.comparison.why_no_confusion + more

    def show_tab(self, name: str) -> None:
        """Show a part."""
        self.tab = name
        self._arrange()
        self.focus_tab()

    def other_side(self) -> None:
        """Make the part beside this one the chosen one."""
        focused = self.screen.focused
        beside = _BESIDE[self.tab]
        part, other = self._parts[self.tab], self._parts[beside]
        inside = focused is not None and part in focused.ancestors_with_self
        self._focus(other if inside and other.display else part)

    def focus_tab(self) -> None:
        """Give the chosen part the focus."""
        self._focus(self._parts[self.tab])

    def _focus(self, part: Widget) -> None:
        taker = self._map.map if part is self._map else part
        taker.focus()

    def on_resize(self) -> None:
        """Show one part or two."""
        self._arrange()

    def _arrange(self) -> None:
        seen = {self.tab, _BESIDE[self.tab]} if self.size.width >= _WIDE else {self.tab}
        for name, part in self._parts.items():
            part.display = name in seen
            part.set_class(len(seen) == 2, "-beside")
        self.post_message(self.Noted())

    def go_to_class(self, one: int) -> None:
        """Show a class: among the predictions its samples, else where it stands on the map."""
        if self.tab == "Predictions":
            self._narrow(one, None)
            return
        if self.tab == "Classes" and self.panel is not None:
            self.pages["Classes"].find(self.classes_known[one])
            self.focus_tab()
            return
        self.show_tab("Confusion")
        self._zoom(one)

    def _zoom(self, one: int) -> None:
        from arctl import heatmap
        from arctl.seriation import window

        assert self.panel is not None
        change, order = self.panel.comparison.confusion, self.panel.order
        if change is None or order is None:
            return
        links = change.a.shares().cells.plus(change.b.shares().cells)
        size = min(heatmap.room(change.a.classes, self._map.size.width), max(8, self._map.size.height - 6))
        self._map.map.zoom_to(one, *window(order, links, around=one, size=size))

    @on(SectionPage.Opened)
    def _opened(self, event: SectionPage.Opened) -> None:
        event.stop()
        if event.page is not self.pages["Predictions"]:
            self._from = self.tab
        self._narrow(*event.about)

    @on(ClassMap.Opened)
    def _class_opened(self, event: ClassMap.Opened) -> None:
        event.stop()
        self._from = self.tab
        self._narrow(event.one, None)

    def _narrow(self, true: int | None, predicted: int | None) -> None:
        self._only = (true, predicted)
        self._ask()
        self.show_tab("Predictions")

    def widen(self) -> bool:
        """Undo the last narrowing; False where nothing is narrowed."""
        if self.tab == "Predictions" and self._only != (None, None):
            self._only, before, self._from = (None, None), self._from, ""
            self._ask()
            self.show_tab(before or "Predictions")
            return True
        return self.tab == "Confusion" and self._map.map.whole()

    def _ask(self) -> None:
        from arctl.tui.reading.compare import SamplesWant

        if self.panel is None:
            return
        found = self.panel.comparison
        if found.where is None:
            why = self._why() or "there are no predictions"
            self.pages["Predictions"].show([Section("", (Cell(why, "dim"),))])
            return
        numbers = tuple(row.number for row in found.runs)
        self.app.post_message(Wanted(SamplesWant(numbers, *self._only, found), self))

    def take(self, panel: Panel) -> None:
        """Draw the samples that were asked for."""
        from arctl.tui.reading.compare import SamplesPanel

        page = self.pages["Predictions"]
        if isinstance(panel, SamplesPanel):
            page.show(panel.sections)
            self._samples_note = panel.about
        elif isinstance(panel, EmptyPanel):
            page.show([Section("", (Cell(panel.why, "yellow"),))])
        self.post_message(self.Noted())


def _moments(head: Section) -> Section:
    """Return what is compared and what to beware of, without the verdict, which stands above everything."""
    return replace(head, title="What is compared", before=head.before[2:])
