"""Figures: accuracies and losses against scikit-learn and by hand, unreadable samples as wrong ones."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, top_k_accuracy_score

from trainer.data.annotations import Sample
from trainer.metrics import EpochSums, score
from trainer.position import Position
from trainer.predictions import KEEP_ALL_BYTES, About, prune_predictions, write_predictions
from trainer.schedule import Schedule


def test_figures_agree_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(1)
    scores_NVK = torch.randn(200, 1, 8, generator=generator)
    targets_N = torch.randint(0, 8, (200,), generator=generator)
    scored = score(scores_NVK, targets_N)
    chances = scores_NVK[:, 0].double().softmax(1).numpy()
    assert scored.top1 == pytest.approx(top_k_accuracy_score(targets_N, chances, k=1, labels=range(8)))
    assert scored.top5 == pytest.approx(top_k_accuracy_score(targets_N, chances, k=5, labels=range(8)))
    assert scored.loss == pytest.approx(log_loss(targets_N, chances, labels=range(8)))
    assert scored.unreadable == 0


def test_an_unreadable_sample_is_wrong_and_not_in_the_loss() -> None:
    scores_NVK = torch.tensor([[[5.0, 0.0, 0.0]], [[math.nan] * 3], [[0.0, 0.0, 5.0]], [[5.0, 0.0, 0.0]]])
    scored = score(scores_NVK, torch.tensor([0, 1, 2, 1]))
    assert (scored.top1, scored.top5, scored.unreadable) == (0.5, 0.75, 1)
    expected = torch.nn.functional.cross_entropy(scores_NVK[[0, 2, 3], 0], torch.tensor([0, 2, 1]))
    assert scored.loss == pytest.approx(float(expected), rel=1e-6)
    nothing = score(torch.full((2, 1, 3), math.nan), torch.tensor([0, 1]))
    assert (nothing.top1, nothing.unreadable) == (0.0, 2) and math.isnan(nothing.loss)


def test_ties_go_to_the_lower_class_as_in_argmax_and_views_are_averaged() -> None:
    ties = torch.zeros(3, 1, 3)
    assert score(ties, torch.tensor([0, 1, 2])).top1 == pytest.approx(1 / 3)
    views = torch.tensor([[[2.0, 0.0], [0.0, 9.0]]])
    assert score(views, torch.tensor([1])).top1 == 1.0


def test_running_sums_count_only_clips_with_weight() -> None:
    sums = EpochSums(torch.device("cpu"))
    logits_BK = torch.tensor([[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]])
    sums.add(logits_BK, torch.tensor([0, 0, 1]), torch.tensor([1.0, 1.0, 0.0]))
    means = sums.means(sums.sums_4.tolist())
    expected = torch.nn.functional.cross_entropy(logits_BK[:2], torch.tensor([0, 0]))
    assert means["train/loss"] == pytest.approx(float(expected))
    assert (means["train/top1"], means["train/top5"]) == (0.5, 1.0)
    assert all(math.isnan(value) for value in sums.means([0.0] * 4).values())


def test_the_schedule_warms_up_and_falls() -> None:
    schedule = Schedule(lr=1.0, min_lr=0.1, warmup=2.0, epochs=10.0)
    assert schedule.at(0.5) == 0.25
    assert schedule.at(2.0) == 1.0
    assert schedule.at(6.0) == pytest.approx(0.55)
    assert schedule.at(10.0) == pytest.approx(0.1) == schedule.at(11.0)
    assert Schedule(lr=1.0, min_lr=0.0, warmup=0.0, epochs=1.0).at(0.0) == 1.0


def test_the_position_remembers_the_best() -> None:
    position = Position()
    assert position.reached == 0
    position.step_in_epoch = 3
    assert position.reached == 1
    assert position.judge(0.5)
    position.close_epoch()
    assert (position.reached, position.epoch) == (1, 2)
    assert not position.judge(0.5)
    assert (position.since_best, position.best_epoch) == (1, 1)
    other = Position()
    other.restore(position.as_dict())
    assert other == position


def samples(count: int) -> list[Sample]:
    return [Sample(f"A/v_A_g{n:02d}_c01.avi", Path("/x"), n % 2, f"g{n:02d}") for n in range(count)]


def test_predictions_hold_what_the_contract_says(tmp_path: Path) -> None:
    scores_NVK = torch.randn(4, 1, 2)
    scores_NVK[1] = math.nan
    about = About("val", 3, 30, "tiny")
    path = write_predictions(tmp_path, scores_NVK, samples=samples(4), classes=["a", "bb"], about=about)
    assert path == tmp_path / "predictions" / "val-0003.npz"
    assert list(path.parent.iterdir()) == [path]
    with np.load(path, allow_pickle=False) as found:
        assert found["ids"].tolist()[1] == "A/v_A_g01_c01.avi"
        assert found["groups"].tolist() == ["g00", "g01", "g02", "g03"]
        assert found["targets"].dtype == np.int64 and found["targets"].tolist() == [0, 1, 0, 1]
        assert found["scores"].dtype == np.float16 and found["scores"].shape == (4, 1, 2)
        assert np.isnan(found["scores"][1]).all() and np.isfinite(found["scores"][[0, 2, 3]]).all()
        assert found["classes"].tolist() == ["a", "bb"]
        meta = json.loads(str(found["meta"]))
    assert meta["protocol"] | {"views": "1x1", "clips": 1, "crops": 1, "probe": None} == meta["protocol"]
    assert {key: meta[key] for key in ("contract", "split", "epoch", "step", "views", "aggregation", "level")} == {
        "contract": 1,
        "split": "val",
        "epoch": 3,
        "step": 30,
        "views": 1,
        "aggregation": "softmax-mean",
        "level": "video",
    }
    assert (meta["data"], meta["weights"], meta["weights_file"]) == ("tiny", None, None)


def test_small_predictions_are_all_kept_and_large_ones_only_of_best_and_newest(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    for epoch in range(1, 6):
        (folder / f"val-{epoch:04d}.npz").write_bytes(b"")
    prune_predictions(tmp_path, split="val", keep={2, 5})
    assert len(list(folder.iterdir())) == 5
    for path in folder.iterdir():
        os.truncate(path, KEEP_ALL_BYTES + 1)
    kept = ["test-0001.npz", "val-0001-10x3.npz", "val-0001-1x1-still.npz"]
    for name in kept:
        (folder / name).write_bytes(b"")
        os.truncate(folder / name, KEEP_ALL_BYTES + 1)
    prune_predictions(tmp_path, split="val", keep={2, 5})
    assert sorted(path.name for path in folder.iterdir()) == [*kept, "val-0002.npz", "val-0005.npz"]
