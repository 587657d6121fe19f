"""Which answers the Compare view compares: `v` goes through splits, views, probes and heads that all the runs have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arctl.rundir import RunDir
from arctl.tui.reading.sources import Source, shared
from arctl.tui.screens.compare import CompareScreen
from tests.compare.conftest import HIGH, Study
from tests.scored import head_arrays
from tests.tui.conftest import WIDE, Opener, Seen

TARGETS = [k // 10 for k in range(80)]
MIXED = [target ^ (k % 2 if target < 2 else 0) for k, target in enumerate(TARGETS)]
BACKWARDS = [target ^ 1 for target in TARGETS]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two runs, of which the second is better, and sees nothing in reversed clips; only the first was fused."""
    study = Study(tmp_path / "study")
    for number, answers in ((1, MIXED), (2, TARGETS)):
        files = study.answered(number, {1: answers}, TARGETS)
        reverse = MIXED if number == 1 else BACKWARDS
        study.store(files, logits(reverse, 8), TARGETS, epoch=1, variant="1x1-reversed")
    first = RunDir(study.workspace.run_dir(1))
    study.store(first, logits(MIXED, 8), TARGETS, epoch=1, variant="fused")
    study.index()
    return study


def logits(answers: list[int], classes: int) -> np.ndarray:
    """Return logits (N, 1, K) of these answers."""
    found = np.zeros((len(answers), 1, classes), dtype=np.float16)
    found[np.arange(len(answers)), 0, answers] = HIGH
    return found


def two_heads(study: Study, number: int, verbs: list[int], nouns: list[int]) -> None:
    """Make a run of a model of verbs and nouns."""
    files = study.run(number)
    study.events(files, f"{number}.0", [{"kind": "end", "status": "completed", "exit_code": 0, "epoch": 1, "step": 1}])
    path = files.prediction_file("val", 1)
    path.parent.mkdir(exist_ok=True)
    arrays = {
        "ids": np.array([f"P01_{row:03d}" for row in range(len(TARGETS))]),
        "meta": np.array(json.dumps({"contract": 1, "split": "val", "epoch": 1, "heads": ["verb", "noun"]})),
        **head_arrays(logits(verbs, 8), TARGETS, name="verb"),
        **head_arrays(logits(nouns, 8), TARGETS, name="noun"),
    }
    np.savez(path, **arrays)  # type: ignore[arg-type]


async def compare(seen: Seen) -> CompareScreen:
    screen = seen.app.named("compare")
    assert isinstance(screen, CompareScreen)
    screen.choose((1, 2))
    seen.app.go_to("compare")
    await seen.until(lambda: screen.versus.filled or "cannot be compared" in seen.text)
    return screen


def verdict(study: Study, *options: str) -> str:
    """Return the sentence that the command prints first."""
    return str(study.arctl("compare", "run1", "run2", "--json", *options).json["verdict"]["sentence"])


async def test_v_compares_other_answers_that_both_runs_have(study: Study, opened: Opener) -> None:
    trained, reversed_ = verdict(study), verdict(study, "--views", "1x1-reversed")
    assert trained.startswith("run2 is better") and reversed_.startswith("run1 is better")
    async with opened(study.workspace, WIDE) as seen:
        screen = await compare(seen)
        await seen.until(lambda: trained in screen.verdict_text)
        await seen.press("v")
        await seen.until(lambda: reversed_ in screen.verdict_text)
        await seen.shows("val 1x1-reversed")
        await seen.press("E")
        place = study.workspace.root / "reports" / "run1-run2-val-1x1-reversed.json"
        await seen.until(place.is_file)
        await seen.press("v")
        await seen.until(lambda: trained in screen.verdict_text)
    command = study.arctl("compare", "run1", "run2", "--views", "1x1-reversed", "--json").json
    assert json.loads(place.read_text()) == command


async def test_verbs_nouns_and_actions_are_compared_one_after_the_other(tmp_path: Path, opened: Opener) -> None:
    study = Study(tmp_path / "kitchens")
    two_heads(study, 1, MIXED, TARGETS)
    two_heads(study, 2, TARGETS, BACKWARDS)
    study.index()
    heads = [verdict(study, "--head", head) for head in ("verb", "noun", "action")]
    assert heads[0].startswith("run2 is better") and heads[1].startswith("run1 is better")
    async with opened(study.workspace, WIDE) as seen:
        screen = await compare(seen)
        for sentence, words in zip(heads, ("val verbs", "val nouns", "val actions"), strict=True):
            await seen.until(lambda sentence=sentence: sentence in screen.verdict_text)
            await seen.shows(words)
            await seen.press("v")
        await seen.until(lambda: heads[0] in screen.verdict_text)


async def test_one_kind_of_answers_says_what_makes_another(study: Study, opened: Opener) -> None:
    for number in (1, 2):
        for extra in (study.workspace.run_dir(number) / "predictions").glob("*-1x1-*"):
            extra.unlink()
    async with opened(study.workspace) as seen:
        await compare(seen)
        await seen.press("v")
        await seen.until(lambda: any("no other answers in common" in one.message for one in seen.app._notifications))


async def test_a_refusal_of_some_answers_leads_to_the_others(study: Study, opened: Opener) -> None:
    fewer = np.array(TARGETS[:-8])
    files = RunDir(study.workspace.run_dir(2))
    study.store(files, logits(TARGETS[:-8], 8), fewer.tolist(), epoch=1, variant="1x1-reversed")
    async with opened(study.workspace, WIDE) as seen:
        screen = await compare(seen)
        await seen.press("v")
        await seen.shows("run1 and run2 cannot be compared", "f compares them nevertheless", "v compares other answers")
        assert str(study.workspace.root) not in seen.text
        await seen.press("v")
        await seen.until(lambda: screen.verdict_text.startswith("run2 is better"))


def test_only_what_every_run_has_is_offered(study: Study) -> None:
    places = [study.workspace.run_dir(number) for number in (1, 2)]
    assert shared(places) == (Source("val", "", ""), Source("val", "1x1-reversed", ""))
    study.answered(3, {2: TARGETS}, TARGETS, split="test")
    study.store(RunDir(places[0]), logits(TARGETS, 8), TARGETS, epoch=2, split="test", variant="1x1")
    third = study.workspace.run_dir(3)
    assert shared([places[0], third]) == (Source("test", "", ""),), "training's own answers are of one view too"
    assert shared([places[1], third]) == () and shared([places[0], study.workspace.root / "gone"]) == ()
