"""Late fusion from the choice of runs to scores: which weights, on which splits, and what each number may claim."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from arctl.compare.figures import doubted, scored
from arctl.compare.measures import check_moment
from arctl.errors import DataError, NotFoundError, UsageError
from arctl.fusing.ballot import ballot
from arctl.fusing.blend import HOWS, blend
from arctl.fusing.lineup import Lineup, gather, usual_splits
from arctl.fusing.weights import Searched, equal, search
from arctl.protocol import Protocol
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.scores.answers import Answers, answers
from arctl.scores.predictions import Predictions
from arctl.scores.reducing import Floats
from arctl.settings import Workspace
from arctl.text import safe_line

EPOCH = 1
"""The epoch that a fused run's scores are after: it has one."""

MOST = 16
"""Runs that are fused at most."""


@dataclass(frozen=True)
class Wanted:
    """How runs are to be fused."""

    how: str = "softmax"
    """One of `blend.HOWS`."""
    weights: tuple[float, ...] = ()
    """The weight of each run; none are equal ones, or of `weighted` those that a search finds."""
    search_on: str = "val"
    """The split on which weights are searched."""
    splits: tuple[str, ...] = ()
    """What is fused; none is `lineup.usual_splits`."""
    at: str = "best"
    """`best`, `last` or `epoch=N`."""
    views: str | None = None
    """`10x3`; None takes what training wrote."""

    @property
    def searches(self) -> bool:
        """Whether the weights are to be searched."""
        return self.how == "weighted" and not self.weights


@dataclass(frozen=True, eq=False)
class Part:
    """One split, fused."""

    lineup: Lineup
    """What the runs said."""
    stored: Predictions
    """What the fusion says: the content of its predictions file."""
    crossed: int
    """Videos whose weights were found without them, because the search saw their true classes."""

    @cached_property
    def answers(self) -> tuple[Answers, ...]:
        """The answers of each run, then of the fusion (number 0): of the only head, or the actions of two."""
        return self.of_head("action" if len(self.lineup.heads) > 1 else "")

    def of_head(self, head: str) -> tuple[Answers, ...]:
        """Return the same of one head."""
        known = [
            answers(one.predictions, head=head, number=one.number, epoch=one.epoch, chosen=one.chosen)
            for one in self.lineup.members
        ]
        return (*known, answers(self.stored, head=head, epoch=EPOCH))


@dataclass(frozen=True, eq=False)
class Fusion:
    """Runs fused, not yet a run."""

    runs: tuple[RunRow, ...]
    """What was fused."""
    wanted: Wanted
    """How."""
    weights: tuple[float, ...]
    """The weight of each run, for new videos."""
    searched: Searched | None
    """How the weights were found; None where they were not searched."""
    parts: tuple[Part, ...]
    """Split by split; numbers on the last one are the most trustworthy."""

    @property
    def labels(self) -> tuple[str, ...]:
        """`run12`, ... of the runs that were fused."""
        return tuple(run_name(row.number) for row in self.runs)

    @property
    def words(self) -> str:
        """In words: `weighted mean of softmax: 0.62 run1 + 0.38 run2`."""
        shares = " + ".join(f"{weight:.3g} {name}" for weight, name in zip(self.weights, self.labels, strict=True))
        return f"{HOWS[self.wanted.how]}: {shares}"


def fuse(workspace: Workspace, *numbers: int, wanted: Wanted | None = None) -> Fusion:
    """Fuse the stored scores of runs; nothing is written.

    Weights are searched on one split alone. A video of that split, on whatever split it is shown, gets weights that
    were found without its group. Raises UsageError, NotFoundError, and DataError where the runs' scores are unlike.
    """
    wanted = wanted or Wanted()
    _check(numbers, wanted)
    runs = _rows(workspace, numbers)
    splits = tuple(dict.fromkeys(wanted.splits)) or usual_splits(workspace, numbers)
    lineups = {split: gather(workspace, runs, split=split, at=wanted.at, views=wanted.views) for split in splits}
    searched, seen = None, None
    if wanted.searches:
        seen = lineups.get(wanted.search_on) or gather(
            workspace, runs, split=wanted.search_on, at=wanted.at, views=wanted.views
        )
        searched = search(ballot(seen), seen.groups)
    weights = searched.weights if searched else _normal(wanted.weights) or equal(len(runs))
    parts = tuple(_part(lineup, weights, wanted.how, searched, seen) for lineup in lineups.values())
    for part in parts:
        _refuse_changed(workspace, runs, part)
    return Fusion(runs, wanted, weights, searched, parts)


