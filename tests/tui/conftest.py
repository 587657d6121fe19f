"""The dashboard under test: the real application on a real workspace, driven by keys."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from arctl.settings import Workspace
from arctl.tui.app import Dashboard
from tests.tui import workspace as workspaces
from tests.tui.seen import Screen
from tests.tui.tmux import Terminal

SMALL = (80, 24)
WIDE = (160, 45)


class Seen(Screen[Dashboard]):
    """The dashboard."""

    @property
    def at(self) -> int | None:
        """The run under the cursor."""
        return self.app.runs.table.cursor


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
        gc.unfreeze()  # the next test's process is this one
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
