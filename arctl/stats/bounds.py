"""What two confusion matrices can say about a paired test: the p-values between which it must lie.

A matrix tells how often each run is right in each class, not on which samples. So the difference c - b is known, and
the number of discordant samples b + c only within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from arctl.errors import UsageError
from arctl.stats.checks import as_counts, same_length
from arctl.stats.paired import EXACT_BELOW, mcnemar


@dataclass(frozen=True)
class Bounds:
    """The range of a paired test that two matrices leave open: each p-value belongs to some overlap."""

    low: float
    """Smallest p-value that the matrices allow."""
    high: float
    """Largest p-value that they allow."""
    fewest: int
    """Fewest discordant samples: each class's errors overlap as much as they can."""
    most: int
    """Most discordant samples: they overlap as little as they can."""
    difference: int
    """Samples that B has right more than A."""

    def verdict(self, alpha: float = 0.05) -> str:
        """Return `significant`, `not significant`, or `undecidable` where the range straddles `alpha`."""
        if self.high < alpha:
            return "significant"
        return "not significant" if self.low >= alpha else "undecidable"


def mcnemar_bounds(
    support: ArrayLike, right_a: ArrayLike, right_b: ArrayLike, *, exact_below: int = EXACT_BELOW
) -> Bounds:
    """Return the McNemar p-values that two matrices allow, from (K,) samples and right answers of A and B.

    In class k of n samples with a and b right, the discordant ones number |a - b| at least and min(a + b, 2n - a - b)
    at most, in steps of two; every sum between is possible. Raises UsageError where more are right than there are.
    """
    n, a, b = (
        as_counts(name, value) for name, value in (("support", support), ("right_a", right_a), ("right_b", right_b))
    )
    same_length(support=n, right_a=a, right_b=b)
    if (a > n).any() or (b > n).any():
        raise UsageError("a class has more right answers than samples: these are not two matrices of one test set")
    fewest, most = int(np.abs(a - b).sum()), int(np.minimum(a + b, 2 * n - a - b).sum())
    net = int((b - a).sum())
    reached = {fewest, most, *(d for d in range(exact_below - 2, exact_below + 2) if fewest <= d <= most)}
    found = [_p(d, net, exact_below) for d in reached if (d - fewest) % 2 == 0]
    return Bounds(min(found), max(found), fewest, most, net)


def _p(discordant: int, net: int, exact_below: int) -> float:
    return mcnemar((discordant - net) // 2, (discordant + net) // 2, exact_below=exact_below).p
