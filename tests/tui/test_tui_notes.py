"""The Notes tab: what people said, its relatives, and the editor, which overwrites nobody's words unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import TextArea

from arctl.labels import set_note
from arctl.registry import read
from arctl.runfile import read_run
from arctl.settings import Workspace
from arctl.sync import rebuild
from arctl.tui.note_deeds import ChangeTags, SetNote, retag
from arctl.tui.screens.confirm import Confirm
from arctl.tui.screens.note_editor import NoteEditor
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener, Seen


@pytest.fixture
def shelf(tmp_path: Path) -> Workspace:
    made = workspaces.small(tmp_path / "ws")
    workspaces.new_run(made, 5, "r3d_tiny-again", rerun_of=3, sweep="rates", params={"optim.lr": 0.01})
    workspaces.new_run(made, 6, "r3d_tiny-more", rerun_of=5, group="paper", note="[bold]x[/]\n  \x1b[2Jsecond")
    rebuild(made)
    return made


async def open_notes(seen: Seen, run: int) -> None:
    await seen.until(lambda: seen.app.snapshot.complete and len(seen.app.snapshot.runs) == 6)
    seen.app.runs.go_to_run(run)
    await seen.app.runs.show_tab("Notes")


def note_of(workspace: Workspace, run: int) -> tuple[str, str]:
    row = read.run(workspace.db, run)
    assert row is not None
    return row.note, read_run(workspace.run_dir(run) / "run.yaml").note


async def test_it_shows_what_was_said_and_the_relatives(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 40)) as seen:
        await open_notes(seen, 6)
        await seen.shows("[bold]x[/]", "  second", "paper", "Repeats", "run5", "run3", "r3d_tiny-lr1")
        seen.app.runs.go_to_run(3)
        await seen.shows("none yet: e writes one", "Repeated by", "r3d_tiny-again")
        assert "\x1b" not in seen.text


async def test_e_edits_the_note_and_ctrl_s_writes_it_to_run_yaml_and_registry(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 40)) as seen:
        await open_notes(seen, 2)
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, NoteEditor))
        await seen.press("enter", *"two", "ctrl+s")
        await seen.until(lambda: note_of(shelf, 2)[1] == "the one to beat\ntwo")
        await seen.shows("the one to beat", "run2: its note is written")
        assert note_of(shelf, 2)[0] == "the one to beat\ntwo"


async def test_esc_asks_where_something_was_typed(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 40)) as seen:
        await open_notes(seen, 2)
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, NoteEditor))
        await seen.press("a", "escape")
        assert isinstance(seen.app.screen, Confirm)
        await seen.press("n")
        assert isinstance(seen.app.screen, NoteEditor)
        await seen.press("escape", "y")
        await seen.until(lambda: not isinstance(seen.app.screen, NoteEditor))
        assert note_of(shelf, 2) == ("the one to beat", "the one to beat")


async def test_a_note_that_somebody_else_changed_is_shown_and_not_overwritten(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 40)) as seen:
        await open_notes(seen, 2)
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, NoteEditor))
        set_note(shelf, 2, "theirs")
        await seen.press("x", "ctrl+s")
        await seen.shows("somebody changed it meanwhile. It says now: theirs")
        assert seen.app.screen.query_one(TextArea).text == "the one to beatx"
        assert note_of(shelf, 2) == ("theirs", "theirs")
        await seen.press("ctrl+s")
        await seen.until(lambda: note_of(shelf, 2)[1] == "the one to beatx")


def test_the_deeds_name_their_commands_and_say_what_went_wrong(shelf: Workspace) -> None:
    assert SetNote(2, "it's -fine").command() == """arctl note run2 -- 'it'"'"'s -fine'"""
    assert SetNote(2, "").command() == "arctl note run2 --clear"
    (deed,) = retag((1, 2), "paper, -base +best")
    assert deed == ChangeTags((1, 2), ("paper", "best"), ("base",))
    assert deed.command() == "arctl tag run1 run2 +paper +best -base"
    assert [result.text for result in deed.do(shelf)] == ["2 runs are tagged anew"]
    assert retag((1,), "  ") == []
    (bad,) = ChangeTags((1,), ("sp ace",)).do(shelf)
    assert not bad.good and "'sp ace' is no tag" in bad.text
