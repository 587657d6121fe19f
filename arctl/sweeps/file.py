"""What a sweep file says: which configurations of a study are to be run. `docs/sweeps.md` has it in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arctl.errors import UsageError
from arctl.request import Resources
from arctl.sweeps.draw import Distribution
from arctl.sweeps.values import Params, Value
from arctl.text import safe_line

SEED = "train.seed"
"""The key that `seeds` varies."""

METRIC = "val/top1"
"""What elements are ranked by unless the file says otherwise."""

_NAME = re.compile(r"(?!(?:run)?\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,55}", re.IGNORECASE)


@dataclass(frozen=True)
class Draws:
    """The random part of a sweep."""

    count: int
    """How many configurations are drawn."""
    seed: int
    """Where the draws come from: the same seed, the same configurations."""
    keys: Mapping[str, Distribution]
    """Where each key's values are drawn from."""


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says."""

    path: Path
    """The file."""
    name: str
    """The sweep's name; its elements are `<name>-000` and so on."""
    model: str
    """A name of the catalog."""
    data: str
    """A data set's name or path."""
    preset: str | None = None
    """A preset of the model."""
    fixed: Params = field(default_factory=dict)
    """What all elements set (`set:`)."""
    metric: str = METRIC
    """What elements are ranked by."""
    note: str = ""
    """Free text."""
    tags: tuple[str, ...] = ()
    """Words on each run."""
    cluster: str | None = None
    """`slurm` or `local`."""
    template: str | None = None
    """A job template."""
    max_parallel: int | None = None
    """How many elements may run at a time."""
    resources: Resources = field(default_factory=Resources)
    """What each element asks for."""
    grid: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    """Values of keys, all combinations of which are run."""
    configurations: tuple[Params, ...] = ()
    """Configurations written out (`list:`)."""
    random: Draws | None = None
    """Configurations drawn at random."""
    seeds: tuple[int, ...] = ()
    """Seeds, with each of which every configuration is run."""
    include: tuple[Params, ...] = ()
    """Configurations besides; they may change what `set` says."""
    exclude: tuple[Params, ...] = ()
    """An element that agrees with all of one of these is left out."""
    when: Mapping[str, Mapping[str, tuple[Value, ...]]] = field(default_factory=dict)
    """Key -> other key -> values: the key is set only where the others have one of these values."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Key, or part of the file -> `FILE:LINE:COLUMN`, for errors that are found later."""

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys that differ between elements, in the order of the file."""
        drawn = () if self.random is None else tuple(self.random.keys)
        written = [key for params in (*self.configurations, *self.include) for key in params]
        return tuple(dict.fromkeys([*self.grid, *drawn, *written, *([SEED] if self.seeds else [])]))


def is_sweep_name(name: str) -> bool:
    """Say whether a sweep could be called so."""
    return _NAME.fullmatch(name) is not None


def sweep_name(name: str, *, where: str | None = None) -> str:
    """Return the name of a sweep as it is. Raises UsageError for one that cannot be."""
    if not is_sweep_name(name):
        cure = "use up to 56 letters, digits, dots, underscores and dashes, and do not call it like a run"
        raise UsageError(f"{safe_line(name, limit=80)!r} is no name for a sweep", where=where, cure=cure)
    return name
