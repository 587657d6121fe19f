"""A comparison as one JSON document, `arctl.comparison/2`: every number that the table shows, and more.

docs/comparing-json.md describes it. A number that cannot be said is null; logged metrics keep the contract's "NaN" and
infinities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from arctl import confusion
from arctl.compare.statistics import (
    arm_json,
    arm_pair_json,
    number,
    pairing_json,
    rounded_interval,
    verdict_json,
)
from arctl.compare.where import Where
from arctl.registry.rows import json_number
from arctl.rundir import run_name
from arctl.scores.metrics import Scores

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison

SCHEMA = "arctl.comparison/2"
"""Name and version of what `to_json` returns."""


def to_json(comparison: Comparison) -> dict[str, object]:
    """Return every number of a comparison as JSON values, without the schema's name."""
    return {
        "verdict": verdict_json(comparison.verdict),
        **_asked(comparison),
        "runs": _runs(comparison),
        "groups": [arm_json(arm, comparison) for arm in comparison.arms],
        "setup": _setup(comparison),
        "same": comparison.same,
        "hidden": comparison.hidden,
        "code": [
            {**asdict(one), "run": name} for one, name in zip(comparison.code, comparison.labels[1:], strict=True)
        ],
        "cost": [{"run": name, **asdict(one)} for name, one in zip(comparison.labels, comparison.cost, strict=True)],
        "figures": [
            {
                "name": one.name,
                "values": [number(value) for value in one.values],
                "difference": number(one.difference),
                "better": None if one.better is None else comparison.labels[one.better],
                "lower_is_better": one.lower,
                "interval": _interval_of(comparison, one.name),
            }
            for one in comparison.figures
        ],
        "metrics": _metrics(comparison),
        "gaps": [{"run": name, **asdict(one)} for name, one in zip(comparison.labels, comparison.gaps, strict=True)],
        "tests": [pairing_json(one, comparison) for one in comparison.pairings],
        "group_tests": [arm_pair_json(one, comparison) for one in comparison.arm_pairs],
        "cochran": _omnibus(comparison),
        "ranking": _ranking(comparison),
        "classes": _classes(comparison.where) if comparison.where is not None else None,
        "pairs": _pairs(comparison.where) if comparison.where is not None else None,
        "confusion": confusion_json(comparison.confusion) if comparison.confusion is not None else None,
        "why_no_confusion": comparison.why_no_confusion,
        "unlike": [asdict(one) for one in comparison.unlike],
        "notes": list(comparison.notes),
    }


def _asked(comparison: Comparison) -> dict[str, object]:
    asked, method = comparison.asked, comparison.method
    return {
        "at": asked.at,
        "split": asked.split,
        "views": asked.views,
        "head": asked.head or None,
        "clip_or_video": asked.level,
        "aggregation": asked.aggregation,
        "metric": method.metric,
        "method": {
            "cluster_by": method.cluster_by,
            "resamples": method.resamples,
            "seed": method.seed,
            "level": method.confidence,
            "alpha": round(method.alpha, 12),
            "correction": method.correction,
        },
    }


def _runs(comparison: Comparison) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for row, moment, scores in zip(comparison.runs, comparison.moments, comparison.scores, strict=True):
        answers = moment.answers
        found.append({
            "run": run_name(row.number),
            "name": row.name,
            "state": row.state,
            "epoch": moment.epoch,
            "selected_on": moment.selected_on,
            "predictions": str(answers.path) if answers is not None and answers.path is not None else None,
            "predictions_epoch": answers.epoch if answers is not None else None,
            "chosen": answers.chosen if answers is not None else None,
            "why_none": moment.why,
            "protocol": answers.protocol.facts() if answers is not None else None,
            "scores": _scores(scores) if scores is not None else None,
        })  # fmt: skip
    return found


def _scores(scores: Scores) -> dict[str, object]:
    return {
        "samples": scores.samples,
        "unreadable": scores.unreadable,
        **{f"top{k}": number(share.value) for k, share in scores.top.items()},
        **{f"top{k}_interval": [number(share.low), number(share.high)] for k, share in scores.top.items()},
        "mean_class": number(scores.mean_class),
        "macro_f1": number(scores.macro_f1),
        "weighted_f1": number(scores.weighted_f1),
        "nll": number(scores.nll),
        "brier": number(scores.brier),
        "ece": number(scores.ece),
    }


