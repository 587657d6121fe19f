"""Other keys for the dashboard's actions, as `dashboard: keys:` of arctl.yaml has them.

Textual's own keymap moves the bindings, by their ids; here the names are checked, and the tables that footer, help and
palette are made from follow.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from textual.binding import Binding
from textual.keys import Keys, format_key

from arctl.dashboard_settings import DashboardSettings
from arctl.errors import nearest
from arctl.text import safe_line
from arctl.tui.keys import Key

_LEFT_ALONE = frozenset({"ctrl+c"})
"""Keys that stay what they are: they get out of everything."""

_MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")


def keymap(settings: DashboardSettings) -> dict[str, str]:
    """Return what `App.set_keymap` takes: id of a binding -> its keys, comma-separated, in Textual's names."""
    return {action: ",".join(_textual(key) for key in keys) for action, keys in settings.keys.items()}


def remapped(keys: tuple[Key, ...], changes: Mapping[str, str]) -> tuple[Key, ...]:
    """Return a table of keys after the changes that `keymap` gave."""
    return tuple(_moved(key, changes[key.id]) if key.id in changes else key for key in keys)


def check(settings: DashboardSettings, views: Mapping[str, Iterable[Key]]) -> None:
    """See that the key map names actions and keys that exist, and that no key does two things in one view.

    `views` has, for each view or tab, all keys that work there. Raises UsageError with line and column.
    """
    tables = {view: tuple(table) for view, table in views.items()}
    known = {key.id for table in tables.values() for key in table}
    for action, keys in settings.keys.items():
        if action not in known:
            raise settings.unknown(f"keys.{action}", "action", safe_line(action, limit=60), tuple(sorted(known)))
        for key in keys:
            _check_key(settings, action, key)
    changes = keymap(settings)
    for view, table in tables.items():
        _check_twice(settings, view, remapped(table, changes), frozenset(changes))


def _check_key(settings: DashboardSettings, action: str, key: str) -> None:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    shown = safe_line(key, limit=60)
    if _textual(key) in _LEFT_ALONE:
        raise settings.wrong(f"keys.{action}", f"{shown} leaves the dashboard", cure="choose another key")
    if len(last) != 1 and last not in _names():
        cure = nearest(last, _names())
        raise settings.wrong(f"keys.{action}", f"there is no key {shown!r}", cure=cure)
    if odd := [word for word in modifiers if word not in _MODIFIERS]:
        cure = f"use {', '.join(_MODIFIERS[:3])}, as in ctrl+x"
        raise settings.wrong(f"keys.{action}", f"{safe_line(odd[0], limit=40)!r} goes with no key", cure=cure)
    if len(last) == 1 and not last.isprintable():
        raise settings.wrong(f"keys.{action}", "this is no key", cure="name a key, as in ctrl+x")


def _check_twice(settings: DashboardSettings, view: str, table: Sequence[Key], moved: frozenset[str]) -> None:
    """Refuse a key that two actions share; where neither was moved, the inner one wins on purpose."""
    found: dict[str, Key] = {}
    for one in table:
        for key in one.keys.split(","):
            other = found.setdefault(key, one)
            if other.id != one.id and moved & {other.id, one.id}:
                action = one.id if one.id in moved else other.id
                rest = other.id if action == one.id else one.id
                what = f"{format_key(key)} is the key of {rest!r} in {view} already"
                raise settings.wrong(f"keys.{action}", what, cure=f"choose another, or give {rest!r} one too")


def _moved(key: Key, keys: str) -> Key:
    return replace(key, keys=keys, shown=" ".join(format_key(one) for one in keys.split(",")))


def _textual(key: str) -> str:
    """Return Textual's name of a key: a character on a keyboard has a long one."""
    head, plus, last = key.rpartition("+") if len(key) > 1 and not key.endswith("+") else ("", "", key)
    if last == ",":
        return f"{head}{plus}comma"
    return f"{head}{plus}{next(iter(Binding.make_bindings([Binding(last, '')]))).key}"


@cache
def _names() -> frozenset[str]:
    """Return the names of keys that are no characters, and Textual's long names of those that are."""
    plain = {key.value.rpartition("+")[2] for key in Keys if not key.value.startswith("<")} - {"return", "ctrl-at"}
    return frozenset(plain | {_textual(char) for char in string.punctuation} | {"space", "enter", "backspace"})
