"""Every key that is not a view's or a tab's own: bindings, footer and help are made from such tables."""

from __future__ import annotations

from collections.abc import Iterable
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
    """One or two words for the footer."""
    meaning: str
    """A line for the help screen."""
    name: str = ""
    """What arctl.yaml calls it under `dashboard: keys:`; empty is the action, in words."""

    @property
    def id(self) -> str:
        """The name under which it can be given another key."""
        return self.name or self.action.partition("(")[0].replace("_", "-")


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
"""Moving in lists and texts."""

TABLE = (
    Key("enter", "enter", "open", "open", "show the run on the whole screen; open or close a folded line"),
    Key("slash", "/", "filter", "filter", "filter: words, state:running, val/top1>80%, cfg.optim.lr<=1e-4, age<2d"),
    Key("F", "F", "filters", "filters", "choose, save or forget a filter"),
    Key("space", "space", "mark", "mark", "mark the run, or take the mark away"),
    Key("v", "v", "mark_to", "mark to", "mark all runs from the last mark to here"),
    Key("ctrl+a", "ctrl+a", "mark_all", "mark all", "mark all that the filter shows, or none"),
    Key("c", "c", "compare", "compare", "compare the marked runs"),
    Key("comma", ",", "sort(-1)", "sort left", "sort by the column to the left", "sort-left"),
    Key("full_stop", ".", "sort(1)", "sort right", "sort by the column to the right", "sort-right"),
    Key("minus", "-", "reverse", "reverse", "reverse the order"),
    Key("C", "C", "columns", "columns", "choose the columns"),
    Key("b", "b", "group", "group", "group by sweep, model, tag, state, or not"),
    Key("right", "→", "unfold", "unfold", "open the folded line"),
    Key("left", "←", "fold", "fold", "fold the line again"),
    Key("z", "z", "fold_all", "fold all", "fold all lines, or open them all"),
)
"""What can be done with the list of runs."""

RUN = (
    Key("x", "x", "cancel", "cancel", "cancel the run, or the marked ones (asks first)"),
    Key("R", "R", "rerun", "rerun", "submit it again with changes"),
    Key("U", "U", "resume", "resume", "go on with it from its checkpoint (asks first)"),
    Key("w", "w", "why", "why", "say why it waits, is slow or ended"),
    Key("e", "e", "note", "note", "write its note"),
    Key("t", "t", "tags", "tags", "change its tags, or those of the marked runs"),
    Key("E", "E", "export", "export", "export the run, or the marked ones, as a report"),
    Key("y", "y", "copy", "copy", "copy the path of the run's directory"),
)
"""What can be done with a run."""

PANE = (
    Key("right_square_bracket", "]", "tab(1)", "next tab", "next tab", "next-tab"),
    Key("left_square_bracket", "[", "tab(-1)", "last tab", "previous tab", "last-tab"),
    Key("l", "l", "log", "log", "jump to the log"),
    Key("tab", "tab", "other_pane", "pane", "move between the list and the run"),
)
"""What can be done with the run that is shown."""

EVERYWHERE = (
    Key("1", "1", "view('runs')", "runs", "the runs", "view-runs"),
    Key("2", "2", "view('run')", "run", "the run under the cursor", "view-run"),
    Key("3", "3", "view('compare')", "compare", "the comparison", "view-compare"),
    Key("4", "4", "view('sweep')", "sweep", "the sweeps", "view-sweep"),
    Key("5", "5", "view('cluster')", "cluster", "the cluster and my queue", "view-cluster"),
    Key("6,n", "n", "view('submit')", "submit", "submit a run", "view-submit"),
    Key("colon,ctrl+p", ":", "commands", "palette", "commands by name", "palette"),
    Key("question_mark,f1", "?", "help", "help", "this page"),
    Key("at", "@", "calls", "calls", "what the scheduler was asked, and what was done"),
    Key("r,ctrl+r", "r", "refresh", "refresh", "ask the scheduler and read the disk now"),
    Key("escape", "esc", "back", "back", "back; drop the filter"),
    Key("q", "q", "quit", "quit", "leave the view, or the dashboard (jobs go on)"),
)
"""Everywhere."""


def bindings(*groups: Iterable[Key]) -> list[BindingType]:
    """Return the bindings of some groups of keys."""
    return [Binding(key.keys, key.action, key.meaning, show=False, id=key.id) for keys in groups for key in keys]
