"""The dashboard on a disk that is full or only for reading, and with files that are damaged or go: nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl.registry import read
from arctl.runfile import read_run
from arctl.settings import Workspace, find_workspace
from arctl.sync import sync
from arctl.tui.screens.note_editor import NoteEditor
from tests.tui import nasty
from tests.tui.conftest import Opener, Seen


@pytest.fixture
def disk(small: Workspace) -> Iterator[Workspace]:
    """The four runs on a disk of their own, of 2 MB."""
    aside = small.root.with_name("aside")
    shutil.copytree(small.root, aside)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small.root)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    shutil.copytree(aside, small.root, dirs_exist_ok=True)
    sync(small)
    yield small
    subprocess.run(["umount", "--lazy", str(small.root)], check=True)


def fill(root: Path) -> None:
    with (root / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))


def remount(root: Path, how: str) -> None:
    # While somebody writes, the disk is busy.
    for _ in range(100):
        if not subprocess.run(["mount", "-o", f"remount,{how}", str(root)], capture_output=True).returncode:
            return
        time.sleep(0.02)
    raise AssertionError(f"{root} never became {how}")


async def write_note(seen: Seen, words: str) -> None:
    await seen.until(lambda: seen.app.snapshot.complete)
    await seen.press("e")
    await seen.until(lambda: isinstance(seen.app.screen, NoteEditor))
    await seen.press(*words, "ctrl+s")


@pytest.mark.parametrize("how", ["full", "read-only"])
async def test_a_note_that_cannot_be_written_is_kept_and_written_later(
    disk: Workspace, opened: Opener, how: str
) -> None:
    async with opened(disk, (120, 40)) as seen:
        await seen.press("j", "j")
        fill(disk.root) if how == "full" else remount(disk.root, "ro")
        await write_note(seen, "X")
        await seen.until(lambda: 2 in seen.app.unwritten, timeout=30)
        told = next(note.message for note in seen.app._notifications if "e opens it" in note.message)
        assert ("cannot be written" if how == "read-only" else "space") in told
        await seen.shows("opens", "r3d_tiny")  # how the toast is broken into lines depends on the path in it
        # A journal that was taken away may have left room for the small file, and none for the registry.
        written = ("the one to beat", "the one to beatX") if how == "full" else ("the one to beat",)
        assert read_run(disk.run_dir(2) / "run.yaml").note in written
        await seen.press("e")
        await seen.shows("the one to beatX", "ctrl+s tries again")
        (disk.root / "filler").unlink() if how == "full" else remount(disk.root, "rw")
        await seen.press("ctrl+s")
        await seen.until(lambda: read_run(disk.run_dir(2) / "run.yaml").note == "the one to beatX")
        await seen.until(lambda: seen.app.unwritten == {} and seen.app.snapshot.trouble is None)
        row = read.run(disk.db, 2)
        assert row is not None and row.note == "the one to beatX"


@pytest.mark.parametrize("how", ["full", "read-only"])
async def test_tags_filters_and_reports_that_cannot_be_written_say_why(
    disk: Workspace, opened: Opener, how: str
) -> None:
    async with opened(disk, (120, 40)) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        fill(disk.root) if how == "full" else remount(disk.root, "ro")
        why = "No space" if how == "full" else "ead-only"
        before = {path: path.read_bytes() for path in disk.root.rglob("*.yaml")}
        await seen.press("t", *"new", "enter")
        await seen.until(lambda: any("run4" in note.message for note in seen.app._notifications))
        seen.app.clear_notifications()
        await seen.press("slash", *"tiny", "enter", "F", "s", *"mine", "enter")
        await seen.until(lambda: any(why in note.message for note in seen.app._notifications))
        seen.app.clear_notifications()
        await seen.press("escape")
        await seen.until(lambda: seen.app.screen is seen.app.runs)
        await seen.press("E")
        await seen.until(lambda: any(note.severity == "error" for note in seen.app._notifications), timeout=90)
        assert {path: path.read_bytes() for path in disk.root.rglob("*.yaml")} == before
        await seen.shows("frame_tiny", "tiny")
        if how == "read-only":
            remount(disk.root, "rw")


async def test_each_tab_outlives_the_files_that_go_while_it_is_seen(small: Workspace, opened: Opener) -> None:
    async with opened(small, (160, 45)) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        seen.app.runs.go_to_run(2)
        for title in seen.app.runs.pane.titles:
            await seen.app.runs.show_tab(title)
            await seen.pilot.pause()
        shutil.rmtree(small.run_dir(2))
        for title in seen.app.runs.pane.titles:
            await seen.app.runs.show_tab(title)
            await seen.press("down", "r")
            await seen.shows("run2", title)
        await seen.press("space", "e", "t", "escape", "E", "y", "w", "R")
        await seen.until(lambda: seen.app.snapshot.complete)


async def test_damaged_runs_are_marked_and_the_others_live(tmp_path: Path, opened: Opener) -> None:
    workspace = nasty.damaged(tmp_path / "ws")
    async with opened(workspace, (160, 45)) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        seen.app.runs.go_to_run(1)
        await seen.shows("damaged event lines were left out", "hurt9")
        row = next(line for line in seen.text.splitlines() if "run1 " in line and "hurt1" in line)
        assert " !" in row
        whole = next(line for line in seen.text.splitlines() if "run2 " in line and "hurt2" in line)
        assert " !" not in whole
        for number in range(1, 10):
            seen.app.runs.go_to_run(number)
            for title in seen.app.runs.pane.titles:
                await seen.app.runs.show_tab(title)
                await seen.pilot.pause()


async def test_broken_settings_and_filters_are_named_with_their_line(small: Workspace, opened: Opener) -> None:
    small.state.mkdir(exist_ok=True)
    (small.state / "filters.yaml").write_text("good: state:running\nbad: [1, 2\n")
    async with opened(small, (120, 40)) as seen:
        await seen.press("F")
        await seen.shows("filters.yaml")
        await seen.press("escape", "slash", *"@good", "enter")
        await seen.shows("filters.yaml", "frame_tiny")
        await seen.press("escape", "escape")
        (small.root / "arctl.yaml").write_text("cluster: [\n")
        await seen.press("r", "n")
        await seen.until(lambda: seen.app.view is not seen.app.runs)
        await seen.press("escape", "escape", "1")
        await seen.shows("frame_tiny", "synced")
    with pytest.raises(Exception, match=r"arctl\.yaml"):
        find_workspace(small.root)
