"""What the Sweep view reads: the list of sweeps, and one sweep's board with what each parameter did."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from arctl.numerals import change_text, value_text, when_text
from arctl.rundir import run_name
from arctl.states import State
from arctl.text import safe_line
from arctl.tui import palette, sheets, wording
from arctl.tui.sheets import Cell, Column, Row, Sheet, cell
from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.settings import Workspace
    from arctl.sweeps.board import Board, Configuration, Entry
    from arctl.sweeps.importance import Effect


@dataclass(frozen=True)
class SweepsWanted(Want):
    """The list of sweeps."""

    lane: ClassVar[str] = "sweep"

    def read(self, workspace: Workspace) -> SweepsPanel:
        """Read them all."""
        from arctl.sweeps.board import boards

        found = boards(workspace)
        return SweepsPanel(self, _list(found), tuple(board.name for board in found))


@dataclass(frozen=True)
class SweepsPanel(Panel):
    """All sweeps."""

    table: Sheet
    """A line for each; its key is the name."""
    names: tuple[str, ...]
    """Their names, the newest first."""


@dataclass(frozen=True)
class SweepWanted(Want):
    """The board of a sweep."""

    lane: ClassVar[str] = "sweep"
    name: str
    """The sweep."""
    each: bool = True
    """A line for each run; False for a line for each configuration, the mean over its seeds."""

    def read(self, workspace: Workspace) -> SweepPanel:
        """Read registry and record."""
        from arctl.sweeps.board import board
        from arctl.sweeps.send import FAILED, pick
        from arctl.sweeps.steer import worst

        began = time.monotonic()
        found = board(workspace, self.name)
        table = _board(found, found.each if self.each else found.ranking)
        again, _ = pick(found, states=FAILED, missing=True)
        effects, under_way = tuple(found.effects()), tuple(worst(found, len(found.entries)))
        return SweepPanel(self, found, table, effects, under_way, again, time.monotonic() - began)


@dataclass(frozen=True)
class SweepPanel(Panel):
    """One sweep."""

    board: Board
    """All of it."""
    table: Sheet
    """Its ranking; the key of a line is the name of the configuration's first element."""
    effects: tuple[Effect, ...]
    """What each parameter did, the clearest first."""
    worst: tuple[Entry, ...]
    """The elements under way that have a result, the worst first."""
    again: tuple[Entry, ...]
    """Those that failed or were never queued."""
    took_s: float = field(default=0.0, compare=False)
    """How long reading it took, seconds: a large one is read less often."""


def short(keys: Sequence[str]) -> dict[str, str]:
    """Return short titles of keys: `lr` for `optim.lr`, unless two keys would share it."""
    ends = Counter(key.rpartition(".")[2] for key in keys)
    return {key: safe_line(end if ends[end := key.rpartition(".")[2]] == 1 else key, limit=40) for key in keys}


def counts(board: Board) -> str:
    """Return how many elements stand where: `20 completed, 2 running`."""
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in board.states.items())


def _list(boards: Sequence[Board]) -> Sheet:
    columns = (
        Column("sweep", shrink=True),
        Column("elements", right=True, drop=3),
        Column("states", shrink=True),
        Column("metric", drop=2, shrink=True),
        Column("best", right=True),
        Column("run", drop=1),
        Column("submitted", drop=4),
    )
    return sheets.sheet(columns, [_list_row(board) for board in boards])


def _list_row(board: Board) -> Row:
    best = board.best
    value = best.mean if best else None
    created = board.sweep.created if board.sweep else None
    live = any(entry.alive for entry in board.entries)
    cells = (
        cell(board.name, f"bold {palette.TEXT}"),
        cell(len(board.entries), palette.MUTED, len(board.entries)),
        cell(counts(board), palette.ACCENT if live else palette.MUTED),
        cell(board.metric, palette.MUTED),
        cell(value_text(board.metric, value), palette.GOOD, _order(value)),
        cell(_runs(best) if best else "", palette.ACCENT),
        cell(when_text(created)[:16] if created else "", palette.MUTED, created or ""),
    )
    return Row(board.name, cells)


