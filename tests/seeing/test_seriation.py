"""Classes that are taken for one another stand together, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from arctl.seriation import similar_order, window
from arctl.sparse import Sparse


def links(rates: np.ndarray) -> Sparse:
    rows, columns = np.nonzero(rates)
    return Sparse(len(rates), rows.astype(np.int64), columns.astype(np.int64), rates[rows, columns].astype(np.float64))


def test_mixed_up_classes_stand_side_by_side() -> None:
    rates = np.eye(6) * 0.5
    for one, other in ((0, 5), (1, 4), (2, 3)):
        rates[one, other] = rates[other, one] = 0.5
    assert similar_order(links(rates)).tolist() == [0, 5, 1, 4, 2, 3]


def test_one_way_is_enough() -> None:
    rates = np.zeros((5, 5))
    rates[3, 1] = 0.2
    assert similar_order(links(rates)).tolist() == [1, 3, 0, 2, 4]


@pytest.mark.parametrize("classes", [8, 101, 400, 3806])
def test_planted_clusters_are_found_again(classes: int) -> None:
    rng = np.random.default_rng(classes)
    hidden = rng.permutation(classes)
    place = np.argsort(hidden)
    targets = np.repeat(np.arange(classes), 40)
    near = hidden[np.minimum(place[targets] // 4 * 4 + rng.integers(4, size=len(targets)), classes - 1)]
    draw = rng.random(len(targets))
    answers = np.where(draw < 0.6, targets, np.where(draw < 0.97, near, rng.integers(classes, size=len(targets))))
    counts = Sparse.counted(classes, targets, answers)
    order = similar_order(counts.over(counts.row_sums()))
    assert sorted(order.tolist()) == list(range(classes))
    shown = np.argsort(order)
    spans = [np.ptp(shown[hidden[start : start + 4]]) + 1 for start in range(0, classes - 3, 4)]
    assert np.mean(np.array(spans) == 4) > 0.9


def test_two_clusters_join_where_they_are_linked_most() -> None:
    rates = np.zeros((4, 4))
    rates[0, 1] = rates[2, 3] = 0.5
    rates[0, 3] = 0.1
    assert similar_order(links(rates)).tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_classes_without_links_keep_their_order(size: int) -> None:
    assert similar_order(links(np.eye(size))).tolist() == list(range(size))


def test_equal_links_everywhere_still_end() -> None:
    assert sorted(similar_order(links(np.full((30, 30), 1 / 3))).tolist()) == list(range(30))
    ring = np.roll(np.eye(31), 1, axis=1) / 7
    assert sorted(similar_order(links(ring)).tolist()) == list(range(31))


def test_a_window_holds_the_most_of_a_class_s_links() -> None:
    rates = np.zeros((10, 10))
    rates[4, 5] = rates[4, 6] = rates[7, 4] = 0.2
    order = np.arange(10, dtype=np.intp)
    assert window(order, links(rates), around=4, size=4) == (4, 8)
    assert window(order, links(rates), around=0, size=4) == (0, 4)
    assert window(order, links(rates), around=9, size=4) == (6, 10)
    assert window(order, links(rates), around=2, size=3) == (1, 4), "of equals the one with the class in its middle"
    assert window(order, links(rates), around=2, size=99) == (0, 10)
