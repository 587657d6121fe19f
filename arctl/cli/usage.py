"""`arctl usage`: GPU-hours of runs, and how many of them were wasted."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate
from arctl.errors import UsageError

if TYPE_CHECKING:
    from arctl.cli.tables import Row
    from arctl.usage import Entry, Spent

MOST = 30
"""How many lines `arctl usage` shows unless it is asked for all."""

_WAYS = ("run", "sweep", "tag", "month", "model", "group", "state")
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m")
_COLUMNS = ("runs", "hours", "gpu_hours", "wasted_hours", "wasted_gpu_hours")


@click.command("usage")
@click.option("--by", type=click.Choice(_WAYS), default="run", show_default=True, help="What to sum up by.")
@click.option(
    "--since", metavar="WHEN", help="Count only time after this: 2026-11-01, 2026-11, or 12h, 7d, 4w before now."
)
@click.option("--all", "every", is_flag=True, help="All lines, not the 30 dearest.")
@click.option("--share", is_flag=True, help="What Slurm's fair-share says of your accounts, in place of the hours.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.usage/1, arctl.share/1).")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, all lines, without the total.")
@click.pass_obj
def usage_command(
    session: Session, by: str, since: str | None, every: bool, share: bool, as_json: bool, as_csv: bool
) -> None:
    """Sum up the GPU-hours that runs have held, and those that were wasted.

    A job holds its GPUs from its start to its end, a running one until now. Wasted is what came after the last
    checkpoint of a start that did not end well. Needs no rights on the scheduler's accounts.
    """
    from arctl import usage

    if as_json and as_csv:
        raise UsageError("--json and --csv do not go together", cure="choose one")
    if share:
        _show_shares(as_json=as_json)
        return
    now = time.time()
    begin = _moment(since, now) if since is not None else None
    session.sync()
    spendings = usage.spent(session.workspace, now=now)
    entries = usage.accounts(spendings, by=by, since=begin)
    whole = usage.total(spendings, since=begin)
    if as_json:
        lines = [_facts(entry) for entry in entries]
        echo_json(
            "arctl.usage/1",
            {"by": by, "since": begin, "now": now, "entries": lines, "total": {**_facts(whole), "key": None}},
        )
    elif as_csv:
        _print_csv(by, entries)
    elif not entries:
        narrate("nothing has run yet" if since is None else f"nothing has run since {since}")
    else:
        shown = entries if every or by == "month" else entries[:MOST]
        _table(by, shown, whole, spendings)
        if len(shown) < len(entries):
            narrate(f"the {len(shown)} dearest of {len(entries)}: --all shows them all")


def _show_shares(*, as_json: bool) -> None:
    """Print what each account of this user's stands at. Raises SchedulerError where Slurm does not say."""
    from dataclasses import asdict

    from arctl.cli.tables import Cell, Column, show_table
    from arctl.clusters import slurm_share

    answer = slurm_share.ask()
    if as_json:
        echo_json("arctl.share/1", {"at": answer.at, "accounts": [asdict(one) for one in answer.shares]})
        return
    if not answer.shares:
        narrate("this site does not order its queue by fair-share, or does not tell")
        return
    columns = (
        Column("account", shrink=True),
        Column("promised", right=True),
        Column("used", right=True),
        Column("factor", right=True),
    )
    rows = [
        (Cell(one.account, "bold"), f"{100 * one.share:.1f}%", f"{100 * one.used:.1f}%", f"{one.factor:.3f}")
        for one in answer.shares
    ]
    show_table(columns, rows)
    narrate("of the cluster, and of all recent use; a factor of 1 is best, the more is used the nearer it is to 0")


def _moment(text: str, now: float) -> float:
    """Return the time that `--since` names, Unix seconds. Raises UsageError."""
    word = text.strip().replace("T", " ")
    if match := _SPAN.fullmatch(word):
        return now - int(match[1]) * _UNITS[match[2]]
    for form in _DATES:
        try:
            return time.mktime((*time.strptime(word, form)[:8], -1))
        except (ValueError, OverflowError):
            continue
    raise UsageError(f"{text!r} is no time", where="--since", cure="write 2026-11-01, 2026-11, 12h, 7d or 4w")


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key,
        "runs": len(entry.runs),
        "live": entry.live,
        **{name: round(getattr(entry, name), 6) for name in _COLUMNS[1:]},
    }


def _print_csv(by: str, entries: Sequence[Entry]) -> None:
    import csv
    import io

    from arctl.text import sheet_safe

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([by, *_COLUMNS])
    for entry in entries:
        numbers = (f"{getattr(entry, name):.6f}" for name in _COLUMNS[1:])
        writer.writerow([sheet_safe(entry.key), len(entry.runs), *numbers])
    click.echo(out.getvalue(), nl=False)


def _table(by: str, entries: Sequence[Entry], whole: Entry, spendings: Sequence[Spent]) -> None:
    from arctl.cli.tables import Cell, Column, show_table, state_cell

    own = by == "run"
    runs = {one.run.number: one for one in spendings}
    middle = [Column("name", shrink=True), Column("state"), Column("GPUs", right=True)] if own else []
    columns = [
        Column(by, shrink=not own),
        *(middle or [Column("runs", right=True)]),
        Column("hours", right=True),
        Column("GPU-hours", right=True),
        Column("wasted", right=True),
        Column("", right=True),
    ]
    places = 3 if whole.hours < 1 else 2 if whole.hours < 1000 else 1
    rows: list[Row] = []
    for entry in entries:
        if own:
            one = runs[min(entry.runs)]
            cells = [Cell(one.run.name), state_cell(one.run.state), Cell(str(one.gpus))]
        else:
            cells = [Cell(str(len(entry.runs)))]
        rows.append((Cell(entry.key, "bold"), *cells, *_numbers(entry, places)))
    blank = [Cell("")] * 3 if own else [Cell(str(len(whole.runs)))]
    if own:
        blank[0] = Cell(f"{len(whole.runs)} runs")
    rows.append((Cell("total", "dim"), *blank, *_numbers(whole, places)))
    show_table(columns, rows)
    if by == "tag" and sum(entry.gpu_hours for entry in entries) > whole.gpu_hours * 1.001:
        narrate("a run with several tags is in several lines; the total counts it once")


def _numbers(entry: Entry, places: int) -> list[str]:
    """Return hours, GPU-hours, what was wasted (of the GPUs; without any, of the time), and its share."""
    wasted, of = (entry.wasted_gpu_hours, entry.gpu_hours) if entry.gpu_hours else (entry.wasted_hours, entry.hours)
    share = f"{100 * wasted / of:.0f}%" if of else ""
    return [f"{number:.{places}f}" for number in (entry.hours, entry.gpu_hours, wasted)] + [share]
