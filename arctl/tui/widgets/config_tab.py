"""The Config tab: how a run is configured, and in what that differs from its preset, the marked run or its parent."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.tui import keys, palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.config import ConfigPanel, ConfigWant
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.section_page import SectionPage

KEYS = (
    Key("d", "d", "differences", "differences", "only what differs, or everything", "only-differences"),
    Key(
        "p", "p", "against", "against", "against its preset, the marked run, the run that it repeats", "config-against"
    ),
    Key("slash", "/", "find", "find", "find a key or a value", "find-key"),
    Key("n", "n", "again(1)", "next", "to the next place found", "find-next"),
    Key("N", "N", "again(-1)", "last", "to the place found before", "find-last"),
    Key("escape", "esc", "widen", "back", "forget what was looked for", "forget-found"),
)
"""What can be done with a configuration."""


class ConfigTab(Vertical):
    """Key by key, section by section."""

    TITLE: ClassVar[str] = "Config"
    KEYS = KEYS
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "next-tab", "only-differences", "config-against", "find-key")
    BINDINGS = keys.bindings(KEYS)
    DEFAULT_CSS = """
    ConfigTab { height: 1fr; }
    ConfigTab #config-head { height: auto; max-height: 4; }
    ConfigTab Input { display: none; height: 1; background: $panel; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        """What the strip says: what it is compared with."""
        self.marked: int | None = None
        """The run that is marked in the list; set by who shows the tab."""
        self._row: RunRow | None = None
        self._against: str | int = "preset"
        self._panel: ConfigPanel | None = None
        self._only = False
        self._word = ""
        self._head = Static(id="config-head", markup=False)
        self._input = Input(placeholder="key or value", compact=True)
        self._input.can_focus = False  # nobody tabs into a line that is hidden
        self.page = SectionPage()
        """The keys."""

    def compose(self) -> ComposeResult:
        """How much differs, and the keys."""
        yield self._head
        yield self._input
        yield self.page

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run's configuration; it does not change, but a new start may bring another environment."""
        before, self._row = self._row, row
        if self._against not in self._choices():
            self._against = "preset"
        if fresh:
            self._panel = None
        if fresh or before is None or before.state != row.state:
            self._ask()

    def _choices(self) -> list[str | int]:
        row = self._row
        others = [self.marked, row.rerun_of if row is not None else None]
        runs = [one for one in others if one is not None and row is not None and one != row.number]
        return ["preset", *dict.fromkeys(runs)]

    def _ask(self) -> None:
        if self._row is not None:
            self.app.post_message(Wanted(ConfigWant(self._row.number, self._against, self._row.state), self))

    def take(self, panel: Panel) -> None:
        """Draw what was read."""
        if isinstance(panel, ConfigPanel):
            fresh = self._panel is None or self._panel.want != panel.want
            self._panel = panel
            self._draw(fresh=fresh)
        elif isinstance(panel, EmptyPanel):
            self._panel = None
            self._head.update(Text(panel.why, palette.WAIT))
            self.page.show(())

    def _draw(self, *, fresh: bool) -> None:
        from arctl.configured import page

        if self._panel is None:
            return
        found = self._panel.found
        self.page.show(tuple(page(found, all=not self._only, heads=False)), fresh=fresh)
        head = Text(no_wrap=True, overflow="ellipsis")
        if found.against:
            count = found.differing
            head.append(
                f"{count} key{'s' * (count != 1)} differ{'s' * (count == 1)} from {found.against}", palette.WAIT
            )
            head.append("  (only these: d)" if not self._only else "  (everything: d)", palette.MUTED)
        else:
            head.append("nothing to compare with", palette.MUTED)
        self._head.update(head)
        note = f"against {found.against}" if found.against else ""
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def action_differences(self) -> None:
        """Show only what differs, or everything."""
        self._only = not self._only
        self._draw(fresh=True)

    def action_against(self) -> None:
        """Hold it against something else."""
        choices = self._choices()
        if len(choices) == 1:
            self.notify("mark another run with space to hold this one against it", markup=False)
            return
        self._against = choices[(choices.index(self._against) + 1) % len(choices)]
        words = self._against if isinstance(self._against, str) else run_name(self._against)
        self.notify(f"against {words}", timeout=2, markup=False)
        self._ask()

    def action_find(self) -> None:
        """Look for a key or a value."""
        self._input.display = self._input.can_focus = True
        self._input.value = ""
        self._input.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._word = event.value.strip()
        self.page.find(self._word, 0)

    @on(Input.Submitted)
    def _kept(self, event: Input.Submitted) -> None:
        event.stop()
        self._input.display = self._input.can_focus = False
        self.page.focus()

    def action_again(self, step: int) -> None:
        """Go to the next place found, or the one before."""
        if not self._word:
            raise SkipAction
        self.page.find(self._word, step)

    def action_widen(self) -> None:
        """Forget what was looked for."""
        if not self._word and not self._input.display:
            raise SkipAction
        self._word = ""
        self._input.display = self._input.can_focus = False
        self.page.find("")
        self.page.focus()
