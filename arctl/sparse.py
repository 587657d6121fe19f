"""A matrix of classes that keeps only the cells that hold something: 3,806 classes cost what their answers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sparse:
    """A (K, K) matrix; cells that are not listed are 0."""

    size: int
    """K."""
    rows: Ints
    """(C,) of each cell, rising."""
    columns: Ints
    """(C,) of each cell, rising within a row."""
    values: NDArray[Any]
    """(C,) what the cells hold."""

    @classmethod
    def counted(cls, size: int, rows: Ints, columns: Ints) -> Sparse:
        """Return how often each (row, column) occurs."""
        keys, times = np.unique(rows * size + columns, return_counts=True)
        return cls(size, keys // size, keys % size, times.astype(np.int64))

    def dense(self) -> NDArray[Any]:
        """Return the (K, K) array. Takes 8 K squared bytes."""
        whole = np.zeros((self.size, self.size), dtype=self.values.dtype)
        whole[self.rows, self.columns] = self.values
        return whole

    def diagonal(self) -> NDArray[Any]:
        """Return the (K,) cells of the diagonal."""
        found = np.zeros(self.size, dtype=self.values.dtype)
        on = self.rows == self.columns
        found[self.rows[on]] = self.values[on]
        return found

    def row_sums(self) -> NDArray[Any]:
        """Return the (K,) sums of the rows."""
        return _sums(self.rows, self.values, self.size)

    def column_sums(self) -> NDArray[Any]:
        """Return the (K,) sums of the columns."""
        return _sums(self.columns, self.values, self.size)

    def where(self, keep: Flags) -> Sparse:
        """Return the matrix with only the cells that the (C,) flags keep."""
        return Sparse(self.size, self.rows[keep], self.columns[keep], self.values[keep])

    def beside(self) -> Sparse:
        """Return the matrix without its diagonal."""
        return self.where(self.rows != self.columns)

    def over(self, row_wholes: Floats | Ints | None, column_wholes: Floats | Ints | None = None) -> Sparse:
        """Return each cell divided by its row's whole (K,) and by its column's."""
        values: Floats = self.values.astype(np.float64)
        if row_wholes is not None:
            values /= row_wholes[self.rows]
        if column_wholes is not None:
            values /= column_wholes[self.columns]
        return Sparse(self.size, self.rows, self.columns, values)

    def plus(self, other: Sparse) -> Sparse:
        """Return the sum; its cells are those of both."""
        return _joined(self, other)

    def minus(self, other: Sparse) -> Sparse:
        """Return the difference; its cells are those of both, a 0 where they are equal."""
        return _joined(self, Sparse(other.size, other.rows, other.columns, -other.values))

    def both_ways(self) -> Sparse:
        """Return the matrix plus its transpose."""
        return _joined(self, Sparse(self.size, self.columns, self.rows, self.values))

    def taken(self, places: NDArray[np.intp]) -> Sparse:
        """Return the (M, M) block of the M classes `places`, in their order."""
        at = np.full(self.size, -1, dtype=np.int64)
        at[places] = np.arange(len(places))
        rows, columns = at[self.rows], at[self.columns]
        inside = np.flatnonzero((rows >= 0) & (columns >= 0))
        order = inside[np.lexsort((columns[inside], rows[inside]))]
        return Sparse(len(places), rows[order], columns[order], self.values[order])


@dataclass(frozen=True, eq=False)
class Shares:
    """A confusion matrix as it is shown: its cells as shares of a whole, or as counts."""

    unit: str
    """What a cell is a share of: its row (`true`), its column (`pred`) or `all` samples; `none` for counts."""
    cells: Sparse
    """(K, K) rows true, columns predicted."""
    unread: Floats
    """(K,) the same for samples of each class that could not be read."""
    rows_known: Flags
    """(K,) false where a row has nothing to be a share of."""
    columns_known: Flags
    """(K,) false where a column has nothing to be a share of."""

    def minus(self, other: Shares) -> Shares:
        """Return the difference, known where both are."""
        return Shares(
            self.unit,
            self.cells.minus(other.cells),
            self.unread - other.unread,
            self.rows_known & other.rows_known,
            self.columns_known & other.columns_known,
        )


def folded(matrix: Sparse, size: int, *, known: Flags) -> Floats:
    """Fold a matrix into a dense one of blocks of `size` classes; a shorter block may come last.

    A block on the diagonal is the mean of the matrix's diagonal over the `known` (K,) classes, NaN without any; any
    other block is its value of largest size.
    """
    count = -(-matrix.size // size)
    result = np.zeros((count, count))
    keys = matrix.rows // size * count + matrix.columns // size
    order = np.lexsort((np.abs(matrix.values), keys))
    last = np.flatnonzero(np.diff(keys[order], append=-1))
    result.flat[keys[order][last]] = matrix.values[order][last]
    block = np.arange(matrix.size) // size
    total = np.bincount(block, weights=np.where(known, matrix.diagonal(), 0.0), minlength=count)
    members = np.bincount(block[known], minlength=count)
    with np.errstate(invalid="ignore"):
        np.fill_diagonal(result, total / members)
    return result


def block_flags(flags: Flags, size: int) -> Flags:
    """Tell of each block of `size` classes whether the flag of all its classes is set."""
    if size == 1:
        return flags
    return np.asarray(np.logical_and.reduceat(flags, np.arange(0, len(flags), size)))


def as_rows(matrix: Sparse) -> Sequence[tuple[Ints, NDArray[Any]]]:
    """Return (columns, values) of each row in turn."""
    ends = np.searchsorted(matrix.rows, np.arange(matrix.size + 1))
    return [
        (matrix.columns[low:high], matrix.values[low:high])
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]


def _joined(one: Sparse, other: Sparse) -> Sparse:
    keys = np.concatenate([one.rows * one.size + one.columns, other.rows * one.size + other.columns])
    values = np.concatenate([one.values, other.values])
    found, place = np.unique(keys, return_inverse=True)
    total = _sums(place, values, len(found))
    return Sparse(one.size, found // one.size, found % one.size, total)


def _sums(places: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[Any]:
    total = np.bincount(places, weights=values, minlength=size)
    # Counts below 2**53 come back from floating point as they were.
    return total.astype(np.int64) if values.dtype.kind in "iu" else total
