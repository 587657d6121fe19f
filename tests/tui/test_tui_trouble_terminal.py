"""The dashboard in terminals that are too small, and under names of any width: each view and question still works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from arctl.settings import Workspace
from tests.reliability.terminal import Terminal, environment
from tests.tui import nasty
from tests.tui.conftest import Opener, Seen

QUESTIONS = {
    "question_mark": "HelpScreen",
    "colon": "CommandPalette",
    "at": "CallsScreen",
    "F": "SavedFilters",
    "C": "Choose",
    "t": "Prompt",
    "e": "NoteEditor",
    "x": "Confirm",
    "U": "Confirm",
}
"""Keys of the list, and the dialogue that each opens."""

BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E, 0x200F, 0xFEFF, 0x2060}


async def tour(seen: Seen, keys: Iterable[str]) -> None:
    """Open every view, tab and dialogue, and leave each."""
    app = seen.app
    for key in "23456":
        await seen.press(key)
        await seen.press("down", "escape", "escape", "1")
        await seen.until(lambda: app.screen is app.runs)
    for title in app.runs.pane.titles:
        await app.runs.show_tab(title)
        await seen.pilot.pause()
    app.runs.open_run(False)
    for key in keys:
        name = QUESTIONS[key]
        await seen.press(key)
        await seen.until(lambda name=name: type(app.screen).__name__ == name)  # type: ignore[misc]
        await seen.press("down", "escape")
        await seen.until(lambda: not isinstance(app.screen, ModalScreen))
        while app.screen is not app.runs:
            await seen.press("escape")
        app.runs.open_run(False)


@pytest.mark.parametrize("size", [(1, 1), (20, 5)])
async def test_every_view_and_question_lives_in_a_tiny_terminal(
    small: Workspace, opened: Opener, size: tuple[int, int]
) -> None:
    async with opened(small, size) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        # Where nothing of a list can be painted the pilot waits for seconds: the monkey opens those.
        await tour(seen, QUESTIONS if size > (1, 1) else ("question_mark", "colon", "at", "t", "e"))
        await seen.pilot.resize_terminal(79, 23)
        await seen.shows("79x23 is small: all is seen at 80x24", "run4")
        await seen.press("q")
    assert seen.app.return_code == 0


async def test_the_size_may_change_while_things_are_read(small: Workspace, opened: Opener) -> None:
    async with opened(small, (200, 50)) as seen:
        sizes = [(20, 5), (120, 35), (1, 1), (80, 24), (200, 50), (79, 23)]
        for place, key in enumerate(("2", "right_square_bracket", "right_square_bracket", "3", "4", "5", "n", "1")):
            await seen.press(key)
            seen.app.run_worker(seen.pilot.resize_terminal(*sizes[place % len(sizes)]))
        await seen.app.workers.wait_for_complete()
        await seen.pilot.resize_terminal(80, 24)
        await seen.press("escape", "escape", "escape")
        await seen.shows("run4", "synced")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_names_of_any_width_keep_every_line_as_wide_as_the_screen(
    tmp_path: Path, opened: Opener, size: tuple[int, int]
) -> None:
    workspace = nasty.nasty(tmp_path / "ws")

    def straight() -> None:
        for strip in seen.app.screen._compositor.render_strips():
            assert strip.cell_length == size[0], strip.text
            assert not BIDI & set(map(ord, strip.text)), strip.text
            assert strip.text.isprintable(), strip.text

    async with opened(workspace, size) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        for number in range(1 + (size[0] > 80), len(nasty.NAMES) + 1, 2):
            seen.app.runs.go_to_run(number)
            for title in seen.app.runs.pane.titles:
                await seen.app.runs.show_tab(title)
                await seen.pilot.pause()
                straight()
            seen.app.runs.open_run(False)
        await seen.press("ctrl+a", "c")
        for key in ("4", "5", "n"):
            await seen.pilot.pause()
            straight()
            await seen.press("escape", "escape", key)
        straight()


def test_it_opens_without_a_home_inside_a_job_and_with_a_line_of_100_megabytes(small: Workspace) -> None:
    with (small.run_dir(4) / "log-9004.txt").open("a") as file:
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write("\nafter it\n")
    env = environment(SLURM_JOB_ID="77", SLURM_JOBID="77", SLURM_NODELIST="n1", SLURM_PROCID="0")
    for name in ("HOME", "XDG_CACHE_HOME", "USER", "LOGNAME"):
        env.pop(name, None)
    terminal = Terminal([sys.executable, "-m", "arctl"], cwd=small.root, env=env, size=(120, 35))
    terminal.until(lambda raw: b"synced" in raw)
    terminal.type(b"l")
    terminal.until(lambda raw: b"after it" in raw and b"x" * 40 in raw)
    terminal.type(b"\x1b")
    terminal.settled()
    terminal.type(b"q")
    assert terminal.close() == 0 and b"fault of arctl" not in terminal.written


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_runs_of_others_that_cannot_be_read_are_named_and_the_rest_is_shown(small: Workspace) -> None:
    for path in (small.root, *small.root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in small.root.parents:
        if path != Path("/") and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o055)
    small.run_dir(4).chmod(0o700)
    env = {**environment(HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent"), "PYTHONDONTWRITEBYTECODE": "1"}
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reads = [*become, sys.executable, "-c", ""]
    if subprocess.run(reads, capture_output=True, env=env).returncode:
        reads = []
    if not reads:
        pytest.skip("nobody cannot run this Python")
    terminal = Terminal([*become, sys.executable, "-m", "arctl"], cwd=small.root, env=env, size=(120, 35))
    terminal.until(lambda raw: b"frame_tiny" in raw and b"stale since" in raw and b"ermission" in raw)
    terminal.type(b"]")
    terminal.until(lambda raw: b"ermission denied" in raw)
    terminal.type(b"q")
    assert terminal.close() == 0 and b"fault of arctl" not in terminal.written
