"""Which runs are one recipe trained several times: equal but for their seeds, so that they are judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arctl.compare.setup import recipe, seed
from arctl.facts import Facts
from arctl.registry.rows import RunRow
from arctl.rundir import run_name


@dataclass(frozen=True)
class Arm:
    """One recipe: the runs that differ only by their seeds."""

    members: tuple[int, ...]
    """Places of its runs in the comparison."""
    label: str
    """`run9`, or `run9+run10`."""
    seeds: tuple[object, ...]
    """The seed of each, None where its configuration has none."""

    @property
    def size(self) -> int:
        """How many runs it has."""
        return len(self.members)


def arms(runs: Sequence[RunRow], facts: Sequence[Facts]) -> tuple[Arm, ...]:
    """Return the recipes among runs, in the order of their first runs.

    Runs are of one recipe where their configurations are equal but for `train.seed` and they ran the same code, or are
    of one group; of runs without a configuration only a group of one command makes one recipe.
    """
    found: dict[object, list[int]] = {}
    for place, (row, one) in enumerate(zip(runs, facts, strict=True)):
        found.setdefault(_key(row, one), []).append(place)
    return tuple(
        Arm(
            tuple(places),
            "+".join(run_name(runs[place].number) for place in places),
            tuple(seed(facts[place]) for place in places),
        )
        for places in found.values()
    )


def _key(row: RunRow, facts: Facts) -> object:
    config = recipe(facts)
    if config is None and row.group is None:
        return row.number
    what = config if config is not None else repr(facts.values.get("command"))
    return (what, "group", row.group) if row.group is not None else (what, "code", row.code)
