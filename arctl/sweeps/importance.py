"""Which parameter of a sweep mattered, and whether so few runs can tell: shares of the spread, trends, permutations.

All on ranks of the metric, so that one diverged run decides nothing. A p-value is how often shuffled results would
show as much; nothing is claimed where even the clearest result could not be told from chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from arctl.sweeps.values import Params, Value, shown, spelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 6
"""Results below which nothing is said."""

FINE = 20
"""Ways to deal the results to the groups below which even the clearest is no surprise (1 in 20)."""

SHUFFLES = 2000
"""Shuffled results that the real one is compared with."""

MATTERS, PERHAPS = 0.05, 0.2
"""Up to these p-values a parameter `matters`, or does `perhaps`."""

FEW, NONE, MAYBE, YES = "too few to tell", "no sign", "perhaps", "matters"
"""The verdicts."""

_BINS = 3


@dataclass(frozen=True)
class Group:
    """The results with one value of a parameter, or with values of one third of its range."""

    label: str
    """The value, or `0.001..0.003`."""
    count: int
    """How many results."""
    mean: float
    """Mean of the metric over them."""


@dataclass(frozen=True)
class Effect:
    """What one parameter did to the metric."""

    key: str
    """`optim.lr`."""
    count: int
    """Results that it was judged by."""
    groups: tuple[Group, ...]
    """By value, from the smallest on."""
    share: float | None
    """Share of the spread of ranks that lies between the groups (eta squared), 0 to 1; None where all are equal."""
    trend: float | None
    """Rank correlation (Spearman) of a number with the metric, -1 to 1; None for what is no number."""
    p: float | None
    """How often shuffled results show as much; None where there are too few."""
    twins: tuple[str, ...] = ()
    """Parameters that change with it, so that nobody can tell them apart."""

    @property
    def verdict(self) -> str:
        """One of the verdicts."""
        if self.p is None:
            return FEW
        return YES if self.p <= MATTERS else MAYBE if self.p <= PERHAPS else NONE

    def ends(self, *, lower: bool) -> tuple[Group, Group]:
        """Return the best and the worst group; `lower` where smaller values of the metric are better."""
        ordered = sorted(self.groups, key=lambda group: group.mean, reverse=not lower)
        return ordered[0], ordered[-1]


def effects(params: Sequence[Params], results: Sequence[float], keys: Sequence[str]) -> list[Effect]:
    """Return what each key that varies did, the clearest first; `results` (finite) belong to `params` one by one."""
    found = []
    for key in keys:
        pairs = [(one[key], result) for one, result in zip(params, results, strict=True) if key in one]
        if len({spelled(value) for value, _ in pairs}) > 1:
            found.append(_effect(key, [value for value, _ in pairs], [result for _, result in pairs]))
    twins = _twins(params, [effect.key for effect in found])
    found = [replace(effect, twins=twins.get(effect.key, ())) for effect in found]
    order = {FEW: 2, NONE: 1}
    return sorted(found, key=lambda one: (order.get(one.verdict, 0), one.p or 0.0, -(one.share or 0.0)))


def _effect(key: str, values: Sequence[Value], results: Sequence[float]) -> Effect:
    import numpy as np

    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    members, labels = _grouped(values, numeric=numeric)
    groups = tuple(
        Group(label, int((members == index).sum()), float(np.mean(np.asarray(results)[members == index])))
        for index, label in enumerate(labels)
    )
    ranks = _ranks(np.asarray(results, dtype=float))
    y = ranks - ranks.mean()
    x = _ranks(np.asarray(values, dtype=float)) if numeric else None
    x = None if x is None else x - x.mean()
    if not y.any():
        return Effect(key, len(results), groups, None, None, None if len(results) < LEAST else 1.0)
    share, trend = _statistics(y[None, :], members, x)
    p = _p(y, members, x) if len(results) >= LEAST and _arrangements(groups) >= FINE else None
    return Effect(key, len(results), groups, float(share[0]), None if trend is None else float(trend[0]), p)


def _grouped(values: Sequence[Value], *, numeric: bool) -> tuple[NDArray[Any], list[str]]:
    """Return each value's group and the groups' names: one for each value, or thirds where nearly all values differ."""
    import numpy as np

    distinct = {spelled(value): value for value in values}
    if numeric and len(distinct) > max(5, len(values) / 3):
        numbers = np.asarray(values, dtype=float)
        order = np.argsort(numbers, kind="stable")
        members = np.empty(len(values), dtype=int)
        labels = []
        for index, part in enumerate(np.array_split(order, _BINS)):
            members[part] = index
            labels.append(f"{shown(float(numbers[part].min()))}..{shown(float(numbers[part].max()))}")
        return members, labels
    ordered = sorted(distinct, key=lambda text: (float(text), "") if numeric else (0.0, text))
    place = {text: index for index, text in enumerate(ordered)}
    return np.array([place[spelled(value)] for value in values]), [shown(distinct[text]) for text in ordered]


def _ranks(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return ranks from 1; equal numbers share the mean of theirs."""
    import numpy as np

    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[Any] = last - (counts - 1) / 2
    return mean[inverse.reshape(-1)]


