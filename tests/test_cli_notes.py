"""`arctl note` and `arctl tag`: run.yaml is changed and the registry follows; nobody's words are lost unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arctl.errors import ArctlError, DataError, NotFoundError, UsageError
from arctl.labels import NoteChanged, change_tags, set_note
from arctl.lineage import lineage
from arctl.registry import read
from arctl.rundir import RunDir
from arctl.runfile import change_run, read_run
from arctl.settings import Workspace
from arctl.sync import rebuild
from tests.conftest import Desk
from tests.tui import workspace as workspaces


@pytest.fixture
def shelf(tmp_path: Path) -> Workspace:
    made = workspaces.init_workspace(tmp_path / "ws")
    for number, more in ((1, {"tags": ["base"]}), (2, {"rerun_of": 1, "note": "old"}), (3, {"rerun_of": 2})):
        workspaces.new_run(made, number, f"name{number}", **more)  # type: ignore[arg-type]
    rebuild(made)
    return made


def kept(workspace: Workspace, number: int) -> tuple[str, tuple[str, ...]]:
    """Return note and tags of a run, after seeing that registry and run.yaml agree."""
    row, run = read.run(workspace.db, number), read_run(RunDir(workspace.run_dir(number)).run_yaml)
    assert row is not None
    assert (row.note, row.tags) == (run.note, run.tags)
    return row.note, row.tags


def test_a_note_is_replaced_shown_appended_to_and_cleared(shelf: Workspace) -> None:
    desk = Desk(shelf.root)
    assert desk.arctl("note", "run2").stdout == "old\n"
    assert desk.arctl("note", "run2", "two", "words").stdout == "run2  its note is written\n"
    assert kept(shelf, 2)[0] == "two words"
    assert desk.json("note", "name2", "--append", "more") == {
        "schema": "arctl.note/1", "run": "run2", "note": "two words\nmore"
    }  # fmt: skip
    desk.arctl("note", "run2", "--clear")
    assert kept(shelf, 2)[0] == ""
    assert "has no note" in desk.arctl("note", "run2").stderr


def test_tags_are_added_and_taken_away_from_several_runs(shelf: Workspace) -> None:
    desk = Desk(shelf.root)
    assert desk.arctl("tag", "run1", "run2", "+paper", "-base", "-hard").stdout == "run1  paper\nrun2  paper\n"
    assert (kept(shelf, 1)[1], kept(shelf, 2)[1]) == (("paper",), ("paper",))
    assert desk.json("tag", "run3") == {"schema": "arctl.tags/1", "runs": [{"run": "run3", "tags": []}]}


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("note", "run9", "x"), 3, "run9"),
        (("note", "run1:run3", "x"), 2, "names 3 runs"),
        (("note", "run1", "--clear", "x"), 2, "--clear goes without TEXT"),
        (("note", "run1", "x" * 5000), 2, "longer than 4096"),
        (("note", "run1", "\x1b[2J"), 2, "control characters"),
        (("tag", "+base"), 2, "no run is named"),
        (("tag", "run1", "+sp ace"), 2, "is no tag"),
        (("tag", "run1", "+a", "-a"), 2, "added and removed"),
    ],
)
def test_bad_words_are_refused_and_change_nothing(
    shelf: Workspace, argv: tuple[str, ...], status: int, said: str
) -> None:
    assert said in Desk(shelf.root).arctl(*argv, status=status).stderr
    assert kept(shelf, 1) == ("", ("base",))


def test_a_note_that_another_process_changed_is_not_overwritten(shelf: Workspace) -> None:
    change_run(RunDir(shelf.run_dir(2)).run_yaml, lambda run: replace(run, note="theirs"))
    with pytest.raises(NoteChanged) as caught:
        set_note(shelf, 2, "mine", was="old")
    assert caught.value.now == "theirs"
    assert read_run(RunDir(shelf.run_dir(2)).run_yaml).note == "theirs"
    assert set_note(shelf, 2, "mine  \n", was="theirs") == "mine"
    assert kept(shelf, 2)[0] == "mine"


def test_run_yaml_is_the_truth_and_a_run_without_it_is_not_labelled(shelf: Workspace) -> None:
    path = RunDir(shelf.run_dir(1)).run_yaml
    change_run(path, lambda run: replace(run, tags=("by-hand",)))
    assert change_tags(shelf, 1, add=["new"]) == ("by-hand", "new")
    assert kept(shelf, 1)[1] == ("by-hand", "new")
    path.write_text("{broken")
    with pytest.raises(DataError):
        set_note(shelf, 1, "x")
    with pytest.raises(NotFoundError):
        change_tags(shelf, 9, add=["x"])
    with pytest.raises(UsageError):
        change_tags(shelf, 1, add=["-x"])
    row = read.run(shelf.db, 1)
    assert row is not None and row.note == "" and row.tags == ("by-hand", "new")


def test_a_file_that_cannot_be_written_leaves_both_as_they_were(shelf: Workspace) -> None:
    directory = shelf.run_dir(2)
    (directory / "run.yaml").rename(directory / "kept.yaml")
    (directory / "run.yaml").symlink_to("kept.yaml")
    with pytest.raises(ArctlError):
        set_note(shelf, 2, "mine")
    row = read.run(shelf.db, 2)
    assert row is not None and row.note == "old"


def test_the_relatives_of_a_run_and_a_circle_that_ends(shelf: Workspace) -> None:
    assert [row.number for row in lineage(shelf.db, 3).parents] == [2, 1]
    assert [row.number for row in lineage(shelf.db, 1).children] == [2]
    assert lineage(shelf.db, 2).facts() == {"repeats": ["run1"], "repeated_by": ["run3"]}
    change_run(RunDir(shelf.run_dir(1)).run_yaml, lambda run: replace(run, rerun_of=3))
    shelf.db.unlink()
    rebuild(shelf)
    assert [row.number for row in lineage(shelf.db, 3).parents] == [2, 1]
    assert lineage(shelf.db, 9).parents == ()
