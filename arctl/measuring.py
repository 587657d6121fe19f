"""Every figure of runs at a moment: their scores, whether they use time, how fast they were, and whether all this can
stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from arctl.errors import DataError, NotFoundError, UsageError
from arctl.protocol import Protocol, differences, explain
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.scores.answers import Answers, answers
from arctl.scores.epic import EpicScores, score_epic
from arctl.scores.metrics import Scores, contradiction, score
from arctl.scores.picking import Picked, pick
from arctl.scores.predictions import Predictions, Speed, read_predictions, read_speed
from arctl.scores.probing import ProbeLine, probe_lines
from arctl.settings import Workspace

_EPOCH = re.compile(r"epoch=(\d{1,9})")


@dataclass(frozen=True)
class Wanted:
    """Which numbers are asked for."""

    split: str = "val"
    """The part of the data set."""
    at: str = "best"
    """`best`, `last` or `epoch=N`."""
    views: str | None = None
    """`10x3`; None takes what training wrote."""
    k: tuple[int, ...] = (1, 5)
    """The k of top-k."""
    level: str = "video"
    """`video`, `clip` or `both`."""
    aggregation: str = "softmax-mean"
    """How views are averaged."""
    head: str = ""
    """`verb`, `noun` or `action`; empty takes all of a two-headed file."""
    confidence: float = 0.95
    """Level of the intervals."""
    force: bool = False
    """Whether numbers that cannot be trusted or compared are given all the same, with a warning."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The figures of one run."""

    row: RunRow
    """The run."""
    picked: Picked
    """The file that they were read from."""
    scores: tuple[Scores, ...]
    """By level, and by head where there are several."""
    epic: tuple[EpicScores, ...]
    """The EPIC-KITCHENS table of each level, of two-headed files."""
    probes: tuple[ProbeLine, ...]
    """Top-1 with the frames as they are, and as each probe had them; empty without probes."""
    speed: Speed | None
    """What `trainer eval --speed` measured of these weights."""
    warnings: tuple[str, ...]
    """Why these numbers should not be trusted or compared; empty unless `force` was given."""
    notes: tuple[str, ...]
    """What a reader has to know."""


def measure(workspace: Workspace, *numbers: int, wanted: Wanted | None = None) -> tuple[Measured, ...]:
    """Return the figures of runs.

    Raises UsageError for a word that means nothing, NotFoundError for a run or predictions that are not there,
    DataError for damaged files, and, without `force`, for files that contradict their run's events and for runs whose
    protocols are unlike.
    """
    wanted = wanted or Wanted()
    if wanted.at not in ("best", "last") and not _EPOCH.fullmatch(wanted.at):
        raise UsageError(f"{wanted.at!r} is no moment", where="--at", cure="use best, last or epoch=7")
    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers)}
    gone = [run_name(number) for number in numbers if number not in rows]
    if gone:
        raise NotFoundError(f"no run {', '.join(gone)}", cure="`arctl ls` lists them")
    found = [_measure(workspace, rows[number], wanted) for number in dict.fromkeys(numbers)]
    return tuple(_beside(one, found[0], wanted) for one in found)


def _beside(one: Measured, first: Measured, wanted: Wanted) -> Measured:
    """Return figures with a warning where they are unlike those of the first run. Raises DataError without `force`."""
    unlike = explain(differences(_protocol(first), _protocol(one)))
    if not unlike:
        return one
    what = f"unlike protocols: {unlike}"
    if not wanted.force:
        names = f"{run_name(first.row.number)} and {run_name(one.row.number)}"
        raise DataError(what, where=names, cure="evaluate both alike, or --force prints them all the same")
    return _warned(one, what)


def _warned(one: Measured, warning: str) -> Measured:
    return replace(one, warnings=(*one.warnings, warning))


def _protocol(one: Measured) -> Protocol:
    return one.scores[0].protocol if one.scores else one.epic[0].protocol


