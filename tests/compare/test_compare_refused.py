"""What must not be compared: damaged, changed or unlike predictions, each named; and what matrices alone can tell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from arctl.compare import compare
from arctl.errors import DataError
from arctl.rundir import RunDir
from tests.seeing.conftest import MOTIONS

TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]


@pytest.fixture
def lab(study):
    study.answered(1, {2: TARGETS}, TARGETS)
    study.answered(2, {2: MIXED}, TARGETS)
    study.index()
    return study


def refusal(study, *numbers: int) -> str:
    with pytest.raises(DataError) as told:
        compare(study.workspace, *(numbers or (1, 2)))
    return str(told.value)


def test_another_order_of_classes_is_named(lab) -> None:
    order = [MOTIONS[1], MOTIONS[0], *MOTIONS[2:]]
    lab.answered(3, {2: TARGETS}, TARGETS, classes=order)
    lab.index()
    assert "the same classes in another order: class 1 is 'Left' and 'Right'" in refusal(lab, 1, 3)
    lab.answered(4, {2: TARGETS}, TARGETS, classes=[*MOTIONS, "Jump"])
    lab.index()
    assert "8 classes and 9; only one has 'Jump'" in refusal(lab, 1, 4)


def test_another_truth_is_named(lab) -> None:
    lab.answered(3, {2: TARGETS}, [1, *TARGETS[1:]])
    lab.index()
    assert "1 samples have another true class, such as 'clip00000.avi'" in refusal(lab, 1, 3)


def test_unlike_views_are_refused_and_still_paired_by_force(lab) -> None:
    logits = np.repeat(np.eye(8, dtype=np.float16)[TARGETS][:, None, :] * 4, 30, axis=1)
    protocol = {
        "views": "10x3",
        "clips": 10,
        "crops": 3,
        "probe": None,
        "aggregation": "softmax-mean",
        "level": "video",
    }
    told = {"protocol": protocol, "weights": "ab" * 32}
    path = lab.store(RunDir(lab.workspace.run_dir(1)), logits, TARGETS, epoch=2, variant="10x3", meta=told)
    path.with_name("val-0002.npz").unlink()
    assert "views 10x3 and 1x1" in refusal(lab)
    forced = lab.arctl("compare", "1", "2", "--force", "--format", "csv").out
    assert forced.splitlines()[0] == "section,item,field,value,unlike"
    assert all(line.endswith(",views") for line in forced.splitlines()[1:])
    page = lab.arctl("compare", "1", "2", "--force").out
    assert page.startswith("[unlike views] run1 is better than run2: +50.0 points")
    document = lab.arctl("compare", "1", "2", "--force", "--json").json
    assert document["unlike"][0]["what"] == ["views"] and document["unlike"][0]["paired"] is True


@pytest.mark.parametrize("damage", ["truncated", "tampered", "duplicate", "not finite"])
def test_damaged_predictions_are_refused_by_name(lab, damage: str) -> None:
    path = RunDir(lab.workspace.run_dir(1)).prediction_file("val", 2)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-400])
    else:
        with np.load(path) as archive:
            arrays = {name: archive[name].copy() for name in archive}
        if damage == "tampered":
            arrays["scores"][0] = np.roll(arrays["scores"][0], 1)
        if damage == "duplicate":
            arrays["ids"][1] = arrays["ids"][0]
        if damage == "not finite":
            arrays["scores"][0, 0, 3] = np.inf
        np.savez(path, **arrays)
    words = {
        "tampered": "in the run's events: one of them was changed",
        "duplicate": "clip00000.avi",
        "not finite": "clip00000.avi",
    }
    told = refusal(lab)
    assert str(path) in told and words.get(damage, "damaged") in told
    forced = lab.arctl("compare", "1", "2", "--force").out
    assert "cannot tell" in forced.splitlines()[0] or damage == "tampered"
    assert (damage != "tampered") or "one of them was changed" in forced


def test_unreadable_samples_count_as_wrong_and_are_told(lab) -> None:
    lab.answered(3, {2: [-1, -1, *TARGETS[2:]]}, TARGETS)
    lab.index()
    found = compare(lab.workspace, 1, 3)
    assert found.pairings[0].top1.flips.negative == 2
    assert any("run3: 2 of 80 samples could not be read, and count as wrong" in note for note in found.notes)


def test_one_class_and_an_empty_class(study) -> None:
    for number in (1, 2):
        study.answered(number, {1: [0] * 6}, [0] * 6, classes=["only"])
        study.answered(2 + number, {1: [0, 1, 1, number]}, [0, 0, 1, 1], classes=["a", "b", "never"])
    study.index()
    assert "it has one class, 'only'" in refusal(study, 1, 2)
    empty = compare(study.workspace, 3, 4)
    assert any("1 of 3 classes have no samples" in note for note in empty.notes)
    json.dumps([figure.values for figure in empty.figures], allow_nan=False)


def matrix(path, rows, *, classes=("a", "b"), unreadable=(0, 0)):
    lines = [f"true,{','.join(classes)},(unreadable)"]
    lines += [
        f"{name},{','.join(map(str, row))},{gone}" for name, row, gone in zip(classes, rows, unreadable, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_matrices_alone_give_a_range_of_p_values(lab, tmp_path) -> None:
    a = matrix(tmp_path / "a.csv", [(80, 20), (20, 80)])
    b = matrix(tmp_path / "b.csv", [(86, 14), (14, 84)], unreadable=(0, 2))
    said = lab.arctl("compare", a, b).out
    assert said.startswith("undecidable from matrices alone: b.csv minus a.csv is +5.0 points of top-1")
    document = lab.arctl("compare", a, b, "--json").json
    assert document["schema"] == "arctl.matrices/1" and document["verdict"] == "undecidable"
    assert document["p"]["fewest"] == 10 and document["p"]["most"] == 34 + 36 and document["p"]["difference"] == 10
    better = matrix(tmp_path / "c.csv", [(100, 0), (0, 100)])
    assert lab.arctl("compare", a, better).out.startswith("c.csv is better: ")


def test_what_is_no_matrix_is_refused_with_its_line(lab, tmp_path) -> None:
    good = matrix(tmp_path / "good.csv", [(8, 2), (2, 8)])
    for rows, words in (([(8, 2), (2, "x")], ":3"), ([(8, 3), (2, 8)], "class 'a' has 10 samples in one and 11")):
        bad = matrix(tmp_path / "bad.csv", rows)
        assert words in lab.arctl("compare", good, bad, status=5).err
    assert (
        "other classes"
        in lab.arctl("compare", good, matrix(tmp_path / "o.csv", [(8, 2), (2, 8)], classes=("a", "c")), status=5).err
    )
    (tmp_path / "empty.csv").write_text("")
    assert "no head" in lab.arctl("compare", good, str(tmp_path / "empty.csv"), status=5).err
    assert "no such file" in lab.arctl("compare", good, str(tmp_path / "none.csv"), status=3).err
    assert "two at a time" in lab.arctl("compare", good, good, good, status=2).err


def test_the_matrix_of_a_run_can_be_compared(lab, tmp_path) -> None:
    for number in (1, 2):
        printed = lab.arctl("confusion", f"run{number}", "--csv", "--normalize", "none").out
        (tmp_path / f"run{number}.csv").write_text(printed)
    document = lab.arctl("compare", str(tmp_path / "run2.csv"), str(tmp_path / "run1.csv"), "--json").json
    assert document["top1"] == [0.5, 1.0] and document["verdict"] == "significant"
    assert document["p"]["fewest"] == document["p"]["most"] == 40
