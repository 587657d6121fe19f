"""`arctl confusion`: the matrix of the best epoch on a screenful, however many classes, and all of it on demand."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

MANY = [f"Class{k:03d}" for k in range(400)]


@pytest.fixture(scope="module")
def lab(shared_lab):
    files = shared_lab.trained(1, [0.5, 0.9, 0.7], name="r3d_tiny")
    targets = [k // 5 for k in range(40)]
    shared_lab.predictions(files, [*[1] * 5, *targets[5:38], -1, -1], targets, epoch=2)
    shared_lab.predictions(files, targets, targets, epoch=3)
    large = shared_lab.trained(2, [0.5], name="large")
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(400), 5)
    shared_lab.predictions(
        large,
        np.where(rng.random(2000) < 0.6, truth, rng.integers(400, size=2000)).tolist(),
        truth.tolist(),
        classes=MANY,
    )
    shared_lab.trained(3, [0.5], name="none")
    shared_lab.index()
    return shared_lab


def test_the_best_epoch_with_its_recalls_and_pairs(lab) -> None:
    out = lab.arctl("confusion", "run1").out
    assert out.splitlines()[0] == (
        "run1 on val after epoch 2 (best): top-1 82.5% of 40 samples, 2 could not be read and count as wrong"
    )
    assert out.splitlines()[2].split() == ["1", "Left", "·", "100", "·", "·", "·", "·", "·", "·", "·"]
    assert out.splitlines()[9].split()[-2:] == ["60", "40"]
    assert "Recall by class" in out and "Most confused" in out
    assert ["Left", "Right", "5", "5", "100.0%"] in [line.split() for line in out.splitlines()]
    assert "100.0% of 40" in lab.arctl("confusion", "run1", "--epoch", "3").out


def test_many_classes_stay_on_a_screen(lab) -> None:
    out = lab.arctl("confusion", "run2").out
    assert len(out.splitlines()) < 60
    assert "blocks of" in out and "the worst 10 of 400 classes" in out
    assert len(lab.arctl("confusion", "run2", "--order", "confused", "--height", "20").out.splitlines()) < 60


def test_json_and_csv_hold_every_count(lab) -> None:
    document = lab.arctl("confusion", "run1", "--json").json
    assert document["schema"] == "arctl.confusion/1"
    assert document["counts"][0] == [0, 5, 0, 0, 0, 0, 0, 0]
    assert document["unreadable_by_class"] == [0] * 7 + [2] and document["unreadable"] == 2
    assert document["support"] == [5] * 8 and document["top1"] == 0.825 and document["chosen"] == "best"
    assert document["recall"][7] == 0.6
    assert document["pairs"] == [{"true": "Left", "predicted": "Right", "count": 5}]
    rows = list(csv.reader(io.StringIO(lab.arctl("confusion", "run1", "--csv").out)))
    assert rows[0] == ["true", *document["classes"], "(unreadable)"]
    assert [[int(cell) for cell in row[1:-1]] for row in rows[1:]] == document["counts"]


def test_what_is_not_there_is_named(lab) -> None:
    assert "run3: no predictions on val" in lab.arctl("confusion", "run3", status=3).err
    assert "after epoch 9" in lab.arctl("confusion", "run1", "--epoch", "9", status=3).err
    assert "compare" in lab.arctl("confusion", "run1:run2", status=2).err


def test_a_damaged_file_is_a_data_error(lab) -> None:
    path = lab.workspace.run_dir(1) / "predictions" / "val-0003.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        assert "val-0003.npz: damaged predictions" in lab.arctl("confusion", "run1", "--epoch", "3", status=5).err
    finally:
        path.write_bytes(whole)
