"""Answers agree with plain arithmetic over all probabilities, whatever the layout, and are quick and small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from arctl.errors import DataError, NotFoundError, UsageError
from arctl.scores.answers import Answers, answers, load_answers
from arctl.scores.predictions import read_predictions
from tests.scored import head_arrays, logits_of, scored_arrays, write


def read(tmp_path: Path, logits: NDArray[Any], targets: NDArray[Any], **how: Any) -> Answers:
    """Write logits to a file and return what is made of them."""
    layout = {name: how.pop(name) for name in ("highest", "ids") if name in how}
    return answers(read_predictions(write(tmp_path / "a.npz", scored_arrays(logits, targets, **layout))), **how)


def ranked(chance_NK: NDArray[Any], targets: NDArray[Any]) -> list[int]:
    """Return the place of each true class when classes are sorted, the lower number first among equals."""
    orders = [sorted(range(len(row)), key=lambda k, row=row: (-row[k], k)) for row in chance_NK]
    return [order.index(target) for order, target in zip(orders, targets, strict=True)]


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("aggregation", ["softmax-mean", "logit-mean"])
def test_against_all_probabilities(tmp_path: Path, views: int, aggregation: str) -> None:
    logits, targets = logits_of(50, views, 9)
    whole = logits.astype(np.float64)
    mean = softmax(whole, axis=2).mean(1) if aggregation == "softmax-mean" else softmax(whole.mean(1), axis=1)
    found = read(tmp_path, logits, targets, aggregation=aggregation)
    np.testing.assert_array_equal(found.predicted, mean.argmax(1))
    np.testing.assert_array_equal(found.rank, ranked(mean, targets))
    np.testing.assert_allclose(found.chance, mean[np.arange(50), targets], rtol=1e-13)
    np.testing.assert_allclose(found.confidence, mean.max(1), rtol=1e-13)
    np.testing.assert_allclose(found.square, (mean**2).sum(1), rtol=1e-13)
    assert not found.slack.any()
    for k in (1, 2, 5, 9, 20):
        np.testing.assert_array_equal(found.correct(k), found.rank < k)


@pytest.mark.parametrize("views", [1, 4])
def test_the_highest_classes_say_what_all_of_them_say(tmp_path: Path, views: int) -> None:
    logits, targets = logits_of(60, views, 1500)
    logits[:20, :, targets[0]] += 4
    whole = read(tmp_path, logits, targets)
    found = read(tmp_path, logits, targets, highest=300)
    np.testing.assert_allclose(found.chance, whole.chance, rtol=2e-6)
    np.testing.assert_array_equal(found.predicted, whole.predicted)
    np.testing.assert_array_equal(found.correct(1), whole.correct(1))
    np.testing.assert_array_equal(found.correct(5), whole.correct(5))
    assert (found.square <= whole.square + 1e-9).all()
    assert (whole.square <= found.square + found.slack + 1e-9).all()
    if views == 1:
        kept = found.rank < 1500
        assert 20 < kept.sum() < 60
        np.testing.assert_array_equal(found.rank[kept], whole.rank[kept])
        assert (whole.rank[~kept] >= 300).all()
    with pytest.raises(DataError, match="top-301 is unknown"):
        found.correct(301)


def test_equal_scores_go_to_the_lower_class_number(tmp_path: Path) -> None:
    logits = np.zeros((3, 2, 1200), dtype=np.float16)
    targets = np.array([0, 4, 99])
    for found in (read(tmp_path, logits, targets), read(tmp_path, logits, targets, highest=100)):
        assert found.predicted.tolist() == [0, 0, 0]
        assert found.rank.tolist() == [0, 4, 99]


def test_views_that_could_not_be_read(tmp_path: Path) -> None:
    logits, targets = logits_of(10, 3, 1200)
    logits[2, 1], logits[7] = np.nan, np.nan
    for layout in ({}, {"highest": 100}):
        found = read(tmp_path, logits, targets, **layout)
        kept = softmax(logits[2, [0, 2]].astype(np.float64), axis=1).mean(0)
        assert found.chance[2] == pytest.approx(kept[targets[2]], rel=1e-6)
        assert (found.predicted[7], found.rank[7], found.unreadable) == (-1, 1200, 1)
        assert np.isnan([found.chance[7], found.confidence[7], found.square[7]]).all()
        assert not found.correct(100)[7]
        clips = read(tmp_path, logits, targets, level="clip", **layout)
        assert np.flatnonzero(clips.predicted < 0).tolist() == [7, 21, 22, 23]


def test_rows_are_in_the_order_of_ids_however_the_file_has_them(tmp_path: Path) -> None:
    logits, targets = logits_of(40, 2, 5)
    mixed = np.random.default_rng(1).permutation(40)
    names = np.array([f"v{row:04d}.avi" for row in range(40)])
    one = read(tmp_path, logits, targets)
    other = read(tmp_path, logits[mixed], targets[mixed], ids=names[mixed])
    assert one.ids == other.ids and one.protocol.samples == other.protocol.samples
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(mixed[other.order], np.arange(40))
    clips, mixed_clips = (
        read(tmp_path, logits, targets, level="clip"),
        read(tmp_path, logits[mixed], targets[mixed], ids=names[mixed], level="clip"),
    )
    assert clips.ids[:3] == ("v0000.avi#0", "v0000.avi#1", "v0001.avi#0") and clips.ids == mixed_clips.ids
    np.testing.assert_array_equal(clips.chance, mixed_clips.chance)
    single = softmax(logits.astype(np.float64), axis=2)[np.arange(40), :, targets].ravel()
    np.testing.assert_allclose(clips.chance, single, rtol=1e-13)
    assert clips.protocol.level == "clip" and len(clips.targets) == 80


def test_actions_are_products_over_the_likeliest(tmp_path: Path) -> None:
    verbs, nouns = logits_of(40, 2, 12, seed=3), logits_of(40, 2, 130, seed=4)
    arrays = {"ids": np.array([f"P01_{row:03d}" for row in range(40)]), "meta": np.array('{"heads": ["verb", "noun"]}')}
    arrays |= head_arrays(*verbs, name="verb") | head_arrays(*nouns, name="noun")
    arrays["scores_noun"][5] = np.nan
    stored = read_predictions(write(tmp_path / "a.npz", arrays))
    found = answers(stored, head="action")
    verb, noun = (softmax(part[0].astype(np.float64), axis=2).mean(1) for part in (verbs, nouns))
    product = np.full((40, 12 * 130), -1.0)
    for row in range(40):
        likely = np.argsort(-noun[row], kind="stable")[:100]
        product[row].reshape(12, 130)[:, likely] = verb[row][:, None] * noun[row][likely]
    targets = verbs[1] * 130 + nouns[1]
    kept = product[np.arange(40), targets] >= 0
    kept[5] = False
    assert 20 < kept.sum() < 40
    np.testing.assert_array_equal(found.targets, targets)
    np.testing.assert_array_equal(found.rank[kept], np.array(ranked(product, targets))[kept])
    assert (found.rank[~kept] == 12 * 130).all() and found.predicted[5] == -1
    readable = np.arange(40) != 5
    np.testing.assert_array_equal(found.predicted[readable], product.argmax(1)[readable])
    exact = verb[np.arange(40), verbs[1]] * noun[np.arange(40), nouns[1]]
    np.testing.assert_allclose(found.chance[readable], exact[readable], rtol=1e-13)
    assert found.classes[131] == "verb1+noun1" and found.protocol.head == "action" and found.reach == 100
    assert len(answers(stored, head="action", level="clip").targets) == 80


def test_words_that_mean_nothing(tmp_path: Path) -> None:
    logits, targets = logits_of(5, 2, 1200)
    with pytest.raises(UsageError, match="--level"):
        read(tmp_path, logits, targets, level="frame")
    with pytest.raises(UsageError, match="--aggregation"):
        read(tmp_path, logits, targets, aggregation="vote")
    with pytest.raises(DataError, match="the mean of logits needs them all"):
        read(tmp_path, logits, targets, highest=100, aggregation="logit-mean")
    with pytest.raises(DataError, match="no head 'verb'"):
        read(tmp_path, logits, targets, head="action")
    with pytest.raises(UsageError, match="top-0"):
        read(tmp_path, logits, targets).correct(0)


def test_which_file_is_meant(tmp_path: Path) -> None:
    logits, targets = logits_of(5, 1, 4)
    for name in ("val-0001", "val-0003", "val-0002-1x1", "val-0002-10x3-still", "test-0002-1x1"):
        many = 30 if "10x3" in name else 1
        write(tmp_path / f"predictions/{name}.npz", scored_arrays(logits.repeat(many, axis=1), targets))

    def found(**how: Any) -> str:
        loaded = load_answers(tmp_path, 12, **how)
        assert loaded.path is not None and loaded.number == 12
        return f"{loaded.path.stem} {loaded.chosen}"

    assert found() == "val-0003 newest"
    assert found(best=1) == "val-0001 best"
    assert found(best=1, newest=True) == "val-0003 newest"
    assert found(epoch=1, best=3) == "val-0001 asked for"
    assert found(views="1x1", epoch=2) == "val-0002-1x1 asked for"
    assert found(views="1x1", epoch=3) == "val-0003 asked for"
    assert found(split="test") == "test-0002-1x1 newest"
    assert found(views="10x3", probe="still") == "val-0002-10x3-still newest"
    for how, said in (
        ({"split": "train"}, "some on test, val"),
        ({"epoch": 2}, "after 1, 3"),
        ({"views": "5x3"}, "arctl eval run12 --views 5x3"),
    ):
        with pytest.raises(NotFoundError, match=said):
            found(**how)
    with pytest.raises(UsageError, match="no views"):
        found(views="2x2")


MEASURE = """
import sys, time
from pathlib import Path
from arctl.scores.answers import answers
from arctl.scores.predictions import read_predictions
stored = read_predictions(Path(sys.argv[1]))
began = time.process_time()
answers(stored)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - began, int(peak.split()[1]) / 1024)
"""


@pytest.mark.parametrize(
    ("count", "classes", "highest", "seconds", "mebibytes"),
    [(20_000, 400, None, 0.5, 300), (100_000, 3806, 100, 3.0, 600)],
)
def test_many_samples_take_little(
    tmp_path: Path, count: int, classes: int, highest: int | None, seconds: float, mebibytes: float
) -> None:
    logits, targets = logits_of(500, 1, classes)
    arrays = scored_arrays(logits, targets, highest=highest)
    times = count // 500
    whole = {name: value if name == "classes" else np.concatenate([value] * times) for name, value in arrays.items()}
    whole["ids"] = np.array([f"some/longer/name/v{row:06d}.avi" for row in range(count)])
    path = tmp_path / "a.npz"
    np.savez(path, **whole)  # type: ignore[arg-type]
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    took, held = map(float, done.stdout.split())
    assert took < 2 * seconds and held < mebibytes, (took, held)
