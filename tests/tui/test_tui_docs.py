"""docs/dashboard.md names every key of the dashboard, as the tables in the code have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arctl.dashboard_settings import DashboardSettings
from arctl.tui import keys
from arctl.tui.checks import tables
from arctl.tui.keys import Key
from arctl.tui.screens.runs import RunsScreen
from arctl.tui.widgets.form import KEYS as FORM

PAGE = Path(__file__).parent.parent.parent / "docs" / "dashboard.md"


def sections() -> dict[str, tuple[Key, ...]]:
    """Return heading -> the keys that the page lists beneath it: each key once, where it belongs."""
    listed = {*map(id, keys.MOVE), *map(id, keys.EVERYWHERE), *map(id, RunsScreen.KEYS)}
    found = {"Everywhere": keys.EVERYWHERE, "Moving": keys.MOVE, "Runs": RunsScreen.KEYS}
    for view, table in tables().items():
        own = tuple(key for key in table if id(key) not in listed)
        if own and view != "Runs":
            found[view] = own
    found["Submit"] = (*FORM, *found["Submit"])
    return found


def as_table(group: tuple[Key, ...]) -> str:
    """Return the table that the page has for some keys."""
    return "\n".join(["| key | name | does |", "|---|---|---|", *(_row(key) for key in group)])


def _row(key: Key) -> str:
    return f"| {' '.join(f'`{one}`' for one in key.shown.split())} | `{key.id}` | {key.meaning} |"


@pytest.mark.parametrize("heading", sections())
def test_the_page_lists_the_keys_as_they_are(heading: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = re.search(rf"^### {heading}\n+(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert part is not None
    assert as_table(sections()[heading]) in part[1]


def test_the_page_names_every_setting() -> None:
    text = PAGE.read_text(encoding="utf-8")
    settings = set(DashboardSettings.__dataclass_fields__) - {"places"}
    assert [name for name in sorted(settings) if f"| `{name}`" not in text] == []
