"""`arctl metrics --json` and `--csv`: every number, the protocol beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from arctl.registry.rows import json_number
from arctl.rundir import run_name
from arctl.text import sheet_safe

if TYPE_CHECKING:
    from arctl.measuring import Measured, Wanted
    from arctl.scores.epic import EpicScores
    from arctl.scores.metrics import ClassFigures, Scores, Share
    from arctl.scores.probing import ProbeLine


def payload(found: Sequence[Measured], wanted: Wanted) -> dict[str, object]:
    """Return figures as JSON values: accuracies as fractions, NaN as null."""
    return {
        "at": wanted.at,
        "split": wanted.split,
        "confidence": wanted.confidence,
        "runs": [
            {
                "run": run_name(one.row.number),
                "name": one.row.name,
                "state": one.row.state,
                "epoch": one.picked.epoch,
                "chosen": one.picked.chosen,
                "file": one.picked.path.name,
                "warnings": list(one.warnings),
                "notes": list(one.notes),
                "scores": [_scores(scores) for scores in one.scores],
                "epic": [_epic(table) for table in one.epic],
                "probes": [_probe(line) for line in one.probes],
                "speed": _speed(one),
            }
            for one in found
        ],
    }


def _probe(line: ProbeLine) -> dict[str, object]:
    return {
        "probe": line.probe,
        "views": line.views,
        "top1": _share(line.top1),
        "difference": json_number(line.difference),
        "p": json_number(line.p),
        "test": line.test or None,
    }


def _speed(one: Measured) -> dict[str, object] | None:
    if one.speed is None:
        return None
    parts = {name: dict(part) for name, part in one.speed.parts.items()}
    return {"hardware": one.speed.hardware, "precision": one.speed.precision, **parts}


def _scores(one: Scores) -> dict[str, object]:
    return {
        "protocol": one.protocol.facts(),
        "samples": one.samples,
        "unreadable": one.unreadable,
        "top": {str(k): _share(share) for k, share in one.top.items()},
        **{name: json_number(value) for name, value in _plain(one)},
        "brier_slack": json_number(one.brier_slack),
        "classes": [_class(one.classes, k) for k in one.classes.listed],
    }


def _class(of: ClassFigures, k: int) -> dict[str, object]:
    figures = (
        ("precision", of.precision, of.precision_ends),
        ("recall", of.recall, of.recall_ends),
        ("f1", of.f1, of.f1_ends),
    )
    counts = {"support": int(of.support[k]), "predicted": int(of.predicted[k]), "right": int(of.right[k])}
    ends = {
        word: {
            name: json_number(float(column[k])) for name, column in (("value", values), ("low", low), ("high", high))
        }
        for word, values, (low, high) in figures
    }
    return {"class": of.names[k], **counts, **ends}


def _plain(one: Scores) -> tuple[tuple[str, float], ...]:
    """Return the figures that are single numbers, by their names."""
    return (
        ("mean_class", one.mean_class),
        ("macro_f1", one.macro_f1),
        ("weighted_f1", one.weighted_f1),
        ("nll", one.nll),
        ("brier", one.brier),
        ("ece", one.ece),
    )


def _share(one: Share) -> dict[str, object]:
    return {
        "value": json_number(one.value),
        "low": json_number(one.low),
        "high": json_number(one.high),
        "hits": one.hits,
        "of": one.of,
    }


def _epic(one: EpicScores) -> dict[str, object]:
    return {
        "protocol": one.protocol.facts(),
        "lines": [
            {"part": line.part, "task": line.task, "top": {str(k): _share(share) for k, share in line.top}}
            for line in one.lines
        ],
        "missing": list(one.missing),
    }


class _Figure(NamedTuple):
    """One line of the sheet."""

    metric: str
    of_class: str
    value: float
    low: float | None
    high: float | None
    n: int
    stamp: str


def sheet(found: Sequence[Measured], *, per_class: bool) -> str:
    """Return figures as CSV, one number a line; a class's beside its name."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "epoch", "metric", "class", "value", "low", "high", "n", "protocol", "warning"])
    for one in found:
        for line in _figures(one, per_class=per_class):
            numbers = ["" if x is None or x != x else repr(float(x)) for x in (line.value, line.low, line.high)]
            words = [line.metric, sheet_safe(line.of_class), *numbers, line.n]
            tail = [sheet_safe(line.stamp), sheet_safe("; ".join(one.warnings))]
            writer.writerow([run_name(one.row.number), one.picked.epoch, *words, *tail])
    return out.getvalue()


def _figures(one: Measured, *, per_class: bool) -> Iterator[_Figure]:
    for scores in one.scores:
        stamp = scores.protocol.stamp()
        for k, share in scores.top.items():
            yield _Figure(f"top{k}", "", share.value, share.low, share.high, share.of, stamp)
        for name, value in _plain(scores):
            yield _Figure(name, "", value, None, None, scores.samples, stamp)
        if per_class:
            yield from _of_classes(scores, stamp)
    for table in one.epic:
        for line in table.lines:
            for k, share in line.top:
                name = f"{line.part}/{line.task}/top{k}"
                yield _Figure(name, "", share.value, share.low, share.high, share.of, table.protocol.stamp())
    for probe in one.probes:
        top1, name = probe.top1, f"top1 ({probe.probe or 'as they are'})"
        stamp = f"{one.scores[0].protocol.stamp()}; {probe.views}, frames {probe.probe or 'as they are'}"
        yield _Figure(name, "", top1.value, top1.low, top1.high, top1.of, stamp)


def _of_classes(scores: Scores, stamp: str) -> Iterator[_Figure]:
    of = scores.classes
    for k in of.listed:
        n, taken = int(of.support[k]), int(of.predicted[k])
        for word, values, ends, count in (
            ("recall", of.recall, of.recall_ends, n),
            ("precision", of.precision, of.precision_ends, taken),
            ("f1", of.f1, of.f1_ends, n + taken),
        ):
            yield _Figure(word, of.names[k], float(values[k]), float(ends[0][k]), float(ends[1][k]), count, stamp)
