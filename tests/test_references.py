"""What people type for runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.errors import NotFoundError, UsageError
from arctl.references import resolve
from arctl.registry import write


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("references") / "runs.db"
    for place, name in enumerate(["r3d_tiny", "frame_tiny", "r3d_tiny", "frame_r50", "9lives"]):
        floor = 10 if place == 3 else 0
        write.new_run(path, name=name, token=f"arctl-{place}", created=1.0, cluster="local", template="t", floor=floor)
    for place in range(3):
        told = {"token": f"arctl-sweep-{place}", "created": 1.0, "cluster": "local", "template": "t"}
        write.new_run(path, name=f"lr-00{place}", group="lr", sweep="lr", floor=20, **told)
    again = {"token": "arctl-again", "created": 1.0, "cluster": "local", "template": "t", "rerun_of": 22}
    write.new_run(path, name="lr-001", group="lr", sweep="lr", **again)
    return path


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["run2"], [2]),
        (["2"], [2]),
        (["run0002"], [2]),
        (["r3d_tiny"], [3]),
        (["r3d"], [3]),
        (["frame_t"], [2]),
        (["9lives"], [12]),
        (["@latest"], [24]),
        (["lr"], [21, 23, 24]),
        (["lr", "lr-000"], [21, 23, 24]),
        (["lr-001"], [24]),
        (["run2:run11"], [2, 3, 11]),
        (["11:2"], [2, 3, 11]),
        (["run3", "r3d_tiny", "@latest", "1:3"], [3, 24, 1, 2]),
        ([], []),
    ],
)
def test_words_name_runs(db: Path, words: list[str], numbers: list[int]) -> None:
    assert resolve(db, words) == numbers


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("run4", "run3"),
        ("run99", "run24"),
        ("5:9", "run3"),
        ("r3d_tinny", "'r3d_tiny'"),
        ("@newest", "@latest"),
        ("", "known"),
        ("run", "known"),
        ("R3D", "r3d_tiny"),
    ],
)
def test_an_unknown_word_lists_the_nearest(db: Path, word: str, cure: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(db, [word])
    assert cure in (caught.value.cure or "")


def test_a_beginning_that_several_names_share_lists_them(db: Path) -> None:
    with pytest.raises(UsageError, match="frame_r50, frame_tiny"):
        resolve(db, ["frame"])


@pytest.mark.parametrize("word", ["a:b", "run1:", ":3", "1:2:3"])
def test_what_is_no_range_is_a_usage_error(db: Path, word: str) -> None:
    with pytest.raises(UsageError, match="run3:run7"):
        resolve(db, [word])


def test_hostile_words_are_shown_safely(db: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(db, ["\x1b]52;c;x\x07[/]\n"])
    assert "\x1b" not in str(caught.value)


def test_without_runs_it_says_how_to_make_one(tmp_path: Path) -> None:
    for word in ("@latest", "run1", "a"):
        with pytest.raises(NotFoundError, match="arctl submit"):
            resolve(tmp_path / "runs.db", [word])
