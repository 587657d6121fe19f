"""How the dashboard reads: axes below one another, counts, help, ASCII."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from arctl.settings import Workspace
from arctl.states import State
from arctl.tui.plain import AsciiOnly
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets.status import StatusLine
from tests.tui.conftest import SMALL, WIDE, Opener


async def test_both_charts_of_a_tall_screen_share_their_axis(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.press("G", "k")
        await seen.shows("run2 r3d_tiny ─", "val/top1", "val/loss")

        def corners() -> list[int]:
            return [line.index("└─") for line in seen.text.split("\n") if "└─" in line]

        # The run beside the list follows once the cursor rests, and its curves once they are read.
        await seen.until(lambda: len(corners()) == 2)
        assert len(set(corners())) == 1


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
        await seen.shows("show the run on the whole screen")
        await seen.press("G")
        await seen.shows("leave the view, or the dashboard")
        await seen.press("g")
        await seen.shows("show the run on the whole screen")


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
