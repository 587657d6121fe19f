"""Late fusion: its arithmetic against the definition, the search for weights against truth, honest numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from arctl.fusing.ballot import ballot
from arctl.fusing.blend import blend
from arctl.fusing.lineup import Lineup, Member
from arctl.fusing.weights import Searched, cut, search, simplex
from arctl.scores.answers import answers
from arctl.scores.checking import check_scores
from arctl.scores.predictions import Head, Predictions, read_predictions
from tests.scored import head_arrays, logits_of, meta, scored_arrays, write

Logits = NDArray[Any]


def lineup(tmp_path: Path, *logits: Logits, targets: NDArray[np.int64], **other: Any) -> Lineup:
    """Return runs that gave these logits, read from files."""
    members = []
    for number, scores in enumerate(logits, start=1):
        arrays = scored_arrays(scores, targets, meta=meta(views=f"{scores.shape[1]}x1"), **other)
        stored = read_predictions(write(tmp_path / f"run{number}" / f"val-0001-{scores.shape[1]}x1.npz", arrays))
        members.append(Member(number, f"m{number}", 1, "best", "val", stored))
    return Lineup("val", "", tuple(members))


def knowing(targets: NDArray[np.int64], classes: int, *, seed: int, lift: float) -> Logits:
    """Return (N, 1, K) logits of a run that knows `lift` about the true classes."""
    logits = np.random.default_rng(seed).standard_normal((len(targets), 1, classes)) * 2
    logits[np.arange(len(targets)), 0, targets] += lift
    return logits


def even(count: int, *weights: float) -> NDArray[np.float64]:
    return np.tile(np.array(weights), (count, 1))


def chances(head: Head) -> NDArray[np.float64]:
    """Video-level probabilities of fused scores, by the definition."""
    return np.asarray(softmax(head.scores.astype(np.float64), axis=2).mean(axis=1))


def top1(head: Head) -> NDArray[np.bool_]:
    return np.asarray(chances(head).argmax(axis=1) == head.targets)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.8, 0.2), (0.0, 1.0)])
def test_the_mean_of_softmax_is_that_of_the_runs_own_means_over_views(
    tmp_path: Path, weights: tuple[float, float]
) -> None:
    a, targets = logits_of(300, 5, 12, seed=1)
    b, _ = logits_of(300, 5, 12, seed=2)
    fused = blend(lineup(tmp_path, a, b, targets=targets), even(300, *weights), how="weighted")[""]
    wanted = sum(
        weight * softmax(one.astype(np.float64), axis=2).mean(axis=1)
        for weight, one in zip(weights, (a, b), strict=True)
    )
    assert fused.scores.shape == (300, 5, 12) and fused.scores.dtype == np.float16
    assert np.allclose(chances(fused), wanted, rtol=0, atol=2e-3)
    assert (chances(fused).argmax(axis=1) == np.asarray(wanted).argmax(axis=1)).mean() > 0.995


def test_the_mean_of_logits_is_a_geometric_mean(tmp_path: Path) -> None:
    a, targets = logits_of(200, 1, 9, seed=3)
    b, _ = logits_of(200, 1, 9, seed=4)
    fused = blend(lineup(tmp_path, a, b, targets=targets), even(200, 0.5, 0.5), how="logits")[""]
    wanted = softmax((a.astype(np.float64) + b.astype(np.float64))[:, 0] / 2, axis=1)
    assert np.allclose(chances(fused), wanted, rtol=0, atol=2e-3)
    other = blend(lineup(tmp_path, a, b, targets=targets), even(200, 0.5, 0.5), how="softmax")[""]
    assert np.abs(chances(fused) - chances(other)).max() > 0.05


def test_half_precision_keeps_two_close_classes_apart(tmp_path: Path) -> None:
    targets = np.zeros(1, dtype=np.int64)
    first, second = np.zeros((1, 1, 4), np.float16), np.zeros((1, 1, 4), np.float16)
    first[0, 0] = [1, 2, -9, -9]
    second[0, 0] = [2.002, 1, -9, -9]
    scores = blend(lineup(tmp_path, first, second, targets=targets), even(1, 0.5, 0.5), how="softmax")[""].scores
    assert scores[0, 0, 0] == 0 > scores[0, 0, 1] > -1e-3
    assert np.float16(np.log(0.4999)) == np.float16(np.log(0.49995))  # what unshifted logarithms would do


def test_a_view_that_one_run_could_not_read_is_nobodys(tmp_path: Path) -> None:
    a, targets = logits_of(6, 2, 5, seed=5)
    b = logits_of(6, 2, 5, seed=6)[0]
    a[1, 0], b[2], b[3, 1] = np.nan, np.nan, np.nan
    fused = blend(lineup(tmp_path, a, b, targets=targets), even(6, 0.5, 0.5), how="softmax")[""]
    unread = np.isnan(fused.scores).all(axis=2)
    assert unread.tolist() == np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0]], dtype=bool).tolist()
    assert np.isnan(fused.scores).any(axis=2).tolist() == unread.tolist()


def test_of_many_classes_the_highest_are_fused_as_all_would_be(tmp_path: Path) -> None:
    a, targets = logits_of(400, 1, 60, seed=7, lift=4)
    b, _ = logits_of(400, 1, 60, seed=8, lift=4)
    a[5], b[9] = np.nan, np.nan
    whole = blend(lineup(tmp_path, a, b, targets=targets), even(400, 0.6, 0.4), how="softmax")[""]
    both = lineup(tmp_path / "top", a, b, targets=targets)
    members = []
    for member, logits in zip(both.members, (a, b), strict=True):
        seen = np.nan_to_num(logits)
        arrays = scored_arrays(seen, targets, highest=20, meta=meta())
        lost = np.isnan(logits[:, 0, 0])
        for name in ("scores", "lse", "own"):
            arrays[name][lost] = np.nan
        path = write(tmp_path / f"kept{member.number}" / "val-0001.npz", arrays)
        members.append(replace(member, predictions=read_predictions(path)))
    kept = blend(Lineup("val", "", tuple(members)), even(400, 0.6, 0.4), how="softmax")[""]
    assert kept.top is not None and kept.lse is not None and kept.own is not None
    parts = {"targets": targets, "scores": kept.scores, "classes": np.array(kept.classes)}
    parts |= {"top": kept.top, "lse": kept.lse, "own": kept.own}
    check_scores(parts, [f"v{row}" for row in range(400)])
    readable = ~np.isnan(kept.lse[:, 0])
    assert np.flatnonzero(~readable).tolist() == [5, 9]
    likeliest = chances(whole).argmax(axis=1)
    assert (kept.top[readable, 0, 0] == likeliest[readable]).mean() > 0.99
    own = np.exp(kept.own[:, 0].astype(np.float64) - kept.lse[:, 0])[readable]
    exact = np.take_along_axis(chances(whole), targets[:, None], axis=1)[readable, 0]
    assert np.abs(own - exact).mean() < 2e-3


def searched(one: Lineup, groups: tuple[str, ...] | None = None, **other: Any) -> Searched:
    return search(ballot(one), groups or one.groups, **other)


def test_a_look_at_weights_is_what_the_definition_says(tmp_path: Path) -> None:
    a, targets = logits_of(500, 3, 7, seed=9, lift=1)
    b, _ = logits_of(500, 3, 7, seed=10, lift=1)
    a[3], b[3, :2] = 0, 0  # everything ties in one run: the lower class number wins
    asked = ballot(lineup(tmp_path, a, b, targets=targets))
    for weights in simplex(2, 10):
        right, loss = asked.look(weights)
        mixed = sum(
            w * softmax(one.astype(np.float64), axis=2).mean(axis=1) for w, one in zip(weights, (a, b), strict=True)
        )
        assert right.tolist() == (np.asarray(mixed).argmax(axis=1) == targets).tolist(), weights
        assert np.allclose(
            loss, -np.log(np.take_along_axis(np.asarray(mixed), targets[:, None], axis=1)[:, 0]), atol=1e-5
        )


def test_the_best_of_all_weights_is_found(tmp_path: Path) -> None:
    targets = np.random.default_rng(10).integers(0, 6, 400)
    made = [knowing(targets, 6, seed=11 + place, lift=lift) for place, lift in enumerate((3.0, 2.0, 0.0))]
    one = lineup(tmp_path, *made, targets=targets)
    found = searched(one)
    told = {w: (top1(blend(one, even(400, *w), how="weighted")[""]).sum()) for w in simplex(3, 20)}
    assert max(told.values()) - told[found.weights] <= 1  # half precision may turn a video round
    assert sum(found.weights) == pytest.approx(1)
    assert found.weights[0] > found.weights[1] > found.weights[2]


def test_four_runs_are_searched_one_weight_at_a_time(tmp_path: Path) -> None:
    targets = np.random.default_rng(14).integers(0, 6, 300)
    made = [knowing(targets, 6, seed=15 + place, lift=lift) for place, lift in enumerate((2.0, 0.0, 2.0, 0.0))]
    one = lineup(tmp_path, *made, targets=targets)
    found = searched(one)
    assert sum(found.weights) == pytest.approx(1)
    assert min(found.weights[0], found.weights[2]) > max(found.weights[1], found.weights[3])
    for other in ((0.25,) * 4, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)):
        assert found.top1 > ballot(one).look(other)[0].mean()


def test_a_videos_own_weights_never_saw_it_nor_its_group(tmp_path: Path) -> None:
    """Change the answers of one group: the weights of its videos stay as they are, and others change."""
    a, targets = logits_of(60, 1, 4, seed=20, lift=1)
    b, _ = logits_of(60, 1, 4, seed=21, lift=1)
    groups = np.array([f"g{row % 6}" for row in range(60)])
    mine = groups == "g2"
    before = searched(lineup(tmp_path / "a", a, b, targets=targets, groups=groups))
    changed = np.where(mine, (targets + 1) % 4, targets)
    after = searched(lineup(tmp_path / "b", a, b, targets=changed, groups=groups))
    assert before.crossed[mine].tolist() == after.crossed[mine].tolist()
    assert before.crossed[~mine].tolist() != after.crossed[~mine].tolist()
    assert (before.folds, before.by) == (5, "groups")
    assert np.allclose(before.crossed.sum(axis=1), 1)


def test_where_runs_know_nothing_searched_weights_flatter_and_crossed_ones_do_not(tmp_path: Path) -> None:
    """Two runs that guess, 100 data sets: only on the videos of the search do the best weights look good."""
    flattering, honest = [], []
    for seed in range(100):
        made = [logits_of(40, 1, 4, seed=1000 * place + seed, lift=0)[0] for place in (1, 2)]
        targets = np.random.default_rng(seed).integers(0, 4, 40)
        one = lineup(tmp_path / str(seed), *made, targets=targets)
        found = searched(one, tuple(f"g{row}" for row in range(40)))
        flattering.append(found.top1)
        honest.append(top1(blend(one, found.crossed, how="weighted")[""]).mean())
    spread = np.sqrt(0.25 * 0.75 / (40 * 100))
    assert np.mean(flattering) > 0.25 + 5 * spread
    assert abs(np.mean(honest) - 0.25) < 4 * spread


def test_folds_keep_groups_together_and_are_of_one_size() -> None:
    groups = [f"g{row % 23}" for row in range(460)]
    first, again, other = cut(groups, 5, seed=0), cut(groups, 5, seed=0), cut(groups, 5, seed=1)
    assert first.tolist() == again.tolist() != other.tolist()
    for fold in (first, other):
        assert len({(group, int(part)) for group, part in zip(groups, fold, strict=True)}) == 23
        assert sorted(np.bincount(fold)) == [80, 80, 100, 100, 100]


@pytest.mark.parametrize(
    ("groups", "folds", "by"), [(("",) * 10, 5, "videos"), (("a",) * 10, 5, "videos"), (("a", "b") * 5, 2, "groups")]
)
def test_few_groups(tmp_path: Path, groups: tuple[str, ...], folds: int, by: str) -> None:
    a, targets = logits_of(10, 1, 4, seed=30)
    found = searched(lineup(tmp_path, a, a[::-1], targets=targets), groups)
    assert (found.folds, found.by) == (folds, by)


def test_a_single_video_gets_equal_weights(tmp_path: Path) -> None:
    a, targets = logits_of(1, 1, 4, seed=31)
    found = searched(lineup(tmp_path, a, -a, targets=targets))
    assert found.folds == 0 and found.crossed.tolist() == [[0.5, 0.5]]


def test_a_verb_and_a_noun_are_weighted_as_one(tmp_path: Path) -> None:
    """An action is right where both its parts are: the search counts that, and both heads have the same weights."""
    members = []
    verbs, nouns = logits_of(200, 1, 6, seed=40)[1], logits_of(200, 1, 9, seed=41)[1]
    for number, (verb, noun) in enumerate([(40, 51), (50, 41)], start=1):
        plain = scored_arrays(np.zeros((200, 1, 2)), verbs * 0)
        arrays = {name: plain[name] for name in ("ids", "groups")}
        arrays |= head_arrays(knowing(verbs, 6, seed=verb, lift=2), verbs, name="verb")
        arrays |= head_arrays(knowing(nouns, 9, seed=noun, lift=2), nouns, name="noun")
        arrays["meta"] = meta(heads=["verb", "noun"])
        stored: Predictions = read_predictions(write(tmp_path / f"{number}" / "val-0001.npz", arrays))
        members.append(Member(number, f"m{number}", 1, "best", None, stored))
    one = Lineup("val", "", tuple(members))
    fused = blend(one, even(200, 0.3, 0.7), how="weighted")
    right, loss = ballot(one).look((0.3, 0.7))
    assert right.tolist() == (top1(fused["verb"]) & top1(fused["noun"])).tolist()
    action = answers(replace(members[0].predictions, heads=fused), head="action")
    assert (action.correct()[np.argsort(action.order)] == right).mean() > 0.99
    assert np.allclose(loss[np.argsort(action.order)].mean(), -np.log(action.chance).mean(), atol=5e-3)