def _measure(workspace: Workspace, row: RunRow, wanted: Wanted) -> Measured:
    picked = _pick(workspace, row, wanted)
    stored = read_predictions(picked.path)
    levels = ("video", "clip") if wanted.level == "both" else (wanted.level,)
    heads = (wanted.head,) if wanted.head or "" in stored.heads else (*stored.heads, "action")
    given = {(level, head): _answers(stored, row, picked, wanted, level, head) for level in levels for head in heads}
    scores = tuple(score(one, k=wanted.k, level=wanted.confidence) for one in given.values())
    epic = () if wanted.head or "" in stored.heads else tuple(_epic(stored, wanted, level) for level in levels)
    warnings = _contradictions(workspace, row, picked, scores, wanted)
    run_dir = workspace.run_dir(row.number)
    base = next(iter(given.values()))
    return Measured(
        row=row,
        picked=picked,
        scores=scores,
        epic=epic,
        probes=probe_lines(run_dir, picked, base, head=base.protocol.head, confidence=wanted.confidence),
        speed=stored.speed or _speed(picked),
        warnings=warnings,
        notes=tuple(_notes(row, picked, scores, wanted)),
    )


def _pick(workspace: Workspace, row: RunRow, wanted: Wanted) -> Picked:
    match = _EPOCH.fullmatch(wanted.at)
    summary = row.metrics.get("val/top1") or row.metrics.get(f"{wanted.split}/top1")
    best = summary.best_epoch if summary and wanted.at == "best" else None
    return pick(
        workspace.run_dir(row.number),
        row.number,
        split=wanted.split,
        epoch=int(match[1]) if match else None,
        best=int(best) if best is not None else None,
        newest=wanted.at == "last",
        views=wanted.views,
    )


def _answers(stored: Predictions, row: RunRow, picked: Picked, wanted: Wanted, level: str, head: str) -> Answers:
    return answers(
        stored,
        aggregation=wanted.aggregation,
        level=level,
        head=head,
        number=row.number,
        epoch=picked.epoch,
        chosen=picked.chosen,
    )


def _epic(stored: Predictions, wanted: Wanted, level: str) -> EpicScores:
    return score_epic(stored, k=wanted.k, aggregation=wanted.aggregation, level=level, confidence=wanted.confidence)


def _contradictions(
    workspace: Workspace, row: RunRow, picked: Picked, scores: Sequence[Scores], wanted: Wanted
) -> tuple[str, ...]:
    """Hold the file that training wrote against what the run's events say of it. Raises DataError without `force`."""
    one = scores[0]
    plain = one.protocol.level == "video" and not one.protocol.head and one.protocol.aggregation == "softmax-mean"
    if picked.variant or not plain or one.protocol.view_count > 1:
        return ()
    recorded: dict[str, float] = {}
    for name in ("top1", "top5", "loss"):
        points = read.curve(workspace.db, row.number, f"{picked.split}/{name}")
        values = [point.value for point in points if point.epoch == picked.epoch]
        recorded |= {name: values[-1]} if values else {}
    what = contradiction(one, recorded)
    if what is None:
        return ()
    if not wanted.force:
        cure = "evaluate the run again with `arctl eval`, or --force takes the file's word"
        raise DataError(f"these predictions were changed: {what}", where=str(picked.path), cure=cure)
    return (f"changed predictions: {what}",)


def _speed(picked: Picked) -> Speed | None:
    """Return the speed that another evaluation of the same split and epoch measured."""
    for name in RunDir(picked.path.parent.parent).prediction_names():
        if (name.split, name.epoch) == (picked.split, picked.epoch) and name.path != picked.path:
            found = read_speed(name.path)
            if found:
                return found
    return None


def _notes(row: RunRow, picked: Picked, scores: Sequence[Scores], wanted: Wanted) -> list[str]:
    notes = []
    name = run_name(row.number)
    if picked.chosen == "best" and picked.split == "val":
        notes.append("the best epoch was chosen on val: figures on val flatter each run a little")
    if picked.chosen == "newest" and wanted.at == "best":
        notes.append(f"{name}: nothing says which epoch is best: these are of the newest, {picked.epoch}")
    one = scores[0]
    if one.unreadable:
        notes.append(f"{name}: {one.unreadable} of {one.samples} could not be read and count as wrong")
    if one.empty_classes:
        notes.append(
            f"{name}: {one.empty_classes} of {len(one.classes.names)} classes have no samples here: "
            "mean-class accuracy is of the others"
        )
    return notes
