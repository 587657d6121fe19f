"""`arctl fuse` as a person types it: a run like any other, and honest numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy.special import softmax

from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.scores.answers import answers
from arctl.scores.metrics import score
from arctl.scores.predictions import read_predictions
from tests.fused import CLASSES, COUNT, FRAMES, MOTION, TARGETS, fused_files, logits, pair, put
from tests.scored import head_arrays, meta, scored_arrays, write
from tests.seeing.conftest import Lab


@pytest.fixture
def two(tmp_path: Path) -> Lab:
    return pair(tmp_path / "lab")


@pytest.fixture
def lab_of(tmp_path: Path) -> Callable[..., Lab]:
    """Makes a workspace with two runs whose predictions files hold what a function gives for a seed."""

    def make(arrays: Callable[[int], dict[str, NDArray[Any]]]) -> Lab:
        lab = Lab(tmp_path / "lab")
        for number in (1, 2):
            write(lab.run(number).prediction_file("val", 1), arrays(60 + number))
        lab.index()
        return lab

    return make


def test_two_runs_that_know_different_classes_are_better_together(two: Lab) -> None:
    said = two.arctl("fuse", "run1", "run2", "--tag", "both").out
    assert said.startswith("run3  fused-run1-run2\nmean of softmax: 0.5 run1 + 0.5 run2\n")
    assert "Did combining improve it? Yes." in said and "fused is better than run" in said
    assert "Classes whose recall rose: 4, of them 4 beyond chance" in said
    stored = read_predictions(fused_files(two).prediction_file("val", 1))
    mean = (softmax(FRAMES.astype(float), axis=2) + softmax(MOTION.astype(float), axis=2))[:, 0] / 2
    told = two.arctl("fuse", "run1", "run2", "--dry-run", "--json").json["splits"][0]
    assert told["fused"]["top1"] == (mean.argmax(axis=1) == TARGETS).mean() == score(answers(stored)).top[1].value
    assert [run["top1"] for run in told["runs"]] == [
        (one[:, 0].argmax(axis=1) == TARGETS).mean() for one in (FRAMES, MOTION)
    ]


def test_a_fusion_is_a_run_as_any_other(two: Lab) -> None:
    two.arctl("fuse", "run1", "run2", "--how", "weighted", "--name", "ensemble", "--tag", "a", "--note", "why not")
    shown = two.arctl("show", "ensemble", "--json").json
    assert (shown["state"], shown["epoch"], shown["tags"], shown["note"]) == ("completed", 1, ["a"], "why not")
    top1 = shown["metrics"]["val/top1"]["best"]
    assert two.arctl("metrics", "run3", "--json").json["runs"][0]["scores"][0]["top"]["1"]["value"] == top1
    compared = two.arctl("compare", "run1", "run3", "--json").json
    assert compared["verdict"]["better"] == "run3"
    assert two.arctl("confusion", "run3").out.startswith(f"run3 on val after epoch 1 (best): top-1 {100 * top1:.1f}%")
    two.arctl("rebuild")
    again = two.arctl("show", "run3", "--json").json
    assert {key: again[key] for key in ("state", "name", "tags", "note", "metrics", "ended")} == {
        key: shown[key] for key in ("state", "name", "tags", "note", "metrics", "ended")
    }
    assert "run3" in two.arctl("ls").out


def test_what_was_fused_stands_in_its_files(two: Lab) -> None:
    two.arctl("fuse", "run1", "run2", "--weights", "3,1")
    files = fused_files(two)
    run = read_run(files.run_yaml)
    wanted = {"fused": [1, 2], "epochs": [2, 2], "how": "weighted", "weights": [0.75, 0.25]}
    assert {key: run.values[key] for key in wanted} == wanted
    assert (run.model, run.data, run.submission, run.jobs, run.template) == (None, "motions", "submitted", (), "fuse")
    assert run.note == "weighted mean of softmax: 0.75 run1 + 0.25 run2"
    assert yaml.safe_load(files.config.read_text())["fuse"]["fused"] == [1, 2]
    stored = read_predictions(files.prediction_file("val", 1))
    assert stored.protocol.model == "r3d18 + r3d18" and stored.protocol.frames == 16
    assert not list(two.workspace.runs.glob(".stage*"))
    lines = next(files.attempts.glob("*/events.jsonl")).read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines if line] == ["start", "eval", "end"]


def test_weights_are_searched_on_val_and_used_on_test(two: Lab) -> None:
    shifted = np.random.default_rng(7).integers(0, CLASSES, COUNT)
    ids = np.array([f"test{row:04d}.avi" for row in range(COUNT)])
    for number, easy in ((1, 3.0), (2, 1.0)):
        files = RunDir(two.workspace.run_dir(number))
        put(
            files,
            "test-0002",
            logits(30 + number, lift=np.full(COUNT, easy), targets=shifted),
            targets=shifted,
            ids=ids,
        )
    found = two.arctl("fuse", "run1", "run2", "--how", "weighted", "--json").json
    assert [part["split"] for part in found["splits"]] == ["val", "test"]
    assert [part["cross_fitted"] for part in found["splits"]] == [COUNT, 0]
    assert found["searched_on"] == "val" and found["search"]["folds"] == 5
    weights = ",".join(map(str, found["weights"]))
    given = two.arctl("fuse", "run1", "run2", "--weights", weights, "--split", "test", "--dry-run", "--json").json
    assert given["splits"][0]["fused"] == found["splits"][1]["fused"]
    assert not [note for note in found["notes"] if "no test split" in note]
    assert found["splits"][1]["best_single_chosen_on"] == "val"
    assert sorted(path.name for path in fused_files(two).predictions.iterdir()) == ["test-0001.npz", "val-0001.npz"]


def test_videos_of_the_search_that_stand_in_another_split_too_have_honest_weights(two: Lab) -> None:
    for number, scores in ((1, FRAMES), (2, MOTION)):
        put(RunDir(two.workspace.run_dir(number)), "test-0002", scores[:50], targets=TARGETS[:50])
    found = two.arctl("fuse", "run1", "run2", "--how", "weighted", "--json").json
    assert [part["cross_fitted"] for part in found["splits"]] == [COUNT, 50]
    val, test = (read_predictions(fused_files(two).prediction_file(split, 1)) for split in ("val", "test"))
    assert np.array_equal(val.scores[:50], test.scores)


def test_a_number_on_the_split_of_the_search_says_so(two: Lab) -> None:
    said = two.arctl("fuse", "run1", "run2", "--how", "weighted").out
    assert "fused (cross-fitted)" in said and "fused, weights chosen here" in said
    assert "note: the weights were chosen on val, the split that is shown, and there is no test split" in said
    assert "note: the epochs of run1, run2 were chosen on val" in said
    assert "note: the weights" not in two.arctl("fuse", "run1", "run2").out


def test_views_and_moments(two: Lab) -> None:
    for number, scores in ((1, FRAMES), (2, MOTION)):
        put(RunDir(two.workspace.run_dir(number)), "val-0002-1x3", np.repeat(scores, 3, axis=1))
    assert two.arctl("fuse", "run1", "run2", "--views", "1x3").out.count("1x3 views") == 1
    stored = read_predictions(fused_files(two).prediction_file("val", 1, "1x3"))
    assert stored.scores.shape == (COUNT, 3, CLASSES) and stored.protocol.views == "1x3"
    shown = two.arctl("show", "run3", "--json").json
    assert "val@1x3/top1" in shown["metrics"] and "val/top1" not in shown["metrics"]
    first = two.arctl("fuse", "run1", "run2", "--at", "epoch=1", "--dry-run", "--json").json["splits"][0]
    assert [run["epoch"] for run in first["runs"]] == [1, 1] and first["verdict"]["outcome"] == "same answers"


def test_videos_in_another_order_are_put_in_order(two: Lab) -> None:
    order = np.random.default_rng(3).permutation(COUNT)
    ids = np.array([f"v{row:04d}.avi" for row in order])
    groups = np.array([f"g{row % 5:02d}" for row in order])
    plain = two.arctl("fuse", "run1", "run2", "--how", "weighted", "--dry-run", "--json").json
    put(RunDir(two.workspace.run_dir(2)), "val-0002", MOTION[order], targets=TARGETS[order], ids=ids, groups=groups)
    assert two.arctl("fuse", "run1", "run2", "--how", "weighted", "--dry-run", "--json").json == plain


def two_heads(seed: int) -> dict[str, NDArray[Any]]:
    plain = scored_arrays(FRAMES, TARGETS, meta=meta(heads=["verb", "noun"], weights=None))
    verb, noun = (logits(seed + place, lift=np.full(COUNT, 3.0)) for place in (0, 5))
    return {
        **{name: plain[name] for name in ("ids", "groups", "meta")},
        **head_arrays(verb, TARGETS, name="verb"),
        **head_arrays(noun, TARGETS, name="noun"),
        "participants": np.array([f"P{row % 3:02d}" for row in range(COUNT)]),
        "unseen": np.array(["P02"]),
        "tail_noun": np.array([1, 5]),
    }


def highest(seed: int) -> dict[str, NDArray[Any]]:
    scores = np.repeat(logits(seed, lift=np.full(COUNT, 3.0)), 2, axis=1)
    return scored_arrays(scores, TARGETS, highest=5, meta=meta(views="2x1", weights=None))


def test_a_verb_and_a_noun_stay_two_heads(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(two_heads)
    said = lab.arctl("fuse", "run1", "run2", "--how", "weighted").out
    assert all(f"fused {head}" in said for head in ("verb", "noun", "action"))
    stored = read_predictions(fused_files(lab).prediction_file("val", 1))
    assert list(stored.heads) == ["verb", "noun"] and stored.unseen == {"P02"} and stored.tail["noun"] == {1, 5}
    assert stored.participants[:4] == ("P00", "P01", "P02", "P00")
    shown = lab.arctl("show", "run3", "--json").json["metrics"]
    assert shown["val/top1"]["last"] == answers(stored, head="action").correct().mean()
    assert shown["verb@val/top1"]["last"] == answers(stored, head="verb").correct().mean()


def test_of_many_classes_the_highest_are_stored(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(highest)
    lab.arctl("fuse", "run1", "run2", "--how", "weighted")
    stored = read_predictions(fused_files(lab).prediction_file("val", 1)).head()
    assert stored.top is not None and stored.scores.shape == (COUNT, 2, 5)
    assert "the mean of logits needs them all" in lab.arctl("fuse", "run1", "run2", "--how", "logits", status=5).err