def _board(board: Board, ranking: Sequence[Configuration]) -> Sheet:
    keys = [key for key in board.varied if any(key in one.params for one in ranking)]
    titles, several = short(keys), any(len(one.entries) > 1 for one in ranking)
    columns = [Column("#", right=True), Column("run", drop=1 if several else 0)]
    columns += [Column(titles[key], right=True, drop=9 if at > 3 else 0, shrink=True) for at, key in enumerate(keys)]
    columns += [Column(safe_line(board.metric, limit=30), right=True)]
    columns += [Column("sd", right=True, drop=4), Column("n", right=True, drop=5)] if several else []
    columns += [Column("last", right=True, drop=6), Column("epoch", right=True, drop=3), Column("state", shrink=True)]
    rows = [_row(board, one, rank, keys, several=several) for rank, one in enumerate(ranking, start=1)]
    return sheets.sheet(columns, rows)


def _row(board: Board, one: Configuration, rank: int, keys: Sequence[str], *, several: bool) -> Row:
    from arctl.sweeps.values import shown

    first = one.entries[0]
    params = [
        cell(shown(one.params[key]), order=_sortable(one.params[key])) if key in one.params else cell(wording.NOTHING)
        for key in keys
    ]
    cells = (
        cell(rank if one.mean is not None else wording.NOTHING, palette.MUTED, rank),
        cell(_runs(one), palette.ACCENT, first.run.number if first.run else ""),
        *params,
        *_results(board, one, several=several, best=rank == 1 and one.mean is not None),
        *_progress(board, one),
        _state(one),
    )
    return Row(first.element.name, cells, first.run.number if first.run else None)


def _results(board: Board, one: Configuration, *, several: bool, best: bool) -> list[Cell]:
    """Return the metric and, where there are seeds, its spread and how many results there are."""
    diverged = one.mean is None and any(entry.diverged for entry in one.entries)
    value = math.nan if diverged else one.mean
    style = palette.BAD if diverged else f"bold {palette.GOOD}" if best else palette.TEXT
    found = [cell(value_text(board.metric, value) if value is not None else wording.NOTHING, style, _order(value))]
    if several:
        spread = change_text(board.metric, one.spread).removeprefix("+")
        found.append(cell("" if one.spread is None else spread, palette.MUTED, _order(one.spread)))
        found.append(cell(f"{len(one.values)}/{len(one.entries)}", palette.MUTED, len(one.values)))
    return found


def _progress(board: Board, one: Configuration) -> list[Cell]:
    """Return the newest value and the epoch of a single run; blanks for several."""
    if len(one.entries) != 1 or (run := one.entries[0].run) is None:
        return [cell(""), cell("")]
    summary = run.metrics.get(board.metric)
    last = summary.last if summary is not None else None
    bad = last is not None and not math.isfinite(last)
    epoch = wording.epochs(run)
    now = cell(value_text(board.metric, last) if last is not None else "", _bright(one, bad=bad), _order(last))
    return [now, cell("" if epoch == wording.NOTHING else epoch, _bright(one), run.epoch if run.epoch else "")]


def _bright(one: Configuration, *, bad: bool = False) -> str:
    if bad:
        return palette.BAD
    return palette.ACCENT if any(_trains(entry) for entry in one.entries) else palette.MUTED


def _trains(entry: Entry) -> bool:
    return entry.run is not None and entry.run.state is State.RUNNING


def _state(one: Configuration) -> Cell:
    states = Counter(None if entry.run is None else entry.run.state for entry in one.entries)
    if len(states) > 1:
        words = [f"{count} {_word(state)[0]}" for state, count in states.most_common()]
        return cell(", ".join(words), palette.TEXT)
    word, style = _word(one.entries[0].run.state if one.entries[0].run else None)
    diverged = any(entry.diverged for entry in one.entries)
    return cell(f"{word}, diverged" if diverged else word, palette.BAD if diverged else style)


def _word(state: State | None) -> tuple[str, str]:
    return ("missing", palette.WAIT) if state is None else palette.state_word(state)


def _runs(one: Configuration) -> str:
    found = [run_name(entry.run.number) for entry in one.entries if entry.run is not None]
    return wording.NOTHING if not found else found[0] if len(found) == 1 else f"{found[0]} +{len(found) - 1}"


def _order(value: float | None) -> float | str:
    return "" if value is None or not math.isfinite(value) else value


def _sortable(value: object) -> float | str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return "" if value is None else str(value)
