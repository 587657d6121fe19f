"""The Curves tab: what its keys draw, on a real registry."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager as Opened
from pathlib import Path

import pytest

from arctl.settings import Workspace
from arctl.sync import sync
from arctl.tui.look import Look
from arctl.tui.widgets.curves_tab import CurvesTab
from tests.tui import workspace as workspaces
from tests.tui.tabs import SeenTab, seen_tab


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspaces.small(tmp_path_factory.mktemp("curves") / "ws")


def opened(workspace: Workspace, number: int = 2, **more: object) -> Opened[SeenTab]:
    look = Look(**{key: more.pop(key) for key in ("ascii", "colour") if key in more})  # type: ignore[arg-type]
    return seen_tab(workspace, CurvesTab(look), number, **more)  # type: ignore[arg-type]


def labels(seen: SeenTab) -> list[str]:
    """What stands below the horizontal axis."""
    lines = seen.text.split("\n")
    return lines[max(at for at, line in enumerate(lines) if "┬" in line) + 1].split()


async def test_training_and_validation_stand_on_one_canvas_with_the_best_point(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1", "val/top1", "train/top1", "◆", "96.4%", "epoch")
        assert seen.app.tab.note == "1/7"
        await seen.press("b")
        await seen.until(lambda: "◆" not in seen.text)
        await seen.press("b")
        await seen.shows("◆")


async def test_a_tall_screen_has_two_canvases(shared: Workspace) -> None:
    async with opened(shared, size=(120, 35)) as seen:
        await seen.shows("top-1", "val/loss")
        await seen.pilot.resize_terminal(80, 24)
        await seen.until(lambda: "val/loss" not in seen.text and "top-1" in seen.text)
        await seen.pilot.resize_terminal(200, 50)
        await seen.shows("top-1", "val/loss")
        await seen.press("s", "L")
        await seen.until(lambda: seen.app.tab.note == "epoch | smooth 0.6 | log | 1/7")


async def test_m_steps_through_groups_and_the_picker_puts_any_on_one_canvas(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1")
        await seen.press("M")
        await seen.shows("val/loss", "train/loss")
        assert seen.app.tab.note == "2/7"
        await seen.press("m")
        await seen.shows("Metrics on the canvas", "val/top5")
        await seen.press("slash", *"loss", "enter", "space", "j", "j", "space", "enter")
        await seen.shows("val/loss", "step/loss", "━━")
        assert "train/loss" not in seen.text
        assert "chosen" in seen.app.tab.note
        await seen.press("m", "escape")
        await seen.shows("step/loss")
        await seen.press("M")
        await seen.shows("top-1")


async def test_smoothing_goes_round_and_says_how_much(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1")
        for weight in ("0.6", "0.9", "0.97"):
            await seen.press("s")
            await seen.until(lambda weight=weight: f"smooth {weight[1:]}" in seen.app.tab.note)
        await seen.press("S")
        await seen.until(lambda: "smooth .9," in seen.app.tab.note)
        await seen.press("s", "s")
        await seen.until(lambda: "smooth" not in seen.app.tab.note)


async def test_axes_and_the_logarithmic_scale(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1")
        for axis in ("step", "time", "hours run", "epoch"):
            await seen.press("a")
            await seen.until(lambda axis=axis: seen.text.split("\n")[0].endswith(axis))
        await seen.press("M", "L")
        await seen.shows("log epoch", "0.2┤", "0.5┤", "1┤")


async def test_the_cursor_reads_values_and_escape_drops_it(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("M next metrics")
        await seen.press("left")
        await seen.shows("epoch 12.0 step 240", "val/top1 96.4%", "train/top1 100.0%")
        await seen.press("left", "left")
        await seen.shows("epoch 10.0 step 200")
        await seen.press("right")
        await seen.shows("epoch 11.0 step 220")
        assert sum("│" in line[8:] for line in seen.text.split("\n")) > 10
        await seen.press("escape")
        await seen.shows("M next metrics")
        assert "step 220" not in seen.text


async def test_zoom_keeps_to_the_cursor_pan_moves_and_0_shows_all(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1")
        whole = labels(seen)
        await seen.press("left", "left", "left", "plus", "plus")
        await seen.until(lambda: labels(seen) != whole)
        assert {"9", "10"} & set(labels(seen)) and "2" not in labels(seen)
        before = labels(seen)
        await seen.press("less_than_sign")
        await seen.until(lambda: labels(seen) != before)
        await seen.press("greater_than_sign")
        await seen.until(lambda: labels(seen) == before)
        await seen.press("minus", "minus")
        await seen.until(lambda: labels(seen) == whole)
        assert "zoom" not in seen.app.tab.note
        await seen.press("plus")
        await seen.until(lambda: "zoom" in seen.app.tab.note)
        await seen.press("0")
        await seen.until(lambda: labels(seen) == whole)


async def test_a_click_sets_the_cursor(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("M next metrics")
        await seen.pilot.click("CurveCanvas", offset=(44, 10))
        await seen.shows("epoch 6.0 step 120")


async def test_settings_stay_from_run_to_run_and_the_window_does_not(shared: Workspace) -> None:
    async with opened(shared) as seen:
        await seen.shows("top-1")
        await seen.press("M", "s", "a", "plus", "left")
        await seen.until(lambda: seen.app.tab.note == "smooth .6, zoom, 2/7")
        seen.show(1)
        await seen.until(lambda: seen.app.tab.note == "smooth .6, 2/7")
        assert "M next metrics" in seen.text


async def test_news_of_a_live_run_leave_window_and_cursor(tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    async with opened(workspace, 4) as seen:
        await seen.shows("M next metrics")
        await seen.press("left", "left", "plus")
        await seen.shows("epoch 4.0 step 80")
        await seen.until(lambda: "zoom" in seen.app.tab.note)
        before, panels = labels(seen), len(seen.app.panels)
        seen.show(4, fresh=False)
        await seen.pilot.pause()
        assert len(seen.app.panels) == panels, "nothing was written, so nothing is read"
        run = workspaces.Written(workspaces.RunDir(workspace.run_dir(4)), 4, "9004", 0.0, seq=1000, step=100)
        run.epoch(6, top1=0.9)
        sync(workspace, force=True)
        seen.show(4, fresh=False)
        await seen.until(lambda: len(seen.app.panels) > panels)
        assert labels(seen) == before and "epoch 4.0 step 80" in seen.text
        await seen.press("0")
        await seen.until(lambda: "6" in labels(seen))


async def test_a_run_without_metrics_says_so_and_the_keys_do_no_harm(tmp_path: Path) -> None:
    workspace = workspaces.init_workspace(tmp_path / "ws")
    workspaces.new_run(workspace, 1, "silent")
    workspaces.rebuild(workspace)
    async with opened(workspace, 1) as seen:
        await seen.shows("no metrics yet")
        await seen.press("left", "plus", "minus", "greater_than_sign", "m", "M", "b", "L", "a", "s", "0", "escape")
        await seen.shows("no metrics yet")


async def test_ascii_and_no_colour_draw_with_letters(shared: Workspace) -> None:
    async with opened(shared, ascii=True, colour=False) as seen:
        await seen.shows("top-1", "** val/top1", ".. train/top1", "B", "M next metrics")
        await seen.press("left")
        await seen.shows("val/top1 96.4%")
        assert seen.text.isascii()
        await seen.press("m")
        await seen.shows("[ ] val/top1")
