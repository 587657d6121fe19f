"""The main job from end to end on the local cluster, as a newcomer types it: real videos, processes and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

QUICK = ["--set", "train.epochs=2", "--set", "data.workers=0", "--set", "data.batch_size=16"]


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace in which two models have been trained for two epochs on 32 training videos."""
    directory = tmp_path_factory.mktemp("study")
    desk = desk_in(directory)
    desk.arctl("init")
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    for model, name in [("r3d_tiny", "video"), ("frame_tiny", "frames")]:
        desk.arctl("submit", "--model", model, "--data", "motions", "--name", name, "--tag", "story", *QUICK)
    desk.arctl("wait", "run1", "run2", "--timeout", "200")
    return desk


def test_the_list_has_both_runs_with_their_metrics(desk: Any) -> None:
    document = desk.json("ls")
    assert document["schema"] == "arctl.runs/1"
    runs = {run["run"]: run for run in document["runs"]}
    assert [run["run"] for run in document["runs"]] == ["run2", "run1"]
    first = runs["run1"]
    assert first["state"] == "completed"
    assert (first["name"], first["model"], first["cluster"]) == ("video", "r3d_tiny", "local")
    assert first["tags"] == ["story"]
    assert (first["epoch"], first["epochs"]) == (2, 2)
    top1 = first["metrics"]["val/top1"]
    assert 0 <= top1["last"] <= top1["best"] <= 1
    assert top1["best_epoch"] in (1, 2)


def test_curves_are_what_the_trainer_wrote(desk: Any) -> None:
    document = desk.json("curves", "run1", "--metric", "train/loss")
    attempts = list((desk.directory / "runs" / "run0001" / "attempts").iterdir())
    lines = [json.loads(line) for line in (attempts[0] / "events.jsonl").read_text().splitlines() if line]
    written = [line["metrics"]["train/loss"] for line in lines if line["kind"] == "epoch"]
    (curve,) = document["curves"]
    assert len(written) == 2
    assert curve["value"] == written
    plotted = desk.arctl("curves", "run1", "run2", "--metric", "val/top1").stdout
    assert "val/top1" in plotted and "run1" in plotted and "run2" in plotted


def test_the_log_is_there(desk: Any) -> None:
    assert "epoch 2/2" in desk.arctl("logs", "run1").stdout


def test_confusion_counts_every_validation_video(desk: Any) -> None:
    document = desk.json("confusion", "video")
    assert sum(document["cells"]["count"]) == document["total"] == 56  # eight classes, groups g01 to g07, one clip each


def test_comparison_names_the_models_and_the_metrics(desk: Any) -> None:
    document = desk.json("compare", "run2", "run1")
    assert document["schema"] == "arctl.comparison/2"
    text = desk.arctl("compare", "run2", "run1").stdout
    assert "model.name" in text and "frame_tiny" in text and "r3d_tiny" in text and "val/top1" in text


def test_rebuild_gives_the_same_list(desk: Any) -> None:
    before = desk.json("ls", "--all")
    (desk.directory / "runs.db").unlink()
    desk.arctl("rebuild")
    assert desk.json("ls", "--all") == before


def test_wait_tells_how_runs_ended(desk: Any) -> None:
    desk.arctl("submit", "--name", "broken", "--", "sh", "-c", "echo out of luck; exit 3")
    desk.arctl("wait", "@latest", "--timeout", "60", status=10)
    (run,) = desk.json("ls", "broken")["runs"]
    assert run["state"] == "failed"
    assert "out of luck" in desk.arctl("logs", "broken").stdout


def test_mistakes_are_one_line_with_a_cure(desk: Any) -> None:
    for argv, status, words in [
        (["show", "run99"], 3, "run99"),
        (["submit", "--model", "r3d_tinny", "--data", "motions"], 3, "r3d_tiny"),
        (["submit", "--model", "r3d_tiny", "--data", "motion"], 3, "motions"),
        (["submit", "--model", "r3d_tiny", "--data", "motions", "--set", "optim.lrr=1"], 2, "optim.lr"),
        (["curves", "run1", "--metric", "val/top"], 3, "val/top1"),
        (["submit", "--template", "sinlge", "--", "true"], 3, "single"),
        (["submit", "--cluster", "slurmm", "--", "true"], 2, "slurm"),
    ]:
        done = desk.arctl(*argv, status=status)
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr


def test_outside_a_workspace_the_cure_is_named(desk_in: type[Any], tmp_path: Path) -> None:
    assert "arctl init" in desk_in(tmp_path).arctl("ls", status=3).stderr
