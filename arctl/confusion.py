"""Which classes a run takes for which, and what changed from one run to another.

A sample that could not be read counts as wrong: it stays in its class's row and in every denominator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from arctl.errors import DataError, NotFoundError
from arctl.matrix import Cell, Confusion, Floats, from_scores
from arctl.predictions import read_predictions
from arctl.rundir import RunDir, run_name
from arctl.tail import read_small
from arctl.text import safe_line

__all__ = ["Cell", "Change", "Confusion", "Difference", "Mixed", "difference", "from_scores", "load"]

SOLVED_FROM, SOLVED_TO = 0.10, 0.25
"""Two classes count as solved when they were taken for one another in at least this share of their samples, and
what is left of that is at most this share."""


def load(
    run_dir: Path,
    number: int,
    *,
    split: str = "val",
    epoch: int | None = None,
    best: int | None = None,
    newest: bool = False,
) -> Confusion:
    """Return the confusion of a run after `epoch`, or after the newest that there are predictions of.

    With neither: after `best`, or the epoch of the best checkpoint, where its predictions exist, else the newest.
    Raises NotFoundError where there are no such predictions, DataError where the file is damaged.
    """
    files = RunDir(run_dir)
    found = {at: path for name, at, path in files.prediction_files() if name == split}
    if not found:
        others = sorted({name for name, _, _ in files.prediction_files()})
        cure = f"it has some on {', '.join(others)}: --split" if others else "they appear after its first evaluation"
        raise NotFoundError(f"no predictions on {split}", where=run_name(number), cure=cure)
    chosen = "asked for"
    if epoch is None:
        known = () if newest else (best, _best_checkpoint(files))
        wanted = next((at for at in known if at in found), None)
        epoch, chosen = (wanted, "best") if wanted is not None else (max(found), "newest")
    if epoch not in found:
        have = ", ".join(str(at) for at in sorted(found)[-12:])
        raise NotFoundError(
            f"no predictions on {split} after epoch {epoch}",
            where=run_name(number),
            cure=f"there are some after {have}",
        )
    stored = read_predictions(found[epoch])
    return from_scores(
        stored.scores,
        stored.targets,
        stored.classes,
        ids=stored.ids,
        run=number,
        split=split,
        epoch=epoch,
        chosen=chosen,
    )


class Change(NamedTuple):
    """How often one class was taken for another, before and after."""

    true: int
    predicted: int
    a: int
    b: int


class Mixed(NamedTuple):
    """Two classes taken for one another, both ways together."""

    first: int
    second: int
    a: int
    b: int
    samples: int
    """Samples of both classes."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What changed between two confusion matrices over the same samples."""

    a: Confusion
    b: Confusion

    @property
    def recall_change(self) -> Floats:
        """(K,) recall of b minus recall of a; NaN for a class without samples."""
        return self.b.recall - self.a.recall

    @property
    def risen(self) -> list[int]:
        """Classes whose recall rose, the most risen first."""
        change = self.recall_change
        return sorted((int(k) for k in np.flatnonzero(change > 0)), key=lambda k: (-change[k], k))

    @property
    def fallen(self) -> list[int]:
        """Classes whose recall fell, the most fallen first."""
        change = self.recall_change
        return sorted((int(k) for k in np.flatnonzero(change < 0)), key=lambda k: (change[k], k))

    @cached_property
    def pairs(self) -> list[Change]:
        """Confusions that became more or fewer, the largest change first."""
        before, after = self.a.counts, self.b.counts
        true, predicted = np.nonzero((before != after) & ~np.eye(len(before), dtype=bool))
        changes = [
            Change(int(t), int(p), int(before[t, p]), int(after[t, p])) for t, p in zip(true, predicted, strict=True)
        ]
        return sorted(changes, key=lambda c: (-abs(c.b - c.a), c.true, c.predicted))

    @property
    def solved(self) -> list[Mixed]:
        """Pairs of classes that a mixes up and b does not (`SOLVED_FROM`, `SOLVED_TO`), the worst first."""
        return sorted(
            (mix for mix in self._mixed() if _solved(mix.a, mix.b, mix.samples)), key=lambda m: (m.b - m.a, m.first)
        )

    @property
    def arisen(self) -> list[Mixed]:
        """Pairs of classes that b mixes up and a does not: `solved` the other way round."""
        return sorted(
            (mix for mix in self._mixed() if _solved(mix.b, mix.a, mix.samples)), key=lambda m: (m.a - m.b, m.first)
        )

    def _mixed(self) -> Iterator[Mixed]:
        before, after = self.a.counts + self.a.counts.T, self.b.counts + self.b.counts.T
        support = self.a.support
        for i, j in zip(*np.nonzero(np.triu(before + after, 1)), strict=True):
            yield Mixed(int(i), int(j), int(before[i, j]), int(after[i, j]), int(support[i] + support[j]))


def difference(a: Confusion, b: Confusion) -> Difference:
    """Return what changed from `a` to `b`.

    Raises DataError, naming the first difference, for unlike classes or samples.
    """
    names = f"{run_name(a.run)} and {run_name(b.run)}"
    unlike = _unlike_classes(a, b) or _unlike_samples(a, b)
    if unlike:
        raise DataError(
            f"their confusions cannot be compared: {unlike}", where=names, cure="compare runs on the same data"
        )
    return Difference(a, b)


def _unlike_classes(a: Confusion, b: Confusion) -> str | None:
    if a.classes == b.classes:
        return None
    if len(a.classes) != len(b.classes):
        return f"{len(a.classes)} classes and {len(b.classes)}"
    at = next(i for i, (one, other) in enumerate(zip(a.classes, b.classes, strict=True)) if one != other)
    return f"class {at + 1} is {a.classes[at]!r} and {b.classes[at]!r}"


def _unlike_samples(a: Confusion, b: Confusion) -> str | None:
    if a.ids == b.ids:
        differ = np.flatnonzero(a.targets != b.targets)
        if not len(differ):
            return None
        at = int(differ[0])
        return f"{len(differ)} samples have another true class, such as {safe_line(a.ids[at])!r}"
    only_a, only_b = sorted(set(a.ids) - set(b.ids)), sorted(set(b.ids) - set(a.ids))
    example = f", such as {safe_line((only_a or only_b)[0])!r}"
    return (
        f"{a.total} samples and {b.total}; {len(only_a)} are only in {run_name(a.run)}, "
        f"{len(only_b)} only in {run_name(b.run)}{example}"
    )


def _solved(before: int, after: int, samples: int) -> bool:
    return before >= SOLVED_FROM * samples and after <= SOLVED_TO * before


def _best_checkpoint(files: RunDir) -> int | None:
    """Epoch of best.pt as the manifest has it, None where nothing says so."""
    try:
        manifest = json.loads(read_small(files.checkpoints / "manifest.json", limit=1 << 20))
        epoch = manifest["best.pt"]["epoch"]
    except (DataError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return epoch if isinstance(epoch, int) else None
