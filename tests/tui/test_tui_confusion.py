"""The Confusion tab: its numbers are those of `arctl confusion`; keys lead to classes, pairs, clips and epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arctl.rundir import RunDir
from arctl.tui.look import Look
from arctl.tui.widgets.class_finder import matches
from arctl.tui.widgets.confusion_tab import ConfusionTab
from tests import scored
from tests.compare.conftest import Study
from tests.tui.tabs import SeenTab, seen_tab

TARGETS = [k // 10 for k in range(80)]
MIXED = [target ^ (k % 2 if target < 2 else 0) for k, target in enumerate(TARGETS)]
WORST = [0] * 80


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """One run, whose second epoch is its best."""
    study = Study(tmp_path / "study")
    study.answered(1, {1: WORST, 2: MIXED, 3: WORST}, TARGETS)
    study.index()
    return study


async def opened(seen: SeenTab) -> None:
    await seen.shows("rows true, columns predicted")


async def test_map_classes_pairs_and_clips_say_what_arctl_confusion_prints(study: Study) -> None:
    printed = study.arctl("confusion", "run1", "--best", "20", "--worst", "20", "--pairs", "100").out
    told = study.arctl("confusion", "run1", "--class", "Right").out
    tab = ConfusionTab(Look(colour=False))
    async with seen_tab(study.workspace, tab, 1, size=(100, 40)) as seen:
        await opened(seen)
        text = " ".join(seen.text.split())
        await seen.press("b")
        text += tab.page.text
        await seen.press("i")
        text += tab.page.text
        lines = [" ".join(line.split()) for line in printed.splitlines() if line.strip()]
        shown = " ".join(text.split())
        assert [line for line in lines if line not in shown] == []
        await seen.press("j", "enter")
        await seen.shows("Right taken for Left: 5 of 10 clips, 50.0%", "clip00011.avi")
        await seen.press("escape", "escape", "j", "enter")
        await seen.shows("What Right is taken for")
        shown = " ".join(tab.page.text.split())
        assert [line for line in told.splitlines()[3:] if " ".join(line.split()) not in shown] == []


async def test_the_slider_goes_through_the_epochs_and_stops_at_the_ends(study: Study) -> None:
    tab = ConfusionTab(Look())
    async with seen_tab(study.workspace, tab, 1) as seen:
        await seen.shows("run1 on val after epoch 2 (best): top-1 87.5%")
        assert tab.note == "val epoch 2 (2 of 3)"
        await seen.press("comma", "comma", "comma")
        await seen.shows("after epoch 1 (asked for): top-1 12.5%")
        await seen.press("full_stop", "full_stop")
        await seen.until(lambda: tab.note == "val epoch 3 (3 of 3)")


async def test_order_and_shares_change_and_the_class_under_the_cursor_stays(study: Study) -> None:
    tab = ConfusionTab(Look())
    async with seen_tab(study.workspace, tab, 1) as seen:
        await opened(seen)
        await seen.press("j", "j")
        before = tab.map.one
        await seen.press("o")
        await seen.shows("order: class")
        await seen.press("z", "z", "z")
        await seen.shows("cells: counts", "10")
        assert tab.map.one == before
        await seen.press("plus")
        await seen.shows("4 of 8 classes, esc: all")
        await seen.press("escape")
        await seen.until(lambda: tab.map.shown == (8, 8))


async def test_a_class_is_found_among_thousands_and_the_map_stays_quick(tmp_path: Path) -> None:
    study = Study(tmp_path / "many")
    classes = [f"action {k}" for k in range(3806)]
    files = study.run(1)
    targets = np.arange(3806).repeat(2)
    top = np.stack([(targets + np.arange(len(targets)) % 2 * 7) % 3806, (targets + 1) % 3806], axis=1)
    logits = np.tile(np.array([4.0, 1.0], dtype=np.float16), (len(targets), 1))
    arrays = {
        "ids": np.array([f"v{row:05d}" for row in range(len(targets))]),
        "groups": np.array([""] * len(targets)),
        "targets": targets,
        "classes": np.array(classes),
        "scores": logits[:, None, :],
        "top": top[:, None, :].astype(np.int32),
        "lse": np.full((len(targets), 1), 5.0, dtype=np.float32),
        "own": np.where(np.arange(len(targets)) % 2, 0.0, 4.0).astype(np.float16)[:, None],
        "meta": scored.meta(epoch=1, weights=None),
    }
    scored.write(files.prediction_file("val", 1), arrays)
    study.index()
    tab = ConfusionTab(Look())
    async with seen_tab(study.workspace, tab, 1) as seen:
        await seen.shows("top-1 50.0% of 7612 samples")
        await seen.press("slash", *"3333")
        await seen.shows("3333 action 3332", "3334 action 3333")
        await seen.press("enter")
        await seen.shows("3333 action 3332: 2 samples, recall 50.0%", "taken for action 3339 1", "classes, esc: all")
        await seen.press("enter")
        await seen.shows("What action 3332 is taken for")


async def test_v_goes_through_evaluations_and_the_protocol_is_told(study: Study) -> None:
    files = RunDir(study.workspace.run_dir(1))
    logits, targets = scored.logits_of(40, 3, 8)
    scored.write(
        files.predictions / "val-0002-3x1.npz",
        scored.scored_arrays(logits, targets, meta=scored.meta(epoch=2, views="3x1")),
    )
    tab = ConfusionTab(Look(ascii=True, colour=False))
    async with seen_tab(study.workspace, tab, 1) as seen:
        await opened(seen)
        await seen.press("v")
        await seen.shows("3x1 views, mean of softmax, 40 videos", "#ababab")
        assert tab.note == "val 3x1 epoch 2"
        assert all(line.isascii() for line in seen.text.splitlines() if line[:1].isdigit())
        await seen.press("v")
        await seen.shows("1x1 view", "80 videos")


async def test_a_run_without_predictions_says_why_and_a_damaged_file_where(study: Study) -> None:
    study.run(2)
    study.index()
    tab = ConfusionTab(Look())
    async with seen_tab(study.workspace, tab, 2) as seen:
        await seen.shows("run2: no predictions on val (they appear after its first evaluation)")
        RunDir(study.workspace.run_dir(1)).prediction_file("val", 2).write_bytes(b"no zip")
        seen.show(1)
        await seen.shows("val-0002.npz")
        assert not tab.map.display


def test_a_word_means_the_class_of_that_number_or_name_first() -> None:
    names = ["run", "jump 2", "run far", "2", "outrun"]
    assert matches(names, "run") == [0, 2, 4]
    assert matches(names, "2") == [1, 3]
    assert matches(names, "") == [0, 1, 2, 3, 4]
    assert matches(names, "swim") == []
