"""The dashboard under test: the real application on a real workspace, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from arctl.settings import Workspace
from arctl.tui.app import Dashboard
from tests.tui import workspace as workspaces
from tests.tui.tmux import Terminal

SMALL = (80, 24)
WIDE = (160, 45)


class Seen:
    """An application, its pilot, and what a person would see of it."""

    def __init__(self, app: Dashboard, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def at(self) -> int | None:
        """The run under the cursor."""
        return self.app.runs.table.cursor

    async def press(self, *keys: str) -> None:
        """Type."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Wait until something holds."""
        for _ in range(int(timeout / 0.05)):
            if true():
                return
            await asyncio.sleep(0.05)
            await self.pilot.pause()
        raise AssertionError(f"never came true; the screen shows\n{self.text}")

    async def shows(self, *parts: str, timeout: float = 10.0) -> None:
        """Wait until the screen shows all of these."""
        await self.until(lambda: all(part in self.text for part in parts), timeout=timeout)


Opener = Callable[..., AbstractAsyncContextManager[Seen]]


@pytest.fixture
def opened() -> Opener:
    """Open the dashboard on a workspace at a size and wait for its first sync."""

    @asynccontextmanager
    async def open_it(
        workspace: Workspace, size: tuple[int, int] = SMALL, *, active: float = 0.2
    ) -> AsyncIterator[Seen]:
        app = Dashboard(workspace, active=active, idle=active)
        async with app.run_test(size=size, notifications=True) as pilot:
            seen = Seen(app, pilot)
            await seen.until(lambda: app.snapshot.synced is not None or app.snapshot.trouble is not None)
            yield seen
        assert app.faults == []

    return open_it


@pytest.fixture
def small(tmp_path: Path) -> Workspace:
    """Four runs: see `workspace.small`."""
    return workspaces.small(tmp_path / "ws")


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals of a test, which are closed at its end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()
