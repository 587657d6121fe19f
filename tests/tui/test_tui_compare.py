"""The Compare view: its numbers and words are those of `arctl compare`, and keys lead through its parts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from arctl.tui.reading.compare import CompareWant
from arctl.tui.screens.compare import CompareScreen
from arctl.tui.widgets.versus import TABS
from tests.compare.conftest import Study
from tests.tui.conftest import SMALL, WIDE, Opener, Seen

TARGETS = [k // 10 for k in range(80)]
MIXED = [target ^ (k % 2 if target < 2 else 0) for k, target in enumerate(TARGETS)]
NEAR = [*MIXED[:-1], 0]
SETUP = {"model": {"name": "r3d_tiny"}, "optim": {"lr": 0.001}, "train": {"epochs": 3, "seed": 0}}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three runs: the second has no mistake, the others mix up the first two classes."""
    study = Study(tmp_path / "study")
    study.answered(1, {1: MIXED, 2: MIXED, 3: MIXED}, TARGETS, name="mixed", config=SETUP)
    study.answered(2, {1: MIXED, 2: TARGETS, 3: TARGETS}, TARGETS, name="right", config={**SETUP, "optim": {"lr": 0.1}})
    study.answered(3, {1: NEAR}, TARGETS, name="near", config={**SETUP, "optim": {"lr": 0.2}})
    study.index()
    return study


async def compared(seen: Seen, *numbers: int) -> CompareScreen:
    screen = seen.app.named("compare")
    assert isinstance(screen, CompareScreen)
    seen.app.go_to("compare")
    await seen.until(lambda: seen.app.screen is screen)
    screen.choose(numbers)
    await seen.until(lambda: screen.versus.filled)
    await seen.pilot.pause()
    return screen


def cells(text: str) -> list[str]:
    """Return what stands between wide gaps, without what only the dashboard says of it in a word."""
    found = re.split(r"\s{2,}|\n", text)
    return [re.sub(r" (better|worse)$", "", cell.strip()) for cell in found if cell.strip()]


async def test_every_cell_of_arctl_compare_stands_in_the_view(study: Study, opened: Opener) -> None:
    pages = ""
    async with opened(study.workspace, (115, 60)) as seen:
        screen = await compared(seen, 1, 2)
        for _ in TABS:
            await seen.pilot.pause(0.1)
            page = screen.versus.pages.get(screen.versus.tab)
            pages += "" if page is None else page.text + "\n"
            await seen.press("right_square_bracket")
    shown = {*cells(screen.verdict_text), *cells(pages)}
    whole = " ".join((screen.verdict_text + pages).split())
    printed = cells(study.arctl("compare", "run1", "run2", "--no-map").out)
    assert [cell for cell in printed if cell not in shown and cell not in whole] == []
    assert len(printed) > 120


@pytest.mark.parametrize("size", [SMALL, (120, 35), (200, 50)])
async def test_keys_lead_through_the_parts(study: Study, opened: Opener, size: tuple[int, int]) -> None:
    async with opened(study.workspace, size) as seen:
        await compared(seen, 1, 2)
        await seen.shows("run2 is better than run1", "Verdict", "Predictions", "top-1", "better")
        await seen.press("right_square_bracket")
        await seen.shows("val/top1", "epoch")
        await seen.press("right_square_bracket")
        await seen.shows("Set-up", "optim.lr", "0.001", "0.1")
        await seen.press("right_square_bracket")
        await seen.shows("Pairs that run2 solved: 1", "Left / Right")
        if size[0] > 116:
            await seen.shows("Confusion", "+50.0 better, of 10 samples")
        await seen.press("right_square_bracket")
        await seen.until(lambda: "1 Left: recall 50.0% in run1, 100.0% in" in seen.text)
        await seen.press("right_square_bracket")
        await seen.shows("Only run2 right: 10 samples")
        await seen.press("right_square_bracket")
        await seen.shows("mean-class accuracy")


