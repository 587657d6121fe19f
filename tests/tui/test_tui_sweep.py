"""The Sweep view: its numbers are the command line's, it is live, and what it changes it asks about first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from arctl.registry import read
from arctl.rundir import RunDir
from arctl.states import State
from arctl.tui.screens.sweep import SweepScreen
from tests.tui import sweep_world
from tests.tui.workspace import POISON, Written


def lines_of(text: str) -> dict[str, list[str]]:
    """Return the words of each line of the board, by its run."""
    found = {}
    for line in text.splitlines():
        words = line.replace("▌", " ").split()
        if len(words) > 2 and re.fullmatch(r"run\d+", words[1]):
            found[words[1]] = words
    return found


async def test_the_board_has_the_numbers_of_the_command_line(tmp_path: Path, opened: Any, desk_in: type[Any]) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    document = desk_in(workspace.root).json("sweep", "show", "lr")
    async with opened(workspace) as seen:
        await seen.press("4")
        await seen.shows("11 elements: 7 completed, 2 running, 1 failed, 1 missing", "best 89.5%", "missing")
        board = lines_of(seen.text)
        for line in document["ranking"]:
            (entry,) = line["elements"]
            if entry["run"] is None:
                continue
            words = board[entry["run"]]
            assert words[2:4] == [f"{line['params']['optim.lr']:g}", f"{line['params']['model.dropout']:g}"]
            if line["mean"] is not None:
                assert words[0] == str(line["rank"]) and words[4] == f"{100 * line['mean']:.1f}%"
            else:
                assert words[0] == "–"
        assert board["run8"][-2:] == ["4/12", "running"], "live, with its epoch"
        assert board["run9"][-4:] == ["NaN", "2/12", "running,", "diverged"]

        await seen.press("right_square_bracket")
        await seen.shows("by 7 completed runs of 11", "val/top1 against optim.lr, log")
        for effect in document["effects"]:
            key = effect["key"].rpartition(".")[2]
            (line,) = [line for line in seen.text.splitlines() if f" {key} " in line and "%" in line and "best" in line]
            assert (
                effect["verdict"] in line and f"{100 * effect['share']:.0f}%" in line and f"{effect['p']:.3f}" in line
            )
        await seen.press("p")
        await seen.shows("against model.dropout")


async def test_the_board_is_live_and_keeps_its_cursor(tmp_path: Path, opened: Any) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    async with opened(workspace, (120, 35)) as seen:
        await seen.press("4")
        await seen.shows("run8", "by 7 completed runs", "against optim.lr")
        await seen.press("j", "j")
        run = Written(RunDir(workspace.run_dir(8)), 8, "9008", 0.0, seq=999, step=80)
        run.epoch(5, top1=0.95)
        await seen.shows("5/12", "best 95.0%")
        words = lines_of(seen.text)
        assert words["run8"][0] == "1" and words["run3"][0] == "2"
        assert next(line for line in seen.text.splitlines() if "▌" in line).split()[1] == "run2", "as before"
        await seen.press("full_stop", "full_stop", "full_stop")
        await seen.shows("lr↑")
        assert list(lines_of(seen.text))[:2] == ["run1", "run6"]
        await seen.press("minus")
        assert list(lines_of(seen.text))[:2] == ["run10", "run5"] or list(lines_of(seen.text))[:2] == ["run5", "run10"]
        await seen.press("enter")
        await seen.until(lambda: not isinstance(seen.app.screen, SweepScreen))
        assert seen.at == 2


async def test_it_asks_names_the_runs_and_cancels_those(tmp_path: Path, opened: Any) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    async with opened(workspace) as seen:
        await seen.press("4")
        await seen.shows("run8")
        await seen.press("x")
        await seen.shows("cancel the worst run of 2", "run9", "arctl sweep cancel lr --worst 1", "No")
        assert "run8" not in seen.text
        await seen.press("plus")
        await seen.shows("the 2 worst runs", "run8", "--worst 2")
        await seen.press("enter")
        assert read.run(workspace.db, 9).cancelled is None  # type: ignore[union-attr]
        await seen.press("x", "y")
        await seen.until(lambda: bool(seen.app._notifications))
        assert "run9" in next(iter(seen.app._notifications)).message
        await seen.press("R")
        await seen.shows("send 2 elements of lr again?", "run10  failed", "lr-010  no run")
        await seen.press("escape", "t")
        await seen.until(lambda: any("nothing to throttle" in one.message for one in seen.app._notifications))


async def test_a_dashboard_that_only_reads_changes_nothing(tmp_path: Path, opened: Any) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    async with opened(workspace) as seen:
        seen.app.named("sweep").look = type(seen.app.look)(readonly=True)
        seen.app.look = type(seen.app.look)(readonly=True)
        await seen.press("4")
        await seen.shows("run8")
        await seen.press("x")
        await seen.until(lambda: bool(seen.app._notifications))
        assert "arctl sweep cancel lr --worst 1" in next(iter(seen.app._notifications)).message
        assert isinstance(seen.app.screen, SweepScreen)
        assert read.run(workspace.db, 9).state is State.RUNNING  # type: ignore[union-attr]


async def test_several_sweeps_are_a_list_and_one_is_chosen(tmp_path: Path, opened: Any) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    sweep_world.more(workspace, 11, "other")
    async with opened(workspace) as seen:
        await seen.press("4")
        await seen.shows("other", "1 elements")  # that of the run under the cursor
        await seen.press("escape")
        await seen.shows("2 sweeps", "other", "7 completed")
        await seen.press("j", "enter")
        await seen.shows("11 elements")
        await seen.press("escape")
        await seen.shows("2 sweeps")
        seen.app.named("sweep").choose("other")
        await seen.shows("its record is lost", "no result yet", "0.5")
        await seen.press("x")
        await seen.until(lambda: any("no run under way has a result" in one.message for one in seen.app._notifications))


@pytest.mark.parametrize("size", [(60, 15), (200, 50)])
async def test_hostile_words_and_odd_sizes(tmp_path: Path, opened: Any, size: tuple[int, int]) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws", hostile="".join(POISON))
    async with opened(workspace, size) as seen:
        await seen.press("4")
        await seen.shows("run3")
        await seen.press("right_square_bracket", "p", "P", "e", "y")
        await seen.pilot.resize_terminal(30, 8)
        await seen.pilot.resize_terminal(*size)
        await seen.shows("elements")
        assert "\x1b" not in seen.text and "\x9b" not in seen.text


async def test_without_sweeps_it_says_how_to_make_one(small: Any, opened: Any) -> None:
    async with opened(small) as seen:
        await seen.press("4")
        await seen.shows("no sweeps yet", "arctl sweep FILE")
        await seen.press("x", "R", "t", "enter", "y", "p", "e", "full_stop", "minus", "escape")
        assert not isinstance(seen.app.screen, SweepScreen)
