"""Single samples of two runs: which only one has right, by how sure the wrong one was; as table and JSON."""

from __future__ import annotations

import numpy as np

from arctl.compare import compare
from arctl.compare.samples import pairs
from tests.compare.conftest import Study

TARGETS = [0, 0, 0, 1, 1, 1, 2, 2]
FIRST = [0, 1, 1, 1, 1, 0, 2, 3]
SECOND = [0, 0, 0, 1, 0, 1, 3, -1]


def test_only_one_right_and_both_wrong_are_told_apart_as_a_count_by_hand_does(study: Study) -> None:
    study.answered(1, {1: FIRST}, TARGETS)
    study.answered(2, {1: SECOND}, TARGETS)
    study.index()
    found = compare(study.workspace, 1, 2)
    whole = pairs(found)
    by_hand = {
        "a": [k for k, t in enumerate(TARGETS) if FIRST[k] == t != SECOND[k]],
        "b": [k for k, t in enumerate(TARGETS) if SECOND[k] == t != FIRST[k]],
        "neither": [k for k, t in enumerate(TARGETS) if t not in (FIRST[k], SECOND[k]) and FIRST[k] != SECOND[k]],
    }
    assert [sorted(rows.tolist()) for rows in (whole.only_a, whole.only_b, whole.others)] == list(by_hand.values())
    of_class = pairs(found, true=0)
    assert of_class.only_b.tolist() == [1, 2]
    assert not len(of_class.only_a)
    assert pairs(found, true=1, predicted=0).only_a.tolist() == [4]
    printed = study.arctl("compare", "run1", "run2", "--clips", "1", "--no-map").out
    assert "Only run2 right: 3 samples, the first 1" in printed
    assert "Both wrong, not alike: 1 sample" in printed
    assert "(could not be read)" in printed
    told = study.arctl("compare", "run1", "run2", "--class", "Left", "--json").json["samples"]
    assert [one["clip"] for one in told["run2"]["samples"]] == ["clip00001.avi", "clip00002.avi"]
    assert told["run2"]["samples"][0]["answers"][0]["predicted"] == "Right"
    assert told["neither"] == {"count": 0, "samples": []}


def test_the_surest_mistake_stands_first_and_what_could_not_be_read_last(study: Study) -> None:
    sure = [1.0, 6.0, 3.0, np.nan]
    for number in (1, 2):
        files = study.run(number, model=None)
        logits = np.zeros((4, 1, 8), dtype=np.float16)
        logits[:, 0, 1 if number == 1 else 0] = sure if number == 1 else 4.0
        if number == 1:
            logits[3] = np.nan
        study.store(files, logits, [0, 0, 0, 0], epoch=1)
    study.index()
    assert pairs(compare(study.workspace, 1, 2)).only_b.tolist() == [1, 2, 0, 3]


def test_samples_of_runs_without_predictions_are_refused(study: Study) -> None:
    study.answered(1, {1: FIRST}, TARGETS)
    study.run(2)
    study.index()
    said = study.arctl("compare", "run1", "run2", "--clips", "3", status=2)
    assert "no samples to compare: run2: no predictions" in said.err
    assert "samples" not in study.arctl("compare", "run1", "run2", "--json").json
