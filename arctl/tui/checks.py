"""Whether `dashboard:` in arctl.yaml names themes, columns, actions and keys that exist: asked before all else."""

from __future__ import annotations

from importlib import import_module

from arctl.dashboard_settings import THEME, DashboardSettings
from arctl.text import safe_line
from arctl.tui.keys import Key


def check(settings: DashboardSettings) -> None:
    """Raise UsageError with line and column for a name that the dashboard does not know, and say the nearest.

    What arctl.yaml leaves out costs nothing: the views are imported only where keys are given.
    """
    if settings.theme != THEME:
        from arctl.tui.themes import names

        if settings.theme not in names():
            raise settings.unknown("theme", "theme", safe_line(settings.theme, limit=60), names())
    for key, words in (
        ("columns", settings.columns),
        ("sort", (settings.sort.removeprefix("-"),) if settings.sort else ()),
    ):
        for word in words:
            from arctl.tui.widgets import columns

            if columns.named(word) is None:
                raise settings.unknown(key, "column", safe_line(word, limit=60), tuple(columns.NAMED))
    if settings.keys:
        from arctl.tui.keymap import check as check_keys

        check_keys(settings, tables())


def tables() -> dict[str, tuple[Key, ...]]:
    """Return, for each view and each tab, all keys that work there."""
    from arctl.tui import keys
    from arctl.tui.screens.runs import RunsScreen
    from arctl.tui.views import VIEWS
    from arctl.tui.widgets import class_map
    from arctl.tui.widgets.run_pane import TABS

    everywhere = (*keys.MOVE, *keys.EVERYWHERE)
    found: dict[str, tuple[Key, ...]] = {"Runs": (*RunsScreen.KEYS, *everywhere)}
    for title, (module, name) in TABS.items():
        tab = getattr(import_module(f"arctl.tui.widgets.{module}"), name)
        inner = class_map.MAP if title == "Confusion" else ()
        found[title] = (*inner, *getattr(tab, "KEYS", ()), *RunsScreen.KEYS, *everywhere)
    for module, name in VIEWS.values():
        view = getattr(import_module(f"arctl.tui.screens.{module}"), name)
        found[view.TITLE] = (*view.KEYS, *everywhere)
    return found
