"""Confusion arithmetic agrees with scikit-learn, counts the unreadable as wrong, and refuses what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint

from arctl import confusion
from arctl.errors import DataError, NotFoundError

NAMES = ("a", "b", "c", "d")


def made(targets, predicted, *, classes=NAMES, run=1, ids=None) -> confusion.Confusion:
    scores = np.full((len(targets), 1, len(classes)), np.nan, np.float16)
    for index, answer in enumerate(predicted):
        if answer >= 0:
            scores[index] = 0
            scores[index, 0, answer] = 3
    return confusion.from_scores(scores, np.asarray(targets, dtype=np.int64), tuple(classes), run=run, ids=ids)


@pytest.mark.parametrize("classes", [2, 8, 101])
def test_counts_recall_and_precision_agree_with_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    targets = rng.integers(classes, size=3000)
    predicted = np.where(rng.random(3000) < 0.6, targets, rng.integers(classes, size=3000))
    matrix = made(targets, predicted, classes=[f"c{k}" for k in range(classes)])
    labels = np.arange(classes)
    assert (matrix.counts == confusion_matrix(targets, predicted, labels=labels)).all()
    np.testing.assert_allclose(matrix.recall, recall_score(targets, predicted, average=None, labels=labels))
    np.testing.assert_allclose(matrix.precision, precision_score(targets, predicted, average=None, labels=labels))
    np.testing.assert_allclose(matrix.f1, f1_score(targets, predicted, average=None, labels=labels))
    for normalize in ("true", "pred", "all"):
        expected = confusion_matrix(targets, predicted, labels=labels, normalize=normalize)
        np.testing.assert_allclose(matrix.shares(normalize).cells.dense(), expected)
    assert (matrix.shares("none").cells.dense() == matrix.counts).all()
    assert matrix.top1 == pytest.approx((targets == predicted).mean())
    assert matrix.total == 3000 and matrix.support.sum() == 3000


def test_intervals_are_those_of_wilson() -> None:
    rng = np.random.default_rng(5)
    targets = rng.integers(20, size=400)
    matrix = made(
        targets,
        np.where(rng.random(400) < 0.7, targets, rng.integers(20, size=400)),
        classes=[str(k) for k in range(20)],
    )
    for (low, high), whole in (
        (matrix.recall_interval, matrix.support),
        (matrix.precision_interval, matrix.taken),
    ):
        expected = proportion_confint(matrix.right, whole, method="wilson")
        np.testing.assert_allclose((low, high), expected, atol=1e-12)


def test_the_unreadable_are_part_of_every_whole() -> None:
    matrix = made([0, 0, 0, 1], [0, 1, -1, -1], classes=("a", "b", "c"))
    assert matrix.shares("true").unread.tolist() == pytest.approx([1 / 3, 1, 0])
    assert matrix.shares("pred").unread.tolist() == [0.5, 0.5, 0]
    assert matrix.shares("all").unread.tolist() == [0.25, 0.25, 0]
    assert matrix.shares("all").cells.values.sum() == 0.5
    assert matrix.shares("true").rows_known.tolist() == [True, True, False]
    assert matrix.shares("pred").columns_known.tolist() == [True, True, False]
    assert matrix.f1[:2].tolist() == [0.5, 0.0] and np.isnan(matrix.f1[2])


def test_the_mean_softmax_of_the_views_decides() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 4, size=(2500, 5, 7)).astype(np.float16)
    share = np.exp(scores.astype(np.float64))
    share /= share.sum(axis=2, keepdims=True)
    expected = share.mean(axis=1).argmax(axis=1)
    matrix = confusion.from_scores(scores, expected, tuple("abcdefg"))
    assert matrix.top1 == 1.0
    unlike = scores.astype(np.float64).mean(axis=1).argmax(axis=1)
    assert (unlike != expected).any(), "the mean of the logits would have decided otherwise somewhere"


def test_unreadable_samples_stay_in_every_denominator() -> None:
    matrix = made([0, 0, 0, 1], [0, 0, -1, -1])
    assert matrix.unreadable.tolist() == [1, 1, 0, 0]
    assert matrix.top1 == 0.5
    assert matrix.recall[:2].tolist() == pytest.approx([2 / 3, 0.0])
    assert np.isnan(matrix.recall[2:]).all()
    assert matrix.rates[0].tolist() == pytest.approx([2 / 3, 0, 0, 0, 1 / 3])
    assert matrix.counts.sum() == 2


def test_a_half_read_sample_is_judged_by_the_views_it_has() -> None:
    scores = np.zeros((2, 2, 2), np.float16)
    scores[0, 0] = np.nan
    scores[0, 1, 1] = 5
    scores[1] = np.nan
    matrix = confusion.from_scores(scores, np.array([1, 1]), ("a", "b"))
    assert matrix.predicted.tolist() == [1, -1]


def test_infinite_logits_are_answers() -> None:
    scores = np.array([[[np.inf, 1.0]], [[-np.inf, 0.0]]], np.float16)
    assert confusion.from_scores(scores, np.array([0, 1]), ("a", "b")).top1 == 1.0


def test_pairs_are_the_most_frequent_confusions() -> None:
    matrix = made([0] * 10 + [1] * 10, [1] * 7 + [2] * 3 + [0] * 5 + [1] * 5)
    assert [tuple(cell) for cell in matrix.pairs(2)] == [(0, 1, 7), (1, 0, 5)]
    assert len(matrix.pairs(99)) == 3


def test_a_difference_names_risen_fallen_changed_and_solved() -> None:
    targets = [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
    before = made(targets, [1] * 5 + [0] * 5 + [0] * 4 + [1] * 6 + [2] * 10 + [3] * 9 + [0], run=1)
    after = made(targets, [0] * 10 + [1] * 9 + [0] + [3] * 6 + [2] * 4 + [3] * 10, run=2)
    change = confusion.difference(before, after)
    assert change.risen == [0, 1, 3] and change.fallen == [2]
    assert change.recall_change.tolist() == pytest.approx([0.5, 0.3, -0.6, 0.1])
    assert [tuple(pair) for pair in change.pairs] == [(2, 3, 0, 6), (0, 1, 5, 0), (1, 0, 4, 1), (3, 0, 1, 0)]
    assert [tuple(mix) for mix in change.solved] == [(0, 1, 9, 1, 20)]
    assert [tuple(mix) for mix in change.arisen] == [(2, 3, 0, 6, 20)]


def test_samples_are_joined_by_name_not_by_place() -> None:
    ids = ("z.avi", "a.avi", "m.avi")
    one = made([0, 1, 2], [0, 1, 2], ids=ids, run=1)
    other = made([2, 1, 0], [2, 1, 1], ids=tuple(reversed(ids)), run=2)
    assert [tuple(pair) for pair in confusion.difference(one, other).pairs] == [(0, 1, 0, 1)]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (made([0, 1], [0, 1], classes=("a", "b"), run=2), "4 classes and 2"),
        (made([0, 1], [0, 1], classes=("a", "b", "x", "d"), run=2), "class 3 is 'c' and 'x'"),
        (made([0, 1, 2], [0, 1, 2], run=2), "2 samples and 3; 0 are only in run1, 1 only in run2, such as '2'"),
        (made([0, 2], [0, 1], run=2), "1 samples have another true class, such as '1'"),
    ],
)
def test_unlike_matrices_are_refused_by_name(other: confusion.Confusion, said: str) -> None:
    with pytest.raises(DataError) as caught:
        confusion.difference(made([0, 1], [0, 1], run=1), other)
    assert said in str(caught.value) and "run1 and run2" in str(caught.value)


def test_the_best_epoch_is_taken_where_there_are_predictions_of_it(lab) -> None:
    files = lab.run(1)
    for epoch in (2, 4, 6):
        lab.predictions(files, [0, 1], [0, 1], epoch=epoch)
    load = confusion.load
    assert (load(files.path, 1, best=4).epoch, load(files.path, 1, best=4).chosen) == (4, "best")
    assert (load(files.path, 1, best=5).epoch, load(files.path, 1, best=5).chosen) == (6, "newest")
    assert load(files.path, 1, epoch=2, best=4).epoch == 2
    assert load(files.path, 1, best=4, newest=True).epoch == 6
    files.checkpoints.mkdir()
    (files.checkpoints / "manifest.json").write_text(json.dumps({"best.pt": {"epoch": 2}}))
    assert load(files.path, 1).epoch == 2
    (files.checkpoints / "manifest.json").write_text("{")
    assert load(files.path, 1).epoch == 6


def test_what_is_not_there_is_named_with_what_is(lab) -> None:
    files = lab.run(1)
    with pytest.raises(NotFoundError, match=r"run1: no predictions on val .*first evaluation"):
        confusion.load(files.path, 1)
    lab.predictions(files, [0], [0], epoch=3)
    with pytest.raises(NotFoundError, match=r"after epoch 7 .*after 3"):
        confusion.load(files.path, 1, epoch=7)
    with pytest.raises(NotFoundError, match=r"no predictions on test .*val"):
        confusion.load(files.path, 1, split="test")


def break_zip(path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def resave(path, **changes) -> None:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_zip, "damaged predictions"),
        (lambda path: path.write_text("no zip"), "damaged predictions"),
        (lambda path: resave(path, scores=None), "scores"),
        (lambda path: resave(path, targets=np.array([0, 8])), "'clip00001.avi' has class 8 of 8"),
        (lambda path: resave(path, targets=np.array([0, 1, 1])), "shapes"),
        (lambda path: resave(path, targets=np.array([0.0, 1.0])), "types"),
        (lambda path: resave(path, ids=np.array(["x", "x"])), "'x' is there 2 times"),
        (lambda path: resave(path, ids=np.array([{"a": 1}, None], dtype=object)), "damaged predictions"),
    ],
    ids=["cut", "text", "missing", "range", "length", "floats", "twice", "pickle"],
)
def test_a_damaged_file_is_told_of_by_name(lab, damage, said: str) -> None:
    files = lab.run(1)
    path = lab.predictions(files, [0, 1], [0, 1])
    damage(path)
    with pytest.raises(DataError) as caught:
        confusion.load(files.path, 1)
    assert said in str(caught.value) and str(path) in str(caught.value)


def test_class_names_are_safe_to_show(lab) -> None:
    files = lab.run(1)
    lab.predictions(files, [0, 1], [0, 1], classes=["bad\x1b]0;title\x07name", "line\nbreak"])
    assert confusion.load(files.path, 1).classes == ("badname", "line break")
