"""Rows of runs out of an open registry: the columns of `RunRow`, with tags and summaries, batch by batch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arctl.registry.rows import MetricSummary, RunRow, unpack
from arctl.states import State

RUN = (
    "number, name, token, model, data, preset, cluster, template, created, state, job_id, submission, "
    "expects_events, epoch, epochs, step, started, ended, exit_code, message, node, reason, NULL AS tags, note, "
    "group_name, sweep, rerun_of, damaged, NULL AS metrics, cancelled, signal, heard, last_event, attempts, dropped, "
    "params, code, submitter, handed, once, evaluates, gpus, limit_s"
)
"""The columns of `RunRow`, in its order."""

STATES: Mapping[str, State] = {str(state): state for state in State}
"""States by the words that are stored."""

EVALUATED = f"evaluates IS NOT NULL AND state = '{State.COMPLETED}'"
"""What makes a run an evaluation that is complete."""

BATCH = 500
"""Rows that are fetched at a time: other threads have their turn in between."""

_REPEATED = (3, 4, 5, 6, 7, 11)


def selected(
    connection: sqlite3.Connection, where: str, *, metrics: Sequence[str] | None, limit: int | None = None
) -> Iterator[RunRow]:
    """Give runs, newest first, with summaries of the named metrics: None for all of them, `()` for none.

    Texts that many runs share are held once. The caller has begun a transaction.
    """
    shared: dict[Any, Any] = {}
    query = f"SELECT {RUN} FROM runs WHERE {where} ORDER BY number DESC LIMIT ?"
    cursor = connection.execute(query, (-1 if limit is None else limit,))
    while batch := cursor.fetchmany(BATCH):
        numbers = [row[0] for row in batch]
        tags, summaries = tags_of(connection, numbers), summaries_of(connection, numbers, metrics)
        for row in batch:
            words = tags.get(row[0], ())
            yield _run(row, shared.setdefault(words, words), summaries.get(row[0], {}), shared)


def tags_of(connection: sqlite3.Connection, numbers: Iterable[int] | None) -> dict[int, tuple[str, ...]]:
    """Return the tags of runs (None: of all), sorted."""
    found: dict[int, tuple[str, ...]] = {}
    for number, tag in connection.execute(
        f"SELECT run, tag FROM tags WHERE {any_of('run', numbers)} ORDER BY run, tag"
    ):
        found[number] = (*found.get(number, ()), tag)
    return found


def summaries_of(
    connection: sqlite3.Connection, numbers: Sequence[int] | None, metrics: Sequence[str] | None
) -> dict[int, dict[str, MetricSummary]]:
    """Return the summaries of runs (None: of all) by metric name; `metrics` as in `selected`."""
    if metrics is not None and not metrics:
        return {}
    known = dict(connection.execute("SELECT id, name FROM metrics"))
    if metrics is not None:
        known = {number: name for number, name in known.items() if name in set(metrics)}
    query = f"SELECT run, packed FROM summaries WHERE {any_of('run', numbers)}"
    return {number: unpack(packed, known) for number, packed in connection.execute(query)}


def any_of(column: str, numbers: Iterable[int] | None) -> str:
    """Return the SQL for: the column holds one of these numbers (None: whatever)."""
    if numbers is None:
        return "1"
    chosen = [int(number) for number in numbers]
    if len(chosen) > 1 and max(chosen) - min(chosen) + 1 == len(set(chosen)):  # that is twice as fast
        return f"{column} BETWEEN {min(chosen)} AND {max(chosen)}"
    return f"{column} IN ({','.join(map(str, chosen))})"


def _run(
    row: Sequence[Any], tags: tuple[str, ...], metrics: Mapping[str, MetricSummary], shared: dict[Any, Any]
) -> RunRow:
    cells = list(row)
    for place in _REPEATED:
        text = cells[place]
        if text is not None:
            cells[place] = shared.setdefault(text, text)
    cells[9] = STATES.get(cells[9], State.UNKNOWN)
    cells[12] = bool(cells[12])
    cells[22] = tags
    cells[28] = metrics
    if cells[35] is not None:
        cells[35] = json.loads(cells[35])
    return RunRow(*cells)
