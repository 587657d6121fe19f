"""What is kept of each metric of a run: its last and extreme values, packed, and which direction is better.

A list of 10,000 runs needs no points and little parsing.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_LOWER_LEAVES = frozenset({"loss", "data_wait", "skipped", "error"})
_LOWER_FAMILIES = ("gap/", "sys/")
_LOWER_ENDS = ("_loss", "_error", "ms_per_clip")


def lower_is_better(metric: str) -> bool:
    """Tell whether smaller values of a metric are better, as the table in docs/run-directory.md has it."""
    leaf = metric.rpartition("/")[2].partition("@")[0]
    return metric.startswith(_LOWER_FAMILIES) or leaf in _LOWER_LEAVES or leaf.endswith(_LOWER_ENDS)


def json_number(value: float | None) -> float | str | None:
    """Return what JSON can carry: finite numbers and None as they are, the others as the contract's strings."""
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


class MetricSummary(NamedTuple):
    """Last and extreme values of one metric of a run, over its stitched curve."""

    name: str
    """`val/top1`."""
    last: float | None
    """Value at the highest step; NaN where that is what was logged (see `json_number`)."""
    last_step: int
    """Step of `last`."""
    last_epoch: float | None
    """Epoch of `last`."""
    min: float | None
    """Smallest finite value; None where no value was finite."""
    max: float | None
    """Largest finite value; None where no value was finite."""
    min_epoch: float | None
    """Epoch at which `min` was reached first."""
    max_epoch: float | None
    """Epoch at which `max` was reached first."""

    @property
    def best(self) -> float | None:
        """The smallest or the largest value, whichever is better for this metric."""
        return self.min if lower_is_better(self.name) else self.max

    @property
    def best_epoch(self) -> float | None:
        """Epoch at which `best` was reached first."""
        return self.min_epoch if lower_is_better(self.name) else self.max_epoch


def best(summary: MetricSummary, metric: str | None = None) -> tuple[float | None, float | None]:
    """Return the best value and its epoch; `metric` names the direction where it is not the summary's own name."""
    if lower_is_better(metric or summary.name):
        return summary.min, summary.min_epoch
    return summary.max, summary.max_epoch


_PACKED = struct.Struct("<iq6d")
"""Metric id, last step; last, last epoch, min, max, min epoch, max epoch, NaN for none. 60 bytes."""


def pack(summaries: Iterable[MetricSummary], ids: Mapping[str, int]) -> bytes:
    """Return summaries as the registry stores them; `ids` gives the number of each metric's name."""
    return b"".join(
        _PACKED.pack(ids[s.name], s.last_step, *(math.nan if value is None else value for value in (s.last, *s[3:])))
        for s in summaries
    )


def unpack(packed: bytes, names: Mapping[int, str]) -> dict[str, MetricSummary]:
    """Return summaries by metric name; metrics that `names` does not hold are left out."""
    found: dict[str, MetricSummary] = {}
    for number, step, last, epoch, low, high, low_epoch, high_epoch in _PACKED.iter_unpack(packed):
        if (name := names.get(number)) is None:
            continue
        if low != low:
            low = high = low_epoch = high_epoch = None
        # A tenth of a million of them in a long list: the constructor's own call would cost as much again.
        cells = (name, last, step, epoch, low, high, low_epoch, high_epoch)
        found[name] = tuple.__new__(MetricSummary, cells)
    return found
