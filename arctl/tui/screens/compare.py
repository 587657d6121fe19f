"""The Compare view: which marked run is better, where, and is it real; its numbers are those of `arctl compare`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Static

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.export_deeds import Export, ExportComparison, ExportReport
from arctl.tui.look import Look
from arctl.tui.messages import Do, Wanted
from arctl.tui.reading.compare import CompareWant, OverlayPanel, OverlayWant
from arctl.tui.reading.sources import Source
from arctl.tui.screens.compare_keys import KEYS
from arctl.tui.screens.view import View
from arctl.tui.snapshot import Snapshot
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.class_finder import ClassFinder
from arctl.tui.widgets.heading import TabStrip
from arctl.tui.widgets.versus import TABS, Versus
from arctl.tui.widgets.versus_head import verdict


class CompareScreen(View):
    """Runs side by side. `choose` says which; without it, the marked ones."""

    TITLE = "Compare"
    KEYS = KEYS
    FOOTER: ClassVar[tuple[str, ...]] = ("next-part", "swap", "find-class", "export-report", "copy-verdict")
    DEFAULT_CSS = """
    #versus-verdict { height: auto; max-height: 6; padding: 0 1; }
    CompareScreen TabStrip { margin: 0; }
    #versus-waiting { height: 1fr; padding: 1 2; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.numbers: tuple[int, ...] = ()
        """All the runs, the first one first."""
        self._pair: tuple[int, ...] | None = None
        self._at, self._force = "best", False
        self._source: Source | None = None
        self._shown: Source | None = None
        self._sources: tuple[Source, ...] = ()
        self._asked: tuple[CompareWant, object] | None = None
        self._since = 0.0
        self._timer: Timer | None = None
        self._chart = 0
        self._why = ""
        self._verdict = Static(id="versus-verdict", markup=False)
        self._strip = TabStrip(TABS)
        self._finder = ClassFinder()
        self._waiting = Static(id="versus-waiting", markup=False)
        self.versus = Versus(look)
        """The parts of the comparison."""

    def body(self) -> ComposeResult:
        """Verdict, names of the parts, and the parts."""
        yield self._verdict
        yield self._strip
        yield self._finder
        yield self._waiting
        yield self.versus

    def on_mount(self) -> None:
        """Say what to do until there is something to compare."""
        self.versus.display = False
        self._verdict.update(Text("Compare", style="bold"))
        self._say("nothing is compared yet: mark runs with space in the list (1), then press c")

    def choose(self, numbers: Sequence[int]) -> None:
        """Compare these runs, the first of them against the others."""
        if tuple(numbers) != self.numbers:
            self.numbers, self._pair, self._at, self._force, self._chart = tuple(numbers), None, "best", False, 0
            self._asked, self._source, self._shown, self._sources = None, None, None, ()
            self.versus.forget()
        if self.is_current:
            self._ask()

    @property
    def verdict_text(self) -> str:
        """What stands above everything."""
        return str(self._verdict.content)

    @property
    def waiting_text(self) -> str:
        """What stands in place of a comparison."""
        return str(self._waiting.content)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The runs that are compared now: all, or two of them."""
        return self._pair or self.numbers

    def show(self, snapshot: Snapshot) -> None:
        """Compare again where runs have moved on."""
        super().show(snapshot)
        if len(self.numbers) > 1 and self._asked is not None and self._asked != self._question():
            self._ask()

    def on_screen_resume(self) -> None:
        """Compare what was chosen; where nothing was, the runs that are marked."""
        super().on_screen_resume()
        if not self.numbers:
            marks = tuple(self.dashboard.runs.table.marks)
            self.numbers = marks if len(marks) > 1 else ()
        if self.numbers and self._asked is None:
            self._ask()

    def _question(self) -> tuple[CompareWant, object]:
        rows = {row.number: row for row in self.snapshot.runs if row.number in self.chosen}
        told = tuple((one, row.state, int(row.epoch or 0)) for one, row in sorted(rows.items()))
        return CompareWant(self.chosen, self._at, self._force, self._source), told

    def _ask(self) -> None:
        self._asked = self._question()
        if not self._since:
            self._since = time.monotonic()
        self.app.post_message(Wanted(self._asked[0], self))
        self.app.post_message(Wanted(OverlayWant(self.chosen, self._chart), self))
        if self._timer is None and self.is_running:
            self._timer = self.set_interval(0.5, self._wait)
        self._wait()

    def _wait(self) -> None:
        gone = int(time.monotonic() - self._since) if self._since else 0
        names = ", ".join(map(run_name, self.chosen))
        if self._since and not self.versus.filled:
            self._say(f"comparing {names} ... {gone} s")
        self._note(f"comparing ... {gone} s" if self._since else "")

    def take(self, panel: Panel) -> None:
        """Draw an answer."""
        if isinstance(panel.want, OverlayWant):
            if isinstance(panel, OverlayPanel):
                self.versus.show_curves(panel)
            elif isinstance(panel, EmptyPanel):
                self.versus.curves.say(panel.why)
            return
        self._since = 0.0
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if isinstance(panel, EmptyPanel):
            self._refused(panel)
        else:
            self._filled(panel)

    def _filled(self, panel: Panel) -> None:
        from arctl.tui.reading.compare import ComparePanel

        assert isinstance(panel, ComparePanel)
        self._why = ""
        self._shown, self._sources = panel.source, panel.sources
        self._verdict.update(verdict(panel, self.numbers))
        self._waiting.display = False
        self.versus.display = True
        self.versus.show(panel)
        self._note("")

    def _refused(self, panel: EmptyPanel) -> None:
        from arctl.tui.reading.compare import RefusedPanel

        self._why = panel.why
        known = panel if isinstance(panel, RefusedPanel) else None
        self._shown, self._sources = (None, ()) if known is None else (known.source, known.sources)
        self.versus.display = False
        names = " and ".join(map(run_name, self.chosen))
        force = known is not None and known.overruled and not self._force
        more = "\n\nf compares them nevertheless, with a warning on each line" if force else ""
        more += "\n\nv compares other answers of theirs" if set(self._sources) - {self._shown} else ""
        self._verdict.update(Text(f"{names} cannot be compared", f"bold {palette.WAIT}"))
        self._say(f"{panel.why}{more}")
        self._note("")

    def _say(self, text: str) -> None:
        self._waiting.display = not self.versus.filled or bool(self._why)
        self._waiting.update(Text(text, palette.TEXT))

    def _note(self, busy: str) -> None:
        self._strip.show(self.versus.tab, busy or self.versus.note)

    @on(Versus.Noted)
    def _noted(self) -> None:
        self._wait()

    @on(TabStrip.Chosen)
    def _clicked(self, event: TabStrip.Chosen) -> None:
        self.versus.show_tab(event.tab)

    def action_tab(self, by: int) -> None:
        """Show another part."""
        self.versus.show_tab(TABS[(TABS.index(self.versus.tab) + by) % len(TABS)])

    def action_other_side(self) -> None:
        """Go to the part beside this one."""
        self.versus.other_side()

    def action_swap(self) -> None:
        """Hold the second run against the first, or the first against the second."""
        first, second, *rest = self.chosen
        if self._pair is not None:
            self._pair = (second, first)
        else:
            self.numbers = (second, first, *rest)
        self._ask()

    def action_pair(self) -> None:
        """Look at the next two of several runs, after the last two at all."""
        pairs: list[tuple[int, ...] | None] = [None, *combinations(self.numbers, 2)]
        if len(self.numbers) > 2:
            known = [pair and tuple(sorted(pair)) for pair in pairs]
            here = known.index(self._pair and tuple(sorted(self._pair)))
            self._pair = pairs[(here + 1) % len(pairs)]
            self._ask()
        else:
            self.notify("with three or more runs, p goes through them two by two", markup=False)

    def action_moment(self) -> None:
        """Compare the last epochs, or the best ones again."""
        self._at = "last" if self._at == "best" else "best"
        self._ask()

    def action_source(self) -> None:
        """Compare other answers of the runs."""
        others = self._sources
        if not set(others) - {self._shown}:
            self.notify("the runs have no other answers in common: `arctl eval` makes some", markup=False)
            return
        at = others.index(self._shown) if self._shown in others else -1
        self._source = others[(at + 1) % len(others)]
        self._ask()

    def action_force(self) -> None:
        """Compare what was evaluated in unlike ways too, or not."""
        if self._why or self._force:
            self._force = not self._force
            self._ask()

    def action_metric(self, by: int) -> None:
        """Draw other metrics."""
        self._chart += by
        self.app.post_message(Wanted(OverlayWant(self.chosen, self._chart), self))

    def action_every(self) -> None:
        """List every class, or the first of them."""
        self.versus.toggle_every()

    def action_find(self) -> None:
        """Look for a class."""
        classes = self.versus.classes_known
        if classes:
            self._finder.open(classes)
        else:
            self.notify("there are no classes to find: no predictions are compared", markup=False)

    @on(ClassFinder.Found)
    def _found(self, event: ClassFinder.Found) -> None:
        self.versus.go_to_class(event.one)

    @on(ClassFinder.Left)
    def _left(self) -> None:
        self.versus.focus_tab()

    def action_export(self) -> None:
        """Write a report."""
        self._export(ExportReport)

    def action_export_json(self) -> None:
        """Write the document."""
        self._export(ExportComparison)

    def _export(self, kind: Callable[[CompareWant], Export]) -> None:
        if self.versus.filled and not self._why:
            self.app.post_message(Do(kind(CompareWant(self.chosen, self._at, self._force, self._shown))))

    def action_copy(self) -> None:
        """Copy the verdict."""
        if self.versus.panel is not None:
            self.app.copy_to_clipboard(safe_line(self.versus.panel.comparison.verdict.sentence, limit=2000))
            self.notify("copied: the verdict", timeout=2, markup=False)

    def action_back(self) -> None:
        """Undo the last narrowing; then back to the runs."""
        if not self.versus.widen():
            super().action_back()
