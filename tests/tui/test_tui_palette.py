"""The palette: what a typed text may mean, and what enter does; other themes, and terminals of 16 colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.widgets import Input

from arctl.errors import UsageError
from arctl.registry import read
from arctl.settings import Workspace
from arctl.tui import palette, themes
from arctl.tui.commands import Command, Offer, Verb, offers
from arctl.tui.screens.command_palette import CommandPalette
from arctl.tui.screens.confirm import Confirm
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener, Seen

COMMANDS = [
    Command("next tab", "show the next tab", "]", "tab(1)"),
    Command("cancel", "cancel the run", "x", "cancel"),
    Command("quit", "leave", "q", "quit", also=("q",)),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspaces.small(tmp_path_factory.mktemp("palette") / "ws")


async def ask(seen: Seen, text: str, *keys: str) -> None:
    """Open the palette, put a text there, and press enter, or other keys."""
    await seen.press("colon")
    seen.app.screen.query_one(Input).value = text
    await seen.pilot.pause()
    await seen.press(*(keys or ("enter",)))


def names(query: str, *verbs: Verb, workspace: Workspace | None = None) -> list[str]:
    rows = read.runs(workspace.db) if workspace else []
    filters = {"bad": "state:failed"}
    return [one.name for one in offers(query, commands=COMMANDS, verbs=verbs, runs=rows, filters=filters)]


def test_a_text_means_the_likeliest_first(shelf: Workspace) -> None:
    heard: list[str] = []
    theme = Verb("theme", "NAME", "other colours", heard.append, lambda: ("light", "arctl"))
    tag = Verb("tag", "WORD", "add a tag", heard.append)
    assert names("", theme) == ["next tab", "cancel", "quit", "theme NAME"]
    assert names(":q")[0] == "quit"
    assert names("nxt")[0] == "next tab"
    assert names("leave") == ["quit"]
    assert names(":3", workspace=shelf)[0] == names("run3", workspace=shelf)[0] == "run3 r3d_tiny-lr1"
    assert names("tiny-aug", workspace=shelf) == ["run4 r3d_tiny-aug"]
    assert names("bad") == ["@bad"]
    assert names("theme li", theme) == ["theme light"]
    assert names("theme light", theme)[0] == "theme light"
    assert names("tag base -dbg", tag) == ["tag base -dbg"]
    assert names("zzzz") == []
    (offer,) = offers("tag base", commands=[], verbs=[tag])
    assert callable(offer.do)
    offer.do()
    assert heard == ["base"]
    (bare,) = offers("tag", commands=[], verbs=[tag])
    assert bare == Offer("tag WORD", "add a tag", "", None, "tag ")


async def test_both_keys_open_it_and_enter_runs_what_is_chosen(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf) as seen:
        for key in ("ctrl+p", "colon"):
            await seen.press(key)
            assert isinstance(seen.app.screen, CommandPalette)
            await seen.shows("cancel", "mark the run", "space")
            await seen.press("escape")
        await ask(seen, "mark")
        await seen.until(lambda: seen.app.runs.table.marks == (4,))
        await ask(seen, "99")
        await seen.shows("nothing is called '99'")
        await seen.press("backspace", "backspace", "2", "enter")
        await seen.until(lambda: seen.at == 2)
        await ask(seen, "theme lig", "tab", "enter")
        await seen.until(lambda: seen.app.theme == "light")
        await ask(seen, "sort nothing")
        await seen.shows("there is no column")


async def test_cancel_by_name_asks_and_names_the_run_and_the_command(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf) as seen:
        await seen.until(lambda: seen.app.snapshot.complete)
        await ask(seen, "cancel run4")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.shows("Cancel run4 r3d_tiny-aug?", "running, job 9004 on local", "arctl cancel run4", "No")
        await seen.press("enter")
        assert not isinstance(seen.app.screen, Confirm)
        await ask(seen, "cancel run1")
        await seen.shows("run1 frame_tiny has ended")


async def test_names_that_look_like_markup_are_shown_as_they_are(opened: Opener, tmp_path: Path) -> None:
    async with opened(workspaces.hostile(tmp_path / "ws")) as seen:
        await seen.press("colon", *"bad")
        await seen.shows("[@click=app.bell]x", "[/] [/bold]")
        assert "\x1b" not in seen.text and "\u202e" not in seen.text


def test_each_theme_can_be_read_and_16_colours_keep_what_the_colours_mean() -> None:
    for name in themes.names():
        shown = themes.theme(name)
        assert {"muted", "faint", "edge"} <= set(shown.variables)
        if not shown.ansi:
            colours = {role: Color.parse(value) for role, value in themes.roles(name).items()}
            for role in ("TEXT", "MUTED", "ACCENT", "SECOND", "GOOD", "WAIT", "BAD"):
                ratio = themes.contrast(colours[role], colours["GROUND"])
                assert ratio >= themes.READABLE - 0.05, f"{name}: {role} {ratio:.2f}"
        sixteen = themes.exchange(name, sixteen=True)
        assert all(colour.type in (ColorType.STANDARD, ColorType.DEFAULT) for colour in sixteen.values())
        apart = {sixteen[Color.parse(getattr(palette, role)).rgb].number for role in ("GOOD", "WAIT", "BAD", "GROUND")}
        assert len(apart) == 4, name


async def test_the_filter_follows_the_theme_and_leaves_the_palettes_own_alone() -> None:
    app: App[None] = App()
    recolour = themes.Recolour(app, sixteen=False)
    themes.choose(app, "arctl")
    line = [Segment("x", Style.parse(f"bold {palette.BAD} on {palette.GROUND}")), Segment("y", None)]
    assert not recolour.needed and themes.Recolour(app, sixteen=True).needed
    themes.choose(app, "light")
    assert recolour.needed
    x, y = recolour.apply(line, Color.parse("white"))
    assert x.style is not None and x.style.bold
    assert x.style.color is not None and x.style.bgcolor is not None
    assert (x.style.color.name, x.style.bgcolor.name) == ("#c62828", "#fbfcfe")
    assert y == line[1]
    with pytest.raises(UsageError, match="no theme 'lihgt'"):
        themes.choose(app, "lihgt")