def _check(numbers: Sequence[int], wanted: Wanted) -> None:
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise UsageError("a fusion needs two different runs", cure="name them, as in `arctl fuse run1 run2`")
    if len(numbers) > MOST:
        raise UsageError(f"{len(numbers)} runs are too many to fuse", cure=f"name up to {MOST}")
    if wanted.how not in HOWS:
        raise UsageError(f"{safe_line(wanted.how)!r} fuses nothing", where="--how", cure=f"use {', '.join(HOWS)}")
    check_moment(wanted.at)
    if wanted.weights and wanted.how == "softmax":
        raise UsageError("a mean of softmax has equal weights", where="--weights", cure="use --how weighted")
    if wanted.weights and len(wanted.weights) != len(numbers):
        what = f"{len(wanted.weights)} weights for {len(numbers)} runs"
        raise UsageError(what, where="--weights", cure="give one for each, as in 0.6,0.4")
    good = all(math.isfinite(weight) and 0 <= weight <= 1e6 for weight in wanted.weights)
    if wanted.weights and (not good or sum(wanted.weights) <= 0):
        raise UsageError("weights are shares", where="--weights", cure="give numbers of 0 or more, not all 0")


def _rows(workspace: Workspace, numbers: Sequence[int]) -> tuple[RunRow, ...]:
    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers)}
    gone = [run_name(number) for number in numbers if number not in rows]
    if gone:
        raise NotFoundError(f"no run {', '.join(gone)}", cure="`arctl ls` lists them")
    return tuple(rows[number] for number in numbers)


def _refuse_changed(workspace: Workspace, runs: Sequence[RunRow], part: Part) -> None:
    """Raise DataError where what training wrote is not what its events say of it."""
    for row, said in zip(runs, part.answers, strict=False):
        if row.model is None or said.protocol.head:
            continue
        doubt = doubted(workspace, row, said, scored(said, confidence=0.95))
        if doubt is not None:
            cure = "evaluate it again with `arctl eval`, and fuse its --views"
            raise DataError(f"these predictions were changed: {doubt}", where=str(said.path), cure=cure)


def _normal(weights: Sequence[float]) -> tuple[float, ...]:
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


def _part(lineup: Lineup, weights: tuple[float, ...], how: str, searched: Searched | None, seen: Lineup | None) -> Part:
    shares_NR: Floats = np.tile(np.array(weights), (len(lineup.ids), 1))
    crossed = 0
    if searched is not None and seen is not None:
        at = {name: row for row, name in enumerate(seen.ids)}
        known = [(row, at[name]) for row, name in enumerate(lineup.ids) if name in at]
        for row, other in known:
            shares_NR[row] = searched.crossed[other]
        crossed = len(known)
    return Part(lineup, _stored(lineup, shares_NR, how), crossed)


def _stored(lineup: Lineup, shares_NR: Floats, how: str) -> Predictions:
    """Return the predictions of the fusion, in the shape of a run's own."""
    first = lineup.members[0].predictions
    return replace(
        first,
        groups=lineup.groups,
        heads=blend(lineup, shares_NR, how=how),
        protocol=_protocol(lineup, shares_NR, how),
        path=Path("fused"),
        speed=None,
    )


def _protocol(lineup: Lineup, shares_NR: Floats, how: str) -> Protocol:
    """Return how the fused scores came about; what the runs do not share is unknown."""
    protocols = [member.predictions.protocol for member in lineup.members]
    first = protocols[0]
    kept: dict[str, Any] = {
        name: getattr(first, name) if len({getattr(one, name) for one in protocols}) == 1 else None
        for name in ("sampling", "frames", "resize", "crop", "precision", "hardware")
    }
    models = " + ".join(one.model or member.name for one, member in zip(protocols, lineup.members, strict=True))
    return replace(
        first,
        **kept,
        model=safe_line(models, limit=200),
        weights=_digest(lineup, shares_NR, how),
        weights_file=None,
        epoch=EPOCH,
        step=EPOCH,
    )


def _digest(lineup: Lineup, shares_NR: Floats, how: str) -> str:
    """Return what stands for a checkpoint's hash: that of the fused scores and of their weights."""
    found = hashlib.sha256(how.encode())
    for member in lineup.members:
        for head in member.predictions.heads.values():
            found.update(np.ascontiguousarray(head.scores).data)
    found.update(np.ascontiguousarray(shares_NR).data)
    return found.hexdigest()
