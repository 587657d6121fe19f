"""`arctl queue`: your jobs in the queue, arctl's and others, with their runs and why they wait."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate
from arctl.errors import NotFoundError
from arctl.rundir import run_name
from arctl.states import State

if TYPE_CHECKING:
    from arctl.cli.tables import Cell, Row
    from arctl.queue import Place, Queue
    from arctl.settings import Workspace
    from arctl.why.sooner import Place as Standing

__all__ = ["queue_command"]

MINUTE_S = 60.0
"""Over how long `--calls` counts, seconds."""

WIDE = 100
"""Columns from which on there is room for places, partitions and limits."""


@click.command("queue")
@click.option("--each", is_flag=True, help="A line for each element of an array, not one for those that are alike.")
@click.option("--fresh", is_flag=True, help="Ask Slurm now, as soon as the site's least interval allows.")
@click.option("--calls", is_flag=True, help="What your arctl processes asked of Slurm in the last minute.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.queue/1, arctl.calls/1).")
@click.pass_obj
def queue_command(session: Session, each: bool, fresh: bool, calls: bool, as_json: bool) -> None:
    """List your jobs in the queue, those that run first, with the reason of each that waits.

    All your jobs are listed, whoever submitted them; those of this workspace name their run. Place is that in
    the line of its partition. Slurm's answer is shared by all your arctl processes. Works outside of a workspace too.
    """
    from arctl.queue import FRESH_S, look, standings

    if calls:
        from arctl.cli.calls import show_log

        (show_log if each else _show_calls)(as_json=as_json)
        return
    workspace = _workspace(session)
    if workspace is not None:
        session.sync(force=fresh)
    queue = look(workspace, max_age_s=0.0 if fresh else FRESH_S)
    standing = standings(queue.places) if queue.trouble is None else {}
    if as_json:
        jobs = [_facts(place, standing.get(place.job.job_id)) for place in queue.places]
        echo_json("arctl.queue/1", {"at": queue.at, "trouble": queue.trouble, "jobs": jobs})
        return
    if queue.places:
        _show(queue.places, standing, each=each)
    else:
        narrate("no job of yours waits or runs")
    _tell_age(queue)


def _show_calls(*, as_json: bool) -> None:
    """Print the calls of the last minute, summed up by program and purpose."""
    from arctl.cli.tables import Cell, Column, show_table
    from arctl.clusters import calls

    found = calls.tally(calls.recent(since=time.time() - MINUTE_S))
    if as_json:
        echo_json("arctl.calls/1", {"seconds": MINUTE_S, "calls": [asdict(one) for one in found]})
        return
    if not found:
        narrate("no arctl of yours has asked Slurm anything in the last minute")
        return
    columns = (
        *(Column("program"), Column("what for"), Column("calls", right=True)),
        *(Column("in vain", right=True, drop=1), Column("ms", right=True), Column("by process", shrink=True)),
    )
    rows = [
        (
            Cell(one.program, "bold"),
            one.why,
            str(one.count),
            Cell(str(one.failed), "red") if one.failed else "",
            f"{one.ms:.0f}",
            ", ".join(map(str, one.pids)),
        )
        for one in found
    ]
    show_table(columns, rows)


def _tell_age(queue: Queue) -> None:
    from arctl.cli.tables import span_text

    age = time.time() - queue.at if queue.at is not None else 0.0
    if queue.trouble is not None:
        narrate(f"warning: this is what Slurm said {span_text(age)} ago; now: {queue.trouble}")
    elif age >= 5:
        narrate(f"as Slurm said {span_text(age)} ago")


def _workspace(session: Session) -> Workspace | None:
    try:
        return session.workspace
    except NotFoundError:
        if session.explicit is not None:
            raise
        return None


def _facts(place: Place, standing: Standing | None) -> dict[str, object]:
    return {
        **asdict(place.job),
        "cluster": place.cluster,
        "run": run_name(place.run.number) if place.run is not None else None,
        "run_name": place.run.name if place.run is not None else None,
        "gpus": place.gpus,
        "why": place.why,
        "place": {"number": standing.number, "of": standing.of} if standing is not None else None,
    }


def _show(places: Sequence[Place], standing: Mapping[str, Standing], *, each: bool) -> None:
    """Print the table; on a narrow terminal the reasons keep their room, partitions and limits give way."""
    from arctl.cli.tables import Cell, Column, screen, show_table, state_cell, terminal
    from arctl.queue import folded, run_span, span

    wide = not terminal() or screen()[0] >= WIDE
    columns = [
        Column("job"),
        Column("run"),
        Column("name", shrink=True),
        Column("state"),
        Column("GPUs", right=True),
        Column("time", right=True, drop=1),
        *([Column("place", right=True), Column("partition", shrink=True), Column("limit", right=True)] if wide else []),
        Column("where, or why it waits", shrink=True),
    ]
    rows: list[Row] = []
    for group in folded(places, each=each):
        first = group[0]
        job = first.job
        rows.append(
            (
                Cell(span([one.job.job_id for one in group]), "dim"),
                Cell(run_span(group), "bold"),
                first.name,
                state_cell(job.state),
                str(first.gpus * len(group)),
                _when(first),
                *([_place(standing.get(job.job_id)), job.partition or "", _time(job.limit_s)] if wide else []),
                _where(first, len(group) if wide else 1),
            )
        )
    show_table(columns, rows)


def _place(standing: Standing | None) -> str:
    return f"{standing.number}/{standing.of}" if standing is not None else ""


def _when(place: Place) -> str:
    """Return what is left of a job that runs, or in how long Slurm expects one that waits to start."""
    job = place.job
    if job.state is not State.PENDING:
        return f"{_time(job.left_s)} left" if job.left_s is not None else ""
    ahead = place.ahead_s(time.time())
    return "" if ahead is None else f"in {_time(ahead)}" if ahead else "soon"


def _time(seconds: float | None) -> str:
    from arctl.cli.tables import span_text

    return "" if seconds is None else span_text(seconds)


def _where(place: Place, count: int) -> Cell:
    from arctl.cli.tables import Cell

    job = place.job
    if job.state is State.PENDING:
        many = f"{count} jobs: " if count > 1 else ""
        word = "" if job.word == "PENDING" else f"{job.word.lower().replace('_', ' ')}: "
        return Cell(f"{many}{word}{place.why}", "yellow")
    word = "" if job.word == str(job.state).upper() else f", {job.word.lower()}"
    return Cell(f"{job.node or ''}{word}")
