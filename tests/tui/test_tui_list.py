"""The run table: what it shows, how it moves, filters and marks, and that news never moves the cursor."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from arctl.tui.widgets.heading import TabStrip
from arctl.tui.widgets.run_table import RunTable
from tests.tui import workspace as workspaces
from tests.tui.conftest import SMALL, WIDE, Opener


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_shows_runs_with_state_epoch_accuracy_and_age(
    small: Workspace, opened: Opener, size: tuple[int, int]
) -> None:
    async with opened(small, size) as seen:
        await seen.shows("run1", "frame_tiny", "completed", "12/12", "running", "5/50", "failed", "synced", "4 runs")
        line = next(line for line in seen.text.split("\n") if "r3d_tiny " in line)
        assert "%" in line
        assert set(line) & set("▁▂▃▄▅▆▇█")
        assert "1h" in line


async def test_newest_run_comes_first_and_moving_keys_move(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        assert seen.at == 4
        await seen.press("j")
        assert seen.at == 3
        await seen.press("k", "k")
        assert seen.at == 4
        await seen.press("G")
        assert seen.at == 1
        await seen.press("g")
        assert seen.at == 4
        await seen.press("ctrl+d")
        assert seen.at == 1
        await seen.press("ctrl+u")
        assert seen.at == 4


async def test_the_collector_does_not_look_through_rows_that_stay(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        assert gc.get_freeze_count() > 0
        looked_through = {id(one) for one in gc.get_objects()}
        assert any(id(row) not in looked_through for row in seen.app.snapshot.runs)


async def test_the_mouse_chooses_runs_and_tabs(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.pilot.click(RunTable, offset=(5, 2))
        assert seen.at == 3
        await seen.shows("run3 r3d_tiny-lr1", "exit 1: loss is NaN")
        await seen.pilot.click(TabStrip, offset=(12, 0))
        await seen.shows("ValueError: loss is NaN")
        await seen.pilot.click(RunTable, offset=(5, 4), times=2)
        await seen.until(lambda: seen.app.runs.has_class("-open"))
        assert seen.at == 1


async def test_filter_narrows_as_typed_enter_keeps_escape_drops(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("slash", *"base")
        assert len(seen.app.runs.table.shown) == 2
        await seen.shows("2/4 match base")
        await seen.press("space", *"frame", "enter")
        assert len(seen.app.runs.table.shown) == 1
        assert seen.at == 1
        assert seen.app.runs.table.has_focus
        await seen.press("escape")
        assert len(seen.app.runs.table.shown) == 4
        assert seen.at == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("run3", {3}),
        ("failed", {3}),
        ("frame", {1}),
        ("tag:best", {2}),
        ("nothing", set()),
        ("state:running", {4}),
        ("best>60%", {2, 4}),
        ("-r3d_tiny", {1}),
        ("cfg.optim.lr>=1", {3}),
        ("val/top5.best>99%", {2}),
    ],
)
async def test_filter_speaks_the_language_of_ls(small: Workspace, opened: Opener, words: str, found: set[int]) -> None:
    async with opened(small) as seen:
        await seen.press("slash", *words)
        await seen.until(lambda: set(seen.app.runs.table.shown) == found)


async def test_news_keep_cursor_marks_and_scroll(small: Workspace, opened: Opener) -> None:
    for number in range(5, 45):
        workspaces.new_run(small, number, f"queued{number}")
    rebuild(small)
    async with opened(small) as seen:
        await seen.until(lambda: len(seen.app.snapshot.runs) == 44)
        await seen.press("G", "k", "space")
        table = seen.app.runs.table
        assert (seen.at, table.marks) == (1, (2,))
        line = next(place for place, text in enumerate(seen.text.split("\n")) if "frame_tiny" in text)
        newcomer = workspaces.submitted(small, 45, "newcomer")
        workspaces.learned(newcomer, epochs=1, of=3, top=0.5)
        await seen.until(lambda: len(seen.app.snapshot.runs) == 45)
        await seen.pilot.pause()
        assert (seen.at, table.marks) == (1, (2,))
        assert "frame_tiny" in seen.text.split("\n")[line]


async def test_a_live_run_is_followed(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.shows("5/50")
        run = workspaces.Written(workspaces.RunDir(small.run_dir(4)), 4, "9004", 0.0)
        events = run.files.events("9004.0")
        run.seq = len(events.read_text().splitlines())
        run.step = 100
        run.event("epoch", t=workspaces.time.time(), epoch=6, step=120, metrics={"train/top1": 0.9}, seconds=1.0)
        await seen.shows("6/50")
        assert seen.at == 4


async def test_empty_workspace_says_how_to_begin_and_the_first_run_appears(tmp_path: Path, opened: Opener) -> None:
    workspace = init_workspace(tmp_path / "ws")
    async with opened(workspace) as seen:
        await seen.shows("No runs yet", "arctl submit --model r3d_tiny --data motions", "0 runs")
        await seen.press("enter", "l", "x", "space", "c", "y", "j", "k", "slash", "escape")
        workspaces.submitted(workspace, 1, "firstborn")
        await seen.shows("firstborn", "1 run")
        assert "No runs yet" not in seen.text
