"""Is it real, and where: the second half of the page of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from arctl.compare.significance import METRICS
from arctl.compare.words import interval_text, p_number, p_text, points
from arctl.sections import BETTER, DIM, NOTHING, WORSE, Cell, Column, Row, Section

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison
    from arctl.compare.seeds import Spread
    from arctl.compare.significance import Paired, Pairing


def tests(comparison: Comparison) -> Iterator[Section]:
    """Give the tests: of two runs in full, of more as one line for each pair; then the recipes with several seeds."""
    if len(comparison.pairings) == 1:
        yield _pair(comparison, comparison.pairings[0])
    elif comparison.pairings:
        yield _pairs(comparison)
    if any(arm.size > 1 for arm in comparison.arms) and comparison.spreads:
        yield _seeds(comparison)
    if comparison.arm_pairs:
        yield _arm_pairs(comparison)


def _pair(comparison: Comparison, pair: Pairing) -> Section:
    first, second = comparison.labels[pair.first], comparison.labels[pair.second]
    columns = (Column(""), *(Column(METRICS[test.metric], right=True) for test in pair.tests))
    rows: list[Row] = [
        ("both right", *(str(test.flips.both_right) for test in pair.tests)),
        (f"only {first} right", *(str(test.flips.negative) for test in pair.tests)),
        (f"only {second} right", *(str(test.flips.positive) for test in pair.tests)),
        ("both wrong", *(str(test.flips.both_wrong) for test in pair.tests)),
        ("p, McNemar", *(_mcnemar(test, comparison.method.alpha) for test in pair.tests)),
    ]
    if pair.clusters is not None:
        rows.append(("p, by groups", *(_clustered(test, comparison.method.alpha) for test in pair.tests)))
    flips = pair.top1.flips
    told = [
        f"the same answer to {100 * pair.agreement:.1f} % of the samples, kappa {_number(pair.kappa)}",
        f"right in {first}, wrong in {second} (negative flips): {flips.negative}, {100 * flips.negative_rate:.1f} %",
        *_could_show(pair),
        *_resampling(pair),
    ]
    return Section("Is it real?", (), columns, tuple(rows), tuple(Cell(text, "dim") for text in told))


def _could_show(pair: Pairing) -> Iterator[str]:
    if math.isfinite(pair.detectable):
        yield (
            f"with as many discordant samples, {pair.top1.flips.discordant} of {pair.samples}, a true difference of "
            f"{100 * pair.detectable:.1f} points of top-1 would be found 8 times in 10"
        )
    else:
        yield f"{pair.top1.flips.discordant} discordant samples are too few to find a difference 8 times in 10"
    clustered = pair.top1.clustered
    if clustered is not None:
        yield (
            f"p by groups: the two runs change places in whole groups ({clustered.discordant} of {clustered.clusters} "
            f"tell them apart); clips of one group inflate the variance {clustered.design_effect:.1f} times"
        )


def _resampling(pair: Pairing) -> Iterator[str]:
    if pair.bootstrap is not None:
        boot = pair.bootstrap
        yield f"intervals: {boot.resamples} resamples of {boot.how}, seed {boot.seed}"


def _mcnemar(test: Paired, alpha: float) -> Cell:
    dim = test.clustered is not None
    return Cell(f"{p_number(test.mcnemar.p)} ({test.mcnemar.kind})", DIM if dim else _real(test.p, alpha))


def _clustered(test: Paired, alpha: float) -> Cell:
    return Cell(f"{p_number(test.p)} ({test.clustered.kind})" if test.clustered else NOTHING, _real(test.p, alpha))


def _real(p: float, alpha: float) -> str:
    return "bold" if p < alpha else ""


def _number(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _pairs(comparison: Comparison) -> Section:
    method = comparison.method
    columns = (
        Column("pair"),
        Column("top-1", right=True),
        Column(f"{100 * method.confidence:g} % interval", right=True, drop=2),
        Column("p", right=True),
        Column("p, Holm", right=True),
        Column("kappa", right=True, drop=3),
        Column("negative flips", right=True, drop=1),
    )
    rows: list[Row] = []
    for pair in comparison.pairings:
        test = pair.top1
        style = _real(test.decided, method.alpha)
        rows.append((
            f"{comparison.labels[pair.second]} - {comparison.labels[pair.first]}",
            Cell(points(test.b - test.a), (BETTER if test.b > test.a else WORSE) if style else ""),
            interval_text(pair.interval("top1")),
            p_number(test.p),
            Cell(p_number(test.decided), style),
            _number(pair.kappa),
            str(test.flips.negative),
        ))  # fmt: skip
    told = []
    if comparison.omnibus is not None:
        whole = comparison.omnibus
        how = "" if whole.clustered is None else f" by groups, {p_text(whole.plain.p)} clip by clip"
        told.append(f"all alike: {p_text(whole.p)}{how} (Cochran's Q, {whole.plain.df} degrees of freedom)")
    if not any(pair.bootstrap for pair in comparison.pairings) and method.resamples:
        told.append("so many pairs have no intervals: compare two runs, or five at most")
    return Section("Is it real?", (), columns, tuple(rows), tuple(Cell(text, "dim") for text in told))


def _seeds(comparison: Comparison) -> Section:
    metrics = list(comparison.spreads[0])
    columns = (
        Column("recipe", shrink=True),
        Column("seeds", right=True),
        *(Column(METRICS[metric], right=True) for metric in metrics),
    )
    rows = [
        (arm.label, str(arm.size), *(_spread(spread[metric]) for metric in metrics))
        for arm, spread in zip(comparison.arms, comparison.spreads, strict=True)
    ]
    level = f"{100 * comparison.method.confidence:g} %"
    told = [f"mean and standard deviation over seeds, percent; [Student's {level} interval of the mean over seeds]"]
    if any(arm.size == 1 for arm in comparison.arms):
        told.append("with one seed (n=1) nothing can be said of other seeds")
    return Section("Seeds", (), columns, tuple(rows), tuple(Cell(text, "dim") for text in told))


def _spread(spread: Spread) -> str:
    mean = f"{100 * spread.interval.estimate:.1f}"
    if math.isnan(spread.sd):
        return f"{mean} (n=1)"
    return f"{mean} ± {100 * spread.sd:.1f} [{100 * spread.interval.low:.1f}, {100 * spread.interval.high:.1f}]"


def _arm_pairs(comparison: Comparison) -> Section:
    arms, pairs = comparison.arms, comparison.arm_pairs
    level = f"{100 * pairs[0].level:.3g} % interval"
    columns = (
        Column("recipes", shrink=True),
        Column("metric"),
        Column("difference", right=True),
        Column(level, right=True),
    )
    rows: list[Row] = []
    for pair in pairs:
        for metric, found in pair.seeds.metrics.items():
            change = found.difference
            style = (BETTER if change.estimate > 0 else WORSE) if change.excludes_zero else ""
            name = f"{arms[pair.second].label} - {arms[pair.first].label}"
            rows.append((name, METRICS[metric], Cell(points(change.estimate), style), interval_text(change)))
    top1 = pairs[0].seeds.metrics["top1"]
    share = (
        f"standard error of top-1: {100 * top1.se_seeds:.2f} points by seeds, {100 * top1.se_samples:.2f} by samples"
    )
    told = [
        f"seeds and {pairs[0].seeds.how} are drawn anew",
        *([share] if len(pairs) == 1 else []),
        *dict.fromkeys(pair.seeds.note for pair in pairs if pair.seeds.note),
    ]
    return Section(
        "Recipes, over seeds and samples", (), columns, tuple(rows), tuple(Cell(text, "dim") for text in told)
    )


def second_half(comparison: Comparison) -> Sequence[Section]:
    """Return the tests."""
    return tuple(tests(comparison))
