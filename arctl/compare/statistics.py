"""The statistics of a comparison as JSON values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from arctl import stats
from arctl.compare.arms import Arm
from arctl.compare.seeds import ArmPair
from arctl.compare.significance import Paired, Pairing
from arctl.compare.verdict import Verdict

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison


def number(value: float | None) -> float | None:
    """Return a number as JSON can carry it: null where it cannot be said."""
    return None if value is None or not math.isfinite(value) else value


def rounded_interval(interval: stats.Interval | None) -> dict[str, object] | None:
    """Return an interval, None where there is none."""
    if interval is None:
        return None
    return {
        "estimate": number(interval.estimate),
        "low": number(interval.low),
        "high": number(interval.high),
        "se": number(interval.se),
        "level": interval.level,
    }


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """Return the verdict."""
    return {
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        "metric": verdict.metric,
        "better": verdict.better,
        "difference": number(verdict.difference),
        "low": number(verdict.low),
        "high": number(verdict.high),
        "p": number(verdict.p),
        "test": verdict.test,
        "detectable": number(verdict.detectable),
    }


def pairing_json(pair: Pairing, comparison: Comparison) -> dict[str, object]:
    """Return the statistics of two runs."""
    boot = pair.bootstrap
    return {
        "runs": [comparison.labels[pair.first], comparison.labels[pair.second]],
        "samples": pair.samples,
        "clusters": pair.clusters.count if pair.clusters is not None else None,
        "clusters_span_classes": pair.clusters.spans if pair.clusters is not None else None,
        "paired": [_paired(one) for one in pair.tests],
        "bootstrap": None
        if boot is None
        else {
            "how": boot.how,
            "clusters": boot.clusters,
            "df": boot.df,
            "resamples": boot.resamples,
            "seed": boot.seed,
            "level": boot.level,
            **{
                metric: {
                    "first": rounded_interval(found.a),
                    "second": rounded_interval(found.b),
                    "difference": rounded_interval(found.difference),
                }
                for metric, found in boot.intervals.items()
            },
        },
        "agreement": pair.agreement,
        "kappa": number(pair.kappa),
        "detectable": number(pair.detectable),
    }


def _paired(test: Paired) -> dict[str, object]:
    flips, clustered = test.flips, test.clustered
    return {
        "metric": test.metric,
        "values": [test.a, test.b],
        "both_right": flips.both_right,
        "only_first": flips.negative,
        "only_second": flips.positive,
        "both_wrong": flips.both_wrong,
        "discordant": flips.discordant,
        "negative_flip_rate": number(flips.negative_rate),
        "mcnemar": {"p": test.mcnemar.p, "kind": test.mcnemar.kind},
        "clustered": None
        if clustered is None
        else {
            "p": clustered.p,
            "kind": clustered.kind,
            "clusters": clustered.clusters,
            "discordant": clustered.discordant,
            "design_effect": number(clustered.design_effect),
        },
        "p": test.p,
        "p_holm": test.adjusted,
    }


def arm_json(arm: Arm, comparison: Comparison) -> dict[str, object]:
    """Return a recipe: its runs, and its metrics over their seeds."""
    place = comparison.arms.index(arm)
    spread = comparison.spreads[place] if comparison.spreads else {}
    return {
        "label": arm.label,
        "runs": [comparison.labels[member] for member in arm.members],
        "seeds": list(arm.seeds),
        "metrics": {
            metric: {"mean": number(one.interval.estimate), "sd": number(one.sd), "values": list(one.values)}
            | {"interval": rounded_interval(one.interval)}
            for metric, one in spread.items()
        },
    }


def arm_pair_json(pair: ArmPair, comparison: Comparison) -> dict[str, object]:
    """Return the statistics of two recipes."""
    return {
        "groups": [comparison.arms[pair.first].label, comparison.arms[pair.second].label],
        "seeds": list(pair.seeds.seeds),
        "how": pair.seeds.how,
        "note": pair.seeds.note,
        "level": pair.level,
        "metrics": {
            metric: {
                "first": rounded_interval(one.a),
                "second": rounded_interval(one.b),
                "sd": [number(one.sd_a), number(one.sd_b)],
                "difference": rounded_interval(one.difference),
                "se_seeds": number(one.se_seeds),
                "se_samples": number(one.se_samples),
            }
            for metric, one in pair.seeds.metrics.items()
        },
    }
