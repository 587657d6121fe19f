"""The dashboard's application: it starts the watcher, hands what that finds to the views, and goes between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.filter import LineFilter
from textual.screen import Screen

from arctl.text import safe_line
from arctl.tui import terminal, themes
from arctl.tui.key_order import OrderedKeys
from arctl.tui.keymap import keymap
from arctl.tui.lanes import Lanes
from arctl.tui.look import Look
from arctl.tui.messages import Do, OpenRun, PanelReady, SnapshotReady, Told, Wanted
from arctl.tui.plain import AsciiOnly
from arctl.tui.reading import trouble
from arctl.tui.screens.runs import RunsScreen
from arctl.tui.screens.view import View
from arctl.tui.snapshot import Snapshot
from arctl.tui.views import VIEWS, make
from arctl.tui.wants import Deed, Panel, Result, Taker, Want
from arctl.tui.watcher import Watcher

if TYPE_CHECKING:
    from arctl.settings import Workspace

_TWICE = 2.0
"""Seconds within which a second ctrl+c leaves."""


class Dashboard(OrderedKeys):
    """The dashboard of one workspace."""

    CSS_PATH = "arctl.tcss"
    TITLE = "arctl"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, workspace: Workspace, *, readonly: bool = False, active: float = 2.0, idle: float = 10.0
    ) -> None:
        # Without colour the terminal's own foreground and background are used, and no shade of grey.
        super().__init__(ansi_color=True if terminal.colourless() else None)
        self.workspace = workspace
        self.look = Look(ascii=not terminal.utf8(), colour=not terminal.colourless(), readonly=readonly)
        """How this terminal is drawn to."""
        self.watcher = Watcher(workspace, self.post_message, active=active, idle=idle)
        self.snapshot = Snapshot()
        self.recolour = themes.Recolour(self)
        """Gives what is drawn the colours of the theme."""
        themes.choose(self, workspace.settings.dashboard.theme)
        self.set_keymap(keymap(workspace.settings.dashboard))
        self.animation_level = "none"
        self.done: list[tuple[float, Deed]] = []
        """What was done here, and when (Unix seconds)."""
        self.unwritten: dict[int, str] = {}
        """Notes that could not be written, by run: the editor opens with them again."""
        self.faults: list[Exception] = []
        """What could not be drawn, and why."""
        self._plain = AsciiOnly(enabled=self.look.ascii)
        self._lanes = Lanes(workspace, self._post_panel)
        self._asked: dict[tuple[str, Taker], Want] = {}
        self._asked_to_quit = 0.0
        self.runs = RunsScreen(workspace, self.look)
        """The view of the runs, at the bottom of all others."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what each line passes before it is written: in a locale without UTF-8 it leaves as ASCII."""
        plain, recolour = getattr(self, "_plain", None), getattr(self, "recolour", None)
        own = [*([recolour] if recolour and recolour.needed else []), *([plain] if plain and plain.enabled else [])]
        return [*super().get_line_filters(), *own]

    def get_default_screen(self) -> RunsScreen:
        """Open on the runs."""
        return self.runs

    def on_mount(self) -> None:
        """Begin to watch, and leave in order when told to or when the terminal has gone."""
        self.call_after_refresh(self.watcher.start)
        self.set_interval(terminal.tick(), self._show_status)
        if not self.is_headless:
            terminal.leave_on_signals(self)
            terminal.leave_with_the_terminal()

    def on_unmount(self) -> None:
        """Let the threads go."""
        self.watcher.stop()
        self._lanes.stop()

    @property
    def view(self) -> View:
        """The view that is open, below any question or help."""
        return next((screen for screen in reversed(self._screen_stack) if isinstance(screen, View)), self.runs)

    def go_to(self, name: str) -> None:
        """Open a view: `runs`, `run` (the run under the cursor), `compare`, `sweep`, `cluster` or `submit`."""
        self.call_later(self._go_to, name)

    async def _go_to(self, name: str) -> None:
        # Not from within a screen: one that waits for its own end would wait forever.
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if name in ("runs", "run"):
            self.runs.open_run(name == "run")
            return
        if name == "sweep" and (sweep := self.runs.sweep) is not None:
            self.named(name).choose(sweep)  # type: ignore[attr-defined]
        await self.push_screen(self.named(name))

    def named(self, name: str) -> View:
        """Return a view, made where it was not opened yet; it is kept, with what was typed and chosen in it."""
        if name not in VIEWS:
            raise ValueError(name)
        if not self.is_screen_installed(name):
            self.install_screen(make(name, self.look), name)
        found: Screen[object] = self.get_screen(name)
        assert isinstance(found, View)
        return found

    @on(SnapshotReady)
    def _snapshot_ready(self, event: SnapshotReady) -> None:
        before, self.snapshot = self.snapshot, event.snapshot
        self.view.show(event.snapshot)
        self._notice(before, event.snapshot)

    @on(Wanted)
    def _wanted(self, event: Wanted) -> None:
        self._asked[event.want.lane, event.taker] = event.want
        self._lanes.want(event.want, event.taker)

    @on(PanelReady)
    def _panel_ready(self, event: PanelReady) -> None:
        panel, taker = event.panel, event.taker
        if self._asked.get((panel.want.lane, taker)) == panel.want:
            del self._asked[panel.want.lane, taker]
            if taker.is_attached:
                self._give(taker, panel)

    def _post_panel(self, panel: Panel, taker: Taker) -> None:
        self.post_message(PanelReady(panel, taker))

    def _give(self, taker: Taker, panel: Panel) -> None:
        # Whatever a run's files hold, the screen stays: what could not be drawn is told, and the rest goes on.
        try:
            taker.take(panel)
        except Exception as error:
            self.faults.append(error)
            self._tell(Result(trouble(error), good=False))

    @on(Do)
    def _do(self, event: Do) -> None:
        self.do(event.deed)

    def do(self, deed: Deed) -> None:
        """Do something on the watcher's thread, unless this dashboard only reads."""
        if self.look.readonly:
            self._tell(Result(f"this dashboard only reads (--readonly); from a shell: {deed.command()}", good=False))
            return
        self.done.append((time.time(), deed))
        self.watcher.do(deed)

    @on(Told)
    def _told(self, event: Told) -> None:
        from arctl.tui.note_deeds import SetNote

        result = event.result
        if isinstance(event.deed, SetNote):
            self.unwritten.pop(event.deed.number, None)
            if not result.good:
                self.unwritten[event.deed.number] = event.deed.text
                result = Result(f"{result.text}. What you wrote is kept: e opens it", good=False)
        self._tell(result)

    def _tell(self, result: Result) -> None:
        self.notify(
            safe_line(result.text),
            severity="information" if result.good else "error",
            timeout=4 if result.good else 12,
            markup=False,
        )

    def _notice(self, before: Snapshot, now: Snapshot) -> None:
        from arctl.tui import notices

        if not now.changed:
            return

        for notice in notices.between(before, now):
            self._tell(Result(notice.text, good=notice.good))
            notices.sound(self, self.workspace.settings, notice)

    @on(OpenRun)
    async def _open_run(self, event: OpenRun) -> None:
        await self._go_to("runs")
        if self.runs.go_to_run(event.number):
            self.runs.open_run(True)

    def _show_status(self) -> None:
        self.view.show_status()

    def on_app_blur(self, event: events.AppBlur) -> None:
        """Look seldom while the terminal is not looked at."""
        self.watcher.hide(True)

    def on_app_focus(self, event: events.AppFocus) -> None:
        """Look again at once."""
        self.watcher.hide(False)

    def compare(self, numbers: Sequence[int]) -> None:
        """Open the comparison of some runs."""
        view = self.named("compare")
        view.choose(tuple(numbers))  # type: ignore[attr-defined]
        self.go_to("compare")

    def rerun(self, number: int) -> None:
        """Open the form with a run's set-up."""
        view = self.named("submit")
        view.rerun_of(number)  # type: ignore[attr-defined]
        self.go_to("submit")

    def open_palette(self) -> None:
        """Open the palette of commands."""
        from arctl.tui.screens.command_palette import CommandPalette

        self.push_screen(CommandPalette(self.view))

    def open_calls(self) -> None:
        """Open the log of what the scheduler was asked and what was done here."""
        from arctl.tui.screens.calls import CallsScreen

        self.push_screen(CallsScreen(self.look, self.done))

    def action_help_quit(self) -> None:
        """Leave at the second ctrl+c in a row."""
        if time.monotonic() - self._asked_to_quit < _TWICE:
            self.exit()
        self._asked_to_quit = time.monotonic()
        self.notify("ctrl+c again, or q, leaves; jobs go on", timeout=_TWICE, markup=False)
