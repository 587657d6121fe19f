"""Random access to logs of any size: lines around a byte offset, searching, errors, times, line numbers.

Nothing here reads a whole file into memory, and what takes long is done in slices.
"""

from __future__ import annotations

from arctl.longlog.clock import Place, place_at, place_of
from arctl.longlog.faults import behind, behind_start, faults, is_fault, next_fault, next_start, start_of, starts
from arctl.longlog.queries import Query, query_of
from arctl.longlog.scan import Hit, Slice, every, find, look
from arctl.longlog.tally import Tally, counted, line_total, number_at
from arctl.longlog.window import Line, Stamp, Window, stamp_of, window

__all__ = [
    "Hit",
    "Line",
    "Place",
    "Query",
    "Slice",
    "Stamp",
    "Tally",
    "Window",
    "behind",
    "behind_start",
    "counted",
    "every",
    "faults",
    "find",
    "is_fault",
    "line_total",
    "look",
    "next_fault",
    "next_start",
    "number_at",
    "place_at",
    "place_of",
    "query_of",
    "stamp_of",
    "start_of",
    "starts",
    "window",
]