def _setup(comparison: Comparison) -> list[dict[str, object]]:
    return [
        {
            "key": setting.key,
            "values": list(setting.values),
            "missing": [name for name, gone in zip(comparison.labels, setting.missing, strict=True) if gone],
        }
        for setting in comparison.setup
    ]


def _metrics(comparison: Comparison) -> list[dict[str, object]]:
    return [
        {
            "name": measure.name,
            "values": [json_number(value) for value in measure.values],
            "difference": json_number(measure.difference),
            "better": None if measure.better is None else comparison.labels[measure.better],
        }
        for measure in comparison.metrics
    ]


def _interval_of(comparison: Comparison, metric: str) -> dict[str, object] | None:
    if len(comparison.pairings) != 1 or len(comparison.runs) != 2:
        return None
    return rounded_interval(comparison.pairings[0].interval(metric))


def _omnibus(comparison: Comparison) -> dict[str, object] | None:
    found = comparison.omnibus
    if found is None:
        return None
    plain = found.plain._asdict()
    return {
        **{key: number(value) for key, value in plain.items()},
        "clustered": None
        if found.clustered is None
        else {key: number(value) for key, value in found.clustered._asdict().items()},
    }


def _ranking(comparison: Comparison) -> dict[str, object] | None:
    found = comparison.ranking
    return None if found is None else {"line": found.line, "beyond": list(found.beyond), "order": list(found.order)}


def _classes(where: Where) -> list[dict[str, object]]:
    """Return every class, in the data set's order."""
    recall, change = [where.recall(side) for side in (0, 1)], where.change
    return [
        {
            "class": name,
            "n": int(where.support[k]),
            "recall": [number(float(side[k])) for side in recall],
            "low": [number(float(side[k])) for side in where.low],
            "high": [number(float(side[k])) for side in where.high],
            "difference": number(float(change[k])),
            "only_first": int(where.only[0][k]),
            "only_second": int(where.only[1][k]),
            "p": number(float(where.tests.p[k])),
            "least_p": number(float(where.tests.least[k])),
            "testable": bool(where.tests.testable[k]),
            "adjusted": number(float(where.tests.adjusted[k])),
        }
        for k, name in enumerate(where.classes)
    ]


def _pairs(where: Where) -> list[dict[str, object]]:
    """Return every confused pair that changed, most significant first."""
    shifts, names = where.shifts, where.classes
    columns = (shifts.true, shifts.predicted, shifts.a, shifts.b, shifts.only_a, shifts.only_b)
    rows = zip(*(column.tolist() for column in columns), shifts.p.tolist(), shifts.q.tolist(), strict=True)
    return [
        {
            "true": names[true],
            "predicted": names[predicted],
            "counts": [before, after],
            "only_first": only_first,
            "only_second": only_second,
            "p": number(p),
            "q": number(q),
        }
        for true, predicted, before, after, only_first, only_second, p, q in rows
        if only_first or only_second
    ]


def confusion_json(difference: confusion.Difference) -> Mapping[str, object]:
    """Return the heads of both matrices and the pairs of classes that one tells apart and the other does not."""
    names = difference.a.classes
    return {
        "sides": [side_json(side) for side in (difference.a, difference.b)],
        **{
            word: [
                {"classes": [names[mix.first], names[mix.second]], "counts": [mix.a, mix.b], "samples": mix.samples}
                for mix in mixes
            ]
            for word, mixes in (("solved", difference.solved), ("arisen", difference.arisen))
        },
    }


def side_json(side: confusion.Confusion) -> dict[str, object]:
    """Return the head of a confusion matrix as JSON values."""
    return {
        "run": run_name(side.run),
        "split": side.split,
        "epoch": side.epoch,
        "chosen": side.chosen,
        "total": side.total,
        "top1": number(side.top1),
        "unreadable": int(side.unreadable.sum()),
    }
