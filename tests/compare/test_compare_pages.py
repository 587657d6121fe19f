"""`arctl compare`: the page for two runs and for more, on a pipe and on a terminal, and what it refuses."""

from __future__ import annotations

import re

import pytest

TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]
CONFIG = {"model": {"name": "r3d_tiny"}, "train": {"seed": 0, "note": "[bold]same[/]"}}


@pytest.fixture(scope="module")
def lab(shared):
    shared.answered(1, {1: MIXED, 2: TARGETS}, TARGETS, name="r3d_tiny", config=CONFIG)
    shared.answered(
        2, {1: [0] * 80, 2: MIXED}, TARGETS, name="frame_tiny", config={**CONFIG, "train": {"seed": 1, "x": 1}}
    )
    shared.answered(3, {2: TARGETS[:40]}, TARGETS[:40], name="other", config=CONFIG)
    again = [*TARGETS[:79], 0]
    shared.answered(4, {2: again}, TARGETS, name="again", config={**CONFIG, "train": {**CONFIG["train"], "seed": 7}})
    shared.index()
    return shared


def test_the_page_begins_with_the_verdict(lab) -> None:
    said = lab.arctl("compare", "frame_tiny", "r3d_tiny")
    lines = said.out.splitlines()
    assert lines[0].startswith("run1 is better than run2: +50.0 points of top-1 [+") and lines[0].endswith("it is real")
    assert "(McNemar, mid-p)" in lines[0]
    rows = [line.split() for line in lines]
    assert any(row[:3] == ["run2", "frame_tiny,", "its"] for row in rows)
    assert "motion val, video level, 1x1 view, mean of softmax, 80 videos" in said.out
    assert "best epoch chosen on val, the very split that is compared" in said.out
    assert ["train.seed", "1", "0"] in rows and ["train.note", "(none)", "[bold]same[/]"] in rows
    assert any(row[:4] == ["top-1", "50.0%", "100.0%", "+50.0"] for row in rows)
    assert ["val/top1", "50.0%", "100.0%", "+50.0"] in rows and ["gap/top1", "40.0%", "-10.0%", "-50.0"] in rows
    assert ["gap,", "train", "-", "val", "+40.0", "-10.0", "-50.0", "-"] in rows
    assert ["only", "run1", "right", "40"] in [row[:4] for row in rows]
    assert "Pairs that run1 solved: 4" in said.out and ["Left", "/", "Right", "10", "0", "20"] in rows
    assert ["Left", "50.0%", "100.0%", "+50.0", "10", "0.062", "too", "few"] in rows, "5 discordant clips tell nothing"
    assert ["Left", "Right", "5", "0", "-5", "10", "too", "few"] in rows
    assert "Confusion of run1 minus run2" in said.out and "recall fell" not in said.out
    back = lab.arctl("compare", "run1", "run2").out
    assert back.startswith("run1 is better than run2: +50.0 points") and "recall fell: 8" in back


def test_two_seeds_of_one_recipe_do_not_differ(lab) -> None:
    said = lab.arctl("compare", "run1", "run4", "--no-map").out
    assert said.startswith("cannot tell run1 and run4 apart: run4 minus run1 is -1.2 points of top-1 [")
    assert "p = 1.00 (McNemar, exact); only one of them is right on no more than 1 of 80 samples" in said
    assert "these runs differ only by their seeds" in said and "Confusion of" not in said
    assert any(line.split()[:2] == ["run1+run4", "2"] for line in said.splitlines())


def test_three_runs_are_ranked_and_seeds_are_one_recipe(lab) -> None:
    said = lab.arctl("compare", "run2", "run1", "run4").out
    assert said.startswith("run1+run4 is better than run2: +49.4 points of top-1 [")
    assert "all alike: p < 0.001" in said and "Cochran's Q, 2 degrees of freedom" in said
    rows = [line.split() for line in said.splitlines()]
    assert any(row[:4] == ["run4", "-", "run1", "-1.2"] for row in rows)
    assert "n=1 seed on one side" in said and "two runs at a time" in said


def test_a_run_compared_with_itself_in_all_but_name(lab) -> None:
    lab.arctl("compare", "run1", "run1", status=2)
    said = lab.arctl("compare", "run1", "run2", "--at", "epoch=1").out
    assert said.startswith("run1 is better than run2: +37.5 points of top-1")


def test_unlike_samples_are_refused_and_forced_with_a_warning_on_every_line(lab) -> None:
    refused = lab.arctl("compare", "run1", "run3", status=5)
    assert refused.out == ""
    assert "run1 and run3: 80 samples and 40; 40 are only in run1, 0 only in run3" in refused.err
    assert "val-0002.npz and " in refused.err and "--force" in refused.err
    forced = lab.arctl("compare", "run1", "run3", "--force").out
    assert "data hash, samples" in forced
    assert "[unlike sample set] cannot tell: run1 and run3: 80 samples and 40" in forced
    body = [
        line for line in forced.splitlines() if line and not line.startswith(("Set-up", "Cost", "Metrics", "Logged"))
    ]
    assert all(line.startswith(("[unlike sample set]", "sample set", "unlike ")) for line in body), forced
    assert any(line.split()[:3] == ["sample", "set", "val/top1"] for line in body)


def test_without_predictions_the_rest_stands(lab) -> None:
    lab.run(9, name="bare", config=CONFIG)
    lab.index()
    said = lab.arctl("compare", "run1", "run9").out
    assert said.startswith("cannot tell: run9: no predictions on val (they appear after its first evaluation)")
    assert "run9 is " in said and "Set-up" in said and "val/top1" in said


def test_what_always_differs_is_hidden(lab) -> None:
    said = lab.arctl("compare", "run1", "run2", "--no-map").out
    assert "more with --all" in said and "token" not in said
    everything = [line.split() for line in lab.arctl("compare", "run1", "run2", "--no-map", "--all").out.splitlines()]
    assert ["name", "r3d_tiny", "frame_tiny"] in everything and ["number", "run1", "run2"] in everything


def test_nonsense_is_refused(lab) -> None:
    for words, status, told in (
        (("run1",), 2, "two different runs"),
        (("run1", "run2", "--at", "noon"), 2, "epoch=7"),
        (("run1", "run8"), 3, "run8"),
        (("run1", "run2", "--views", "0x3"), 2, "10x3"),
        (("run1", "run2", "--level", "95"), 2, "0.95"),
        (("run1", "run2", "--resamples", "3"), 2, "100"),
        (("run1", "run2", "--head", "verb"), 5, "verb"),
        (("run1", "run2", "--metric", "f2"), 2, "macro_f1"),
        (("run1", "run2", "--metric", "macro_f1", "--resamples", "0"), 2, "10000"),
    ):
        assert told in lab.arctl("compare", *words, status=status).err, words


def test_on_a_terminal_differences_have_colours_and_lines_fit(lab) -> None:
    screen = lab.on_terminal("compare", "run2", "run1", columns=80, lines=40)
    assert "\x1b[32m" in screen, "green where the second run is better"
    assert "48;5;81m" in screen or "48;5;39m" in screen, "blue cells in the heat map"
    plain = lab.on_terminal("compare", "run2", "run1", NO_COLOR="1", columns=80)
    assert "48;5;" not in plain
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in plain.splitlines()]
    assert max(len(line) for line in lines) <= 80
