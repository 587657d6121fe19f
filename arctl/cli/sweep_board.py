"""How a sweep is shown: its elements before they are sent, its ranking, which parameter mattered, as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import echo_file, echo_json, narrate
from arctl.cli.tables import (
    NOTHING,
    Cell,
    Column,
    Row,
    change_text,
    heading,
    say,
    show_table,
    state_cell,
    value_text,
    when_text,
)
from arctl.registry.rows import json_number
from arctl.rundir import run_name
from arctl.sweeps.record import plain
from arctl.sweeps.values import Params, shown

if TYPE_CHECKING:
    from arctl.launch import Launched
    from arctl.plan import Plan
    from arctl.sweeps.board import Board, Configuration, Entry
    from arctl.sweeps.importance import Effect
    from arctl.sweeps.record import Sweep


def show_plan(sweep: Sweep, plans: Sequence[Plan], notes: Sequence[str], *, as_json: bool) -> None:
    """Print the elements of a sweep that is not sent, and the script of its first job."""
    elements = [{"name": one.name, "params": _plain(one.params)} for one in sweep.elements]
    scripts = dict.fromkeys(plan.script for plan in plans)
    if as_json:
        facts: dict[str, object] = {"sweep": sweep.name, "metric": sweep.metric, "max_parallel": sweep.max_parallel}
        echo_json("arctl.sweep-plan/1", {**facts, "notes": list(notes), "jobs": len(scripts), "elements": elements,
                                         "cluster": plans[0].cluster, "script": plans[0].script})  # fmt: skip
        return
    keys = sweep.varied
    titles = _short(keys)
    columns = [Column("element"), *(Column(titles[key], right=True) for key in keys)]
    show_table(columns, [[one.name, *_cells(one.params, keys)] for one in sweep.elements])
    click.echo()
    echo_file(plans[0].script)
    what = f"{len(elements)} element{'' if len(elements) == 1 else 's'}"
    jobs = "one job" if len(scripts) == 1 else f"{len(scripts)} jobs"
    narrate(f"a dry run: nothing was queued; {what} in {jobs} on {plans[0].cluster}")


def show_list(boards: Sequence[Board]) -> None:
    """Print a line for each sweep."""
    columns = (
        Column("sweep", shrink=True),
        Column("elements", right=True),
        Column("states", shrink=True),
        Column("metric", drop=2),
        Column("best", right=True),
        Column("run", drop=3),
        Column("submitted", drop=4),
    )
    rows: list[Row] = []
    for one in boards:
        best = one.best
        rows.append(
            [
                Cell(one.name, "bold"),
                str(len(one.entries)),
                _counts(one.states),
                one.metric,
                value_text(one.metric, best.mean if best else None),
                _runs(best) if best else NOTHING,
                Cell(when_text(one.sweep.created if one.sweep else None)[:16], "dim"),
            ]
        )
    show_table(columns, rows)


def show_board(board: Board, *, each: bool, most: int | None) -> None:
    """Print how a sweep stands: its ranking and what each parameter did."""
    say(Cell(board.name, "bold"), f"  {len(board.entries)} elements: {_counts(board.states)}")
    most_at_once = board.sweep.max_parallel if board.sweep else None
    if most_at_once and any(entry.alive for entry in board.entries):
        say(Cell(f"at most {most_at_once} at a time", "dim"))
    if board.sweep is None:
        narrate("its record is lost: shown are the elements that have a run")
    elif board.sweep.note:
        say(Cell(" ".join(board.sweep.note.split()), "dim"))
    ranking = board.each if each else board.ranking
    _ranking(board, ranking[:most])
    if most is not None and len(ranking) > most:
        narrate(f"the {most} best of {len(ranking)}: --all shows them all")
    _effects(board)


def board_facts(board: Board, *, brief: bool = False) -> dict[str, object]:
    """Return what `--json` prints of a sweep; `brief` for a list."""
    best = board.best
    facts: dict[str, object] = {
        "sweep": board.name,
        "created": board.sweep.created if board.sweep else None,
        "metric": board.metric,
        "lower_is_better": board.lower,
        "elements": len(board.entries),
        "states": dict(board.states),
        "best": None if best is None else _configuration(best),
    }
    if brief:
        return facts
    ranking = [{"rank": rank, **_configuration(one)} for rank, one in enumerate(board.ranking, start=1)]
    return {**facts, "ranking": ranking, "effects": [_effect(one, lower=board.lower) for one in board.effects()]}


def _ranking(board: Board, ranking: Sequence[Configuration]) -> None:
    keys = [key for key in board.varied if any(key in one.params for one in ranking)]
    titles, several = _short(keys), any(len(one.entries) > 1 for one in ranking)
    columns = [Column("#", right=True), Column("run", drop=1 if several else 0)]
    columns += [Column(titles[key], right=True) for key in keys]
    columns += [Column(board.metric, right=True), Column("sd", right=True, drop=2), Column("n", right=True, drop=3)]
    columns += [Column("epoch", right=True, drop=5), Column("state")]
    rows: list[Row] = []
    for rank, one in enumerate(ranking, start=1):
        epochs = {entry.epoch for entry in one.entries if entry.epoch is not None}
        rows.append(
            [
                Cell(str(rank) if one.mean is not None else NOTHING, "dim"),
                Cell(_runs(one), "bold"),
                *_cells(one.params, keys),
                value_text(board.metric, _result(one)),
                "" if not several else change_text(board.metric, one.spread).removeprefix("+"),
                "" if not several else f"{len(one.values)}/{len(one.entries)}",
                "" if len(epochs) != 1 else f"{min(epochs):g}",
                _state(one),
            ]
        )
    print()
    show_table(columns, rows)


def _effects(board: Board) -> None:
    """Print what each parameter did, the clearest first."""
    found = board.effects()
    if not found:
        narrate("which parameter mattered shows once elements with different values have completed")
        return
    heading(f"which parameter mattered for {board.metric}")
    columns = (
        Column("parameter", shrink=True),
        Column("verdict"),
        Column("best", right=True),
        Column("worst", right=True),
        Column("share", right=True, drop=2),
        Column("trend", right=True, drop=3),
        Column("p", right=True, drop=1),
        Column("n", right=True, drop=4),
    )
    show_table(columns, [_effect_row(board, one) for one in found])
    judged = max(one.count for one in found)
    narrate(f"by {judged} completed elements; share: of the spread of their ranks; trend: -1 to 1")
    narrate("p: how often chance alone shows as much; of many parameters one looks clear by chance")
    for one in found:
        if one.twins and one.key < min(one.twins):
            narrate(f"{', '.join([one.key, *one.twins])} change together: nobody can tell them apart here")


def _effect_row(board: Board, one: Effect) -> Row:
    best, worst = one.ends(lower=board.lower)
    styles = {"matters": "bold green", "perhaps": "yellow"}
    return [
        one.key,
        Cell(one.verdict, styles.get(one.verdict, "dim")),
        *(f"{group.label} ({value_text(board.metric, group.mean)})" for group in (best, worst)),
        NOTHING if one.share is None else f"{100 * one.share:.0f}%",
        NOTHING if one.trend is None else f"{one.trend:+.2f}",
        NOTHING if one.p is None else f"{one.p:.3f}",
        str(one.count),
    ]


def _effect(one: Effect, *, lower: bool) -> dict[str, object]:
    groups = [{"label": group.label, "count": group.count, "mean": json_number(group.mean)} for group in one.groups]
    facts: dict[str, object] = {"key": one.key, "verdict": one.verdict, "n": one.count, "share": one.share}
    best, worst = one.ends(lower=lower)
    return {**facts, "trend": one.trend, "p": one.p, "best": best.label, "worst": worst.label, "groups": groups,
            "together_with": list(one.twins)}  # fmt: skip


def _configuration(one: Configuration) -> dict[str, object]:
    facts: dict[str, object] = {"params": _plain(one.params), "mean": one.mean, "sd": one.spread, "n": len(one.values)}
    return {**facts, "elements": [_entry(entry) for entry in one.entries]}


def _entry(entry: Entry) -> dict[str, object]:
    run = entry.run
    return {
        "name": entry.element.name,
        "params": _plain(entry.element.params),
        "run": None if run is None else run_name(run.number),
        "state": None if run is None else str(run.state),
        "job_id": None if run is None else run.job_id,
        "value": entry.value,
        "epoch": entry.epoch,
        "tries": entry.tries,
    }


def _result(one: Configuration) -> float | None:
    """Return the mean result; NaN where there is none because the training diverged."""
    return math.nan if one.mean is None and any(entry.diverged for entry in one.entries) else one.mean


def _state(one: Configuration) -> Cell:
    states = Counter("missing" if entry.run is None else entry.run.state for entry in one.entries)
    first = one.entries[0].run
    if len(states) == 1:
        return Cell("missing", "yellow") if first is None else state_cell(first.state)
    return Cell(_counts({str(state): count for state, count in states.most_common()}))


def _runs(one: Configuration) -> str:
    found = [run_name(entry.run.number) for entry in one.entries if entry.run is not None]
    return NOTHING if not found else found[0] if len(found) == 1 else f"{found[0]} +{len(found) - 1}"


def _counts(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in states.items())


def _cells(params: Params, keys: Sequence[str]) -> list[str]:
    return [shown(params[key]) if key in params else NOTHING for key in keys]


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Return short titles of keys: `lr` for `optim.lr`, unless two keys would share it."""
    ends = Counter(key.rpartition(".")[2] for key in keys)
    return {key: end if ends[end := key.rpartition(".")[2]] == 1 else key for key in keys}


