"""Help, the log of what was asked and done, and the questions: what they show at each size, and which keys answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from arctl.clusters import calls
from arctl.settings import Workspace
from arctl.tui.deeds import CancelRuns
from arctl.tui.screens.calls import CallsScreen
from arctl.tui.screens.confirm import Confirm
from arctl.tui.screens.help import HelpScreen
from arctl.tui.screens.prompt import Prompt
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspaces.small(tmp_path_factory.mktemp("help") / "ws")


async def test_help_begins_with_what_works_here_scrolls_and_finds(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf) as seen:
        await seen.press("question_mark")
        await seen.shows("Runs", "mark the run, or take the mark away")
        assert "ask the scheduler and read the disk now" not in seen.text
        await seen.press("G")
        await seen.shows("ask the scheduler and read the disk now")
        await seen.press("slash", *"sort")
        await seen.shows("sort by the column to the left")
        assert "mark the run" not in seen.text
        await seen.press("escape")
        await seen.press("g")
        await seen.shows("mark the run, or take the mark away")
        await seen.press("escape")
        assert not isinstance(seen.app.screen, HelpScreen)


async def test_help_on_a_wide_screen_shows_all_keys_at_once_in_two_columns(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (160, 45)) as seen:
        await seen.press("question_mark")
        await seen.shows("mark the run, or take the mark away", "ask the scheduler and read the disk now")
        first = next(line for line in seen.text.splitlines() if "folded line" in line)
        assert len(first.split("  ")) > 3


async def test_the_log_shows_what_was_done_and_what_slurm_was_asked(
    opened: Opener, shelf: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls.record(["squeue", "--me", "\x1b[2J[bold]"], at=time.time() - 5, ms=12.0, rc=0, why="queue")
    calls.record(["sacct", "-j", "7"], at=time.time() - 200, ms=60000.0, rc=None, why="accounts")
    async with opened(shelf) as seen:
        seen.app.done.append((time.time(), CancelRuns((4, 3))))
        await seen.press("at")
        assert isinstance(seen.app.screen, CallsScreen)
        await seen.shows("arctl cancel run4 run3", "squeue --me [bold]  ok  12 ms  queue", "sacct -j 7  no answer")
        await seen.shows("1 in the last minute")
        await seen.press("escape")
        assert not isinstance(seen.app.screen, CallsScreen)


async def test_only_y_says_yes_and_a_long_list_of_runs_scrolls(opened: Opener, shelf: Workspace) -> None:
    said: list[bool | None] = []
    runs = [f"run{number} [bold]name[/]" for number in range(40, 0, -1)]
    async with opened(shelf) as seen:
        for key in ("enter", "x", "y"):
            question = Confirm("Cancel 40 runs?", runs=runs, command="arctl cancel run1:run40", verb="cancel")
            seen.app.push_screen(question, said.append)
            await seen.shows("Cancel 40 runs?", "run40 [bold]name[/]", "arctl cancel run1:run40", "yes, cancel all 40")
            await seen.press("j", key)
        assert said == [False, False, True]


async def test_a_prompt_takes_a_line_refuses_a_wrong_one_and_leaves_with_esc(opened: Opener, shelf: Workspace) -> None:
    said: list[str | None] = []
    async with opened(shelf) as seen:
        prompt = Prompt("name", hint="[red]hint", wrong=lambda text: "" if text.isalpha() else f"{text} is no name")
        seen.app.push_screen(prompt, said.append)
        await seen.press("1", "enter")
        await seen.shows("1 is no name", "[red]hint")
        await seen.press("backspace", "a", "enter")
        assert said == ["a"]
        seen.app.push_screen(Prompt("name"), said.append)
        await seen.press("b", "escape")
        assert said == ["a", None]
