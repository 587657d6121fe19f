"""Which run is better, where, and is it real: what can be said of runs side by side, from stored answers alone.

`compare` gives a `Comparison`, `to_json` its document `arctl.comparison/2` (docs/comparing-json.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arctl import confusion
from arctl.compare.arms import arms
from arctl.compare.code import CodeDifference, code_difference
from arctl.compare.compared import Comparison
from arctl.compare.cost import costs
from arctl.compare.document import SCHEMA, confusion_json, side_json, to_json
from arctl.compare.figures import doubted, figures, scored
from arctl.compare.measures import Measure, check_moment, gaps, measures
from arctl.compare.moments import Asked, Moment, moments
from arctl.compare.notes import notes
from arctl.compare.setup import setups
from arctl.compare.significance import METRICS, Method, Pairing, pairing
from arctl.compare.tested import tested
from arctl.compare.unlike import Unlikeness, refuse, unlike
from arctl.compare.where import Where, where
from arctl.errors import ArctlError, DataError, NotFoundError, UsageError
from arctl.facts import Setting
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.scores.answers import Answers
from arctl.scores.metrics import Scores
from arctl.settings import Workspace

__all__ = [
    "METRICS",
    "SCHEMA",
    "Asked",
    "Comparison",
    "Measure",
    "Method",
    "Pairing",
    "compare",
    "confusion_json",
    "pairing",
    "side_json",
    "to_json",
]


def compare(
    workspace: Workspace,
    *numbers: int,
    at: str = "best",
    split: str = "val",
    asked: Asked | None = None,
    method: Method | None = None,
    force: bool = False,
    everything: bool = False,
) -> Comparison:
    """Compare runs: set-up, cost, metrics, statistics, classes.

    `asked` says more exactly what is compared than `at` and `split` do. `everything` lists settings that differ between
    any two runs too. Raises UsageError for fewer than two runs or words without a meaning, NotFoundError for an unknown
    run, DataError where predictions are damaged or were made in unlike ways: with `force` it says so instead.
    """
    asked, method = asked or Asked(at=at, split=split), method or Method()
    _check(numbers, asked, method)
    runs = _runs(workspace, numbers)
    labels = [run_name(row.number) for row in runs]
    found = moments(workspace, runs, asked, force=force)
    known = [moment.answers for moment in found if moment.answers is not None]
    differ = unlike(known) if len(known) > 1 else ()
    if not force:
        refuse(differ, known)
    setup = setups([workspace.run_dir(number) for number in numbers], everything=everything)
    scores = tuple(scored(moment.answers, confidence=method.confidence) for moment in found)
    changed = _changed(workspace, runs, found, scores, force=force)
    recipes = arms(runs, setup.facts)
    said = tested(found, scores, recipes, labels, method=method, unlike=differ)
    logged = measures(workspace, runs, [moment.epoch for moment in found], at=asked.at)
    change, why = _confusions(found, differ)
    doubts = (*changed, *notes(runs, found, asked, said.arms, said.pairings), *setup.troubles)
    return Comparison(
        runs=runs,
        asked=asked,
        method=method,
        verdict=said.verdict,
        moments=found,
        arms=said.arms or recipes,
        setup=(*setup.settings, *_data(known, len(runs))),
        same=setup.same,
        hidden=setup.hidden,
        code=_code(workspace, numbers),
        cost=costs(workspace, runs),
        scores=scores,
        figures=figures(scores),
        metrics=logged,
        gaps=gaps(logged, len(runs)),
        pairings=said.pairings,
        omnibus=said.omnibus,
        spreads=said.spreads,
        arm_pairs=said.arm_pairs,
        ranking=said.ranking,
        where=_where(found, method) if change is not None else None,
        confusion=change,
        why_no_confusion=why,
        unlike=differ,
        notes=doubts,
    )


def _check(numbers: Sequence[int], asked: Asked, method: Method) -> None:
    if len(set(numbers)) < 2 or len(set(numbers)) < len(numbers):
        raise UsageError("a comparison needs two different runs", cure="name them, as in `arctl compare run1 run2`")
    check_moment(asked.at)
    method.check()


def _changed(
    workspace: Workspace,
    runs: Sequence[RunRow],
    found: Sequence[Moment],
    scores: Sequence[Scores | None],
    *,
    force: bool,
) -> list[str]:
    """Return what contradicts the runs' own events. Raises DataError for it without `force`."""
    told = []
    for row, moment, one in zip(runs, found, scores, strict=True):
        doubt = doubted(workspace, row, moment.answers, one)
        if doubt is None or moment.answers is None:
            continue
        # What another program rounds before it writes it may differ a little from what it logged.
        if not force and row.model is not None:
            cure = "evaluate it again (`arctl eval`), or see what it says with --force"
            raise DataError(doubt, where=str(moment.answers.path), cure=cure)
        told.append(f"{run_name(row.number)}: {doubt}")
    return told


def _runs(workspace: Workspace, numbers: Sequence[int]) -> tuple[RunRow, ...]:
    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers)}
    gone = [run_name(number) for number in numbers if number not in rows]
    if gone:
        raise NotFoundError(f"no run {', '.join(gone)}", cure="`arctl ls` lists them")
    return tuple(rows[number] for number in numbers)


def _data(known: Sequence[Answers], count: int) -> tuple[Setting, ...]:
    """Return in which hashes of their data runs differ: only what was forced does."""
    if len(known) < count:
        return ()
    found = {
        "data hash, samples": tuple(one.protocol.samples for one in known),
        "data hash, classes": tuple(one.protocol.classes for one in known),
    }
    return tuple(Setting(key, values, (False,) * count) for key, values in found.items() if len(set(values)) > 1)


def _confusions(
    found: Sequence[Moment], differ: Sequence[Unlikeness]
) -> tuple[confusion.Difference | None, str | None]:
    """Return what changed between the confusion matrices of two runs, or why there is nothing to say."""
    if len(found) != 2:
        return None, f"classes and confusions are compared for two runs at a time, and these are {len(found)}"
    a, b = (moment.answers for moment in found)
    if a is None or b is None:
        return None, "; ".join(moment.why for moment in found if moment.why)
    apart = next((one for one in differ if not one.paired), None)
    if apart is not None:
        return None, apart.words
    return confusion.Difference(confusion.of_answers(a), confusion.of_answers(b)), None


def _where(found: Sequence[Moment], method: Method) -> Where | None:
    a, b = found[0].answers, found[1].answers
    if a is None or b is None:
        return None
    return where(a, b, correction=method.correction, confidence=method.confidence)


def _code(workspace: Workspace, numbers: Sequence[int]) -> tuple[CodeDifference, ...]:
    kept = [_kept(workspace, number) for number in numbers]
    return tuple(code_difference(workspace, kept[0], other) for other in kept[1:])


def _kept(workspace: Workspace, number: int) -> Mapping[str, object] | None:
    try:
        return read_run(RunDir(workspace.run_dir(number)).run_yaml).code
    except ArctlError:  # the set-up tells of it
        return None
