"""A whole run on real videos, in this process: it learns, records what the contract says, and fails clearly."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.videos import CLASSES, events, make_run, make_set, of_kind, run_here
from trainer.errors import DataError, Superseded, TrainerError
from trainer.metrics import score


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_set(tmp_path_factory.mktemp("set") / "noise")


def test_a_run_learns_and_records_what_the_contract_says(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, "train.epochs=6", "train.log_every=3")
    position = run_here(run_dir, job="5")
    found = events(run_dir)
    assert [event["seq"] for event in found] == list(range(len(found)))
    start = found[0]
    assert start["kind"] == "start"
    assert (start["contract"], start["attempt"], start["epochs"]) == (1, "5.0", 6)
    assert (start["steps_per_epoch"], start["resumed_step"], start["device"]) == (4, None, "cpu")
    steps = of_kind(found, "step")
    assert [event["step"] for event in steps] == list(range(1, 25))
    assert [event["epoch"] for event in steps] == pytest.approx([step / 4 for step in range(1, 25)])
    names = {"step/loss", "optim/lr", "optim/grad_norm", "perf/clips_per_s", "perf/data_wait"}
    assert all(set(event["metrics"]) == names for event in steps)
    assert all(0 <= event["metrics"]["perf/data_wait"] <= 1 for event in steps)
    assert [event["metrics"]["optim/lr"] for event in steps[:3]] == pytest.approx([0.005, 0.01, 0.00995], abs=1e-4)
    evals, epochs = of_kind(found, "eval"), of_kind(found, "epoch")
    assert [event["epoch"] for event in evals] == [event["epoch"] for event in epochs] == list(range(1, 7))
    for evaluated, epoch in zip(evals, epochs, strict=True):
        train, val = epoch["metrics"], evaluated["metrics"]
        assert set(val) == {"val/loss", "val/top1", "val/top5"} and val["val/top5"] == 1.0
        assert train["gap/top1"] == pytest.approx(train["train/top1"] - val["val/top1"])
        assert train["gap/loss"] == pytest.approx(val["val/loss"] - train["train/loss"])
        assert (evaluated["split"], evaluated["unreadable"]) == ("val", 0)
    assert epochs[-1]["metrics"]["train/top1"] > 0.8
    assert evals[-1]["metrics"]["val/top1"] > 0.8
    assert of_kind(found, "system")[0]["metrics"]["sys/rss"] > 1e6
    saved = of_kind(found, "checkpoint")
    assert [(event["path"], event["epoch"]) for event in saved] == [("checkpoints/last.pt", n) for n in range(1, 7)]
    assert saved[0]["best"] is True
    manifest = json.loads((run_dir / "checkpoints" / "manifest.json").read_text())
    assert (manifest["last.pt"]["step"], manifest["last.pt"]["attempt"]) == (24, "5.0")
    assert manifest["best.pt"]["epoch"] == position.best_epoch
    assert (position.reached, position.step) == (6, 24)


def test_the_figures_can_be_had_again_from_the_predictions(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    run_here(run_dir, job="5")
    for evaluated in of_kind(events(run_dir), "eval"):
        with np.load(run_dir / evaluated["predictions"], allow_pickle=False) as kept:
            scored = score(torch.from_numpy(kept["scores"].astype(np.float32)), torch.from_numpy(kept["targets"]))
            assert tuple(kept["classes"]) == CLASSES
            assert kept["ids"].tolist() == (root / "testlist01.txt").read_text().split()
            assert json.loads(str(kept["meta"]))["step"] == evaluated["step"]
        assert scored.named("val") == evaluated["metrics"]


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_other_precisions_take_the_same_path(precision: str, root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, f"train.precision={precision}", "optim.clip_grad=1.0")
    position = run_here(run_dir, job="5")
    steps = of_kind(events(run_dir), "step")
    assert all(math.isfinite(event["metrics"]["step/loss"]) for event in steps)
    assert ("optim/loss_scale" in steps[0]["metrics"]) == (precision == "fp16")
    state = torch.load(run_dir / "checkpoints" / "last.pt", weights_only=True)
    assert bool(state["scaler"]) == (precision == "fp16")
    assert all(weight.dtype == torch.float32 for weight in state["model"].values() if weight.is_floating_point())
    if precision == "fp16":
        assert steps[0]["metrics"]["optim/loss_scale"] == 65536.0
        assert steps[-1]["metrics"]["optim/skipped"] == position.skipped


def test_sgd_smoothing_and_dropout_run(root: Path, tmp_path: Path) -> None:
    more = ["optim.name=sgd", "optim.label_smoothing=0.1", "model.dropout=0.2", "optim.accumulate=3", "train.epochs=1"]
    run_dir = make_run(tmp_path / "run", root, "optim.warmup_epochs=0", *more)
    run_here(run_dir, job="5")
    assert [event["epoch"] for event in of_kind(events(run_dir), "step")] == [0.5, 1.0]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_loss_that_is_not_finite_stops_the_run_and_spoils_no_checkpoint(
    precision: str, root: Path, tmp_path: Path
) -> None:
    more = [
        "optim.lr=1e9",
        "optim.warmup_epochs=0",
        "optim.name=sgd",
        "train.epochs=30",
        f"train.precision={precision}",
    ]
    run_dir = make_run(tmp_path / "run", root, *more, "train.log_every=2")
    with pytest.raises(TrainerError, match=r"optim\.lr") as caught:
        run_here(run_dir, job="5")
    assert caught.value.exit_code == 1
    if (run_dir / "checkpoints" / "last.pt").exists():
        weights = torch.load(run_dir / "checkpoints" / "last.pt", weights_only=True)["model"]
        assert all(bool(weight.isfinite().all()) for weight in weights.values())


def test_early_stopping_and_a_limit_of_steps(root: Path, tmp_path: Path) -> None:
    patient = make_run(tmp_path / "a", root, "train.epochs=40", "train.patience=2", "optim.lr=1e-9", "optim.momentum=0")
    position = run_here(patient, job="5")
    assert position.best_epoch is not None
    assert position.reached == position.best_epoch + 2 < 40
    limited = make_run(tmp_path / "b", root, "train.epochs=40", "train.max_steps=6", "train.eval_every=10")
    assert run_here(limited, job="5").step == 6
    assert [event["epoch"] for event in of_kind(events(limited), "eval")] == [2]
    assert of_kind(events(limited), "step")[-1]["metrics"]["optim/lr"] == pytest.approx(0.0)


def test_an_unreadable_video_is_named_and_counts_as_wrong(tmp_path: Path) -> None:
    root = make_set(tmp_path / "noise", train=3)
    bad = [root / "Red" / "v_Red_g01_c01.avi", root / "Blue" / "v_Blue_g03_c01.avi"]
    bad[0].write_bytes(b"<html>not found</html>")
    bad[1].write_bytes(bad[1].read_bytes()[:300])
    run_dir = make_run(tmp_path / "run", root, "train.epochs=4")
    run_here(run_dir, job="5")
    found = events(run_dir)
    warned = [event for event in of_kind(found, "warning") if event["code"] == "unreadable_video"]
    assert sorted(event["path"] for event in warned) == sorted(map(str, bad))
    assert all(event["sample"] in event["path"] and event["message"] for event in warned)
    last = of_kind(found, "eval")[-1]
    assert (last["unreadable"], last["metrics"]["val/top1"] <= 5 / 6) == (1, True)
    with np.load(run_dir / last["predictions"]) as kept:
        assert np.isnan(kept["scores"]).any(axis=(1, 2)).tolist() == [True, False, False, False, False, False]
    assert of_kind(found, "epoch")[-1]["metrics"]["train/loss"] < 2


def test_a_newer_attempt_ends_the_older_one_before_it_saves(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, "train.epochs=3")
    run_here(make_run(run_dir, root, "train.epochs=1", "optim.warmup_epochs=0.5"), job="5")
    make_run(run_dir, root, "train.epochs=3")
    before = (run_dir / "checkpoints" / "last.pt").read_bytes()

    def another_comes() -> bool:
        (run_dir / "CURRENT").write_text("7.0\n")
        return False

    with pytest.raises(Superseded, match=r"7\.0 has taken over from 6\.0"):
        run_here(run_dir, job="6", hook=another_comes)
    assert (run_dir / "checkpoints" / "last.pt").read_bytes() == before
    with pytest.raises(Superseded):
        run_here(run_dir, job="8", hook=lambda: True)


def test_a_run_starts_from_the_weights_of_another(root: Path, tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", root, "train.epochs=4")
    run_here(first, job="5")
    weights = first / "checkpoints" / "best.pt"
    second = make_run(tmp_path / "b", root, "optim.lr=1e-9", "train.epochs=1", f"model.weights={weights}")
    run_here(second, job="6")
    assert of_kind(events(second), "eval")[0]["metrics"]["val/top1"] >= 0.5
    missing = make_run(tmp_path / "c", root, "model.weights=/nowhere.pt")
    with pytest.raises(DataError, match=r"nowhere\.pt"):
        run_here(missing, job="7")


def test_weights_that_are_not_there_are_told_before_a_video_is_decoded(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run_dir = make_run(
        tmp_path / "run", root, "model.weights=/none/w.pth", "data.cache=build", f"data.cache_dir={cache}"
    )
    with pytest.raises(DataError, match=r"w\.pth: no such file"):
        run_here(run_dir, job="5")
    assert not cache.exists()
