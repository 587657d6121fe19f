"""What `arctl fuse` refuses, and how: the difference is named, and no half run stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from arctl.registry import read
from arctl.rundir import RunDir
from tests.fused import CLASSES, COUNT, FRAMES, MOTION, TARGETS, logits, pair, put
from tests.seeing.conftest import Lab


@pytest.fixture
def two(tmp_path: Path) -> Lab:
    return pair(tmp_path / "lab")


def other_class(lab: Lab, files: RunDir) -> None:
    classes = np.array([f"class{k}" for k in (0, 1, 2, 3, 4, 6, 5, 7)])
    put(files, "val-0002", MOTION, classes=classes)


def cut_short(lab: Lab, files: RunDir) -> None:
    path = files.prediction_file("val", 2)
    path.write_bytes(path.read_bytes()[:-900])


def other_target(lab: Lab, files: RunDir) -> None:
    put(files, "val-0002", MOTION, targets=np.where(np.arange(COUNT) == 17, (TARGETS + 1) % CLASSES, TARGETS))


Change = Callable[[Lab, RunDir], object]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_class, "class 5 is 'class5' and 'class6', the same ones in another order"),
        (lambda lab, files: put(files, "val-0002", MOTION[:200], targets=TARGETS[:200]), "40 of 240 videos are not in"),
        (other_target, "1 videos have other true classes, the first 'v0017.avi'"),
        (lambda lab, files: put(files, "val-0002", MOTION, about={"data": "hmdb"}), "data motions and hmdb"),
        (lambda lab, files: put(files, "val-0002", FRAMES), "these predictions were changed: loss is"),
        (cut_short, "damaged predictions"),
    ],
)
def test_runs_that_cannot_be_combined_are_refused_with_the_difference(two: Lab, change: Change, words: str) -> None:
    change(two, RunDir(two.workspace.run_dir(2)))
    assert words in two.arctl("fuse", "run1", "run2", status=5).err
    assert read.numbers(two.workspace.db) == [1, 2]


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["run1"], 2, "a fusion needs two different runs"),
        (["run1", "run9"], 3, "there is no 'run9'"),
        (["run1", "run2", "--how", "magic"], 2, "'magic' fuses nothing"),
        (["run1", "run2", "--weights", "1"], 2, "1 weights for 2 runs"),
        (["run1", "run2", "--weights", "0,0"], 2, "weights are shares"),
        (["run1", "run2", "--weights", "1,-1"], 2, "weights are shares"),
        (["run1", "run2", "--weights", "nan,1"], 2, "weights are shares"),
        (["run1", "run2", "--weights", "a,b"], 2, "cannot read 'a,b'"),
        (["run1", "run2", "--how", "softmax", "--weights", "1,2"], 2, "a mean of softmax has equal weights"),
        (["run1", "run2", "--weights", "1,2", "--search-on", "val"], 2, "nothing is searched"),
        (["run1", "run2", "--how", "logits", "--search-on", "val"], 2, "nothing is searched"),
        (["run1", "run2", "--search-on", "nowhere"], 3, "no predictions on nowhere"),
        (["run1", "run2", "--split", "test"], 3, "no predictions on test"),
        (["run1", "run2", "--views", "7x2"], 2, "'7x2' are no views"),
        (["run1", "run2", "--at", "noon"], 2, "'noon' is no moment"),
        (["run1", "run2", "--name", "run7"], 2, "would be taken for a run's number"),
        (["run1", "run2", "--tag", "two words"], 2, "is no tag"),
    ],
)
def test_bad_input(two: Lab, argv: list[str], status: int, words: str) -> None:
    assert words in two.arctl("fuse", *argv, status=status).err
    assert read.numbers(two.workspace.db) == [1, 2]


def test_a_full_disk_leaves_no_half_run(two: Lab) -> None:
    """A limit on the size of files stands in for the disk: the registry is smaller, the predictions are not."""
    targets = np.random.default_rng(5).integers(0, CLASSES, 60_000)
    for number in (1, 2):
        scores = logits(50 + number, lift=np.full(60_000, 1.0), targets=targets)
        put(RunDir(two.workspace.run_dir(number)), "big-0002", scores, targets=targets)
    command = f"ulimit -f 400; exec {sys.executable} -m arctl fuse run1 run2 --split big"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(["bash", "-c", command], cwd=two.workspace.root, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "make room" in done.stderr, done.stderr
    assert sorted(path.name for path in two.workspace.runs.iterdir()) == ["run0001", "run0002"]
    shown = two.arctl("show", "run3", "--json").json
    assert shown["state"] == "refused" and shown["message"].startswith("never fused: ")
    assert two.arctl("fuse", "run1", "run2").out.startswith("run4  ")
