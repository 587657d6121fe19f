"""The System tab: figures of machine and optimizer as small charts, and what is out of bounds in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.settings import Workspace
from arctl.tui.look import Look
from arctl.tui.widgets.system_tab import SystemTab
from tests.tui import workspace as workspaces
from tests.tui.tabs import seen_tab


def written(workspace: Workspace, number: int, *, sick: bool) -> None:
    """A run under fp16 of 120 steps on a GPU."""
    run = workspaces.new_run(workspace, number, "sick" if sick else "sound")
    run.start(10)
    for step in range(1, 121):
        bad = sick and step > 100
        run.event(
            "step",
            step=step,
            epoch=step / 20,
            metrics={
                "step/loss": 1.0,
                "optim/lr": 0.001,
                "optim/grad_norm": "Infinity" if bad else 1.0 + step % 7,
                "optim/loss_scale": 2.0 ** (5 if bad else 16),
                "optim/skipped": max(0, step - 100) if sick else 1,
                "perf/clips_per_s": 200.0 + step,
                "perf/data_wait": 0.6 if sick else 0.02,
                "perf/gpu_util": 0.1 if sick else 0.97,
            },
        )
    run.event("system", metrics={"sys/rss": 3 * 2**30, "sys/gpu_mem": 21.5 * 2**30})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = workspaces.init_workspace(tmp_path_factory.mktemp("system") / "ws")
    written(workspace, 1, sick=False)
    written(workspace, 2, sick=True)
    workspaces.new_run(workspace, 3, "silent")
    workspaces.rebuild(workspace)
    return workspace


async def test_a_sound_run_has_its_figures_and_no_alarm(shared: Workspace) -> None:
    async with seen_tab(shared, SystemTab(Look()), 1) as seen:
        await seen.shows("GPU computes 97.0%", "waits for data 2.0%", "clips/s 320.0", "201.0 to 320.0")
        await seen.shows("21.50 GiB", "3.00 GiB", "learning rate 0.001", "loss scale 65536", "skipped steps 1")
        assert "!" not in seen.text and seen.app.tab.note == "nothing out of bounds"
        assert any("\u2801" <= mark <= "\u28ff" for mark in seen.text)


@pytest.mark.parametrize("size", [(80, 24), (120, 35), (200, 50)])
async def test_what_is_out_of_bounds_is_said_in_words(shared: Workspace, size: tuple[int, int]) -> None:
    async with seen_tab(shared, SystemTab(Look()), 2, size=size) as seen:
        await seen.shows("! GPU waits for data 60% of the time", "! GPU computes only 10% of the time")
        await seen.shows("! loss scale fell to 32", "! gradient norm not finite since step 101")
        await seen.shows("! 20 of the last 120 steps were skipped", "20 not finite")
        assert seen.app.tab.note == "5 alarms"
        seen.show(1)
        await seen.until(lambda: seen.app.tab.note == "nothing out of bounds")


async def test_small_screens_say_what_they_leave_out(shared: Workspace) -> None:
    async with seen_tab(shared, SystemTab(Look()), 1, size=(40, 9)) as seen:
        await seen.shows("more: a taller screen shows them")
        await seen.pilot.resize_terminal(40, 30)
        await seen.until(lambda: "more:" not in seen.text and "skipped steps" in seen.text)


async def test_ascii_has_letters(shared: Workspace) -> None:
    async with seen_tab(shared, SystemTab(Look(ascii=True, colour=False)), 1) as seen:
        await seen.shows("GPU computes 97.0%", "***")
        assert seen.text.isascii()


async def test_a_silent_run_says_why_there_is_nothing(shared: Workspace, tmp_path: Path) -> None:
    async with seen_tab(shared, SystemTab(Look()), 3) as seen:
        await seen.shows("figures come with the first steps")
