"""Two runs of which only the confusion matrices are known: figures, and between which p-values a test must lie."""

from __future__ import annotations

import csv
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arctl import stats
from arctl.compare.words import p_number, points
from arctl.errors import DataError, NotFoundError
from arctl.text import safe_line

SCHEMA = "arctl.matrices/1"
"""Name and version of the document of two matrices."""

LARGEST = 1 << 28
"""Bytes of a file that is still read."""

UNREADABLE = "(unreadable)"
"""Heads the column of samples that no class was answered for."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A confusion matrix from a file."""

    path: Path
    """The file."""
    classes: tuple[str, ...]
    """(K,) names, safe to show."""
    counts: NDArray[np.int64]
    """(K, K) samples by true class (rows) and answer (columns)."""
    unreadable: NDArray[np.int64]
    """(K,) samples of each class without an answer."""

    @property
    def support(self) -> NDArray[np.int64]:
        """(K,) samples of each class."""
        return np.asarray(self.counts.sum(axis=1) + self.unreadable)

    @property
    def right(self) -> NDArray[np.int64]:
        """(K,) samples of each class that were right."""
        return np.diagonal(self.counts)

    @property
    def total(self) -> int:
        """All samples."""
        return int(self.support.sum())

    @property
    def top1(self) -> float:
        """Share of all samples that were right; NaN without samples."""
        return float(self.right.sum() / self.total) if self.total else float("nan")

    @property
    def mean_class(self) -> float:
        """Mean recall of the classes that have samples."""
        seen = self.support > 0
        return float((self.right[seen] / self.support[seen]).mean()) if seen.any() else float("nan")

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that are there or were answered."""
        both = self.support + self.counts.sum(axis=0)
        known = both > 0
        return float((2 * self.right[known] / both[known]).mean()) if known.any() else float("nan")


@dataclass(frozen=True, eq=False)
class Compared:
    """Two matrices over the same number of samples of each class."""

    a: Matrix
    """The first."""
    b: Matrix
    """The second."""
    bounds: stats.Bounds
    """Between which p-values McNemar's test of top-1 lies."""
    classes: tuple[stats.Bounds, ...]
    """(K,) the same within each class."""
    alpha: float
    """Below which a p-value is called real."""

    @property
    def sentence(self) -> str:
        """The answer in plain words."""
        one, other = self.a.path.name, self.b.path.name
        change = points(self.b.top1 - self.a.top1)
        between = f"{p_number(self.bounds.low)} and {p_number(self.bounds.high)}"
        asked = f"{other} minus {one} is {change} points of top-1; McNemar's p lies between {between}"
        word = self.bounds.verdict(self.alpha)
        if word == "undecidable":
            return f"undecidable from matrices alone: {asked}, depending on which samples each has right"
        better = other if self.bounds.difference > 0 else one
        return f"{better} is better: {asked}" if word == "significant" else f"cannot tell: {asked}"


def compare_matrices(a: Matrix, b: Matrix, *, alpha: float) -> Compared:
    """Compare two matrices. Raises DataError where they are not of the same classes and samples."""
    where = f"{a.path} and {b.path}"
    cure = "a comparison needs two matrices over one test set"
    if a.classes != b.classes:
        what = "other classes" if sorted(a.classes) != sorted(b.classes) else "the same classes in another order"
        raise DataError(f"they have {what}", where=where, cure=cure)
    differ = np.flatnonzero(a.support != b.support)
    if len(differ):
        k = int(differ[0])
        what = f"class {a.classes[k]!r} has {a.support[k]} samples in one and {b.support[k]} in the other"
        raise DataError(what, where=where, cure=cure)
    whole = stats.mcnemar_bounds(a.support, a.right, b.right)
    parts = [stats.mcnemar_bounds([n], [x], [y]) for n, x, y in zip(a.support, a.right, b.right, strict=True)]
    return Compared(a, b, whole, tuple(parts), alpha)


def read_matrix(path: Path) -> Matrix:
    """Read a matrix as `arctl confusion --csv --normalize none` prints it: a head `true,...`, a row for each class.

    A last column `(unreadable)` may hold samples without an answer. Raises NotFoundError where there is no such file,
    DataError, with the line, where it is no matrix.
    """
    cure = "write it with `arctl confusion RUN --csv --normalize none`"
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise DataError(f"this is no file of at most {LARGEST} bytes", where=str(path), cure=cure)
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError as error:
        raise NotFoundError("no such file", where=str(path), cure="name a matrix, or a run") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"this is no confusion matrix: {safe_line(str(error))}", where=str(path), cure=cure) from error
    if not rows or len(rows[0]) < 2:
        raise DataError("this is no confusion matrix: it has no head", where=str(path), cure=cure)
    names = rows[0][1:]
    extra = names[-1] == UNREADABLE
    classes = tuple(safe_line(name) for name in (names[:-1] if extra else names))
    values = _values(path, classes, rows, width=len(names))
    size = len(classes)
    return Matrix(path, classes, values[:, :size], values[:, size] if extra else np.zeros(size, dtype=np.int64))


def _values(path: Path, classes: tuple[str, ...], rows: list[list[str]], *, width: int) -> NDArray[np.int64]:
    cure = "each row is a class, in the order of the head, with whole numbers of samples"
    if len(rows) - 1 != len(classes):
        raise DataError(f"{len(classes)} columns and {len(rows) - 1} rows", where=str(path), cure=cure)
    for line, (name, row) in enumerate(zip(classes, rows[1:], strict=True), start=2):
        if len(row) != width + 1 or safe_line(row[0]) != name:
            what = f"a row of {len(row) - 1} numbers named {safe_line(row[0])!r}, where {name!r} is due"
            raise DataError(what, where=f"{path}:{line}", cure=cure)
        wrong = next((cell for cell in row[1:] if not (cell.isascii() and cell.isdecimal() and len(cell) < 13)), None)
        if wrong is not None:
            raise DataError(
                f"{safe_line(wrong, limit=40)!r} is no number of samples", where=f"{path}:{line}", cure=cure
            )
    return np.array([[int(cell) for cell in row[1:]] for row in rows[1:]], dtype=np.int64)
