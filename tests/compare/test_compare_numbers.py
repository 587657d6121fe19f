"""The numbers of a comparison: against other programs, against counts by hand, and all of them in every format."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar
from statsmodels.stats.multitest import multipletests

from arctl.compare import Asked, Method, compare, to_json
from arctl.compare.seeds import spread_of

N, K = 240, 8
RNG = np.random.default_rng(7)
TARGETS = np.repeat(np.arange(K), N // K)
GROUPS = [f"film{k:03d}" for k in range(N // 4) for _ in range(4)]


def noisy(share: float) -> np.ndarray:
    wrong = RNG.random(N) < share
    return np.where(wrong, (TARGETS + RNG.integers(1, K, N)) % K, TARGETS)


ANSWERS = {1: noisy(0.55), 2: noisy(0.30), 3: noisy(0.25)}


@pytest.fixture(scope="module")
def lab(shared):
    for number, answers in ANSWERS.items():
        config = {"model": {"name": f"m{number}"}, "train": {"seed": 0}}
        shared.answered(number, {3: answers}, TARGETS, groups=GROUPS, name=f"m{number}", config=config)
    seeds = {4: noisy(0.30), 5: noisy(0.30)}
    for number, answers in seeds.items():
        config = {"model": {"name": "m2"}, "train": {"seed": number}}
        shared.answered(number, {3: answers}, TARGETS, groups=GROUPS, name="m2", config=config)
    shared.index()
    return shared


@pytest.fixture(scope="module")
def pair(lab):
    return compare(lab.workspace, 1, 2)


def test_the_paired_test_is_that_of_statsmodels(pair) -> None:
    test = pair.pairings[0].top1
    right = [ANSWERS[number] == TARGETS for number in (1, 2)]
    table = [[int((a & b).sum()) for b in (right[1], ~right[1])] for a in (right[0], ~right[0])]
    assert [[test.flips.both_right, test.flips.negative], [test.flips.positive, test.flips.both_wrong]] == table
    exact = mcnemar(table, exact=True).pvalue
    assert test.mcnemar.kind == "mid-p" and test.mcnemar.p < exact < 2 * test.mcnemar.p
    assert test.clustered is not None and test.p == test.clustered.p and test.clustered.clusters == N // 4


def test_figures_are_those_of_scikit_learn(pair) -> None:
    found = {figure.name: figure.values for figure in pair.figures}
    for place, answers in enumerate((ANSWERS[1], ANSWERS[2])):
        assert found["top1"][place] == (answers == TARGETS).mean()
        assert found["mean_class"][place] == pytest.approx(balanced_accuracy_score(TARGETS, answers), abs=1e-12)
        assert found["macro_f1"][place] == pytest.approx(f1_score(TARGETS, answers, average="macro"), abs=1e-12)
    one = pair.pairings[0]
    assert one.kappa == pytest.approx(cohen_kappa_score(ANSWERS[1], ANSWERS[2]), abs=1e-12)
    for metric in ("top1", "mean_class", "macro_f1"):
        interval = one.interval(metric)
        assert interval.estimate == pytest.approx(found[metric][1] - found[metric][0], abs=1e-6)
        assert interval.low < interval.estimate < interval.high


def test_classes_are_tested_and_corrected(pair) -> None:
    where = pair.where
    for k in range(K):
        own = k == TARGETS
        a, b = (ANSWERS[number][own] == k for number in (1, 2))
        table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
        assert where.tests.p[k] == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-12)
        assert where.change[k] == pytest.approx(b.mean() - a.mean())
    testable = where.tests.testable
    expected = multipletests(where.tests.p[testable], method="fdr_bh")[1]
    assert where.tests.adjusted[testable] == pytest.approx(expected, abs=1e-12)
    assert sorted([*where.ordered(risen=True), *where.ordered(risen=False)]) == list(np.flatnonzero(where.change != 0))


def test_more_runs_have_cochrans_q_and_holm(lab) -> None:
    found = compare(lab.workspace, 1, 2, 3, method=Method(cluster_by="none", resamples=0))
    table = np.column_stack([ANSWERS[number] == TARGETS for number in (1, 2, 3)]).astype(int)
    known = cochrans_q(table)
    assert found.omnibus.plain.q == pytest.approx(known.statistic) and found.omnibus.p == pytest.approx(known.pvalue)
    p = [one.top1.p for one in found.pairings]
    assert [one.top1.decided for one in found.pairings] == pytest.approx(multipletests(p, method="holm")[1])
    assert found.ranking.line == "run2 = run3 > run1" and found.ranking.beyond == ()
    assert found.verdict.outcome == "ranked" and found.verdict.better is None
    assert all(one.bootstrap is None for one in found.pairings)


def test_recipes_with_seeds_are_compared_over_seeds(lab) -> None:
    found = compare(lab.workspace, 1, 2, 4, 5)
    assert [arm.label for arm in found.arms] == ["run1", "run2+run4+run5"]
    spread = found.spreads[1]["top1"]
    values = [one.top[1].value for one in found.scores[1:]]
    assert spread.values == tuple(values) and spread.sd == pytest.approx(np.std(values, ddof=1))
    (between,) = found.arm_pairs
    assert between.interval("top1").estimate == pytest.approx(np.mean(values) - found.scores[0].top[1].value)
    assert found.verdict.better == "run2+run4+run5" and "1 and 3 seeds" in found.verdict.sentence
    assert "n=1 seed on one side" in between.seeds.note


def test_an_interval_over_seeds_ends_where_an_accuracy_does() -> None:
    wide = spread_of([0.98, 0.99], 0.95)
    assert wide.interval.high == 1.0 and 0.9 < wide.interval.low < 0.98
    assert math.isnan(spread_of([0.98], 0.95).interval.low), "of one seed nothing is known"


def test_what_decides_can_be_chosen(lab) -> None:
    for metric, words in (("mean_class", "mean-class accuracy"), ("macro_f1", "macro F1"), ("top5", "top-5")):
        verdict = compare(lab.workspace, 1, 2, method=Method(metric=metric, resamples=1000)).verdict
        assert words in verdict.sentence and verdict.metric == metric
        assert verdict.low < verdict.difference < verdict.high
        assert (verdict.p is None) == (metric in ("mean_class", "macro_f1"))


def test_what_has_no_test_and_no_interval_is_not_called_equal(lab) -> None:
    seeds = compare(lab.workspace, 1, 2, 4, method=Method(metric="top5", resamples=1000)).verdict
    assert seeds.outcome == "no test" and "top-5 has no interval over seeds" in seeds.sentence
    three = compare(lab.workspace, 1, 2, 3, method=Method(metric="mean_class", resamples=1000))
    assert three.verdict.sentence.startswith("run2 = run3 > run1 in mean-class accuracy")


def test_the_same_seed_gives_the_same_intervals(lab) -> None:
    ends = [compare(lab.workspace, 1, 2, method=Method(resamples=1000, seed=seed)).verdict.low for seed in (5, 5, 6)]
    assert ends[0] == ends[1] != ends[2]


def test_the_document_has_every_number_that_the_page_shows(lab, pair) -> None:
    document = lab.arctl("compare", "run1", "run2", "--json").json
    assert document["schema"] == "arctl.comparison/2"
    assert document == {"schema": "arctl.comparison/2", **json.loads(json.dumps(to_json(pair), allow_nan=False))}
    numbers = {f"{abs(value):.{digits}f}" for value in _numbers(document) for digits in (0, 1, 2, 3)}
    numbers |= {f"{abs(100 * value):.{digits}f}" for value in _numbers(document) for digits in (0, 1)}
    page = lab.arctl("compare", "run1", "run2", "--no-map", "--pairs", "99").out
    shown = re.findall(r"(?<![\w#.])\d+(?:\.\d+)?(?=%|\b)", page.split("Metrics on")[1].split("sys/")[0])
    missing = [text for text in shown if f"{float(text):.1f}" not in numbers and text not in numbers]
    assert set(missing) <= {"0.001", "80", "8", "10", "95"}, missing


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _numbers(inner)]
    if isinstance(value, list):
        return [float(len(value)), *(number for inner in value for number in _numbers(inner))]
    return [float(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_csv_holds_the_document_and_runs_no_formula(lab) -> None:
    rows = list(csv.DictReader(io.StringIO(lab.arctl("compare", "run1", "run2", "--format", "csv").out)))
    cells = {(row["section"], row["item"], row["field"]): row["value"] for row in rows}
    assert cells["verdict", "", "better"] == "run2" and cells["cost", "run1", "epochs"] == "3.0"
    assert float(cells["runs", "run2.scores", "top1"]) == (ANSWERS[2] == TARGETS).mean()
    assert not any(row["value"].startswith(("=", "@")) for row in rows)


def test_markdown_and_latex_hold_the_same_tables(lab) -> None:
    marked = lab.arctl("compare", "run1", "run2", "--format", "markdown").out
    assert marked.startswith("**run2 is better than run1: ") and "| metric | run1 | run2 | difference |" in marked
    tables = [line for line in marked.splitlines() if line.startswith("|")]
    assert "### Is it real?" in marked and all(line.count("|") >= 3 for line in tables)
    latex = lab.arctl("compare", "run1", "run2", "--format", "latex").out
    assert latex.count(r"\begin{tabular}") == latex.count(r"\bottomrule") == marked.count("\n|--")
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert re.findall(r"(?<!\\)[%#_]", body) == [] and "run2" in body


def test_clip_level_and_video_level_are_named(lab) -> None:
    found = compare(lab.workspace, 1, 2, asked=Asked(level="clip"))
    assert {moment.answers.protocol.level for moment in found.moments} == {"clip"}
    assert "clip level" in lab.arctl("compare", "run1", "run2", "--of", "clip").out
