"""What somebody asked to be run, in the words of the command line: nothing is checked and no gap is filled yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Resources:
    """What a job asks for; None leaves it to arctl.yaml, and then to the cluster."""

    gpus: int | None = None
    """GPUs on each node."""
    nodes: int | None = None
    """Nodes."""
    cpus: int | None = None
    """CPU cores on each node."""
    mem: str | None = None
    """Memory of each node: `32G`, or a number of megabytes."""
    time: str | None = None
    """Time limit: `90` minutes, `8:00:00`, `2-12:00:00`."""
    partition: str | None = None
    """Partition, or several of them with commas."""

    def over(self, defaults: Mapping[str, Any]) -> Resources:
        """Return these resources with their gaps filled; what is no resource is ignored."""
        return Resources(**{key: defaults.get(key) if value is None else value for key, value in asdict(self).items()})


@dataclass(frozen=True)
class Request:
    """What somebody asked to be run."""

    model: str | None = None
    """A name of the catalog; None for a command."""
    data: str | None = None
    """A data set's name or path."""
    preset: str | None = None
    """A preset of the model."""
    overrides: tuple[str, ...] = ()
    """`section.key=value`, over everything else."""
    resources: Resources = field(default_factory=Resources)
    """What the job asks for; gaps are filled from arctl.yaml."""
    name: str | None = None
    """The run's name; None gives the model's."""
    tags: tuple[str, ...] = ()
    """Words to find it by."""
    note: str = ""
    """Free text."""
    cluster: str | None = None
    """`slurm` or `local`; None takes that of arctl.yaml."""
    template: str | None = None
    """A job template; None takes that of arctl.yaml, else `ddp` for several GPUs, `array` for seeds, or `single`."""
    command: tuple[str, ...] = ()
    """A program of one's own and its arguments, in place of the trainer."""
    rerun_of: int | None = None
    """The run that this one repeats."""
    config: Path | None = None
    """The config.yaml that a repeated run starts from, in place of model, data and preset."""
    group: str | None = None
    """Runs that belong together."""
    together: bool = False
    """Whether it goes into one job array with others, unless the template is for one run."""

    def with_seeds(self, seeds: Sequence[int]) -> list[Request]:
        """Return one request for each seed, in one group and one job; without seeds the request alone."""
        if not seeds:
            return [self]
        name = self.name or str(self.model)
        shared = replace(self, group=self.group or f"{name}-seeds", together=True)
        return [
            replace(shared, name=f"{name}-s{seed}", overrides=(*self.overrides, f"train.seed={seed}")) for seed in seeds
        ]
