"""`arctl confusion`: the matrix of the best epoch on a screenful, however many classes, and all of it on demand."""

from __future__ import annotations

import csv
import io
import re

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
    assert out.splitlines()[1].endswith("video level, 1x1 view, mean of softmax, 40 videos #fb5af0, weights of epoch 2")
    lines = [line.split() for line in out.splitlines()]
    assert lines[3] == ["1", "Left", "·", "100", "·", "·", "·", "·", "·", "·", "·"]
    assert lines[10][-2:] == ["60", "40"]
    assert ["Left", "0.0%", "[0,", "43]", "-", "0.0%", "5"] in lines
    assert ["Right", "100.0%", "[57,", "100]", "50.0%", "[24,", "76]", "66.7%", "5"] in lines
    assert "Recall by class, the worst first" in out and "Most confused" in out
    assert ["Left", "Right", "5", "5", "100.0%"] in [line.split() for line in out.splitlines()]
    assert "100.0% of 40" in lab.arctl("confusion", "run1", "--epoch", "3").out


def test_many_classes_stay_on_a_screen(lab) -> None:
    out = lab.arctl("confusion", "run2").out
    assert len(out.splitlines()) < 60
    assert "blocks of" in out and "the worst 10 of 400 classes" in out
    assert len(lab.arctl("confusion", "run2", "--order", "recall", "--height", "20").out.splitlines()) < 60
    best = lab.arctl("confusion", "run2", "--best", "7", "--pairs", "0").out
    assert "the best 7 of 400 classes" in best and "worst" not in best and "Most confused" not in best
    both = lab.arctl("confusion", "run2", "--best", "3", "--worst", "4").out
    assert "the best 3 of 400" in both and "the worst 4 of 400" in both


def test_a_block_is_drawn_with_its_numbers(lab) -> None:
    around = lab.arctl("confusion", "run2", "--zoom", "class007", "--pairs", "0", "--worst", "0").out
    assert " 8 Class007" in around and "else" in around and "blocks" not in around
    part = lab.arctl("confusion", "run2", "--order", "class", "--zoom", "5-9", "--normalize", "none").out
    rows = [line.split() for line in part.splitlines()[3:8]]
    assert [row[1] for row in rows] == [f"Class{k:03d}" for k in range(4, 9)]
    assert all(sum(int(cell) for cell in row[2:] if cell != "·") == 5 for row in rows)


def test_json_and_csv_hold_every_count(lab) -> None:
    document = lab.arctl("confusion", "run1", "--json").json
    assert document["schema"] == "arctl.confusion/2"
    counts = np.zeros((8, 8), dtype=int)
    cells = document["cells"]
    counts[cells["true"], cells["predicted"]] = cells["count"]
    assert counts[0].tolist() == [0, 5, 0, 0, 0, 0, 0, 0] and counts.sum() == 38
    told = document["per_class"]
    assert [one["unreadable"] for one in told] == [0] * 7 + [2] and document["unreadable"] == 2
    assert [one["n"] for one in told] == [5] * 8 and document["top1"] == 0.825 and document["chosen"] == "best"
    assert told[7]["recall"] == 0.6 and told[0]["precision"] is None and told[0]["precision_interval"] == [None, None]
    assert document["pairs"] == [{"true": "Left", "predicted": "Right", "count": 5, "of": 5}]
    assert document["order"] == list(range(8)) and document["protocol"]["views"] == "1x1"
    rows = list(csv.reader(io.StringIO(lab.arctl("confusion", "run1", "--csv", "--normalize", "none").out)))
    assert rows[0] == ["true", *document["classes"], "(unreadable)"]
    assert [[int(cell) for cell in row[1:-1]] for row in rows[1:]] == counts.tolist()
    assert [row[-1] for row in rows[1:]] == ["0"] * 7 + ["2"]


