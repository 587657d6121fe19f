"""Heat maps have the size that was asked for, numbers where there is room, and colours that mean something."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.cells import cell_len

from arctl import heatmap, plots
from arctl.confusion import difference, from_scores
from arctl.matrix import Confusion

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def matrix(classes: int, *, each: int = 20, right: float = 0.7, seed: int = 0, run: int = 1) -> Confusion:
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(classes), each)
    answers = np.where(rng.random(len(targets)) < right, targets, (targets ^ 1) % classes)
    scores = np.zeros((len(targets), 1, classes), np.float16)
    scores[np.arange(len(targets)), 0, answers] = 5
    return from_scores(scores, targets, tuple(f"Class{k:03d}" for k in range(classes)), run=run)


def sizes(panel: str) -> set[int]:
    return {cell_len(ANSI.sub("", line)) for line in panel.split("\n")}


@pytest.mark.parametrize("classes", [2, 8, 30, 101, 400])
@pytest.mark.parametrize(("width", "height"), [(80, 23), (160, 44), (60, 12), (40, 10)])
@pytest.mark.parametrize("colour", [True, False])
def test_heat_maps_are_exactly_as_large_as_asked(classes: int, width: int, height: int, colour: bool) -> None:
    one = matrix(classes)
    other = matrix(classes, right=0.9, seed=1, run=2)
    for panel in (
        plots.confusion(one, width=width, height=height, colour=colour),
        plots.confusion(one, width=width, height=height, colour=colour, order="confused"),
        plots.difference(difference(one, other), width=width, height=height, colour=colour),
    ):
        assert len(panel.split("\n")) == height
        assert sizes(panel) == {width}


def test_few_classes_carry_their_percentages_and_names() -> None:
    one = matrix(8, right=0.7)
    text = heatmap.confusion(one, width=80, height=12, colour=False)
    for k, row in enumerate(text.split("\n")[1:9]):
        shown = [0 if word == "·" else int(word) for word in row.split()[2:]]
        assert shown == [round(100 * rate) for rate in one.rates[k, :-1]]
        assert f"Class{k:03d}" in row


def test_colour_tells_right_from_wrong_and_better_from_worse() -> None:
    perfect, broken = matrix(8, right=1.0), matrix(8, right=0.0)
    assert "48;5;80m" in heatmap.confusion(perfect, width=80, height=12)
    assert "48;5;221m" not in heatmap.confusion(perfect, width=80, height=12).split("\n")[1]
    assert "48;5;221m" in heatmap.confusion(broken, width=80, height=12).split("\n")[1]
    solved = heatmap.difference(difference(broken, perfect), width=80, height=12).split("\n")[1]
    ruined = heatmap.difference(difference(perfect, broken), width=80, height=12).split("\n")[1]
    assert "48;5;81m" in solved and "48;5;214m" not in solved
    assert "48;5;214m" in ruined and "48;5;81m" not in ruined


def test_unreadable_samples_have_their_own_column() -> None:
    scores = np.zeros((4, 1, 2), np.float16)
    scores[:, 0, 0] = 3
    scores[3] = np.nan
    one = from_scores(scores, np.array([0, 0, 1, 1]), ("a", "b"))
    text = heatmap.confusion(one, width=60, height=7, colour=False)
    assert "unread" in text.split("\n")[0]
    assert text.split("\n")[2].split()[2:] == ["50", "·", "50"]


def test_wide_class_names_keep_the_table_straight() -> None:
    scores = np.eye(3, dtype=np.float16)[:, None, :]
    one = from_scores(scores, np.arange(3), ("左に動く", "右に動く", "回る"))
    assert sizes(heatmap.confusion(one, width=60, height=8)) == {60}


def answered(targets: list[int], predicted: list[int], classes: int = 3) -> Confusion:
    scores = np.zeros((len(targets), 1, classes), np.float16)
    scores[np.arange(len(targets)), 0, predicted] = 5
    return from_scores(scores, np.array(targets), tuple(f"Class{k}" for k in range(classes)))


def cells(text: str, rows: int) -> list[list[str]]:
    return [line.split()[2:] for line in text.split("\n")[1 : rows + 1]]


UNEVEN = answered([0] * 10 + [1] * 4, [0] * 8 + [1] * 2 + [1] * 4)


@pytest.mark.parametrize(
    ("normalize", "shown", "said"),
    [
        ("true", [["80", "20", "·"], ["·", "100", "·"], ["-", "-", "-"]], "in % of the row"),
        ("pred", [["100", "33", "-"], ["·", "67", "-"], ["·", "·", "-"]], "in % of the column"),
        ("all", [["57.1", "14.3", "·"], ["·", "28.6", "·"], ["·", "·", "·"]], "in % of all samples"),
        ("none", [["8", "2", "·"], ["·", "4", "·"], ["·", "·", "·"]], "in samples"),
    ],
)
def test_cells_are_shares_of_what_is_asked_for(normalize: str, shown: list[list[str]], said: str) -> None:
    text = heatmap.confusion(UNEVEN, width=90, height=5, colour=False, normalize=normalize)
    assert cells(text, 3) == shown and said in text


def test_the_strongest_colour_belongs_to_the_largest_count() -> None:
    for normalize in ("all", "none"):
        row = heatmap.confusion(UNEVEN, width=90, height=5, normalize=normalize).split("\n")[1]
        assert "48;5;80m" in row


def test_a_block_says_how_much_lies_outside_of_it() -> None:
    one = answered([0] * 10 + [1] * 10, [0] * 5 + [1] * 2 + [2] * 3 + [1] * 10)
    block = np.array([1, 0], dtype=np.intp)
    text = heatmap.confusion(one, width=60, height=4, colour=False, order=block)
    assert text.split("\n")[0].split() == ["Class1", "Class0", "else"]
    assert cells(text, 2) == [["100", "·", "·"], ["20", "50", "30"]]
    of_columns = heatmap.confusion(one, width=60, height=4, colour=False, order=block, normalize="pred")
    assert "else" not in of_columns, "shares of different columns have no sum"


def test_the_order_of_recall_begins_with_the_worst() -> None:
    one = answered([0] * 4 + [1] * 4 + [2] * 4, [0] * 4 + [1] * 2 + [0] * 2 + [2] * 3 + [0])
    lines = heatmap.confusion(one, width=60, height=5, colour=False, order="recall").split("\n")
    assert [line.split()[1] for line in lines[1:4]] == ["Class1", "Class2", "Class0"]


def test_room_is_what_is_drawn_with_numbers() -> None:
    many = matrix(60)
    for width in (60, 80, 120, 160):
        size = heatmap.room(many.classes, width)
        at = np.arange(size, dtype=np.intp)
        assert "else" in heatmap.confusion(many, width=width, height=size + 2, colour=False, order=at)
        wider = np.arange(size + 1, dtype=np.intp)
        assert "else" not in heatmap.confusion(many, width=width, height=size + 3, colour=False, order=wider)


def test_thousands_of_classes_are_drawn_without_a_square_array() -> None:
    import tracemalloc

    classes = 3806
    targets = np.repeat(np.arange(classes), 5)
    names = tuple(f"Class{k:04d}" for k in range(classes))
    ids = tuple(f"{k:06d}" for k in range(len(targets)))
    one = Confusion(1, "val", 1, names, ids, targets, np.where(np.arange(len(targets)) % 3, targets, targets ^ 1))
    tracemalloc.start()
    text = heatmap.confusion(one, width=100, height=40, order="confused")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text.split("\n")) == 40
    assert peak < 30e6 < classes * classes * 8
