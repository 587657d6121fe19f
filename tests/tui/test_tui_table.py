"""The order of the run table: sorting, columns, folding, grouping, marks; and what can be done with several runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from textual import events

from arctl.arranging import HeadLine
from arctl.settings import Workspace, find_workspace, init_workspace
from arctl.sync import rebuild
from arctl.tui.screens.choose import Choose
from arctl.tui.widgets import columns, heads
from tests.tui import workspace as workspaces
from tests.tui.conftest import SMALL, WIDE, Opener, Seen


def lines(seen: Seen) -> list[int]:
    """Return the runs of the table from top to bottom, without those that are folded."""
    table = seen.app.runs.table
    return [int(key.removeprefix("run")) for key in table._keys if key.startswith("run")]


@pytest.fixture
def swept(tmp_path: Path) -> Workspace:
    """Three runs of a sweep between two others."""
    workspace = init_workspace(tmp_path / "ws")
    for number, (sweep, top) in enumerate(
        [(None, 0.5), ("rates", 0.6), ("rates", 0.9), ("rates", 0.7), (None, 0.8)], start=1
    ):
        run = workspaces.new_run(workspace, number, f"name{number}", sweep=sweep, age=9000.0 - number)
        workspaces.learned(run, epochs=8, of=8, top=top)
        run.end("completed")
    rebuild(workspace)
    return workspace


async def test_sorts_by_any_column_and_back(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        assert lines(seen) == [4, 3, 2, 1]
        await seen.press("minus")
        assert lines(seen) == [1, 2, 3, 4]
        await seen.press("full_stop")
        await seen.shows("name↑")
        assert lines(seen)[0] == 1
        seen.app.runs.sort_by("best")
        assert lines(seen) == [2, 4, 1, 3]
        await seen.press("minus")
        assert lines(seen) == [3, 1, 4, 2]
        await seen.press("comma")
        assert seen.at == 4


async def test_a_click_on_a_heading_sorts(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.pilot.click("RunTable", offset=(10, 0))
        await seen.shows("name↑")
        await seen.pilot.click("RunTable", offset=(10, 0))
        await seen.shows("name↓")


async def test_sweeps_fold_into_one_line_with_counts(swept: Workspace, opened: Opener) -> None:
    async with opened(swept, WIDE) as seen:
        await seen.shows("rates", "3 ok", "▸ 3")
        assert lines(seen) == [5, 1]
        await seen.press("j", "enter")
        assert lines(seen) == [5, 4, 3, 2, 1]
        await seen.shows("▾ 3", "name3")
        await seen.press("j", "j", "left")
        assert lines(seen) == [5, 1]
        await seen.shows("3 runs, sweep", "run3")
        await seen.press("right", "z")
        assert lines(seen) == [5, 1]
        await seen.press("z")
        assert lines(seen) == [5, 4, 3, 2, 1]


async def test_a_folded_line_sums_up_hours_and_has_the_age_of_its_newest_run(swept: Workspace, opened: Opener) -> None:
    async with opened(swept, WIDE) as seen:
        await seen.press("j")
        line = seen.app.runs.table.line
        assert isinstance(line, HeadLine)
        layout = columns.fit(200, [columns.NAMED[name] for name in ("hours", "age")])
        now = 3 * 3600 + max(row.created for row in line.rows)
        told = heads.cells(line, layout, ascii=True, hours={2: 1.5, 4: 0.25, 5: 99.0}, now=now)
        assert [text.strip() for text, _ in told] == ["1.8", "3h"]
        told = heads.cells(line, layout, ascii=True, hours={}, now=now)
        assert told[0][0].strip() == "–", "nobody said that they held a GPU"


@pytest.mark.parametrize("key", ["2", "l", "e", "w", "R", "U", "y"])
async def test_what_needs_one_run_says_so_on_a_folded_line(swept: Workspace, opened: Opener, key: str) -> None:
    async with opened(swept, WIDE) as seen:
        await seen.press("j", key)
        await seen.shows("this line stands for several runs: enter opens it")
        await seen.press("enter")
        assert lines(seen) == [5, 4, 3, 2, 1]


async def test_a_folded_line_marks_its_runs(swept: Workspace, opened: Opener) -> None:
    async with opened(swept, SMALL) as seen:
        await seen.press("j", "space")
        assert set(seen.app.runs.table.marks) == {2, 3, 4}
        await seen.press("k", "space")
        assert seen.app.runs.table.marks == ()


async def test_marks_between_and_all(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("space", "G", "v")
        assert set(seen.app.runs.table.marks) == {1, 2, 3, 4}
        await seen.press("ctrl+a")
        assert seen.app.runs.table.marks == ()
        await seen.press("slash", *"r3d", "enter", "ctrl+a", "escape")
        assert set(seen.app.runs.table.marks) == {2, 3, 4}
        await seen.press("escape")
        assert seen.app.runs.table.marks == ()


async def test_groups_by_model_tag_and_state(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.press("b")
        await seen.shows("by model", "▸ 3", "r3d_tiny", "frame_tiny")
        await seen.press("b")
        await seen.shows("by tag", "base", "best", "(none)")
        await seen.press("b", "b", "b")
        await seen.shows("nothing is folded")
        assert lines(seen) == [4, 3, 2, 1]


async def test_columns_are_chosen_and_moved(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        await seen.press("C")
        assert isinstance(seen.app.screen, Choose)
        await seen.press("j", "j", "space", "K", "enter")
        await seen.pilot.pause()
        chosen = [column.key for column in seen.app.runs.table.chosen]
        assert "model" not in chosen
        await seen.press("C", "a", *"cfg.optim.lr", "enter", "enter")
        await seen.shows(" lr ", "0.001")
        await seen.press("C", "a", *"nonsense", "enter")
        await seen.shows("nothing is called 'nonsense'")
        await seen.press("escape", "escape", "escape")
        assert not isinstance(seen.app.screen, Choose)


async def test_columns_and_order_of_the_workspace_are_used(small: Workspace, opened: Opener) -> None:
    wanted = {"dashboard": {"columns": ["run", "name", "val/loss", "cfg.optim.lr"], "sort": "-name"}}
    (small.root / "arctl.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
    async with opened(find_workspace(small.root), WIDE) as seen:
        await seen.shows("val/loss", " lr ", "name↓")
        assert lines(seen) == [3, 4, 2, 1]


async def test_a_filter_that_is_wrong_says_where_while_it_is_typed(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("slash", *"stat:running")
        await seen.shows("column 1", "state")
        assert len(seen.app.runs.table.shown) == 4


async def test_saved_filters_are_kept_used_and_forgotten(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        await seen.press("slash", *"tag:base", "enter", "F")
        await seen.shows("none yet")
        await seen.press("s", *"good", "enter")
        await seen.shows("@good", "tag:base")
        await seen.press("escape", "escape", "slash", *"@good", "enter")
        await seen.until(lambda: set(seen.app.runs.table.shown) == {1, 2})
        await seen.press("F", "d")
        await seen.shows("none yet")


async def test_letters_typed_at_once_behind_a_key_are_not_lost(small: Workspace, opened: Opener) -> None:
    async with opened(small) as seen:
        for text in ("/state:failed", ":q"):
            for key in text:
                name = {"/": "slash", ":": "colon"}.get(key, key)
                seen.app.post_message(events.Key(name, key))
            await seen.until(lambda text=text: text == ":q" or seen.app.runs.filter_line.text == "state:failed")
            if text != ":q":
                await seen.press("escape")
        await seen.shows("commands", "q ")
