"""Figures agree to the last digit with scikit-learn and torchmetrics, where those have them."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn import metrics as reference
from statsmodels.stats.proportion import proportion_confint
from torchmetrics.functional import classification as torch_reference

from arctl.scores.answers import Answers, answers
from arctl.scores.metrics import calibration_error, contradiction, score
from arctl.scores.predictions import read_predictions
from tests.scored import logits_of, scored_arrays, write

EXACT = {"rel": 1e-12, "abs": 1e-14}
CLASSES = list(range(12))


def read(path: Path, logits: NDArray[Any], targets: NDArray[Any], **how: Any) -> Answers:
    """Write logits to a file and return what is made of them."""
    highest = how.pop("highest", None)
    return answers(read_predictions(write(path / "a.npz", scored_arrays(logits, targets, highest=highest))), **how)


@pytest.fixture(name="given", params=[1, 3])
def _given(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[NDArray[Any], NDArray[Any], Answers]:
    """Probabilities (N, K), true classes, answers: class 11 is never true, class 10 never answered."""
    logits, targets = logits_of(400, request.param, 12, seed=request.param)
    logits = (logits.argsort(axis=2).argsort(axis=2) * 0.375).astype(np.float16)  # no two equal: others order them
    logits[:, :, 10] = -20
    targets[targets == 11] = 3
    chance = softmax(logits.astype(np.float64), axis=2).mean(1)
    return chance, targets, read(tmp_path, logits, targets)


def test_accuracies(given: tuple[NDArray[Any], NDArray[Any], Answers]) -> None:
    chance, targets, found = given
    scores = score(found, k=(1, 2, 5, 10))
    for k, share in scores.top.items():
        by_sklearn = reference.top_k_accuracy_score(targets, chance, k=k, labels=CLASSES)
        assert share.value == pytest.approx(by_sklearn, **EXACT)
        theirs = torch_reference.multiclass_accuracy(
            torch.tensor(chance), torch.tensor(targets), num_classes=12, top_k=k, average="micro"
        )
        assert share.value == pytest.approx(float(theirs), rel=1e-6)
        low, high = proportion_confint(share.hits, share.of, method="wilson")
        assert (share.low, share.high) == pytest.approx((low, high), **EXACT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean_class = reference.balanced_accuracy_score(targets, chance.argmax(1))
    assert scores.mean_class == pytest.approx(mean_class, **EXACT)
    assert scores.empty_classes == 1


def test_precision_recall_f1(given: tuple[NDArray[Any], NDArray[Any], Answers]) -> None:
    chance, targets, found = given
    scores = score(found)
    guess = chance.argmax(1)
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        targets, guess, labels=CLASSES, zero_division=np.nan
    )
    of = scores.classes
    np.testing.assert_allclose(of.precision, precision, rtol=1e-13)
    np.testing.assert_allclose(of.recall, recall, rtol=1e-13)
    assert np.isnan(of.precision[10]) and np.isnan(of.recall[11])
    there = of.support + of.predicted > 0
    np.testing.assert_allclose(of.f1[there], np.nan_to_num(f1)[there], rtol=1e-13)
    np.testing.assert_array_equal(of.support, support)
    matrix = reference.confusion_matrix(targets, guess, labels=CLASSES)
    np.testing.assert_array_equal(of.right, np.diag(matrix))
    np.testing.assert_array_equal(of.predicted, matrix.sum(0))
    assert scores.macro_f1 == pytest.approx(reference.f1_score(targets, guess, average="macro"), **EXACT)
    assert scores.weighted_f1 == pytest.approx(reference.f1_score(targets, guess, average="weighted"), **EXACT)
    for average, ours in (("macro", scores.macro_f1), ("weighted", scores.weighted_f1)):
        theirs = torch_reference.multiclass_f1_score(
            torch.tensor(guess), torch.tensor(targets), num_classes=12, average=average
        )
        assert ours == pytest.approx(float(theirs), rel=1e-6)
    low, high = proportion_confint(of.right[:10], of.support[:10], method="wilson")
    np.testing.assert_allclose(of.recall_ends[0][:10], low, rtol=1e-12)
    np.testing.assert_allclose(of.recall_ends[1][:10], high, rtol=1e-12)
    assert (of.f1_ends[0][:10] <= of.f1[:10]).all() and (of.f1[:10] <= of.f1_ends[1][:10]).all()


def test_loss_and_calibration(given: tuple[NDArray[Any], NDArray[Any], Answers]) -> None:
    chance, targets, found = given
    scores = score(found)
    assert scores.nll == pytest.approx(reference.log_loss(targets, chance, labels=CLASSES), **EXACT)
    brier = reference.brier_score_loss(targets, chance, labels=CLASSES, scale_by_half=False)
    assert scores.brier == pytest.approx(brier, **EXACT)
    theirs = torch_reference.multiclass_calibration_error(
        torch.tensor(chance), torch.tensor(targets), num_classes=12, n_bins=15, norm="l1"
    )
    assert scores.ece == pytest.approx(float(theirs), rel=1e-5)
    edges = np.linspace(0, 1, 16)
    top, right = chance.max(1), chance.argmax(1) == targets
    by_hand = 0.0
    for low, high in pairwise(edges):
        inside = (top > low) & (top <= high)
        if inside.any():
            by_hand += inside.mean() * abs(right[inside].mean() - top[inside].mean())
    assert scores.ece == pytest.approx(by_hand, **EXACT)


def test_calibration_of_certainty() -> None:
    assert calibration_error(np.ones(4), np.array([True, True, True, False])) == pytest.approx(0.25)
    assert np.isnan(calibration_error(np.array([]), np.array([], dtype=bool)))


def test_what_could_not_be_read_is_wrong_and_has_no_probability(tmp_path: Path) -> None:
    logits, targets = logits_of(100, 2, 12)
    whole = score(read(tmp_path, logits[:90], targets[:90]))
    logits[90:] = np.nan
    found = score(read(tmp_path, logits, targets))
    assert (found.samples, found.unreadable) == (100, 10)
    for k in (1, 5):
        assert found.top[k].hits == whole.top[k].hits and found.top[k].of == 100
    assert (found.nll, found.brier, found.ece) == (whole.nll, whole.brier, whole.ece)
    np.testing.assert_array_equal(found.classes.predicted, whole.classes.predicted)
    assert found.classes.support.sum() == 100
    logits[:] = np.nan
    nothing = score(read(tmp_path, logits, targets))
    assert nothing.top[1].value == 0 and np.isnan([nothing.nll, nothing.brier, nothing.ece]).all()


def test_the_highest_classes_bound_the_brier_score(tmp_path: Path) -> None:
    logits, targets = logits_of(50, 1, 1500)
    whole, found = score(read(tmp_path, logits, targets)), score(read(tmp_path, logits, targets, highest=100))
    assert found.brier <= whole.brier + 1e-9 <= found.brier + found.brier_slack + 2e-9
    assert 0 < found.brier_slack < 0.05
    assert found.nll == pytest.approx(whole.nll, rel=1e-6)
    assert found.ece == pytest.approx(whole.ece, rel=1e-5)


def test_at_clip_level_an_interval_counts_videos(tmp_path: Path) -> None:
    logits, targets = logits_of(60, 1, 12)
    once = score(read(tmp_path, logits, targets))
    again = score(read(tmp_path, logits.repeat(10, axis=1), targets, level="clip"))
    assert again.samples == 600 and again.top[1].of == 600
    assert (again.top[1].low, again.top[1].high) == pytest.approx((once.top[1].low, once.top[1].high))
    np.testing.assert_allclose(again.classes.recall_ends, once.classes.recall_ends)


def test_figures_that_contradict_what_was_recorded(tmp_path: Path) -> None:
    scores = score(read(tmp_path, *logits_of(100, 1, 12)))
    told = {"top1": scores.top[1].value, "top5": scores.top[5].value, "loss": scores.nll}
    assert contradiction(scores, told) is None
    assert contradiction(scores, {}) is None
    assert contradiction(scores, {**told, "top1": float("nan")}) is None
    assert contradiction(scores, {**told, "top1": told["top1"] - 0.01}) == (
        f"top1 is {told['top1']:.4f} in the file and {told['top1'] - 0.01:.4f} in the run's events: "
        "one of them was changed"
    )
    assert "loss is" in str(contradiction(scores, {**told, "loss": told["loss"] + 0.1}))
