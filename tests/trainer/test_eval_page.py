"""Evaluations of a small trained run: the same scores as in training, views, probes, splits, events, weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from arctl import events as contract
from arctl.rundir import RunDir
from arctl.scores.predictions import read_predictions
from tests.trainer.evaluations import evaluate_here, predictions_of, stored
from tests.trainer.videos import CLASSES, events, make_run, make_set, run_here
from trainer.data.annotations import read_ucf101
from trainer.errors import ConfigError, DataError, Interrupted
from trainer.evaluation.asked import read_asked
from trainer.metrics import score
from trainer.signals import StopFlag


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = make_set(tmp_path_factory.mktemp("set") / "noise", train=4, val=4)
    (made / "Blue" / "v_Blue_g02_c01.avi").write_bytes(b"<html>")
    return made


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "run0012", root, "train.epochs=5", "data.eval_batch_size=5")
    run_here(run_dir, job="5")
    return run_dir


@pytest.fixture
def run_dir(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run0012"))


def best(run_dir: Path) -> tuple[int, str]:
    """Return the epoch and the hash of best.pt."""
    entry = json.loads((run_dir / "checkpoints" / "manifest.json").read_text())["best.pt"]
    return entry["epoch"], entry["sha256"]


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_one_view_gives_the_very_scores_that_training_wrote(run_dir: Path, checkpoint: str) -> None:
    epoch = best(run_dir)[0] if checkpoint == "best" else 5
    evaluate_here(run_dir, "--views", "1x1", "--checkpoint", checkpoint)
    own, evaluated = stored(run_dir, f"val-{epoch:04d}"), stored(run_dir, f"val-{epoch:04d}-1x1")
    for name in ("ids", "groups", "targets", "classes", "scores"):
        assert own[name].tobytes() == evaluated[name].tobytes(), name
    assert np.isnan(own["scores"]).all(axis=(1, 2)).sum() == 1


def test_one_view_from_the_cache_of_training(root: Path, tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", root, "data.cache=auto", f"data.cache_dir={tmp_path / 'cache'}", "train.epochs=1")
    run_here(made, job="5")
    evaluate_here(made)
    from_cache = stored(made, "val-0001-1x1")["scores"].tobytes()
    shutil.rmtree(tmp_path / "cache")
    evaluate_here(made)
    assert not (tmp_path / "cache").exists(), "an evaluation builds none"
    assert (
        stored(made, "val-0001-1x1")["scores"].tobytes() == from_cache == stored(made, "val-0001")["scores"].tobytes()
    )


def test_views_and_probes_are_files_of_their_own(run_dir: Path) -> None:
    epoch, digest = best(run_dir)
    said = evaluate_here(run_dir, "--views", "4x3", "--probe", "shuffled", "--probe", "reversed", "--probe", "still")
    assert said == "val evaluated from 4x3 views, 4 files written"
    name = f"val-{epoch:04d}-4x3"
    straight = stored(run_dir, name)
    assert straight["scores"].shape == (12, 12, 3) and straight["scores"].dtype == np.float16
    for probe in ("shuffled", "reversed", "still"):
        found = stored(run_dir, f"{name}-{probe}")
        assert (found["ids"] == straight["ids"]).all() and found["meta"]["protocol"]["probe"] == probe
        assert not np.array_equal(found["scores"], straight["scores"], equal_nan=True)
    still = stored(run_dir, f"{name}-still")["scores"]  # this model takes the mean frame off: nothing is left
    assert np.ptp(still[~np.isnan(still).any(axis=(1, 2))], axis=(0, 1)).max() < 0.01, (
        "its mean frame off, none is left"
    )
    protocol = straight["meta"]["protocol"]
    assert (protocol["views"], protocol["clips"], protocol["crops"], protocol["frames"]) == ("4x3", 4, 3, 4)
    assert (protocol["resize"], protocol["crop"], protocol["sampling"]) == ([24, 32], 24, "uniform")
    assert (straight["meta"]["views"], straight["meta"]["weights"]) == (12, digest)
    assert (straight["meta"]["weights_file"], straight["meta"]["model"]) == ("best.pt", "r3d_tiny")
    assert straight["meta"]["hardware"] and straight["meta"]["precision"] == "fp32"
    variants = [found.variant for found in RunDir(run_dir).prediction_names() if found.variant]
    assert variants == ["4x3", "4x3-reversed", "4x3-shuffled", "4x3-still"]
    assert read_predictions(run_dir / "predictions" / f"{name}-still.npz").protocol.probe == "still"


def test_a_model_that_averages_frames_does_not_see_their_order(root: Path, tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", root, "train.epochs=1")
    text = (made / "config.yaml").read_text()
    (made / "config.yaml").write_text(text.replace("name: r3d_tiny", "name: frame_tiny"))
    run_here(made, job="5")
    evaluate_here(made, "--views", "2x1", "--probe", "shuffled", "--probe", "reversed")
    straight = stored(made, "val-0001-2x1")["scores"].astype(float)
    for probe in ("shuffled", "reversed"):
        changed = stored(made, f"val-0001-2x1-{probe}")["scores"].astype(float)
        np.testing.assert_allclose(changed, straight, atol=0.01, equal_nan=True)


def test_the_events_are_those_of_the_contract_and_lie_in_out(run_dir: Path, tmp_path: Path) -> None:
    before = sorted(path for path in run_dir.rglob("*") if "predictions" not in path.parts)
    current, out = (run_dir / "CURRENT").read_text(), tmp_path / "run0015"
    out.mkdir()
    evaluate_here(run_dir, "--views", "2x3", "--probe", "still", "--speed", "--out", str(out), job="77")
    assert sorted(path for path in run_dir.rglob("*") if "predictions" not in path.parts) == before
    assert (run_dir / "CURRENT").read_text() == current and (out / "CURRENT").read_text() == "77.0\n"
    lines = (out / "attempts" / "77.0" / "events.jsonl").read_bytes().splitlines()
    parsed = [event for line in lines if (event := contract.parse(line)) is not None]
    assert not any(isinstance(event, contract.Damaged | contract.Unknown) for event in parsed)
    found = events(out)
    assert [event["kind"] for event in found] == ["start", "warning", "eval", "eval", "system"]
    start, warning, straight, still, system = found
    assert (start["epochs"], start["steps_per_epoch"], start["resumed_step"]) == (0, 0, None)
    assert (warning["code"], warning["sample"]) == ("unreadable_video", "Blue/v_Blue_g02_c01.avi")
    epoch, _ = best(run_dir)
    assert (straight["split"], still["split"], straight["epoch"]) == ("val@2x3", "val@2x3-still", epoch)
    assert (straight["predictions"], straight["of"]) == (f"predictions/val-{epoch:04d}-2x3.npz", "run0012")
    assert straight["unreadable"] == 1 and system["metrics"]["sys/rss"] > 1e6
    figures, kept = straight["metrics"], stored(run_dir, f"val-{epoch:04d}-2x3")
    scores, targets = torch.from_numpy(kept["scores"]), torch.from_numpy(kept["targets"])
    videos, clips = score(scores, targets), score(scores.flatten(0, 1)[:, None], targets.repeat_interleave(6))
    assert (figures["val@2x3/top1"], figures["val@2x3/top5"]) == (videos.top1, videos.top5)
    assert figures["val@2x3/loss"] == pytest.approx(videos.loss)
    assert (figures["val@2x3/clip_top1"], figures["val@2x3/clip_top5"]) == (clips.top1, clips.top5)
    speed = kept["meta"]["speed"]
    assert speed["batched"]["batch"] == 5 and speed["batch1"]["ms_per_clip"] > 0
    assert speed["batch1"]["clips_per_s"] == pytest.approx(1000 / speed["batch1"]["ms_per_clip"])
    assert figures["speed/batched_ms_per_clip"] == speed["batched"]["ms_per_clip"]


def test_the_figures_are_told_at_both_levels(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate_here(run_dir, "--views", "2x3", "--probe", "shuffled")
    said = capsys.readouterr()
    epoch, _ = best(run_dir)
    assert said.out == "" and f"val, 2x3 views, best.pt (epoch {epoch}): video top-1 " in said.err
    assert "%; clip top-1 " in said.err and "2x3 views, frames shuffled, best.pt" in said.err
    assert "; 1 unreadable\n" in said.err and "Blue/v_Blue_g02_c01.avi: is no video" in said.err


def test_a_validation_list_beside_the_official_ones_frees_the_test_list(root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "noise"))
    lines = (copy / "trainlist01.txt").read_text().splitlines()
    (copy / "vallist01.txt").write_text("\n".join(line for line in lines if "_g05_" in line))
    (copy / "trainlist01.txt").write_text("\n".join(line for line in lines if "_g05_" not in line))
    read = read_ucf101(copy)
    assert [len(part) for part in (read.train, read.val, read.test)] == [9, 3, 12] and not read.warnings
    made = make_run(tmp_path / "run0001", copy, "train.epochs=1")
    run_here(made, job="5")
    assert len(stored(made, "val-0001")["ids"]) == 3
    evaluate_here(made, "--split", "test", "--views", "1x3")
    evaluate_here(made, "--split", "train")
    found = stored(made, "test-0001-1x3")
    assert found["ids"].tolist() == (root / "testlist01.txt").read_text().split() and found["meta"]["split"] == "test"
    assert len(stored(made, "train-0001-1x1")["ids"]) == 9
    (copy / "vallist01.txt").write_text("Red/v_Red_g06_c01.avi\n" + (copy / "vallist01.txt").read_text())
    with pytest.raises(DataError, match=r"vallist01.txt:1: Red/v_Red_g06_c01.avi stands at .*trainlist01.txt"):
        read_ucf101(copy)
    (copy / "Red" / "v_Red_g06_c02.avi").write_bytes(b"")
    (copy / "vallist01.txt").write_text("Red/v_Red_g06_c02.avi\n")
    (warning,) = read_ucf101(copy).warnings
    assert "trainlist01.txt and vallist01.txt both hold clips of 1 groups, first Red g06" in warning


def test_without_a_validation_list_there_is_no_split_test(run_dir: Path) -> None:
    with pytest.raises(DataError) as caught:
        evaluate_here(run_dir, "--split", "test")
    said = str(caught.value)
    assert "no split 'test': there are train (trainlist01.txt) and val (testlist01.txt)" in said and "vallist01" in said


def test_of_many_classes_both_keep_the_highest(root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "noise"))
    with (copy / "classInd.txt").open("a") as file:
        file.writelines(f"{number} Unseen{number}\n" for number in range(4, 1301))
    made = make_run(tmp_path / "run0001", copy, "train.epochs=1")
    run_here(made, job="5")
    evaluate_here(made)
    evaluate_here(made, "--views", "2x3")
    own, single, several = (stored(made, f"val-0001{tail}") for tail in ("", "-1x1", "-2x3"))
    assert own["scores"].shape == own["top"].shape == (12, 1, 100) and several["top"].shape == (12, 6, 100)
    for name in ("scores", "top", "lse", "own"):
        assert own[name].tobytes() == single[name].tobytes(), name
    head = read_predictions(made / "predictions" / "val-0001-2x3.npz").heads[""]
    assert head.reach == 100 and len(head.classes) == 1300


def test_a_signal_ends_it_with_nothing_written(run_dir: Path) -> None:
    before, stop = predictions_of(run_dir), StopFlag()
    stop.reason = "SIGTERM"
    with pytest.raises(Interrupted, match="stopped by SIGTERM; nothing was written"):
        evaluate_here(run_dir, stop=stop)
    assert predictions_of(run_dir) == before


def test_what_makes_no_sense_is_refused(run_dir: Path, root: Path, tmp_path: Path) -> None:
    for views, says in (("2x2", "'2x2' are no views"), ("0x3", "'0x3' are no views"), ("200x1", "200 clips")):
        with pytest.raises(ConfigError, match=says):
            evaluate_here(run_dir, "--views", views)
    with pytest.raises(ConfigError, match="is the run that is evaluated"):
        evaluate_here(run_dir, "--out", str(run_dir / ".." / run_dir.name))
    single = make_run(tmp_path / "single", root, "data.frames=1", "train.epochs=1")
    with pytest.raises(ConfigError, match="a clip of one frame has no order"):
        evaluate_here(single, "--probe", "still")
    words = ["--run-dir", str(run_dir)]
    assert read_asked(words, env={"ARCTL_RUN_DIR": str(run_dir)}).out is None
    assert read_asked(words, env={"ARCTL_RUN_DIR": str(tmp_path)}).out == tmp_path
    for wrong in (["--split", "dev"], ["--probe", "wild"], ["--batch-size", "0"], ["--workers", "-1"], ["more"]):
        with pytest.raises(SystemExit) as ended:
            read_asked([*words, *wrong], env={})
        assert ended.value.code == 2


def test_where_no_video_can_be_read_there_are_no_figures(root: Path, trained: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "noise"))
    made = make_run(tmp_path / "run0001", copy, "train.epochs=5")
    shutil.copytree(trained / "checkpoints", made / "checkpoints")
    for name in (copy / "testlist01.txt").read_text().split():
        (copy / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 12 videos of val can be read: is empty \(0 bytes\)"):
        evaluate_here(made, "--views", "2x3")
    assert not (made / "predictions").exists()
    assert stored(trained, "val-0001")["classes"].tolist() == list(CLASSES)
