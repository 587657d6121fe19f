"""The palette's vocabulary: the actions of a view and of what has the focus in it, and verbs that take an argument."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from arctl.errors import NotFoundError, UsageError, nearest
from arctl.rundir import run_name
from arctl.states import LIVE
from arctl.text import safe_line
from arctl.tui import asking, keys, themes
from arctl.tui.commands import Command, Verb
from arctl.tui.keymap import keymap, remapped
from arctl.tui.messages import Do, OpenRun
from arctl.tui.note_deeds import SetNote, retag

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow
    from arctl.tui.screens.view import View

_ALSO = {"quit": ("q",), "help": ("h",), "view-submit": ("new",), "palette": ()}


def commands(view: View) -> list[Command]:
    """Return the actions that work now: those of what has the focus, of the view, and everywhere; each once."""
    changes = keymap(view.dashboard.workspace.settings.dashboard)
    inner = [(tuple(getattr(widget, "KEYS", ())), widget) for widget in view._focus_chain()]
    found: dict[str, Command] = {}
    for table, target in (*inner, (view.KEYS, view), (keys.EVERYWHERE, view)):
        for key in remapped(table, changes):
            name = key.id.replace("-", " ")
            if key.id != "palette":
                also = (key.id, *_ALSO.get(key.id, ()))
                found.setdefault(name, Command(name, key.meaning, key.shown, key.action, target, also))
    return [*found.values(), Command("exit", "leave the dashboard (jobs go on)", "", view.app.exit, also=("qa", "q!"))]


def verbs(view: View) -> tuple[Verb, ...]:
    """Return what takes an argument."""
    from arctl.tui.widgets.columns import NAMED

    rows = view.dashboard.runs.chosen()
    what = run_name(rows[0].number) if len(rows) == 1 else f"{len(rows)} runs"
    runs = [run_name(row.number) for row in view.snapshot.runs[:200]]
    live = [run_name(row.number) for row in view.snapshot.runs if row.state in LIVE][:200]
    return (
        Verb("open", "RUN", "show a run, by number or name", lambda text: _open(view, text)),
        Verb("filter", "TEXT", "filter the runs, as / does", lambda text: use_filter(view, text)),
        Verb(
            "sort",
            "COLUMN",
            "sort the runs; -COLUMN the other way round",
            lambda text: _sort(view, text),
            lambda: NAMED,
        ),
        Verb("tag", "WORD -WORD", f"add tags to {what}, or take them away", lambda text: _tag(view, rows, text)),
        Verb("note", "TEXT", f"replace the note of {what}", lambda text: _note(view, rows, text)),
        Verb("cancel", "RUN...", "cancel runs (asks first)", lambda text: _cancel(view, text), lambda: live),
        Verb("compare", "RUN RUN...", "compare runs", lambda text: _compare(view, text)),
        Verb("rerun", "RUN", "submit a run again with changes", lambda text: _rerun(view, text), lambda: runs),
        Verb("theme", "NAME", "try other colours", lambda text: themes.choose(view.app, text), themes.names),
    )


def open_run(view: View, number: int) -> None:
    """Show a run."""
    view.dashboard.post_message(OpenRun(number))


def use_filter(view: View, text: str) -> None:
    """Filter the list of runs."""
    view.dashboard.go_to("runs")
    view.dashboard.runs.filter_line.put(text)


def named(view: View, text: str) -> list[RunRow]:
    """Return the runs that words name: `run12`, `12`, a name. Raises NotFoundError with the nearest, UsageError."""
    words = shlex.split(text) if text.count("'") % 2 == 0 and text.count('"') % 2 == 0 else text.split()
    known: dict[str, RunRow] = {}
    for row in view.snapshot.runs:  # newest first: a name that several have is the newest one's
        for word in (str(row.number), run_name(row.number), row.name):
            known.setdefault(word, row)
    if unknown := next((word for word in words if word not in known), None):
        names = [word for word in known if not word.isdecimal()][:2000]
        raise NotFoundError(f"no run is called {safe_line(unknown, limit=60)!r}", cure=nearest(unknown, names))
    if not words:
        raise UsageError("no run is named", cure="as in run12")
    return list({known[word].number: known[word] for word in words}.values())


def _open(view: View, text: str) -> None:
    open_run(view, named(view, text)[0].number)


def _sort(view: View, text: str) -> None:
    from arctl.tui.widgets import columns

    name = text.removeprefix("-").strip()
    name = next((column.key for column in columns.NAMED.values() if column.title == name), name)
    if columns.named(name) is None:
        raise UsageError(f"there is no column {safe_line(name, limit=60)!r}", cure=nearest(name, columns.NAMED))
    view.dashboard.go_to("runs")
    view.dashboard.runs.sort_by(name, reverse=text.startswith("-"))


def _tag(view: View, rows: Sequence[RunRow], text: str) -> None:
    _need(rows)
    for deed in retag(tuple(row.number for row in rows), text):
        view.app.post_message(Do(deed))


def _note(view: View, rows: Sequence[RunRow], text: str) -> None:
    _need(rows)
    if len(rows) > 1:
        raise UsageError(f"{len(rows)} runs are marked", cure="a note is one run's: take the marks away with esc")
    view.app.post_message(Do(SetNote(rows[0].number, text, rows[0].note)))


def _cancel(view: View, text: str) -> None:
    asking.cancel(view, named(view, text))


def _compare(view: View, text: str) -> None:
    rows = named(view, text)
    if len(rows) < 2:
        raise UsageError("one run alone cannot be compared", cure="name two or more, as in compare run3 run7")
    view.dashboard.compare([row.number for row in rows])


def _rerun(view: View, text: str) -> None:
    view.dashboard.rerun(named(view, text)[0].number)


def _need(rows: Sequence[RunRow]) -> None:
    if not rows:
        raise UsageError("no run is under the cursor", cure="choose one in the list of runs")
