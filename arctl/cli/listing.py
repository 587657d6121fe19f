"""Runs as JSON text, built by hand: 10,000 runs with ten metrics each are 100,000 small objects to `json.dumps`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from json.encoder import encode_basestring_ascii as _quoted

from arctl.registry.rows import MetricSummary, RunRow, json_number, lower_is_better
from arctl.text import safe_json

SCHEMA = "arctl.runs/1"
"""Name and version of what `runs_json` returns."""


def runs_json(rows: Sequence[RunRow], values: Sequence[Mapping[str, object]] | None = None) -> str:
    """Return one JSON document: for each run what `arctl ls` knows, metrics as last and best value.

    `values` are what else each run shows by key, as JSON can carry it: they stand under `values`.
    """
    texts: Iterator[str] = map(_run, rows)
    if values is not None:
        pairs = zip(texts, values, strict=True)
        texts = (f'{text[:-1]}, "values": {safe_json(json.dumps(told))}}}' for text, told in pairs)
    text = ",\n".join(texts)
    return f'{{"schema": "{SCHEMA}", "runs": [{text}]}}'


def _run(row: RunRow) -> str:
    tags = ", ".join(map(_quoted, row.tags))
    return (
        f'{{"run": "run{row.number}", "name": {_quoted(row.name)}, "model": {_text(row.model)}, '
        f'"state": "{row.state.value}", "cluster": {_quoted(row.cluster)}, "job_id": {_text(row.job_id)}, '
        f'"evaluates": {_count(row.evaluates)}, '
        f'"epoch": {_count(row.epoch)}, "epochs": {_count(row.epochs)}, "tags": [{tags}], '
        f'"metrics": {{{_metrics(list(row.metrics.values()))}}}}}'
    )


def _metrics(summaries: Sequence[MetricSummary]) -> str:
    template, lower = _template(tuple([summary[0] for summary in summaries]))
    values: list[float | None] = []
    for (_, last, _, _, low, high, low_epoch, high_epoch), least in zip(summaries, lower, strict=True):
        best, epoch = (low, low_epoch) if least else (high, high_epoch)
        values += (last, best, int(epoch) if epoch is not None and epoch % 1 == 0 else epoch)
    try:
        plain = math.isfinite(sum(values))  # type: ignore[arg-type]
    except TypeError:
        plain = False
    return template % tuple(map(repr, values) if plain else map(_number, values))


@cache
def _template(names: tuple[str, ...]) -> tuple[str, list[bool]]:
    """Return the text of metrics with a gap for each number, and which of them are better when lower."""
    gaps = '{"last": %s, "best": %s, "best_epoch": %s}'
    heads = (_quoted(name).replace("%", "%%") for name in names)
    return ", ".join(f"{head}: {gaps}" for head in heads), [lower_is_better(name) for name in names]


def _text(text: str | None) -> str:
    return "null" if text is None else _quoted(text)


def _number(value: float | None) -> str:
    """Return a value as JSON, and no bare NaN."""
    if value is None:
        return "null"
    return repr(value) if math.isfinite(value) else json.dumps(json_number(value))


def _count(value: float | None) -> str:
    """Return an epoch as JSON: whole ones without a fraction."""
    return str(int(value)) if value is not None and value % 1 == 0 else _number(value)
