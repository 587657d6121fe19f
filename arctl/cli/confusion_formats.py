"""`arctl confusion` for scripts: JSON that lists only the cells that hold something, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arctl.confusion_page import wrong_clips
from arctl.errors import UsageError
from arctl.rundir import run_name
from arctl.text import sheet_safe

if TYPE_CHECKING:
    from arctl.confusion import Confusion

SCHEMA = "arctl.confusion/2"
"""Name and version of what `payload` returns."""

WIDEST = 5000
"""Classes beyond which a matrix is no table any more."""


def payload(matrix: Confusion, *, order: NDArray[np.intp], pairs: int, one: int | None) -> dict[str, object]:
    """Return a confusion matrix as JSON values; classes are numbers from 0 in `cells` and `order`, names elsewhere."""
    cells, names = matrix.cells, matrix.classes
    document: dict[str, object] = {
        "run": run_name(matrix.run),
        "split": matrix.split,
        "epoch": matrix.epoch,
        "chosen": matrix.chosen,
        "total": matrix.total,
        "top1": _number(matrix.top1),
        "unreadable": int(matrix.unreadable.sum()),
        "protocol": matrix.protocol.facts() if matrix.protocol else None,
        "classes": list(names),
        "per_class": _per_class(matrix),
        "cells": {
            "true": cells.rows.tolist(),
            "predicted": cells.columns.tolist(),
            "count": cells.values.tolist(),
        },
        "order": order.tolist(),
        "pairs": [
            {"true": names[true], "predicted": names[predicted], "count": times, "of": int(matrix.support[true])}
            for true, predicted, times in matrix.pairs(pairs)
        ],
    }
    return document if one is None else {**document, "class": _class(matrix, one)}


def write_matrix(matrix: Confusion, order: NDArray[np.intp], *, normalize: str) -> None:
    """Print the classes of `order` as CSV, row by row; the last column is what could not be read.

    Raises UsageError beyond `WIDEST` classes.
    """
    if len(order) > WIDEST:
        cure = "use --json, which lists only the cells that hold something, or --zoom"
        raise UsageError(f"{len(order)} classes are too many for a table", where="--csv", cure=cure)
    from arctl.sparse import as_rows

    shares = matrix.shares(normalize)
    names = [sheet_safe(matrix.classes[k]) for k in order.tolist()]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["true", *names, "(unreadable)"])
    blank = [_cell(0, normalize)] * len(names)
    known = [column for column, told in enumerate(shares.columns_known[order].tolist()) if not told]
    for place, (columns, values) in enumerate(as_rows(shares.cells.taken(order))):
        row = blank.copy()
        for column, value in zip(columns.tolist(), values.tolist(), strict=True):
            row[column] = _cell(value, normalize)
        for column in known:
            row[column] = ""
        told = bool(shares.rows_known[order[place]])
        unread = _cell(float(shares.unread[order[place]]), normalize)
        writer.writerow([names[place], *(row if told else [""] * len(names)), unread if told else ""])


def write_clips(matrix: Confusion, one: int) -> None:
    """Print every clip of a class that was taken for another, and every other one that was taken for it, as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["clip", "true", "predicted", "sure"])
    for clip in _clips(matrix, np.concatenate(wrong_clips(matrix, one))):
        writer.writerow(["" if cell is None else sheet_safe(str(cell)) for cell in clip.values()])


def _cell(value: float, normalize: str) -> str:
    return f"{value:.0f}" if normalize == "none" else f"{value:.6g}"


def _number(value: float) -> float | None:
    """Return a number for JSON, None where there is none: a rate without samples."""
    return None if value != value else value


def _per_class(matrix: Confusion) -> list[dict[str, object]]:
    recalls = zip(*(ends.tolist() for ends in matrix.recall_interval), strict=True)
    precisions = zip(*(ends.tolist() for ends in matrix.precision_interval), strict=True)
    columns = (
        matrix.support,
        matrix.right,
        matrix.taken,
        matrix.unreadable,
        matrix.recall,
        matrix.precision,
        matrix.f1,
    )
    counts = zip(matrix.classes, *(column.tolist() for column in columns), recalls, precisions, strict=True)
    return [
        {
            "class": name,
            "n": n,
            "right": right,
            "predicted": taken,
            "unreadable": unread,
            "recall": _number(recall),
            "recall_interval": [_number(end) for end in recall_ends],
            "precision": _number(precision),
            "precision_interval": [_number(end) for end in precision_ends],
            "f1": _number(f1),
        }
        for name, n, right, taken, unread, recall, precision, f1, recall_ends, precision_ends in counts
    ]


def _class(matrix: Confusion, one: int) -> dict[str, object]:
    lost, won = wrong_clips(matrix, one)
    return {
        "class": matrix.classes[one],
        "taken_for": _clips(matrix, lost),
        "taken_for_it": _clips(matrix, won),
    }


def _clips(matrix: Confusion, samples: NDArray[np.intp]) -> list[dict[str, str | float | None]]:
    return [
        {
            "clip": matrix.ids[index],
            "true": matrix.classes[matrix.targets[index]],
            "predicted": None if matrix.predicted[index] < 0 else matrix.classes[matrix.predicted[index]],
            "sure": None if matrix.sure is None else _number(float(matrix.sure[index])),
        }
        for index in samples.tolist()
    ]
