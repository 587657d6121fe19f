"""What the dashboard does rather than shows: compare, cancel, help, quit."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.registry import read
from arctl.settings import Workspace, init_workspace
from arctl.states import State
from arctl.tui import keys
from arctl.tui.screens.compare import CompareScreen
from arctl.tui.screens.confirm import Confirm
from tests.tui.conftest import Opener


async def test_compare_needs_two_marks(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("space", "c")
        await seen.shows("mark two runs or more with space")
        assert not isinstance(seen.app.screen, CompareScreen)


async def test_a_second_space_takes_the_mark_away(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("space", "k", "space")
        assert seen.app.runs.table.marks == ()


async def test_help_names_every_key(small: Workspace, opened: Opener) -> None:
    async with opened(small, (200, 70)) as seen:
        await seen.press("question_mark")
        groups = (keys.TABLE, keys.RUN, keys.PANE, keys.EVERYWHERE)
        await seen.shows(*(key.meaning[:30] for group in groups for key in group))
        await seen.press("escape")
        await seen.shows("frame_tiny")


async def test_an_ended_run_cannot_be_cancelled(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("G", "x")
        await seen.shows("nothing to cancel")
        assert not isinstance(seen.app.screen, Confirm)


@pytest.fixture
def sleeper(tmp_path: Path) -> Workspace:
    """A workspace in which a job of this machine sleeps."""
    from arctl.launch import submit
    from arctl.request import Request

    workspace = init_workspace(tmp_path / "ws")
    submit(workspace, Request(command=("sleep", "120"), name="sleeper"))
    return workspace


@pytest.mark.parametrize("answer", ["enter", "n", "escape", "x"])
async def test_cancel_asks_and_everything_but_y_is_no(sleeper: Workspace, opened: Opener, answer: str) -> None:
    async with opened(sleeper) as seen:
        await seen.shows("running")
        await seen.press("x")
        await seen.shows("Cancel run1 sleeper?", "No")
        await seen.press(answer)
        assert not isinstance(seen.app.screen, Confirm)
        await seen.pilot.pause(0.3)
        row = read.run(sleeper.db, 1)
        assert row is not None
        assert row.state is State.RUNNING
        assert row.cancelled is None
        await seen.press("x", "y")
        await seen.shows("cancelled", timeout=15)


async def test_ctrl_c_twice_leaves(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("ctrl+c")
        await seen.shows("ctrl+c again")
        await seen.press("ctrl+c")
    assert seen.app.return_code == 0
