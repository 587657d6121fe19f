"""The second part of a report: what the runs reached, and whether their differences are real."""

from __future__ import annotations

import math
from collections.abc import Iterator

from arctl.compare.compared import Comparison
from arctl.compare.figures import Figure
from arctl.compare.measures import Measure
from arctl.compare.seeds import Spread
from arctl.compare.significance import METRICS, Paired, Pairing
from arctl.compare.words import interval_text, p_number, p_text, points
from arctl.report import words
from arctl.report.findings import Findings
from arctl.report.page import Block, Cell, Drawing, Head, Row, Section, Table, Text
from arctl.report.range_plots import Range, range_plot
from arctl.scores.metrics import Scores


def metrics(findings: Findings) -> Section:
    """Return the figures of stored answers with their protocol, then what was logged at the same epochs."""
    blocks: list[Block] = []
    if findings.figures:
        blocks.append(_figures(findings))
    for moment in findings.moments:
        if moment.answers is None and moment.why:
            blocks.append(Text(f"No figures of stored answers: {moment.why}.", "note"))
    if findings.metrics:
        blocks.append(_logged(findings))
    return Section("Metrics", tuple(blocks))


def tests(findings: Findings) -> Section:
    """Return the statistics of two runs in full, of more as a line for each pair; then of recipes with seeds."""
    compared = findings.comparison
    if compared is None:
        return Section("", ())
    blocks: list[Block] = []
    if len(compared.pairings) == 1:
        blocks += _pair(findings, compared, compared.pairings[0])
    elif compared.pairings:
        blocks += _pairs(findings, compared)
    else:
        blocks.append(Text(f"There is no test: {compared.verdict.sentence}.", "note"))
    if any(arm.size > 1 for arm in compared.arms) and compared.spreads:
        blocks.append(_seeds(findings, compared))
    if compared.arm_pairs:
        blocks += _recipes(findings, compared)
    return Section("Is it real?", tuple(blocks))


def _figures(findings: Findings) -> Table:
    two = len(findings.runs) == 2
    heads = [Head("metric"), *(Head(label, right=True) for label in findings.labels)]
    compared = findings.comparison
    pair = compared.pairings[0] if compared is not None and two and compared.pairings else None
    heads += [Head("difference", right=True)] if two else []
    heads += [Head(f"{_level(findings)} interval", right=True)] if pair is not None else []
    rows: list[Row] = []
    for figure in findings.figures:
        values = [
            Cell(_value(figure, place, findings.scores[place]), "best" if figure.better == place else "")
            for place in range(len(findings.runs))
        ]
        interval = [interval_text(pair.interval(figure.name))] if pair is not None else []
        rows.append((figure.title, *values, *([_moved(figure)] if two else []), *interval))
    gaps = [one.top1 for one in findings.gaps]
    if any(gap is not None for gap in gaps):
        empty = [""] * (len(heads) - 1 - len(gaps))
        told = [words.NOTHING if gap is None else f"{100 * gap:+.1f}" for gap in gaps]
        rows.append(("gap: top-1 in training minus val, as logged", *told, *empty))
    lost = [one.unreadable if one else 0 for one in findings.scores]
    if any(lost):
        rows.append(("unreadable samples", *map(str, lost), *[""] * (len(heads) - 1 - len(lost))))
    caption = f"Figures on {findings.asked.split} from stored answers; top-k with Wilson's {_level(findings)} interval"
    return Table(caption, tuple(heads), tuple(rows), findings.stamps)


def _value(figure: Figure, place: int, scores: Scores | None) -> str:
    value = figure.values[place]
    if scores is not None and figure.name.startswith("top"):
        return words.share(scores.top[int(figure.name.removeprefix("top"))])
    if value is None or math.isnan(value):
        return words.NOTHING
    return words.percent(value) if figure.share else f"{value:.3f}"


def _moved(figure: Figure) -> Cell:
    change = figure.difference
    if change is None or math.isnan(change):
        return Cell(words.NOTHING)
    tone = "" if figure.better is None else "better" if figure.better == 1 else "worse"
    return Cell(points(change) if figure.share else f"{change:+.3f}", tone)


