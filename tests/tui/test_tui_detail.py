"""A run in its tabs, on the whole screen and beside the list."""

from __future__ import annotations

from arctl.settings import Workspace
from tests.tui.conftest import SMALL, WIDE, Opener


async def test_enter_opens_the_run_and_escape_goes_back(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("G", "k", "enter")
        await seen.shows("run2 r3d_tiny", "Curves", "Confusion", "best", "top-1")
        assert "frame_tiny" not in seen.text
        await seen.press("escape")
        await seen.shows("frame_tiny")
        assert seen.at == 2
        assert seen.app.runs.table.has_focus


async def test_brackets_go_round_the_tabs(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("G", "k", "enter")
        await seen.shows("val/top1")
        for words in (
            ("log-9002.txt", "epoch 12: val/top1"),
            ("clockwise", "val"),
            ("differ from", "optim"),
            ("clips/s", "learning rate"),
            ("submitted",),
            ("the one to beat", "base"),
            ("val/top1",),
        ):
            await seen.press("right_square_bracket")
            await seen.shows(*words)
        await seen.press("left_square_bracket")
        await seen.shows("the one to beat")


async def test_wide_screens_show_the_run_beside_the_list(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.shows("frame_tiny", "run4 r3d_tiny-aug", "Curves")
        await seen.press("j")
        await seen.shows("run3 r3d_tiny-lr1", "exit 1: loss is NaN at step 31")
        await seen.press("l")
        await seen.shows("ValueError: loss is NaN", "frame_tiny")
        assert seen.app.runs.pane.has_focus_within
        await seen.press("tab")
        assert seen.app.runs.table.has_focus
        await seen.press("k")
        assert seen.app.runs.pane.tab == "Log"
        await seen.shows("epoch 5: val/top1")


async def test_copy_gives_the_path_of_the_run_directory(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("y")
        assert seen.app.clipboard == str(small.run_dir(4))
        await seen.shows("copied")


async def test_resizing_keeps_the_run_and_shows_both_panes_when_there_is_room(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("j", "enter")
        await seen.shows("run3 r3d_tiny-lr1")
        await seen.press("escape")
        await seen.pilot.resize_terminal(*WIDE)
        await seen.shows("frame_tiny", "run3 r3d_tiny-lr1")
        await seen.pilot.resize_terminal(*SMALL)
        await seen.shows("frame_tiny")
        assert seen.at == 3
