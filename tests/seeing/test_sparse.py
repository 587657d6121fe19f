"""Sparse matrices of classes do what arrays do."""

from __future__ import annotations

import numpy as np
import pytest

from arctl.sparse import Sparse, as_rows, block_flags, folded


def made(size: int, samples: int, seed: int) -> tuple[Sparse, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(size, size=(2, samples))
    whole = np.zeros((size, size), dtype=np.int64)
    np.add.at(whole, (rows, columns), 1)
    return Sparse.counted(size, rows, columns), whole


@pytest.mark.parametrize("size", [1, 2, 7, 40])
@pytest.mark.parametrize("samples", [0, 1, 300])
def test_it_agrees_with_arrays(size: int, samples: int) -> None:
    one, a = made(size, samples, 1)
    other, b = made(size, samples, 2)
    assert (one.dense() == a).all() and one.values.dtype == np.int64
    assert (one.diagonal() == np.diagonal(a)).all()
    assert (one.row_sums() == a.sum(axis=1)).all() and (one.column_sums() == a.sum(axis=0)).all()
    assert (one.plus(other).dense() == a + b).all() and (one.minus(other).dense() == a - b).all()
    assert (one.both_ways().dense() == a + a.T).all()
    assert (one.beside().dense() == a - np.diag(np.diagonal(a))).all()
    whole = np.arange(1, size + 1)
    assert np.allclose(one.over(whole).dense(), a / whole[:, None])
    assert np.allclose(one.over(None, whole).dense(), a / whole[None, :])
    places = np.random.default_rng(3).permutation(size)[: size // 2 + 1].astype(np.intp)
    assert (one.taken(places).dense() == a[np.ix_(places, places)]).all()
    assert [dict(zip(*map(np.ndarray.tolist, row), strict=True)) for row in as_rows(one)] == [
        {int(k): int(row[k]) for k in np.flatnonzero(row)} for row in a
    ]


def test_cells_stand_in_order() -> None:
    one, _ = made(30, 500, 5)
    for matrix in (one, one.both_ways(), one.taken(np.arange(29, -1, -1, dtype=np.intp))):
        keys = matrix.rows * matrix.size + matrix.columns
        assert (np.diff(keys) > 0).all()


def test_blocks_keep_the_worst_confusion_and_the_mean_recall() -> None:
    values = np.zeros((5, 5))
    np.fill_diagonal(values, [1.0, 0.5, 0.2, 0.4, 0.9])
    values[0, 3] = 0.3
    one = Sparse(5, *(axis.astype(np.int64) for axis in np.nonzero(values)), values[np.nonzero(values)])
    known = np.ones(5, dtype=bool)
    whole = folded(one, 2, known=known)
    assert whole.shape == (3, 3)
    assert whole[0, 1] == 0.3
    assert np.allclose(np.diagonal(whole), [0.75, 0.3, 0.9])
    minus = Sparse(5, one.rows, one.columns, -one.values)
    assert folded(minus, 2, known=known)[0, 1] == -0.3, "of differences the largest in size is kept, with its sign"
    assert (folded(one, 1, known=known) == values).all()


def test_a_block_of_unknown_classes_has_no_mean() -> None:
    one, _ = made(4, 50, 7)
    known = np.array([True, False, False, False])
    diagonal = np.diagonal(folded(one, 2, known=known))
    assert diagonal[0] == one.diagonal()[0] and np.isnan(diagonal[1])
    assert block_flags(~known, 2).tolist() == [False, True]
    assert block_flags(np.array([True, True, True]), 2).tolist() == [True, True]
