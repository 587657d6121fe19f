"""What goes wrong round the dashboard: it says so, keeps what it has, and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from arctl.settings import Workspace
from arctl.sync import rebuild
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener


async def test_corrupt_registry_is_told_and_quit_works(small: Workspace, opened: Opener) -> None:
    small.db.write_bytes(b"this is no database at all, but long enough to be taken for one" * 100)
    async with opened(small) as seen:
        await seen.shows("The runs cannot be read", "rebuild")
        await seen.press("j", "enter", "l", "q")
    assert seen.app.return_code == 0


async def test_registry_that_goes_bad_keeps_the_table(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.shows("frame_tiny")
        small.db.write_bytes(b"overwritten by accident " * 1000)
        await seen.shows("stale since", "frame_tiny", "r3d_tiny-aug")


async def test_a_scheduler_that_does_not_answer_keeps_the_table(
    small: Workspace, opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspaces.new_run(small, 5, "on-slurm", cluster="slurm", jobs=[{"cluster": "slurm", "id": "77", "submitted": 1.0}])
    rebuild(small)
    monkeypatch.setenv("PATH", str(tmp_path))
    async with opened(small) as seen:
        await seen.shows("stale since", "on-slurm", "frame_tiny")


async def test_runs_whose_files_were_deleted_stay_and_can_be_opened(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("G")
        shutil.rmtree(small.run_dir(1))
        await seen.press("enter", "l")
        await seen.shows("no log yet")
        for words in ("no predictions", "neither config.yaml", "clips/s", "submitted", "note", "top-1"):
            await seen.press("right_square_bracket")
            await seen.shows(words)


@pytest.mark.parametrize("size", [(1, 1), (30, 8), (100, 24), (250, 60)])
async def test_any_size_works(small: Workspace, opened: Opener, size: tuple[int, int]) -> None:
    async with opened(small, size) as seen:
        for key in ("j", "enter", "right_square_bracket", "right_square_bracket", "right_square_bracket", "escape"):
            await seen.press(key)
        await seen.pilot.resize_terminal(80, 24)
        await seen.shows("run4", "completed")
        await seen.pilot.resize_terminal(*size)
        await seen.press("space", "k", "space", "c")
        await seen.press("escape", "question_mark", "escape", "q")
    assert seen.app.return_code == 0
