"""The table that views share: what gives way on a narrow screen, sorting, and a cursor that stays where it is."""

from __future__ import annotations

import math

from textual.app import App, ComposeResult

from arctl.tui.look import Look
from arctl.tui.sheets import Column, Row, Sheet, cell, fit, sheet
from arctl.tui.widgets.sheet import SheetView

COLUMNS = (
    Column("run"),
    Column("name", shrink=True),
    Column("acc", right=True),
    Column("node", drop=2),
    Column("empty", drop=1),
    Column("why", shrink=True, least=12, drop=1),
)


def table(values: dict[str, float | str], *, name: str = "a name of some length") -> Sheet:
    rows = [
        Row(key, (cell(key), cell(name), cell(value, order=value), cell("node1"), cell(""), cell("w" * 20)))
        for key, value in values.items()
    ]
    return sheet(COLUMNS, rows)


def test_texts_give_way_before_columns_do() -> None:
    found = table({"run1": 0.5})
    titles = [column.title for column in found.columns]
    assert titles == ["run", "name", "acc", "node", "why"], "what is empty is left out"

    def shown(width: int) -> dict[str, int]:
        return {titles[at]: cells for at, cells in fit(found, width)}

    assert shown(80) == {"run": 4, "name": 21, "acc": 3, "node": 5, "why": 20}
    assert shown(48) == {"run": 4, "name": 12, "acc": 3, "node": 5, "why": 20}, "the longest first"
    assert shown(36) == {"run": 4, "name": 8, "acc": 3, "node": 5, "why": 12}
    assert set(shown(30)) == {"run", "name", "acc", "why"}
    assert set(shown(20)) == {"run", "name", "acc"}
    assert sum(cells + 1 for _, cells in fit(found, 20)) - 1 <= 20
    assert fit(Sheet(), 20) == ()


class Shown(App[None]):
    """A table on a screen."""

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self.sheet = SheetView(Look(ascii=ascii), nothing="nothing here")

    def compose(self) -> ComposeResult:
        yield self.sheet

    @property
    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]


async def test_the_cursor_and_its_line_stay_when_ranks_change() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        assert app.lines[1] == " nothing here"
        many = {f"run{number}": float(number) for number in range(50)}
        app.sheet.show(table(many))
        app.sheet.focus()
        await pilot.press("G", "k", "k")
        await pilot.pause()
        at = next(place for place, line in enumerate(app.lines) if line.startswith("▌"))
        assert app.lines[at].startswith("▌run47")
        app.sheet.show(table({"new1": 1.0, "new2": 2.0, **many}))
        await pilot.pause()
        assert app.lines[at].startswith("▌run47"), "as many lines below the top as before"
        app.sheet.show(table({"run47": 47.0, **{key: 0.0 for key in many if key != "run47"}}))
        await pilot.pause()
        assert app.lines[1].startswith("▌run47"), "it went to the top, and is in sight"
        app.sheet.show(table({**{key: 0.0 for key in many if key != "run47"}, "run47": 47.0}))
        await pilot.pause()
        assert any(line.startswith("▌run47") for line in app.lines), "and back"
        app.sheet.show(table(many))
        app.sheet.show(table({key: value for key, value in many.items() if key != "run47"}))
        await pilot.pause()
        assert app.sheet.row is not None and app.sheet.row.key == "run48", "the next one in its place"
        app.sheet.show(sheet(COLUMNS, []), "all gone")
        await pilot.pause()
        assert app.sheet.row is None and app.lines[1] == " all gone"


async def test_sorting_goes_through_the_columns_and_leaves_blanks_last() -> None:
    app = Shown(ascii=True)
    async with app.run_test(size=(60, 12)) as pilot:
        app.sheet.show(table({"b": 2.0, "a": 10.0, "c": math.nan, "d": "", "e": "word"}))
        for _ in range(3):
            app.sheet.sort(1)
        await pilot.pause()
        assert app.sheet.sorted_by == "acc" and "acc^" in app.lines[0]
        assert [line[1] for line in app.lines[1:6]] == ["b", "a", "e", "c", "d"]
        app.sheet.reverse()
        await pilot.pause()
        assert [line[1] for line in app.lines[1:6]] == ["e", "a", "b", "c", "d"]
        app.sheet.sort(-3)
        await pilot.pause()
        assert app.sheet.sorted_by is None and [line[1] for line in app.lines[1:6]] == ["b", "a", "c", "d", "e"]
        await pilot.click(app.sheet, offset=(3, 3))
        assert app.sheet.row is not None and app.sheet.row.key == "c" and app.lines[3].startswith(">c")
