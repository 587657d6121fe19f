"""How the dashboard reads: axes below one another, counts, pairs of classes, numbers of a comparison, ASCII."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from arctl.settings import Workspace
from arctl.states import State
from arctl.tui import palette
from arctl.tui.plain import AsciiOnly
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets import versus
from arctl.tui.widgets.status import StatusLine
from tests.tui.conftest import SMALL, WIDE, Opener


async def test_both_charts_of_a_tall_screen_share_their_axis(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.press("G", "k")
        await seen.shows("val/top1", "val/loss")
        corners = [line.index("└─") for line in seen.text.split("\n") if "└─" in line]
        assert len(corners) == 2
        assert len(set(corners)) == 1


async def test_the_gap_is_in_the_list_of_a_wide_screen(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.shows("trend", " gap ", " age ")


async def test_a_mark_keeps_the_run_that_fills_the_screen(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("j", "enter", "space")
        assert seen.app.runs.table.marks == (3,)
        assert seen.at == 3
        await seen.press("escape", "space", "space")
        assert seen.app.runs.table.marks == (2,)
        assert seen.at == 1


async def test_help_scrolls_to_its_end_and_back(small: Workspace, opened: Opener) -> None:
    async with opened(small, SMALL) as seen:
        await seen.press("question_mark")
        await seen.shows("one line down")
        await seen.press("G")
        await seen.shows("leave (jobs go on")
        await seen.press("g")
        await seen.shows("one line down")


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("MoveUp", "MoveDown", "MoveUp / MoveDown"),
        ("Recede", "RotateCounterClockwise", "Recede / RotateCounterClockwise"),
        ("RotateClockwise", "RotateCounterClockwise", "RotateClockwise / RotateCounterC…"),
        ("x" * 40, "y" * 40, f"{'x' * 14}… / {'y' * 14}…"),
    ],
)
def test_of_two_long_names_both_are_seen(first: str, second: str, shown: str) -> None:
    assert versus._both(first, second) == shown


@pytest.mark.parametrize(
    ("name", "value", "delta", "shown"),
    [
        ("val/top1", 0.5, 0.25, ("50.0%", "+25.0")),
        ("perf/clips_per_s", 441.2, -72.997, ("441.2", "-73.0")),
        ("perf/data_wait", 0.031, 0.01, ("3.1%", "+1.0")),
        ("sys/rss", 2.0**30, -(2.0**29), ("1.00 GiB", "-0.50 GiB")),
        ("val/loss", 0.139, 0.855, ("0.139", "+0.855")),
    ],
)
def test_numbers_of_a_comparison_have_their_unit(name: str, value: float, delta: float, shown: tuple[str, str]) -> None:
    assert (versus._metric(name, value), versus._delta(name, delta, like=value)) == shown


@pytest.mark.parametrize(
    ("change", "better", "tone"),
    [("+0.0", 0, palette.MUTED), ("-0.3", 0, palette.BAD), ("-0.045", 1, palette.GOOD), ("–", None, palette.MUTED)],
)
def test_a_change_that_rounds_to_nothing_is_neither_good_nor_bad(change: str, better: int | None, tone: str) -> None:
    assert versus._tone(change, better) == tone


async def test_every_run_that_went_wrong_counts_as_failed(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        states = (State.NODE_FAIL, State.TIMEOUT, State.OUT_OF_MEMORY, State.COMPLETED)
        runs = tuple(replace(row, state=state) for row, state in zip(seen.app.snapshot.runs, states, strict=True))
        line = StatusLine()
        line.show(Snapshot(runs), None)
        assert line._counts().plain == "3 failed  4 runs"


def test_without_utf8_a_line_is_ascii_of_the_same_width() -> None:
    line = [Segment("╭─ "), Segment("日本語 ●▌… – ▇ é"), Segment("plain")]
    drawn = AsciiOnly().apply(line, Color(0, 0, 0))
    assert "".join(segment.text for segment in drawn) == "+- ?????? *|~ -   ?plain"
    assert [cell_len(a.text) for a in drawn] == [cell_len(b.text) for b in line]
