"""Two runs on the same samples: which of them is right more often, and how alike their answers are.

Only the samples on which one run is right and the other wrong (the discordant ones) tell the runs apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError
from arctl.stats.checks import as_classes, as_correct, as_counts, same_length
from arctl.stats.many import benjamini_hochberg, holm, tarone

EXACT_BELOW = 25
"""From this many discordant samples on, McNemar's test is the mid-p one."""


class Test(NamedTuple):
    """The outcome of a test of no difference."""

    p: float
    """Two-sided p-value."""
    kind: str
    """`exact` or `mid-p`."""


class Flips(NamedTuple):
    """What became of the samples from A to B."""

    negative: int
    """Right in A, wrong in B: McNemar's b."""
    positive: int
    """Wrong in A, right in B: McNemar's c."""
    both_right: int
    """Right in both."""
    both_wrong: int
    """Wrong in both."""

    @property
    def n(self) -> int:
        """All samples."""
        return sum(self)

    @property
    def discordant(self) -> int:
        """Samples on which one is right and the other wrong."""
        return self.negative + self.positive

    @property
    def negative_rate(self) -> float:
        """Share of all samples that are right in A and wrong in B (Yan et al., CVPR 2021)."""
        return self.negative / self.n if self.n else float("nan")

    @property
    def difference(self) -> float:
        """Accuracy of B minus accuracy of A."""
        return (self.positive - self.negative) / self.n if self.n else float("nan")


@dataclass(frozen=True, eq=False)
class ClassTests:
    """Exact McNemar tests within each of K classes."""

    p: NDArray[np.float64]
    """(K,) two-sided exact p-values; 1 where nothing is discordant."""
    least: NDArray[np.float64]
    """(K,) the smallest p-value that as many discordant samples could have given."""
    testable: NDArray[np.bool_]
    """(K,) whether the class could have been significant at all when corrected (Tarone); grey the others."""
    adjusted: NDArray[np.float64]
    """(K,) p-values corrected over the testable classes; NaN for the others."""
    how: str
    """`bh` (false discovery rate) or `holm` (no false discovery at all)."""
    alpha: float
    """Level for which `testable` was decided."""


def mcnemar(b: int, c: int, *, exact_below: int = EXACT_BELOW) -> Test:
    """Test that two runs are right equally often: `b` samples that only A has right, `c` that only B has right.

    Fewer than `exact_below` discordant samples: exact binomial test (McNemar 1947). From there on its mid-p version,
    which is as valid in practice and has more power (Fagerland, Lydersen and Laake 2013). Raises UsageError for counts
    below 0.
    """
    b, c = (int(as_counts(name, value)) for name, value in (("b", b), ("c", c)))
    exact = float(exact_p(b, c))
    if b + c < exact_below:
        return Test(exact, "exact")
    at = binomial_points(np.array([min(b, c)]), np.array([b + c]))[0]
    return Test(float(1 - at / 2 if b == c else exact - at), "mid-p")


def mcnemar_of(correct_a: ArrayLike, correct_b: ArrayLike, *, exact_below: int = EXACT_BELOW) -> Test:
    """McNemar's test of two runs from (N,) booleans: which samples each has right, by top-1 or top-k."""
    counted = flips(correct_a, correct_b)
    return mcnemar(counted.negative, counted.positive, exact_below=exact_below)


def exact_p(b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Return two-sided exact McNemar p-values for arrays of counts: twice the binomial tail at 1/2, at most 1."""
    from scipy.special import bdtr

    b, c = as_counts("b", b), as_counts("c", c)
    less = np.minimum(b, c).astype(np.float64)
    tail = np.asarray(bdtr(less, b + c, 0.5), dtype=np.float64)
    return np.where(b + c == 0, 1.0, np.minimum(1.0, 2 * tail))


def least_p(n: ArrayLike) -> NDArray[np.float64]:
    """Return the smallest exact p-value that `n` discordant samples can give: 2 to the power of 1 - n."""
    discordant = as_counts("n", n)
    return np.asarray(np.minimum(1.0, 2.0 ** (1.0 - discordant)), dtype=np.float64)


def flips(correct_a: ArrayLike, correct_b: ArrayLike) -> Flips:
    """Count the samples by who is right, from (N,) booleans of two runs."""
    a, b = as_correct("correct_a", correct_a), as_correct("correct_b", correct_b)
    same_length(correct_a=a, correct_b=b)
    return Flips(int((a & ~b).sum()), int((~a & b).sum()), int((a & b).sum()), int((~a & ~b).sum()))


def kappa(predicted_a: ArrayLike, predicted_b: ArrayLike) -> float:
    """Cohen's kappa of two runs' (N,) predicted classes: 1 where they always agree, 0 where only as often as by chance.

    NaN where both give every sample the same one class. Source: Cohen 1960.
    """
    a = as_classes("predicted_a", predicted_a, least=-1)
    b = as_classes("predicted_b", predicted_b, least=-1)
    n = same_length(predicted_a=a, predicted_b=b)
    size = int(max(a.max(), b.max())) + 2
    shares = [np.bincount(side + 1, minlength=size) / n for side in (a, b)]
    chance = float(shares[0] @ shares[1])
    return float("nan") if chance >= 1 else (float((a == b).mean()) - chance) / (1 - chance)


def within_classes(b: ArrayLike, c: ArrayLike, *, alpha: float = 0.05, how: Literal["bh", "holm"] = "bh") -> ClassTests:
    """Test each of K classes by itself, from counts of samples that only A and only B have right.

    Classes so small that no outcome could be significant are left out of the correction, so that they cost the others
    nothing: which they are depends on b + c alone, never on who won (Tarone 1990; Gilbert 2005).
    """
    if how not in ("bh", "holm"):
        raise UsageError(f"no correction {how!r}", cure="use bh or holm")
    b, c = as_counts("b", b), as_counts("c", c)
    p, least = exact_p(b, c), least_p(b + c)
    testable = tarone(least, alpha=alpha)
    adjusted = np.full(p.shape, np.nan)
    adjusted[testable] = (benjamini_hochberg if how == "bh" else holm)(p[testable])
    return ClassTests(p, least, testable, adjusted, how, alpha)


def binomial_points(k: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the binomial probabilities of k in n at 1/2."""
    from scipy.special import gammaln

    return np.asarray(np.exp(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0) - n * np.log(2)))
