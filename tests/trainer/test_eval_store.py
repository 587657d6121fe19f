"""Scores as they are stored: views, the highest of many classes, two heads, and the figures that come of them."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from arctl.rundir import RunDir
from arctl.scores.predictions import read_predictions
from trainer.config import resolve
from trainer.data.annotations import Sample
from trainer.distributed import World
from trainer.evaluation.store import ScoreStore, clip_figures, video_figures
from trainer.metrics import CHUNK, score, score_top
from trainer.predictions import About, head_scores, write_heads, write_predictions

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


def samples(targets: list[int]) -> list[Sample]:
    return [Sample(f"A/v_A_g{n:02d}_c01.avi", Path("/x"), target, f"g{n:02d}") for n, target in enumerate(targets)]


def about(**more: object) -> About:
    config = resolve(model="r3d_tiny", data={"name": "tiny", "root": "/x"})
    evaluated = {"clips": 1, "crops": 3, "weights": "ab" * 32, "weights_file": "best.pt", **more}
    return About("val", 3, 30, "tiny", config, "a CPU", **evaluated)


def test_video_and_clip_figures_are_those_counted_by_hand() -> None:
    """Two views of each: one right view of two is half a clip; the surer view decides over the video."""
    logits = torch.tensor([[[3.0, 0, 0], [0, 1.0, 0]], [[0, 2.0, 0], [0, 0, 5.0]], [[0, 0, 1.0], [0, 0, 2.0]]])
    store = ScoreStore(range(3), samples([0, 1, 2]), views=2, classes="abc")
    store.put(torch.tensor([2, 0, 1]), torch.tensor([1, 0, 1]), logits[[2, 0, 1], [1, 0, 1]])
    store.put(torch.tensor([0, 2, 1]), torch.tensor([1, 0, 0]), logits[[0, 2, 1], [1, 0, 0]])
    head = store.gathered(ALONE)
    assert torch.equal(head.scores_NVT.float(), logits)
    video, clip = video_figures(head), clip_figures(head)
    assert (video.top1, clip.top1) == (2 / 3, 4 / 6)
    chances = logits.double().softmax(2)
    assert video.loss == pytest.approx(log_loss([0, 1, 2], chances.mean(1), labels=[0, 1, 2]))
    assert clip.loss == pytest.approx(log_loss([0, 0, 1, 1, 2, 2], chances.flatten(0, 1), labels=[0, 1, 2]))


def test_a_view_that_could_not_be_read_is_left_out_and_a_video_without_any_is_wrong() -> None:
    logits = torch.tensor([[[9.0, 0], [math.nan, math.nan]], [[math.nan, math.nan], [math.nan, math.nan]]])
    head = head_scores(logits, torch.tensor([0, 0]), ["a", "b"])
    video, clip = video_figures(head), clip_figures(head)
    assert (video.top1, video.top5, video.unreadable) == (0.5, 0.5, 1)
    assert (clip.top1, clip.unreadable) == (0.25, 3)
    assert video.loss == clip.loss == pytest.approx(math.log(1 + math.exp(-9)))


def many(count: int = 40, views: int = 1, classes: int = 1200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    targets = torch.randint(0, classes, (count,), generator=generator)
    logits = torch.randn(count, views, classes, generator=generator)
    logits[torch.arange(count), :, targets] += torch.linspace(-3, 6, count)[:, None]
    logits[3] = math.nan
    return logits.half().float(), targets


def test_of_many_classes_the_highest_give_the_same_figures() -> None:
    logits, targets = many()
    head = head_scores(logits, targets, [str(n) for n in range(1200)])
    assert head.top_NVT is not None and head.scores_NVT.shape == head.top_NVT.shape == (40, 1, 100)
    whole, few = score(logits, targets), video_figures(head)
    assert (few.top1, few.top5, few.unreadable) == (whole.top1, whole.top5, 1) and 0 < few.top1 < few.top5 < 1
    assert few.loss == pytest.approx(whole.loss, abs=1e-6)
    assert clip_figures(head) == few


def test_many_classes_in_many_views() -> None:
    logits, targets = many(views=6)
    logits += torch.randn(40, 1, 1200, generator=torch.Generator().manual_seed(6)) * 3  # views agree, as they do
    logits[torch.arange(40), :, targets] += 6
    logits[7, 2] = math.nan
    head = head_scores(logits, targets, [str(n) for n in range(1200)])
    logits = logits.half()
    whole, few = score(logits, targets), video_figures(head)
    assert (few.top1, few.top5, few.unreadable) == (whole.top1, whole.top5, 1) and 0 < few.top1 < few.top5
    assert few.loss == pytest.approx(whole.loss, abs=1e-6)
    clips = clip_figures(head)
    flat = score(logits.flatten(0, 1)[:, None], targets.repeat_interleave(6))
    assert (clips.top1, clips.top5, clips.unreadable) == (flat.top1, flat.top5, 7)


def test_equal_scores_are_in_the_order_of_the_classes() -> None:
    logits = torch.zeros(2, 1, 1500)
    logits[:, 0, 700] = 1
    head = head_scores(logits, torch.tensor([0, 3]), [str(n) for n in range(1500)])
    assert head.top_NVT is not None
    assert head.top_NVT[0, 0].tolist() == [700, *range(99)]
    assert video_figures(head).top5 == score(logits, torch.tensor([0, 3])).top5 == 1.0


def test_a_store_keeps_the_highest_as_a_whole_array_would() -> None:
    logits, targets = many(views=2)
    names = [str(n) for n in range(1200)]
    store = ScoreStore(range(40), samples(targets.tolist()), views=2, classes=names)
    for view in (1, 0):
        readable = [place for place in range(40) if place != 3]
        store.put(torch.tensor(readable), torch.full((39,), view), logits[readable, view])
    found, expected = store.gathered(ALONE), head_scores(logits, targets, names)
    for name in ("scores_NVT", "top_NVT", "lse_NV", "own_NV"):
        assert torch.equal(getattr(found, name).nan_to_num(-1), getattr(expected, name).nan_to_num(-1)), name


def test_the_pieces_in_which_many_samples_are_taken_change_nothing() -> None:
    """Sixteen views of 1,200 classes: 873 samples a piece."""
    logits, targets = (part.repeat(45, *[1] * (part.dim() - 1)) for part in many(views=16))
    assert len(targets) > CHUNK // (16 * 1200)
    once, often = (score(logits[:count], targets[:count]) for count in (40, len(targets)))
    assert (often.top1, often.top5, often.unreadable) == (once.top1, once.top5, 45)
    assert often.loss == pytest.approx(once.loss, rel=1e-12)
    few = video_figures(head_scores(logits[:880], targets[:880], [str(n) for n in range(1200)]))
    assert few.loss == pytest.approx(once.loss, rel=1e-6) and few.unreadable == 22


def test_the_file_of_many_classes_is_what_the_contract_says(tmp_path: Path) -> None:
    logits, targets = many(views=3)
    names = [f"c{n}" for n in range(1200)]
    path = write_predictions(tmp_path, logits, samples=samples(targets.tolist()), classes=names, about=about())
    assert path == RunDir(tmp_path).prediction_file("val", 3, "1x3") and list(path.parent.iterdir()) == [path]
    with np.load(path, allow_pickle=False) as found:
        shapes = {name: (found[name].shape, str(found[name].dtype)) for name in ("scores", "top", "lse", "own")}
        rows = torch.from_numpy(found["top"]), *(torch.from_numpy(found[name]) for name in ("scores", "lse", "own"))
    assert shapes["scores"] == ((40, 3, 100), "float16") and shapes["top"] == ((40, 3, 100), "int32")
    assert shapes["lse"] == ((40, 3), "float32") and shapes["own"] == ((40, 3), "float16")
    assert score_top(*rows, targets).loss == pytest.approx(score(logits, targets).loss, abs=1e-6)
    head = read_predictions(path).heads[""]
    assert head.top is not None and len(head.classes) == 1200 and np.isnan(head.scores[3]).all()


def test_two_heads_lie_beside_one_another(tmp_path: Path) -> None:
    logits, targets = many(count=4)
    verbs = head_scores(torch.randn(4, 1, 3), torch.tensor([0, 1, 2, 0]), ["cut", "wash", "take"])
    nouns = head_scores(logits, targets, [f"n{n}" for n in range(1200)])
    extra = {"participants": ["P01", "P01", "P02", "P02"], "tail_verb": [2], "tail_noun": [5, 9], "unseen": ["P02"]}
    heads = {"verb": verbs, "noun": nouns}
    path = write_heads(tmp_path, heads, samples=samples([0] * 4), about=about(crops=1), extra=extra)
    with np.load(path, allow_pickle=False) as found:
        assert set(found.files) == {
            *("ids", "groups", "meta", "participants", "tail_verb", "tail_noun", "unseen"),
            *("targets_verb", "scores_verb", "classes_verb", "targets_noun", "scores_noun", "classes_noun"),
            *("top_noun", "lse_noun", "own_noun"),
        }
        assert json.loads(str(found["meta"]))["heads"] == ["verb", "noun"]
        assert found["tail_noun"].dtype == np.int64 and found["unseen"].tolist() == ["P02"]
    read = read_predictions(path)
    assert set(read.heads) == {"verb", "noun"} and read.heads["verb"].classes == ("cut", "wash", "take")


def test_a_file_says_how_it_was_made(tmp_path: Path) -> None:
    for probe, name in ((None, "val-0003-10x3.npz"), ("still", "val-0003-10x3-still.npz")):
        made = about(clips=10, probe=probe)
        path = write_predictions(tmp_path, torch.randn(2, 30, 2), samples=samples([0, 1]), classes="ab", about=made)
        assert path.name == name
    with np.load(path, allow_pickle=False) as found:
        meta = json.loads(str(found["meta"]))
    assert meta.pop("protocol") == {
        "views": "10x3",
        "clips": 10,
        "crops": 3,
        "probe": "still",
        "sampling": "uniform",
        "frames": 8,
        "resize": [48, 64],
        "crop": 48,
        "aggregation": "softmax-mean",
        "level": "video",
    }
    assert meta == {
        "contract": 1,
        "split": "val",
        "epoch": 3,
        "step": 30,
        "views": 30,
        "aggregation": "softmax-mean",
        "level": "video",
        "data": "tiny",
        "weights": "ab" * 32,
        "weights_file": "best.pt",
        "hardware": "a CPU",
        "model": "r3d_tiny",
        "precision": "fp32",
        "speed": None,
    }


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    for name, age in ((".val-0003-1x3.npz.aa.tmp", 7200), (".val-0003-1x3.npz.bb.tmp", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    write_predictions(tmp_path, torch.randn(2, 3, 2), samples=samples([0, 1]), classes="ab", about=about())
    assert sorted(path.name for path in folder.iterdir()) == [".val-0003-1x3.npz.bb.tmp", "val-0003-1x3.npz"]