def _statistics(
    y_PN: NDArray[Any], members_N: NDArray[Any], x_N: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the share between groups and the rank correlation of P results (P, N), each centred at 0."""
    import numpy as np

    hot_NG = np.eye(int(members_N.max()) + 1)[members_N]
    total = float((y_PN[0] ** 2).sum())
    share = ((y_PN @ hot_NG) ** 2 / hot_NG.sum(axis=0)).sum(axis=1) / total
    if x_N is None:
        return share, None
    return share, (y_PN @ x_N) / math.sqrt(total * float((x_N**2).sum()))


def _p(y_N: NDArray[Any], members_N: NDArray[Any], x_N: NDArray[Any] | None) -> float:
    """Return how often shuffled results show as much between the groups, or as clear a trend."""
    import numpy as np

    shuffles = SHUFFLES if len(y_N) <= 2000 else SHUFFLES // 10
    generator = np.random.default_rng(len(y_N))
    shuffled = generator.permuted(np.tile(y_N, (shuffles, 1)), axis=1)
    real = _strength(y_N[None, :], members_N, x_N)[0]
    more = int((_strength(shuffled, members_N, x_N) >= real - 1e-9).sum())
    return (1 + more) / (1 + shuffles)


def _strength(y_PN: NDArray[Any], members_N: NDArray[Any], x_N: NDArray[Any] | None) -> NDArray[Any]:
    import numpy as np

    share, trend = _statistics(y_PN, members_N, x_N)
    return share if trend is None else np.maximum(share, trend**2)


def _arrangements(groups: Sequence[Group]) -> float:
    """Return in how many ways the results could have fallen to the groups; groups of one size are interchangeable."""
    sizes = [group.count for group in groups]
    ways = math.lgamma(sum(sizes) + 1) - sum(math.lgamma(size + 1) for size in sizes)
    alike = sum(math.lgamma(sizes.count(size) + 1) for size in set(sizes))
    return math.exp(min(ways - alike, 50.0))


def _twins(params: Sequence[Params], keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return for each key those that have one value of their own for each of its values."""
    columns = {key: [spelled(one[key]) if key in one else "" for one in params] for key in keys}
    return {
        key: found for key in columns if (found := tuple(other for other in columns if _alike(key, other, columns)))
    }


def _alike(key: str, other: str, columns: Mapping[str, Sequence[str]]) -> bool:
    """Say whether two keys change together; values that all differ would do so by chance."""
    here, there = columns[key], columns[other]
    pairs = len(set(zip(here, there, strict=True)))
    return key != other and pairs == len(set(here)) == len(set(there)) < len(here)
