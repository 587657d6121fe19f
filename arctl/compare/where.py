"""Where two runs differ: the classes whose recall rose or fell, and the confusions that came and went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arctl import stats
from arctl.scores.answers import Answers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Where:
    """The classes and confusions of two runs over the same samples; a change is the second minus the first."""

    classes: tuple[str, ...]
    """(K,) names, safe to show."""
    support: Ints
    """(K,) samples of each class."""
    right: tuple[Ints, Ints]
    """(K,) samples that each run has right."""
    low: tuple[Floats, Floats]
    """(K,) lower end of Wilson's interval of each run's recall."""
    high: tuple[Floats, Floats]
    """(K,) upper end."""
    only: tuple[Ints, Ints]
    """(K,) samples that one run has right and the other wrong."""
    tests: stats.ClassTests
    """Exact within each class, corrected over the classes."""
    shifts: stats.PairShifts
    """Every confused pair, most significant first."""

    def recall(self, side: int) -> Floats:
        """(K,) recall of the first (0) or the second run (1); NaN for a class without samples."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.support > 0, self.right[side] / self.support, np.nan)

    @property
    def change(self) -> Floats:
        """(K,) recall of the second minus the first."""
        return self.recall(1) - self.recall(0)

    def ordered(self, *, risen: bool) -> list[int]:
        """Return the classes whose recall rose, or fell: by how many samples that is, the most first."""
        moved = (self.right[1] - self.right[0]) * (1 if risen else -1)
        change = self.change
        found = [int(k) for k in np.flatnonzero(moved > 0)]
        return sorted(found, key=lambda k: (-moved[k], -abs(change[k]), k))

    def significant(self, alpha: float) -> list[int]:
        """Return the classes whose recall changed by more than chance, after the correction."""
        return [int(k) for k in np.flatnonzero(np.nan_to_num(self.tests.adjusted, nan=1.0) < alpha)]


def where(a: Answers, b: Answers, *, correction: str, confidence: float) -> Where:
    """Compare two runs class by class. Answers must be of the same samples in the same order."""
    count = len(a.classes)
    support = _counted(a.targets, count)
    right = [side.correct() for side in (a, b)]
    hits = tuple(_counted(a.targets[one], count) for one in right)
    only = (_counted(a.targets[right[0] & ~right[1]], count), _counted(a.targets[right[1] & ~right[0]], count))
    ends = [stats.wilson(one, support, level=confidence) for one in hits]
    how: Literal["bh", "holm"] = "holm" if correction == "holm" else "bh"
    return Where(
        a.classes,
        support,
        (hits[0], hits[1]),
        (ends[0][0], ends[1][0]),
        (ends[0][1], ends[1][1]),
        only,
        stats.within_classes(*only, alpha=1 - confidence, how=how),
        stats.pair_shifts(a.targets, a.predicted, b.predicted, alpha=1 - confidence),
    )


def _counted(values: Ints, count: int) -> Ints:
    return np.bincount(values, minlength=count).astype(np.int64)
