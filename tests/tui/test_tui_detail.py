"""A run in four tabs, on the whole screen and beside the list."""

from __future__ import annotations

import re

from arctl.settings import Workspace
from arctl.tui.snapshot import Tab
from tests.tui import workspace as workspaces
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
        await seen.press("right_square_bracket")
        await seen.shows("log-9002.txt", "epoch 12: val/top1")
        await seen.press("right_square_bracket")
        await seen.shows("config.yaml", "precision: bf16")
        await seen.press("right_square_bracket")
        await seen.shows("clockwise", "val epoch 12")
        await seen.press("right_square_bracket")
        await seen.shows("val/top1")
        await seen.press("left_square_bracket")
        await seen.shows("clockwise")


async def test_wide_screens_show_the_run_beside_the_list(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.shows("frame_tiny", "run4 r3d_tiny-aug", "Curves")
        await seen.press("j")
        await seen.shows("run3 r3d_tiny-lr1", "exit 1: loss is NaN at step 31")
        await seen.press("l")
        await seen.shows("ValueError: loss is NaN", "frame_tiny")
        assert seen.app.runs.detail.has_focus_within
        await seen.press("tab")
        assert seen.app.runs.table.has_focus
        await seen.press("k")
        assert seen.app.runs.detail.tab is Tab.LOG
        await seen.shows("epoch 5: val/top1")


async def test_metric_key_draws_other_metrics(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("enter")
        await seen.shows("top-1", "m 1/")
        await seen.press("m")
        await seen.shows("loss", "m 2/")
        await seen.press("M", "M")
        await seen.shows("step/loss")


async def test_log_follows_until_told_to_stay(small: Workspace, opened: Opener) -> None:
    run = workspaces.Written(workspaces.RunDir(small.run_dir(4)), 4, "9004", 0.0)
    for index in range(200):
        run.log(f"line {index}")
    async with opened(small, SMALL) as seen:
        await seen.press("l")
        await seen.shows("line 199", "following")
        run.log("the newest line")
        await seen.shows("the newest line")
        await seen.press("g")
        await seen.shows("epoch 1: val/top1")
        assert "following" not in seen.text
        run.log("still newer")
        await seen.until(lambda: seen.app.runs.detail.log_view.lines[-1] == "still newer")
        assert "still newer" not in seen.text
        assert "epoch 1: val/top1" in seen.text
        await seen.press("f")
        await seen.shows("still newer", "following")


async def test_a_log_that_outgrows_its_window_does_not_slide_under_the_reader(small: Workspace, opened: Opener) -> None:
    run = workspaces.Written(workspaces.RunDir(small.run_dir(4)), 4, "9004", 0.0)
    path = run.files.log("9004")
    path.write_text("".join(f"line {index:05d}\n" for index in range(3000)), encoding="utf-8")
    async with opened(small, SMALL) as seen:
        await seen.press("l")
        await seen.shows("line 02999")
        await seen.press("pageup", "pageup", "pageup")
        before = re.findall(r"line \d+", seen.text)
        assert len(before) > 10
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(f"line {index:05d}\n" for index in range(3000, 3100)))
        await seen.until(lambda: seen.app.runs.detail.log_view.lines[-1] == "line 03099")
        await seen.pilot.pause()
        assert re.findall(r"line \d+", seen.text) == before


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
