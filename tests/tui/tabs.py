"""A tab of a run by itself: mounted in an application that reads its wants as the dashboard does, on threads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from arctl.registry import read
from arctl.settings import Workspace
from arctl.tui.lanes import Lanes
from arctl.tui.messages import PanelReady, Wanted
from arctl.tui.palette import THEME
from arctl.tui.wants import Panel
from tests.tui.seen import Screen


class TabApp(App[None]):
    """Holds one tab."""

    def __init__(self, workspace: Workspace, tab: Widget) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name
        self.tab = tab
        self.panels: list[Panel] = []
        """What was read."""
        self._lanes = Lanes(workspace, lambda panel, taker: self.post_message(PanelReady(panel, taker)))

    def compose(self) -> ComposeResult:
        yield self.tab

    def on_unmount(self) -> None:
        self._lanes.stop()

    @on(Wanted)
    def _tab_wants(self, event: Wanted) -> None:
        self._lanes.want(event.want, event.taker)

    @on(PanelReady)
    def _panel_ready(self, event: PanelReady) -> None:
        self.panels.append(event.panel)
        event.taker.take(event.panel)


class SeenTab(Screen[TabApp]):
    """A tab."""

    def __init__(self, app: TabApp, pilot: Pilot[None], workspace: Workspace) -> None:
        super().__init__(app, pilot)
        self._workspace = workspace

    def show(self, number: int, *, fresh: bool = True) -> None:
        """Show a run as it stands in the registry now."""
        row = read.run(self._workspace.db, number)
        assert row is not None
        self.app.tab.show_run(row, time.time(), fresh=fresh)  # type: ignore[attr-defined]


@asynccontextmanager
async def seen_tab(
    workspace: Workspace, tab: Widget, number: int, *, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[SeenTab]:
    """Open a tab on a run."""
    app = TabApp(workspace, tab)
    async with app.run_test(size=size) as pilot:
        seen = SeenTab(app, pilot, workspace)
        await pilot.pause()
        seen.show(number)
        next(widget for widget in [tab, *tab.query("*")] if widget.focusable).focus()
        yield seen
