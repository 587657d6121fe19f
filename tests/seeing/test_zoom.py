"""A class is found by what a person types of it, and a block by its two ends."""

from __future__ import annotations

import numpy as np
import pytest

from arctl.errors import NotFoundError, UsageError
from arctl.sparse import Sparse
from arctl.zoom import block, find_class

NAMES = ("Archery", "BaseballPitch", "Base", "12", "pick-up", "pick", "up", "Archer 2")
ORDER = np.array([3, 1, 0, 2, 7, 6, 5, 4], dtype=np.intp)


@pytest.mark.parametrize(
    ("word", "found"),
    [("Archery", 0), ("archery", 0), ("2", 1), ("Base", 2), ("12", 3), ("8", 7), ("ball", 1), ("R 2", 7), ("pick", 5)],
)
def test_a_class_is_found(word: str, found: int) -> None:
    assert find_class(NAMES, word, option="--class") == found


def test_what_may_be_several_names_them() -> None:
    with pytest.raises(UsageError, match=r"--class: 'arch' may be 2 classes .*1 Archery, 8 Archer 2"):
        find_class(NAMES, "arch", option="--class")
    with pytest.raises(UsageError, match=r"may be 400 classes .* and 392 more"):
        find_class([f"c{k}" for k in range(400)], "c", option="--class")


@pytest.mark.parametrize(
    ("word", "said"),
    [("Archrey", "near it are 1 Archery"), ("", "from 1 to 8"), ("0", "from 1 to 8"), ("99", "from 1 to 8")],
)
def test_what_is_no_class_says_what_comes_near(word: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        find_class(NAMES, word, option="--class")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("2-8", [1, 0, 2, 7]),
        ("8-2", [1, 0, 2, 7]),
        ("Archery-up", [0, 2, 7, 6]),
        ("pick-up-12", [3, 1, 0, 2, 7, 6, 5, 4]),
        ("12-pick-up", [3, 1, 0, 2, 7, 6, 5, 4]),
        ("7-7", [6]),
    ],
)
def test_a_block_lies_between_its_ends_in_the_order_shown(word: str, shown: list[int]) -> None:
    nothing = Sparse(8, *(np.zeros(0, np.int64) for _ in range(2)), np.zeros(0))
    assert block(ORDER, NAMES, word, links=nothing, size=3).tolist() == shown


def test_a_name_with_a_hyphen_is_one_class() -> None:
    cell = Sparse(8, np.array([4]), np.array([5]), np.array([0.5]))
    assert block(ORDER, NAMES, "pick-up", links=cell, size=2).tolist() == [5, 4]
