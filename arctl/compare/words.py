"""How the numbers of a comparison read: points, p-values, intervals, the names of tests."""

from __future__ import annotations

import math

from arctl import stats
from arctl.compare.significance import Paired

NOTHING = "-"


def points(difference: float) -> str:
    """Return a difference of shares in points with its sign: `+1.4`."""
    return NOTHING if not math.isfinite(difference) else f"{100 * difference:+.1f}"


def p_text(p: float) -> str:
    """Return a p-value: `p < 0.001`, `p = 0.023`, `p = 0.62`."""
    if not math.isfinite(p):
        return "p unknown"
    return f"p {p_number(p)}" if p < 0.001 else f"p = {p_number(p)}"


def p_number(p: float) -> str:
    """Return a p-value without its letter: `< 0.001`, `0.023`, `0.62`."""
    if not math.isfinite(p):
        return NOTHING
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def interval_text(interval: stats.Interval | None) -> str:
    """Return the ends of an interval of a difference in points: `[+0.2, +1.8]`."""
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return NOTHING
    return f"[{points(interval.low)}, {points(interval.high)}]"


def test_words(test: Paired) -> str:
    """Return which test decides: `McNemar, exact`, or how clusters are taken into account."""
    return f"McNemar, {test.mcnemar.kind}" if test.clustered is None else clustered_words(test.clustered)


def clustered_words(test: stats.ClusteredTest) -> str:
    """Return what a test of clusters did."""
    return f"sign flips of {test.clusters} groups, {test.kind}"
