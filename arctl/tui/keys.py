"""Every key of the dashboard, once: bindings, footer and help screen are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True)
class Key:
    """One thing that a key does."""

    keys: str
    """Textual's names of the keys, comma-separated."""
    shown: str
    """How people write them."""
    action: str
    """The action that runs, as Textual spells it."""
    word: str
    """One word for the footer."""
    meaning: str
    """A line for the help screen."""


MOVE = (
    Key("j,down", "j ↓", "line_down", "down", "one line down"),
    Key("k,up", "k ↑", "line_up", "up", "one line up"),
    Key("g,home", "g", "to_top", "top", "to the first line"),
    Key("G,end", "G", "to_bottom", "bottom", "to the last line"),
    Key("ctrl+d", "ctrl+d", "half_down", "half down", "half a page down"),
    Key("ctrl+u", "ctrl+u", "half_up", "half up", "half a page up"),
    Key("pagedown,ctrl+f", "PgDn", "page_down", "page down", "a page down"),
    Key("pageup,ctrl+b", "PgUp", "page_up", "page up", "a page up"),
)
"""Moving in the table and in texts."""

RUNS = (
    Key("enter", "enter", "open", "open", "show the run on the whole screen"),
    Key("escape", "esc", "back", "back", "back to the list; drop the filter"),
    Key("slash", "/", "filter", "filter", "filter by number, name, model, state or tag"),
    Key("space", "space", "mark", "mark", "mark the run, or take the mark away"),
    Key("c", "c", "compare", "compare", "compare the two marked runs"),
    Key("x", "x", "cancel", "cancel", "cancel the run (asks first)"),
    Key("y", "y", "copy", "copy path", "copy the path of the run's directory"),
    Key("r", "r", "refresh", "refresh", "ask the scheduler and read the disk now"),
)
"""What can be done with runs."""

DETAIL = (
    Key("right_square_bracket", "]", "tab(1)", "next tab", "next tab: Curves, Log, Config, Confusion"),
    Key("left_square_bracket", "[", "tab(-1)", "last tab", "previous tab"),
    Key("l", "l", "log", "log", "jump to the log"),
    Key("f", "f", "follow", "follow", "follow the log as it grows, or stop"),
    Key("m", "m", "metric(1)", "metric", "draw the next metrics"),
    Key("M", "M", "metric(-1)", "last metric", "draw the previous metrics"),
    Key("tab", "tab", "other_pane", "pane", "move between the list and the run"),
)
"""What can be done with the run that is shown."""

APP = (
    Key("question_mark,f1", "?", "help", "help", "this page"),
    Key("q", "q", "quit", "quit", "leave (jobs go on without the dashboard)"),
)
"""Everywhere."""

GROUPS = (("Move", MOVE), ("Runs", RUNS), ("The run shown", DETAIL), ("Everywhere", APP))
"""The help screen's sections."""

_EVERY = {key.action: key for _, keys in GROUPS for key in keys}

LIST_FOOTER = ("open", "filter", "mark", "compare", "help", "quit")
"""Actions in the footer while the list has the screen or the focus."""

TAB_FOOTER = {
    "Curves": ("back", "tab(1)", "metric(1)", "log", "help", "quit"),
    "Log": ("back", "tab(1)", "follow", "copy", "help", "quit"),
    "Config": ("back", "tab(1)", "log", "copy", "help", "quit"),
    "Confusion": ("back", "tab(1)", "log", "copy", "help", "quit"),
}
"""Actions in the footer while a tab of a run has the screen or the focus."""


def bindings(*groups: tuple[Key, ...]) -> list[BindingType]:
    """Return the bindings of some groups of keys."""
    return [Binding(key.keys, key.action, key.meaning, show=False) for keys in groups for key in keys]


def hints(actions: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return (key, word) for the footer."""
    return [(_EVERY[action].shown, _EVERY[action].word) for action in actions]
