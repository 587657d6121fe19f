"""`arctl compare`: the whole page for two runs, the table for more, and a JSON with every number."""

from __future__ import annotations

import pytest

TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]
CONFIG = {"model": {"name": "r3d_tiny"}, "train": {"seed": 0, "note": "[bold]same[/]"}}


@pytest.fixture(scope="module")
def lab(shared_lab):
    one = shared_lab.trained(1, [0.3, 0.97], name="r3d_tiny", config=CONFIG)
    two = shared_lab.trained(2, [0.2, 0.5], name="frame_tiny", config={**CONFIG, "train": {"seed": 1}})
    other = shared_lab.trained(3, [0.2, 0.6], name="other", config=CONFIG)
    for files, answers, targets in (
        (one, TARGETS, TARGETS),
        (two, MIXED, TARGETS),
        (other, TARGETS[:40], TARGETS[:40]),
    ):
        shared_lab.predictions(files, answers, targets, epoch=2)
    shared_lab.index()
    return shared_lab


def test_the_page(lab) -> None:
    said = lab.arctl("compare", "frame_tiny", "r3d_tiny")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0] == ["run2", "frame_tiny", "and", "run1", "r3d_tiny"]
    assert "best epoch chosen on val" in said.out
    assert ["train.seed", "1", "0"] in rows
    assert ["train.note", "(none)", "[bold]same[/]"] in rows
    assert ["val/top1", "50.0%", "97.0%", "+47.0"] in rows
    assert ["gap/top1", "40.0%", "-7.0%", "-47.0"] in rows
    assert "Pairs that run1 solved: 4" in said.out
    assert ["Left", "/", "Right", "10", "0", "20"] in rows
    assert ["Left", "50.0%", "100.0%", "+50.0", "10"] in rows
    assert ["Left", "Right", "5", "0", "-5", "10"] in rows
    assert "Confusion of run1 minus run2" in said.out
    assert "recall fell" not in said.out
    back = lab.arctl("compare", "run1", "run2").out
    assert "Pairs that run1 solved: 4" in back and "recall fell" in back


def test_unlike_samples_leave_the_rest_standing(lab) -> None:
    said = lab.arctl("compare", "run1", "run3")
    assert "val/top1" in said.out and "solved" not in said.out
    assert "80 samples and 40; 40 are only in run1, 0 only in run3" in said.err


def test_more_than_two_runs_are_one_table(lab) -> None:
    said = lab.arctl("compare", "run1:run3")
    assert any(line.split() == ["val/top1", "97.0%", "50.0%", "60.0%"] for line in said.out.splitlines())
    assert "two runs at a time" in said.err


def test_the_json(lab) -> None:
    document = lab.arctl("compare", "run2", "run1", "--json", "--at", "last").json
    assert document["schema"] == "arctl.comparison/1" and document["at"] == "last"
    assert {"key": "train.seed", "values": [1, 0], "missing": []} in document["setup"]
    assert len(document["confusion"]["solved"]) == 4
    assert lab.arctl("compare", "run1", "run3", "--json").json["confusion"] is None


def test_nonsense_is_refused(lab) -> None:
    assert "two different runs" in lab.arctl("compare", "run1", status=2).err
    assert "epoch=7" in lab.arctl("compare", "run1", "run2", "--at", "noon", status=2).err
    assert "run8" in lab.arctl("compare", "run1", "run8", status=3).err


def test_on_a_terminal_differences_have_colours(lab) -> None:
    screen = lab.on_terminal("compare", "run2", "run1")
    assert "\x1b[32m" in screen, "green where the second run is better"
    assert "48;5;81m" in screen or "48;5;39m" in screen, "blue cells in the heat map"
    assert "48;5;" not in lab.on_terminal("compare", "run2", "run1", NO_COLOR="1")
