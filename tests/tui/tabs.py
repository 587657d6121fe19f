"""A tab of a run by itself: mounted in an application that reads its wants as the dashboard does, on threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
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


class SeenTab:
    """A tab, its pilot, and what a person would see of it."""

    def __init__(self, app: TabApp, pilot: Pilot[None], workspace: Workspace) -> None:
        self.app = app
        self.pilot = pilot
        self._workspace = workspace

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def show(self, number: int, *, fresh: bool = True) -> None:
        """Show a run as it stands in the registry now."""
        row = read.run(self._workspace.db, number)
        assert row is not None
        self.app.tab.show_run(row, time.time(), fresh=fresh)  # type: ignore[attr-defined]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool], *, timeout: float = 10.0) -> None:
        for _ in range(int(timeout / 0.02)):
            await self.pilot.pause()
            if true():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never came true; the screen shows\n{self.text}")

    async def shows(self, *parts: str) -> None:
        await self.until(lambda: all(part in self.text for part in parts))


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
