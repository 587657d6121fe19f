"""Other keys for the dashboard's actions: names checked, places told, bindings, footer and help moved together."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.errors import UsageError
from arctl.settings import Workspace, load_settings
from arctl.tui import keys
from arctl.tui.checks import check, tables
from arctl.tui.keymap import keymap, remapped
from tests.tui.conftest import Opener


def settled(tmp_path: Path, text: str) -> Workspace:
    (tmp_path / "arctl.yaml").write_text(f"dashboard:\n{text}")
    return Workspace(root=tmp_path, settings=load_settings(tmp_path / "arctl.yaml"))


def test_the_tables_as_they_are_name_each_action_once_in_a_view_and_pass(tmp_path: Path) -> None:
    check(settled(tmp_path, "  keys: {refresh: f5}\n").settings.dashboard)
    for view, table in tables().items():
        for name in {key.id for key in table}:
            actions = {key.action for key in table if key.id == name}
            assert len(actions) == 1, f"{view}: {name} is {actions}"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("  keys: {cansel: x}\n", ":2:18", "no action 'cansel' (did you mean 'cancel'"),
        ("  keys: {cancel: entr}\n", ":2:18", "no key 'entr' (did you mean 'enter'"),
        ("  keys: {cancel: contrl+x}\n", ":2:18", "'contrl' goes with no key"),
        ("  keys: {cancel: ctrl+c}\n", ":2:18", "ctrl+c leaves the dashboard"),
        ("  keys: {cancel: q}\n", ":2:18", "q is the key of 'quit'"),
        ("  keys:\n    mark: u\n    cancel: u\n", ":4:13", "u is the key of 'mark'"),
        ("  theme: lihgt\n", ":2:10", "no theme 'lihgt' (did you mean 'light'"),
        ("  columns: [run, nam]\n", ":2:12", "no column 'nam' (did you mean 'name'"),
        ("  sort: -bst\n", ":2:9", "no column 'bst' (did you mean 'best'"),
    ],
)
def test_a_name_that_is_none_is_placed_with_the_nearest(tmp_path: Path, text: str, place: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(settled(tmp_path, text).settings.dashboard)
    assert f"arctl.yaml{place}" in str(caught.value)
    assert what in str(caught.value)


def test_keys_may_be_exchanged_and_footer_and_help_follow(tmp_path: Path) -> None:
    found = settled(tmp_path, "  keys: {cancel: c, compare: ['x', '{']}\n").settings.dashboard
    check(found)
    changes = keymap(found)
    assert changes == {"cancel": "c", "compare": "x,left_curly_bracket"}
    moved = {key.id: key for key in remapped((*keys.TABLE, *keys.RUN), changes)}
    assert (moved["cancel"].keys, moved["cancel"].shown) == ("c", "c")
    assert (moved["compare"].keys, moved["compare"].shown) == ("x,left_curly_bracket", "x {")
    assert moved["mark"] in keys.TABLE


async def test_the_moved_key_works_and_the_old_one_no_longer_does(opened: Opener, small: Workspace) -> None:
    async with opened(small) as seen:
        seen.app.set_keymap({"mark": "u", "mark-all": "space"})
        await seen.press("u")
        assert seen.app.runs.table.marks == (4,)
        await seen.press("space")
        assert len(seen.app.runs.table.marks) == 4