def _logged(findings: Findings) -> Table:
    two = len(findings.runs) == 2
    heads = [Head("metric"), *(Head(label, right=True) for label in findings.labels)]
    heads += [Head("difference", right=True)] if two else []
    rows: list[Row] = [
        (
            one.name,
            *(Cell(words.metric(one.name, v), "best" if one.better == k else "") for k, v in enumerate(one.values)),
            *([_change(one)] if two else []),
        )
        for one in findings.metrics
    ]
    pairs = zip(findings.labels, findings.moments, strict=True)
    epochs = ", ".join(f"{label} epoch {one.epoch:g}" for label, one in pairs if one.epoch is not None)
    caption = "Logged by the trainer at the epoch told of"
    return Table(caption, tuple(heads), tuple(rows), (f"as logged in training: {epochs}",) if epochs else ())


def _change(one: Measure) -> Cell:
    tone = "" if one.better is None else "better" if one.better == 1 else "worse"
    return Cell(words.change(one.name, one.difference), tone)


def _pair(findings: Findings, compared: Comparison, pair: Pairing) -> Iterator[Block]:
    first, second = compared.labels[pair.first], compared.labels[pair.second]
    heads = (Head("samples"), *(Head(METRICS[test.metric], right=True) for test in pair.tests))
    rows: list[Row] = [
        ("both right", *(str(test.flips.both_right) for test in pair.tests)),
        (f"only {first} right", *(str(test.flips.negative) for test in pair.tests)),
        (f"only {second} right", *(str(test.flips.positive) for test in pair.tests)),
        ("both wrong", *(str(test.flips.both_wrong) for test in pair.tests)),
        ("p, McNemar, clip by clip", *(_mcnemar(test, compared) for test in pair.tests)),
    ]
    if pair.clusters is not None:
        rows.append(("p, whole groups", *(_clustered(test, compared) for test in pair.tests)))
    yield Table(f"The same samples in {first} and {second}", heads, tuple(rows), findings.stamps)
    yield from _intervals(findings, compared, pair)
    flips = pair.top1.flips
    yield Text(
        f"Both gave the same answer to {100 * pair.agreement:.1f} % of the samples; Cohen's kappa "
        f"{words.NOTHING if math.isnan(pair.kappa) else f'{pair.kappa:.2f}'}. Negative flips, right in {first} and "
        f"wrong in {second}: {flips.negative} of {flips.n} ({100 * flips.negative_rate:.1f} %). {_power(pair)}"
    )


def _p(p: float, kind: str, decides: bool, compared: Comparison) -> Cell:
    tone = "weak" if not decides else "best" if p < compared.method.alpha else ""
    return Cell(f"{p_number(p)} ({kind})", tone)


def _mcnemar(test: Paired, compared: Comparison) -> Cell:
    return _p(test.mcnemar.p, test.mcnemar.kind, test.clustered is None, compared)


def _clustered(test: Paired, compared: Comparison) -> Cell:
    if test.clustered is None:
        return Cell(words.NOTHING)
    return _p(test.clustered.p, test.clustered.kind, True, compared)


def _power(pair: Pairing) -> str:
    if not math.isfinite(pair.detectable):
        return f"{pair.top1.flips.discordant} discordant samples are too few to find a difference 8 times in 10."
    return f"This test set would find a true difference of {100 * pair.detectable:.1f} points of top-1 8 times in 10."


