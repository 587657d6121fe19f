"""What a run comes from and what came of it: the runs that it repeats, those that repeat it, those that score it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import run_name


@dataclass(frozen=True)
class Lineage:
    """The relatives of a run."""

    parents: tuple[RunRow, ...] = ()
    """The run that it repeats, the one that that one repeats, and so on."""
    children: tuple[RunRow, ...] = ()
    """The runs that repeat it, oldest first."""
    scored: RunRow | None = None
    """The run whose weights it scores."""
    evaluations: tuple[RunRow, ...] = ()
    """The runs that score it, newest first."""

    def facts(self) -> Mapping[str, object]:
        """Return what `--json` prints."""
        return {
            "repeats": [run_name(row.number) for row in self.parents],
            "repeated_by": [run_name(row.number) for row in self.children],
        }


def lineage(db: Path, number: int) -> Lineage:
    """Return the relatives of a run; none for an unknown one. A circle, which a damaged run.yaml can make, ends."""
    every = {row.number: row for row in read.runs(db, metrics=())}
    row = every.get(number)
    if row is None:
        return Lineage()
    parents: list[RunRow] = []
    seen, at = {number}, row.rerun_of
    while at is not None and at in every and at not in seen:
        seen.add(at)
        parents.append(every[at])
        at = every[at].rerun_of
    children = sorted((one for one in every.values() if one.rerun_of == number), key=lambda one: one.number)
    return Lineage(
        parents=tuple(parents),
        children=tuple(children),
        scored=every.get(row.evaluates) if row.evaluates is not None else None,
        evaluations=tuple(read.evaluations(db, number)),
    )
