"""A comparison names what differs, takes figures of the moment that was asked for, and says what to beware of."""

from __future__ import annotations

import json

import pytest

from arctl.compare import compare, to_json
from arctl.errors import NotFoundError, UsageError
from arctl.facts import differing, flat, read_facts

CONFIG = {"model": {"name": "r3d_tiny", "dropout": 0.0}, "optim": {"lr": 0.001}, "train": {"seed": 0, "epochs": 4}}
TWIN = {**CONFIG, "model": {"name": "frame_tiny", "dropout": 0.0}, "optim": {"lr": 0.001}}
TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]


@pytest.fixture(scope="module")
def lab(shared_lab):
    one = shared_lab.trained(1, [0.3, 0.97, 0.9, 0.96], name="r3d_tiny", config=CONFIG, values={"cpus": 2, "mem": None})
    two = shared_lab.trained(2, [0.2, 0.4, 0.5, 0.45], name="frame_tiny", config=TWIN, values={"cpus": 4})
    for epoch in (2, 3, 4):
        shared_lab.predictions(one, TARGETS if epoch == 2 else MIXED, TARGETS, epoch=epoch)
        shared_lab.predictions(two, MIXED, TARGETS, epoch=epoch)
    shared_lab.trained(3, [0.1], name="short", end=None)
    shared_lab.index()
    return shared_lab


def measured(comparison, name: str):
    return next(measure for measure in comparison.metrics if measure.name == name)


def test_only_what_differs_is_listed(lab) -> None:
    comparison = compare(lab.workspace, 1, 2)
    assert {(s.key, s.values) for s in comparison.setup} == {
        ("name", ("r3d_tiny", "frame_tiny")),
        ("model.name", ("r3d_tiny", "frame_tiny")),
        ("resources.cpus", (2, 4)),
    }
    assert comparison.same == 6


def test_figures_are_of_the_best_epoch_of_each(lab) -> None:
    comparison = compare(lab.workspace, 1, 2)
    assert comparison.epochs == (2.0, 3.0)
    top1 = measured(comparison, "val/top1")
    assert top1.values == (0.97, 0.5) and top1.difference == pytest.approx(-0.47) and top1.better == 0
    loss = measured(comparison, "val/loss")
    assert loss.values == pytest.approx((1.8, 1.7)) and loss.better == 1
    gap = measured(comparison, "gap/top1")
    assert gap.values == pytest.approx((0.9 - 0.97, 0.9 - 0.5)) and gap.better == 0
    assert any("best epoch chosen on val" in note for note in comparison.notes)


def test_other_moments(lab) -> None:
    last = compare(lab.workspace, 1, 2, at="last")
    assert measured(last, "val/top1").values == (0.96, 0.45)
    assert not any("best epoch" in note for note in last.notes)
    assert last.confusion.a.epoch == 4
    second = compare(lab.workspace, 1, 2, at="epoch=2")
    assert measured(second, "val/top1").values == (0.97, 0.4)
    assert measured(compare(lab.workspace, 1, 3, at="epoch=2"), "val/top1").values == (0.97, None)


def test_the_solved_pairs_are_exactly_those_that_one_run_mixes_up(lab) -> None:
    change = compare(lab.workspace, 2, 1).confusion
    assert [tuple(mix) for mix in change.solved] == [(k, k + 1, 10, 0, 20) for k in (0, 2, 4, 6)]
    assert change.arisen == []
    assert compare(lab.workspace, 1, 2).confusion.solved == []
    assert len(compare(lab.workspace, 1, 2).confusion.arisen) == 4


def test_without_predictions_the_rest_is_still_compared(lab) -> None:
    comparison = compare(lab.workspace, 1, 3)
    assert comparison.confusion is None and "run3: no predictions" in comparison.why_no_confusion
    assert measured(comparison, "val/top1").values == (0.97, 0.1)
    assert any(note.startswith("run3 is ") for note in comparison.notes)


def test_three_runs_have_metrics_but_no_confusion(lab) -> None:
    comparison = compare(lab.workspace, 1, 2, 3)
    assert measured(comparison, "val/top1").values == (0.97, 0.5, 0.1)
    assert measured(comparison, "val/top1").difference is None
    assert measured(comparison, "val/top1").better == 0
    assert "two runs" in comparison.why_no_confusion


def test_every_number_is_in_the_json(lab) -> None:
    comparison = compare(lab.workspace, 2, 1)
    document = json.loads(json.dumps(to_json(comparison), allow_nan=False))
    assert [run["run"] for run in document["runs"]] == ["run2", "run1"]
    assert {entry["name"]: entry["better"] for entry in document["metrics"]}["val/top1"] == "run1"
    change = document["confusion"]
    assert change["classes"][0] == {"class": "Left", "n": 10, "recall": [0.5, 1.0], "difference": 0.5}
    assert {"true": "Left", "predicted": "Right", "counts": [5, 0]} in change["pairs"]
    assert change["solved"][0] == {"classes": ["Left", "Right"], "counts": [10, 0], "samples": 20}
    assert change["sides"][0]["top1"] == 0.5


def test_nonsense_is_refused(lab) -> None:
    for numbers in ((1,), (1, 1), ()):
        with pytest.raises(UsageError, match="two different runs"):
            compare(lab.workspace, *numbers)
    with pytest.raises(UsageError, match="epoch=7"):
        compare(lab.workspace, 1, 2, at="first")
    with pytest.raises(NotFoundError, match="run9"):
        compare(lab.workspace, 1, 9)


def test_flat_keys_and_what_counts_as_different(lab, tmp_path) -> None:
    assert dict(flat({"a": {"b.c": 1, "d": {}}, "e": [1, 2]})) == {"a.b\\.c": 1, "a.d": {}, "e": [1, 2]}
    made = []
    for index, text in enumerate(("x: 1\ny: '1'\nz: null\nw: true\nl: [1, 2]\n", "x: 1.0\ny: 1\nw: 1\nl: [1, 3]\n")):
        directory = tmp_path / str(index)
        directory.mkdir()
        (directory / "config.yaml").write_text(text)
        made.append(read_facts(directory))
    settings, same = differing(made)
    assert [setting.key for setting in settings] == ["l", "w", "y", "z"] and same == 1
    assert settings[-1].missing == (False, True)


def test_a_damaged_configuration_is_a_note_not_a_failure(lab) -> None:
    path = lab.workspace.run_dir(3) / "config.yaml"
    path.write_text("a: [1\n")
    try:
        notes = compare(lab.workspace, 1, 3).notes
    finally:
        path.unlink()
    assert any(str(path) in note for note in notes)
