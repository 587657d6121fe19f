"""The answer in one plain sentence: which is better, by how much, how sure that is; or that nobody can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from arctl import stats
from arctl.compare.ranking import Omnibus, Ranking
from arctl.compare.seeds import ArmPair
from arctl.compare.significance import METRICS, Method, Pairing
from arctl.compare.words import interval_text, p_text, points, test_words


@dataclass(frozen=True)
class Verdict:
    """The answer of a comparison."""

    outcome: str
    """`better`, `cannot tell`, `same answers`, `ranked`, or `no test`."""
    sentence: str
    """In plain words."""
    metric: str
    """What decided (`significance.METRICS`)."""
    better: str | None = None
    """`run12` or `run9+run10`, the better one; None where nobody can tell."""
    difference: float | None = None
    """Second minus first, of two."""
    low: float | None = None
    """Lower end of its interval."""
    high: float | None = None
    """Upper end of its interval."""
    p: float | None = None
    """The p-value that decided; None where an interval did."""
    test: str | None = None
    """Which test that was."""
    detectable: float | None = None
    """Smallest true difference in top-1 that this test set shows at 80 % power."""


def untested(why: str, metric: str) -> Verdict:
    """Return the verdict on runs whose answers cannot be held against each other."""
    return Verdict("no test", f"cannot tell: {why}", metric)


def of_pair(pair: Pairing, labels: Sequence[str], method: Method) -> Verdict:
    """Return the verdict on two runs."""
    metric, words = method.metric, METRICS[method.metric]
    first, second = labels[pair.first], labels[pair.second]
    test, interval = pair.test(metric), pair.interval(metric)
    change = pair.difference(metric)
    if pair.agreement == 1:
        sentence = f"no difference: {first} and {second} give the same answer to each of {pair.samples} samples"
        return Verdict("same answers", sentence, metric, difference=0.0)
    if test is None and interval is None:
        return untested(f"there is no test and no interval of {words} here", metric)
    known = _known(test.p if test else None, test_words(test) if test else None, interval, change, pair.detectable)
    tested = _tested(pair, method)
    if not pair.real(metric, method.alpha):
        power = _power(pair) if metric == "top1" else ""
        sentence = (
            f"cannot tell {first} and {second} apart: {second} minus {first} is {points(change)} points of {words}"
            f"{_ends(interval)}{tested}{power}"
        )
        return Verdict("cannot tell", sentence, metric, None, *known)
    better, worse = (second, first) if change > 0 else (first, second)
    turned = _turned(interval) if change < 0 else interval
    sure = "it is real" if interval is None or interval.excludes_zero else "test and interval disagree: on the edge"
    sentence = (
        f"{better} is better than {worse}: {points(abs(change))} points of {words}{_ends(turned)}{tested}; {sure}"
    )
    return Verdict("better", sentence, metric, better, *known)


def of_arms(pair: ArmPair, labels: Sequence[str], method: Method) -> Verdict:
    """Return the verdict on two recipes, one of them with several seeds."""
    metric, words = method.metric, METRICS[method.metric]
    interval = pair.interval(metric)
    first, second = labels[pair.first], labels[pair.second]
    if interval is None:
        return untested(f"{words} has no interval over seeds", metric)
    sizes = f"{pair.seeds.seeds[0]} and {pair.seeds.seeds[1]} seeds"
    known = (interval.estimate, interval.low, interval.high, None, "interval over seeds and samples", None)
    if not interval.excludes_zero:
        sentence = (
            f"cannot tell {first} and {second} apart: {second} minus {first} is {points(interval.estimate)} points of "
            f"{words}{_ends(interval)} over {sizes} and other samples"
        )
        return Verdict("cannot tell", sentence, metric, None, *known)
    up = interval.estimate > 0
    better, worse = (second, first) if up else (first, second)
    sentence = (
        f"{better} is better than {worse}: {points(abs(interval.estimate))} points of {words}"
        f"{_ends(interval if up else _turned(interval))} over {sizes} and other samples; it is real"
    )
    return Verdict("better", sentence, metric, better, *known)


def of_many(ranking: Ranking, omnibus: Omnibus | None, labels: Sequence[str], method: Method, how: str) -> Verdict:
    """Return the verdict on more than two runs or recipes: their order, and where it is more than chance."""
    words = METRICS[method.metric]
    beyond = f" (but {', '.join(ranking.beyond)})" if ranking.beyond else ""
    whole = f"; all alike: {p_text(omnibus.p)} (Cochran's Q)" if omnibus is not None else ""
    sentence = f"{ranking.line}{beyond} in {words}, where > is a difference that is real ({how}){whole}"
    first = labels[ranking.order[0]]
    alone = ranking.line.startswith(f"{first} >")
    p = omnibus.p if omnibus is not None else None
    return Verdict("ranked", sentence, method.metric, first if alone else None, p=p, test="Cochran's Q" if p else None)


def _known(
    p: float | None, test: str | None, interval: stats.Interval | None, change: float, detectable: float
) -> tuple[float, float | None, float | None, float | None, str | None, float]:
    low, high = (interval.low, interval.high) if interval is not None else (None, None)
    return change, low, high, p, test, detectable


def _tested(pair: Pairing, method: Method) -> str:
    test = pair.test(method.metric)
    if test is None:
        return f" ({100 * method.confidence:g} % bootstrap interval)"
    return f", {p_text(test.p)} ({test_words(test)})"


def _ends(interval: stats.Interval | None) -> str:
    text = interval_text(interval)
    return "" if text == "-" else f" {text}"


def _turned(interval: stats.Interval | None) -> stats.Interval | None:
    if interval is None:
        return None
    return stats.Interval(-interval.estimate, -interval.high, -interval.low, interval.se, interval.level)


def _power(pair: Pairing) -> str:
    if math.isfinite(pair.detectable):
        return f"; this test set could show {100 * pair.detectable:.1f} points at 80 % power"
    few = pair.top1.flips.discordant
    return f"; only one of them is right on no more than {few} of {pair.samples} samples, too few to show a difference"