def test_csv_holds_shares_and_blocks(lab) -> None:
    def table(*options: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(lab.arctl("confusion", "run1", "--csv", *options).out)))

    assert table()[1] == ["Left", "0", "1", "0", "0", "0", "0", "0", "0", "0"]
    assert table()[8][-2:] == ["0.6", "0.4"]
    columns = table("--normalize", "pred")
    assert [row[1] for row in columns[1:]] == [""] * 8, "nothing was ever taken for Left"
    assert [row[2] for row in columns[1:3]] == ["0.5", "0.5"]
    assert table("--zoom", "2-3")[1:] == [["Right", "1", "0", "0"], ["Up", "0", "1", "0"]]
    assert [row[0] for row in table("--order", "recall")[1:3]] == ["Left", "Recede"]


def test_one_class_with_its_clips(lab) -> None:
    out = lab.arctl("confusion", "run1", "--class", "right", "--clips", "2").out
    assert "2 Right: 5 samples, recall 100.0% [56.6, 100.0], precision 50.0% [23.7, 76.3], F1 66.7%" in out
    assert "What is taken for Right" in out and "What Right is taken for" not in out
    lines = [line.split() for line in out.splitlines()]
    assert ["Left", "5", "5", "100.0%"] in lines
    assert [line[2] for line in lines if line[:2] == ["Left", "88.6%"]] == ["clip00000.avi", "clip00001.avi"]
    assert "Clips that are taken for Right, the first 2 of 5 (--clips)" in out
    unread = lab.arctl("confusion", "run1", "--class", "8").out
    assert "What Recede is taken for" in unread
    assert "(could not be read)      2        40.0%" in unread
    assert "(could not be read)     -  clip00038.avi" in unread and "Clips of Recede that are wrong" in unread
    assert "No clip of it is wrong" in lab.arctl("confusion", "run1", "--class", "Up").out
    document = lab.arctl("confusion", "run1", "--class", "Left", "--json").json
    assert [clip["clip"] for clip in document["class"]["taken_for"]] == [f"clip0000{k}.avi" for k in range(5)]
    assert document["class"]["taken_for"][0]["predicted"] == "Right" and document["class"]["taken_for_it"] == []
    rows = list(csv.reader(io.StringIO(lab.arctl("confusion", "run1", "--class", "Recede", "--csv").out)))
    assert rows == [["clip", "true", "predicted", "sure"], *([f"clip000{k}.avi", "Recede", "", ""] for k in (38, 39))]


def test_what_is_not_there_is_named(lab) -> None:
    assert "run3: no predictions on val" in lab.arctl("confusion", "run3", status=3).err
    assert "after epoch 9" in lab.arctl("confusion", "run1", "--epoch", "9", status=3).err
    assert "compare" in lab.arctl("confusion", "run1:run2", status=2).err
    for options, status, said in (
        (("--class", "Lfet"), 3, "near it are 1 Left"),
        (("--class", "c"), 2, "may be 2 classes"),
        (("--zoom", "1-9"), 3, "numbered from 1 to 8"),
        (("--views", "2x2"), 2, "10x3 or 1x1"),
        (("--views", "10x3"), 3, "arctl eval run1 --views 10x3"),
        (("--head", "verb"), 5, "no head 'verb'"),
        (("--clips", "3"), 2, "--class"),
        (("--json", "--csv"), 2, "two formats"),
    ):
        told = lab.arctl("confusion", "run1", *options, status=status)
        assert said in told.err and told.out == "", options


def test_a_terminal_shows_colours_within_its_width(lab) -> None:
    for columns in (80, 160):
        out = lab.on_terminal("confusion", "run2", "--worst", "3", "--pairs", "3", columns=columns, lines=45)
        lines = out.splitlines()
        drawn = [line for line in lines if "▀" in line]
        assert 30 < len(drawn) < 45
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
        assert max(map(len, plain[2:])) <= columns


def test_a_damaged_file_is_a_data_error(lab) -> None:
    path = lab.workspace.run_dir(1) / "predictions" / "val-0003.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        assert "val-0003.npz: damaged predictions" in lab.arctl("confusion", "run1", "--epoch", "3", status=5).err
    finally:
        path.write_bytes(whole)