def _intervals(findings: Findings, compared: Comparison, pair: Pairing) -> Iterator[Block]:
    boot = pair.bootstrap
    if boot is None:
        return
    ranges = [
        Range(METRICS.get(name, name), "", one.difference.estimate, one.difference.low, one.difference.high)
        for name, one in boot.intervals.items()
    ]
    first, second = compared.labels[pair.first], compared.labels[pair.second]
    told = "; ".join(f"{one.row} {points(one.value)} [{points(one.low)}, {points(one.high)}]" for one in ranges)
    how = f"{boot.resamples:,} paired resamples of {boot.how}, seed {boot.seed}, {_level(findings)} intervals"
    yield Drawing(
        lambda: range_plot(ranges, name="intervals", axis=f"{second} minus {first}, points", zero=True),
        f"{second} minus {first} in points: {told}.",
        f"How far {second} and {first} are apart, and how sure that is. An interval that crosses 0 decides nothing.",
        (how, *findings.stamps),
    )


def _pairs(findings: Findings, compared: Comparison) -> Iterator[Block]:
    if compared.ranking is not None:
        yield Text(f"Order by {METRICS[compared.method.metric]}: {compared.ranking.line}.")
    if compared.omnibus is not None:
        whole = compared.omnibus
        how = "" if whole.clustered is None else f" by groups; {p_text(whole.plain.p)} clip by clip"
        yield Text(
            f"That all runs are right equally often: {p_text(whole.p)}{how} (Cochran's Q, {whole.plain.df} degrees of "
            "freedom)."
        )
    titles = ("top-1, points", f"{_level(findings)} interval", "p", "p, Holm", "kappa", "negative flips")
    rows: list[Row] = []
    for pair in compared.pairings:
        test = pair.top1
        real = test.decided < compared.method.alpha
        tone = ("better" if test.b > test.a else "worse") if real else ""
        rows.append((
            f"{compared.labels[pair.second]} minus {compared.labels[pair.first]}",
            Cell(points(test.b - test.a), tone),
            interval_text(pair.interval("top1")),
            p_number(test.p),
            Cell(p_number(test.decided), "best" if real else ""),
            words.NOTHING if math.isnan(pair.kappa) else f"{pair.kappa:.2f}",
            str(test.flips.negative),
        ))  # fmt: skip
    heads = (Head("pair"), *(Head(title, right=True) for title in titles))
    yield Table("Every two runs on the same samples", heads, tuple(rows), findings.stamps)


def _seeds(findings: Findings, compared: Comparison) -> Table:
    names = list(compared.spreads[0])
    heads = (Head("recipe"), Head("seeds", right=True), *(Head(METRICS[name], right=True) for name in names))
    rows = [
        (arm.label, str(arm.size), *(_spread(spread[name]) for name in names))
        for arm, spread in zip(compared.arms, compared.spreads, strict=True)
    ]
    caption = f"Over seeds: mean ± standard deviation, percent [Student's {_level(findings)} interval of the mean]"
    return Table(caption, heads, tuple(rows), findings.stamps)


def _spread(spread: Spread) -> str:
    mean = f"{100 * spread.interval.estimate:.1f}"
    if math.isnan(spread.sd):
        return f"{mean} (n=1)"
    return f"{mean} ± {100 * spread.sd:.1f} {words.ends(spread.interval.low, spread.interval.high)}"


def _recipes(findings: Findings, compared: Comparison) -> Iterator[Block]:
    rows: list[Row] = []
    for pair in compared.arm_pairs:
        name = f"{compared.arms[pair.second].label} minus {compared.arms[pair.first].label}"
        for metric, found in pair.seeds.metrics.items():
            change = found.difference
            tone = ("better" if change.estimate > 0 else "worse") if change.excludes_zero else ""
            rows.append((name, METRICS[metric], Cell(points(change.estimate), tone), interval_text(change)))
    level = f"{100 * compared.arm_pairs[0].level:.4g} % interval"
    heads = (Head("recipes"), Head("metric"), Head("difference, points", right=True), Head(level, right=True))
    how = f"seeds and {compared.arm_pairs[0].seeds.how} drawn anew"
    yield Table("Recipes, over seeds and samples", heads, tuple(rows), (how, *findings.stamps))
    for note in dict.fromkeys(pair.seeds.note for pair in compared.arm_pairs if pair.seeds.note):
        yield Text(note + ".", "note")


def _level(findings: Findings) -> str:
    return f"{100 * findings.method.confidence:g} %"