async def test_enter_on_a_pair_lists_its_samples_and_escape_leads_back(study: Study, opened: Opener) -> None:
    async with opened(study.workspace) as seen:
        screen = await compared(seen, 1, 2)
        await seen.press("left_square_bracket", "left_square_bracket", "left_square_bracket", "enter")
        await seen.shows("Only run2 right: 5 samples of Left taken for Right", "clip00001.avi")
        await seen.press("escape")
        await seen.shows("Pairs that run2 solved")
        assert seen.app.screen is screen
        await seen.press("slash", *"Right", "enter")
        await seen.press("right_square_bracket", "right_square_bracket", "slash", *"Right", "enter")
        await seen.shows("Only run2 right: 5 samples of Right")
        await seen.press("escape")
        await seen.shows("Only run2 right: 10 samples (")
        await seen.press("escape")
        await seen.until(lambda: seen.app.screen is seen.app.runs)


async def test_s_swaps_and_p_goes_through_several_runs_two_by_two(study: Study, opened: Opener) -> None:
    async with opened(study.workspace, WIDE) as seen:
        await compared(seen, 1, 2)
        await seen.press("s")
        await seen.shows("A run2 right", "B run1 mixed", "worse")
        screen = await compared(seen, 1, 2, 3)
        await seen.shows("run2 > ", "C run3 near")
        await seen.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await seen.shows("compared for two runs at a time, and these are 3 (p goes")
        await seen.press("p", "p")
        await seen.shows("A run1 mixed", "B run3 near", "two of 3")
        assert screen.chosen == (1, 3)
        await seen.press("p", "p")
        await seen.shows("C run3 near")


async def test_what_was_evaluated_unlike_is_refused_with_its_cure_until_it_is_forced(
    study: Study, opened: Opener
) -> None:
    study.answered(4, {1: TARGETS[:-8]}, TARGETS[:-8])
    study.index()
    refused = study.arctl("compare", "run1", "run4", status=5).err.removeprefix("error: ")
    refused = refused.replace(f"{study.workspace.root}/", "")
    async with opened(study.workspace) as seen:
        screen = seen.app.named("compare")
        assert isinstance(screen, CompareScreen)
        screen.choose((1, 4))
        seen.app.go_to("compare")
        await seen.shows("run1 and run4 cannot be compared", "f compares them nevertheless")
        assert "".join(refused.split()) in "".join(seen.text.split())
        await seen.press("f")
        await seen.shows("unlike: sample set", "[unlike sample set] run1 mixed")


async def test_a_comparison_is_made_again_only_where_its_files_changed(study: Study, opened: Opener) -> None:
    async with opened(study.workspace) as seen:
        screen = await compared(seen, 1, 2)
        before = screen.versus.panel
        assert before is not None
        want = CompareWant((1, 2))
        assert want.read(study.workspace) is before
        files = study.workspace.run_dir(2) / "config.yaml"
        files.write_text("optim: {lr: 7}\n")
        again = want.read(study.workspace)
        assert again is not before
        assert "optim.lr" in [one.key for one in again.comparison.setup]  # type: ignore[attr-defined]


async def test_exports_are_what_the_commands_print(study: Study, opened: Opener) -> None:
    place = study.workspace.root / "reports" / "run1-run2.json"
    async with opened(study.workspace) as seen:
        await compared(seen, 1, 2)
        await seen.press("E")
        await seen.until(place.is_file)
        await seen.shows("run1-run2.json")
        await seen.press("y")
        assert seen.app.clipboard.startswith("run2 is better than run1: +12.5 points of top-1")
    assert json.loads(place.read_text()) == study.arctl("compare", "run1", "run2", "--json").json


async def test_it_says_that_it_compares_and_how_long(study: Study, opened: Opener) -> None:
    async with opened(study.workspace) as seen:
        await seen.press("3")
        await seen.shows("nothing is compared yet: mark runs with space")
        await seen.press("escape")
        await seen.until(lambda: seen.app.screen is seen.app.runs)
        await seen.press("G", "space", "k", "space", "c")
        screen = seen.app.named("compare")
        assert isinstance(screen, CompareScreen)
        assert screen.waiting_text.startswith("comparing run1, run2 ... ") or screen.versus.filled
        await seen.shows("run2 is better than run1")


async def test_runs_that_are_gone_say_so(study: Study, opened: Opener) -> None:
    async with opened(study.workspace) as seen:
        screen = seen.app.named("compare")
        assert isinstance(screen, CompareScreen)
        screen.choose((1, 99))
        seen.app.go_to("compare")
        await seen.shows("cannot be compared", "no run run99")
