"""Filters that are kept: replaced as a whole, read strictly, never lost over a broken file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.filtering.saved import MOST, forget, place, save, saved
from arctl.settings import Workspace, init_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path)


def test_filters_are_kept_replaced_and_dropped(workspace: Workspace) -> None:
    assert saved(workspace) == {}
    save(workspace, "good", ' val/top1>80% note:"a: b, #c"\n-tag:x ')
    save(workspace, "mine", "@good state:live")
    save(workspace, "yes", "no")
    assert saved(workspace) == {
        "good": 'val/top1>80% note:"a: b, #c" -tag:x', "mine": "@good state:live", "yes": "no",
    }  # fmt: skip
    save(workspace, "good", "best>0.9")
    assert saved(workspace)["good"] == "best>0.9"
    with pytest.raises(UsageError, match="@mine needs @good"):
        forget(workspace, "good")
    for name in ("mine", "good", "yes"):
        forget(workspace, name)
    assert saved(workspace) == {}
    assert [path.name for path in workspace.state.iterdir()] == ["filters.yaml"]
    with pytest.raises(NotFoundError, match="no saved filter 'good'"):
        forget(workspace, "good")


@pytest.mark.parametrize("name", ["", "-x", "a b", "latest", "x" * 41, "../x", "1st", "名前"])
def test_names_that_cannot_be_typed_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a filter"):
        save(workspace, name, "state:running")
    assert not place(workspace).exists()


def test_what_cannot_be_read_is_not_kept(workspace: Workspace) -> None:
    save(workspace, "a", "state:running")
    for name, text in (("b", "stat:x"), ("b", " "), ("b", "@c"), ("a", "@a"), ("b", "x\udcff")):
        with pytest.raises((UsageError, NotFoundError)):
            save(workspace, name, text)
    save(workspace, "b", "@a")
    with pytest.raises(UsageError, match="holds itself"):
        save(workspace, "a", "@b")
    assert saved(workspace) == {"a": "state:running", "b": "@a"}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("a: x\nb: [1, 2\n", "filters.yaml:3:1"),
        ("a: x\nb: [1, 2]\n", "filters.yaml:2:4"),
        ("a: x\na: y\n", "filters.yaml:2:1"),
        ("a: x\n'b c': y\n", "filters.yaml:2:8"),
        ("a:\n", "filters.yaml:1:"),
        ("- a\n", "filters.yaml"),
    ],
)
def test_a_broken_file_is_told_of_and_kept(workspace: Workspace, content: str, where: str) -> None:
    workspace.state.mkdir()
    place(workspace).write_text(content)
    for act in (saved, lambda one: save(one, "new", "x"), lambda one: forget(one, "a")):
        with pytest.raises(UsageError) as wrong:
            act(workspace)
        assert where in str(wrong.value)
    assert place(workspace).read_text() == content


def test_a_directory_that_cannot_be_written_keeps_the_old_file(workspace: Workspace) -> None:
    save(workspace, "a", "x")
    (workspace.state / "filters.yaml").rename(workspace.state / "kept")
    (workspace.state / "filters.yaml").mkdir()
    with pytest.raises((UsageError, ArctlError)):
        save(workspace, "b", "x")
    assert sorted(path.name for path in workspace.state.iterdir()) == ["filters.yaml", "kept"]


def test_two_at_once_lose_nothing(workspace: Workspace) -> None:
    threads = [threading.Thread(target=save, args=(workspace, f"f{number}", f"x{number}")) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert saved(workspace) == {f"f{number}": f"x{number}" for number in range(12)}
    assert MOST >= 12