def _plain(params: Params) -> dict[str, Any]:
    return {key: plain(value) for key, value in params.items()}


@contextmanager
def told(name: str, *, as_json: bool) -> Iterator[Callable[[Launched], None]]:
    """Say what was queued, a line for each array, also where the rest of it fails."""
    done: list[Launched] = []
    try:
        yield done.append
    except BaseException:
        if done:
            narrate(f"what is queued stays; `arctl sweep resubmit {name} --missing` sends the rest")
        raise
    finally:
        if as_json and done:
            echo_json("arctl.submitted/1", {"sweep": name, "runs": [run.facts() for run in done]})
        for line in [] if as_json else _lines(done):
            click.echo(line)
    if done:
        narrate(f"follow it with `arctl sweep show {name}`")
    elif not as_json:
        narrate("nothing was queued")


def _lines(done: Sequence[Launched]) -> Iterator[str]:
    from arctl.clusters.base import whole_of

    for job, group in groupby(done, key=lambda run: whole_of(run.job_id)):
        runs = list(group)
        last = "" if len(runs) == 1 else f":{runs[-1].run}"
        count = "" if len(runs) == 1 else f"  {len(runs)} elements"
        yield f"{runs[0].run}{last}  job {job if count else runs[0].job_id} on {runs[0].cluster}{count}"
