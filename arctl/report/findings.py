"""All that a report tells of, gathered once: of one run as of several, so that every section reads the same fields."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl import compare
from arctl.compare.arms import Arm, arms
from arctl.compare.compared import Comparison
from arctl.compare.cost import Cost, costs
from arctl.compare.figures import Figure, doubted, figures, scored
from arctl.compare.measures import Gap, Measure, check_moment, gaps, measures
from arctl.compare.moments import Asked, Moment, moments
from arctl.compare.notes import notes
from arctl.compare.setup import setups
from arctl.compare.significance import Method
from arctl.confusion import Confusion, of_answers
from arctl.curves import Curve, load, reduce
from arctl.errors import DataError, NotFoundError, nearest
from arctl.facts import Facts
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.scores.metrics import Scores
from arctl.seriation import similar_order
from arctl.settings import Workspace

USUAL = ("train/loss", "val/loss", "train/top1", "val/top1")
"""Curves that are drawn unless others are asked for."""

CROWDED = 200
"""From more classes on only those that matter are drawn."""

_POINTS = 400


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known of the runs of a report; tuples have one entry for each run."""

    runs: tuple[RunRow, ...]
    """In the order in which they were named."""
    asked: Asked
    """What of them is told."""
    method: Method
    """How the statistics were done."""
    moments: tuple[Moment, ...]
    """The epoch of each and its answers."""
    scores: tuple[Scores | None, ...]
    """Every figure of those answers."""
    figures: tuple[Figure, ...]
    """The figures side by side."""
    metrics: tuple[Measure, ...]
    """Logged metrics side by side."""
    gaps: tuple[Gap, ...]
    """How far each overfits."""
    cost: tuple[Cost, ...]
    """What each has cost."""
    facts: tuple[Facts, ...]
    """How each was set up."""
    arms: tuple[Arm, ...]
    """Which of them are one recipe with several seeds."""
    matrices: tuple[Confusion | None, ...]
    """The confusions of each."""
    curves: tuple[Curve, ...]
    """Learning curves over epochs, thinned to what a figure can show."""
    notes: tuple[str, ...]
    """What a reader has to know to believe the numbers."""
    comparison: Comparison | None
    """All that is said of them together; None of a single run."""
    made: float
    """When all this was read, Unix seconds."""

    @property
    def labels(self) -> tuple[str, ...]:
        """`run12`, ... of each run."""
        return tuple(run_name(row.number) for row in self.runs)

    @property
    def stamps(self) -> tuple[str, ...]:
        """How the figures of each run came about, `run12: ...`; those without predictions have none."""
        return tuple(
            f"{label}: {moment.answers.protocol.stamp()}"
            for label, moment in zip(self.labels, self.moments, strict=True)
            if moment.answers is not None
        )

    @property
    def warning(self) -> str:
        """In what the runs were evaluated differently, a few words; empty where they were not."""
        return self.comparison.warning if self.comparison is not None else ""


def gather(
    workspace: Workspace,
    numbers: Sequence[int],
    *,
    asked: Asked,
    method: Method,
    metrics: Sequence[str] = (),
    force: bool = False,
) -> Findings:
    """Read what a report tells of.

    `metrics` are the curves to draw. Raises what `compare.compare` raises, and NotFoundError for a metric that no run
    has.
    """
    numbers = tuple(dict.fromkeys(numbers))
    curves = _curves(workspace, numbers, metrics)
    facts = setups([workspace.run_dir(number) for number in numbers]).facts
    if len(numbers) == 1:
        return _of_one(workspace, numbers[0], asked, method, curves, facts, force=force)
    found = compare.compare(workspace, *numbers, asked=asked, method=method, force=force)
    return Findings(
        runs=found.runs,
        asked=asked,
        method=method,
        moments=found.moments,
        scores=found.scores,
        figures=found.figures,
        metrics=found.metrics,
        gaps=found.gaps,
        cost=found.cost,
        facts=facts,
        arms=arms(found.runs, facts),
        matrices=tuple(of_answers(one.answers) if one.answers else None for one in found.moments),
        curves=curves,
        notes=found.notes,
        comparison=found,
        made=time.time(),
    )


def shared_order(matrices: Sequence[Confusion]) -> NDArray[np.intp]:
    """Return one order of classes for several matrices of them: those that any run confuses stand together.

    Of more than `CROWDED` classes those that neither have samples nor were answered by any run are left out.
    """
    links = matrices[0].shares().cells
    used = matrices[0].support + matrices[0].taken
    for one in matrices[1:]:
        links = links.plus(one.shares().cells)
        used = used + one.support + one.taken
    order = similar_order(links)
    return order if len(order) <= CROWDED or not used.any() else order[used[order] > 0]


def _of_one(
    workspace: Workspace,
    number: int,
    asked: Asked,
    method: Method,
    curves: tuple[Curve, ...],
    facts: tuple[Facts, ...],
    *,
    force: bool,
) -> Findings:
    check_moment(asked.at)
    method.check()
    row = read.run(workspace.db, number)
    if row is None:
        raise NotFoundError(f"no run {run_name(number)}", cure="`arctl ls` lists them")
    runs = (row,)
    told = moments(workspace, runs, asked, force=force)
    scores = tuple(scored(one.answers, confidence=method.confidence) for one in told)
    doubt = doubted(workspace, row, told[0].answers, scores[0])
    if doubt is not None and not force and row.model is not None:
        where = str(told[0].answers.path) if told[0].answers is not None else run_name(number)
        raise DataError(doubt, where=where, cure="evaluate it again (`arctl eval`), or report it with --force")
    logged = measures(workspace, runs, [one.epoch for one in told], at=asked.at)
    recipes = arms(runs, facts)
    troubles = (*((doubt,) if doubt else ()), *facts[0].troubles)
    return Findings(
        runs=runs,
        asked=asked,
        method=method,
        moments=told,
        scores=scores,
        figures=figures(scores),
        metrics=logged,
        gaps=gaps(logged, 1),
        cost=costs(workspace, runs),
        facts=facts,
        arms=recipes,
        matrices=tuple(of_answers(one.answers) if one.answers else None for one in told),
        curves=curves,
        notes=(*troubles, *notes(runs, told, asked, recipes, ())),
        comparison=None,
        made=time.time(),
    )


def _curves(workspace: Workspace, numbers: Sequence[int], metrics: Sequence[str]) -> tuple[Curve, ...]:
    have = {number: set(read.metric_names(workspace.db, [number])) for number in numbers}
    known = set().union(*have.values())
    for name in metrics:
        if name not in known:
            raise NotFoundError(f"no metric {name!r} in these runs", cure=nearest(name, known))
    wanted = list(dict.fromkeys(metrics)) or [name for name in USUAL if name in known]
    return tuple(
        reduce(load(workspace.db, number, name), columns=_POINTS)
        for name in wanted
        for number in numbers
        if name in have[number]
    )
