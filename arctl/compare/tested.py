"""All tests of a comparison at once: which runs are held against which, and what is said of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from arctl.compare.arms import Arm
from arctl.compare.moments import Moment
from arctl.compare.ranking import Omnibus, Ranking, omnibus, ranking
from arctl.compare.seeds import ArmPair, Spreads, arm_pairs, spreads
from arctl.compare.significance import METRICS, Method, Pairing, adjusted, clusters_of, pairing
from arctl.compare.unlike import Unlikeness
from arctl.compare.verdict import Verdict, of_arms, of_many, of_pair, untested
from arctl.scores.answers import Answers
from arctl.scores.metrics import Scores

MOST_BOOTSTRAPPED = 10
"""Pairs of runs that get intervals by resampling; of more there are tests alone."""


@dataclass(frozen=True, eq=False)
class Tested:
    """What the statistics say of all runs."""

    verdict: Verdict
    """The answer."""
    arms: tuple[Arm, ...] = ()
    """Recipes among the runs that have predictions."""
    pairings: tuple[Pairing, ...] = ()
    """Every two runs."""
    omnibus: Omnibus | None = None
    """All at once, for more than two."""
    spreads: tuple[Spreads, ...] = ()
    """Each recipe over its seeds."""
    arm_pairs: tuple[ArmPair, ...] = ()
    """Every two recipes, where one has several seeds."""
    ranking: Ranking | None = None
    """The order of more than two."""


def tested(
    moments: Sequence[Moment],
    scores: Sequence[Scores | None],
    recipes: Sequence[Arm],
    labels: Sequence[str],
    *,
    method: Method,
    unlike: Sequence[Unlikeness],
) -> Tested:
    """Hold every run that has predictions against every other one; `unlike` is what makes that impossible."""
    known = [place for place, moment in enumerate(moments) if moment.answers is not None]
    if len(known) < 2:
        why = "; ".join(moment.why for moment in moments if moment.why) or "there are no predictions"
        return Tested(untested(why, method.metric))
    apart = next((one for one in unlike if not one.paired), None)
    if apart is not None:
        return Tested(untested(f"{apart.first} and {apart.second}: {apart.words}", method.metric))
    answers = {place: found for place in known if (found := moments[place].answers) is not None}
    figured = {place: one for place in known if (one := scores[place]) is not None}
    return _tested(answers, figured, _among(recipes, known, labels), labels, method)


def _tested(
    answers: dict[int, Answers],
    scores: dict[int, Scores],
    recipes: tuple[Arm, ...],
    labels: Sequence[str],
    method: Method,
) -> Tested:
    pairs = list(combinations(answers, 2))
    few = method if len(pairs) <= MOST_BOOTSTRAPPED or not method.has_test else replace(method, resamples=0)
    found = adjusted([pairing(answers[a], answers[b], places=(a, b), method=few) for a, b in pairs])
    together = clusters_of(next(iter(answers.values())), method)
    seeds = arm_pairs(recipes, answers, together, method)
    spread = spreads(recipes, scores, confidence=method.confidence)
    whole = omnibus(list(answers.values()), together) if len(answers) > 2 else None
    order, verdict = _concluded(found, seeds, spread, recipes, scores, whole, labels, method)
    return Tested(verdict, recipes, found, whole, spread, seeds, order)


def _concluded(
    pairings: tuple[Pairing, ...],
    seeds: tuple[ArmPair, ...],
    spread: tuple[Spreads, ...],
    recipes: tuple[Arm, ...],
    scores: dict[int, Scores],
    whole: Omnibus | None,
    labels: Sequence[str],
    method: Method,
) -> tuple[Ranking | None, Verdict]:
    """Return the order of more than two, and the verdict: on recipes where they have seeds, else on runs."""
    names = [arm.label for arm in recipes]
    if seeds and seeds[0].interval(method.metric) is None:
        why = f"{METRICS[method.metric]} has no interval over seeds: take top1, mean_class or macro_f1"
        return None, untested(why, method.metric)
    if len(seeds) == 1:
        return None, of_arms(seeds[0], names, method)
    if seeds:
        pairs = {(one.first, one.second): one.real(method.metric) for one in seeds}
        values = [one[method.metric].interval.estimate for one in spread]
        order = ranking(names, values, lambda a, b: pairs[min(a, b), max(a, b)])
        return order, of_many(order, None, names, method, "intervals over seeds and samples, Bonferroni")
    if len(pairings) == 1:
        return None, of_pair(pairings[0], labels, method)
    if not all(one.test(method.metric) or one.interval(method.metric) for one in pairings):
        return None, untested(f"there is no test and no interval of {METRICS[method.metric]} here", method.metric)
    places = list(scores)
    real = {(one.first, one.second): one.real(method.metric, method.alpha) for one in pairings}
    values = [_value(scores[place], method.metric) for place in places]
    own = [labels[place] for place in places]

    def differ(a: int, b: int) -> bool:
        return real[min(places[a], places[b]), max(places[a], places[b])]

    order = ranking(own, values, differ)
    return order, of_many(order, whole, own, method, "paired tests, Holm")


def _value(scores: Scores, metric: str) -> float:
    if metric.startswith("top"):
        share = scores.top.get(int(metric.removeprefix("top")))
        return share.value if share is not None else float("nan")
    return scores.mean_class if metric == "mean_class" else scores.macro_f1


def _among(recipes: Sequence[Arm], known: Sequence[int], labels: Sequence[str]) -> tuple[Arm, ...]:
    """Return the recipes without the runs that have no predictions."""
    found = []
    for arm in recipes:
        kept = [(place, seed) for place, seed in zip(arm.members, arm.seeds, strict=True) if place in known]
        if kept:
            label = "+".join(labels[place] for place, _ in kept)
            found.append(Arm(tuple(place for place, _ in kept), label, tuple(seed for _, seed in kept)))
    return tuple(found)
