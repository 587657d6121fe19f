"""What somebody asked to be run, in the words of the command line: nothing is checked and no gap is filled yet."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from arctl.errors import UsageError
from arctl.text import safe_line

EVALUATED = "-eval"
"""Ends the name of an evaluation, after that of the run that it scores."""


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
    gpu_type: str | None = None
    """Type of the GPUs, as the site calls it: `a100`."""
    account: str | None = None
    """Account that pays."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that its nodes must have: `a100&nvlink`."""
    exclude: str | None = None
    """Nodes to keep away from: `gpu2,gpu[7-9]`."""
    sbatch: tuple[str, ...] = ()
    """Further directives, each `--key=value` or `--flag`; they win."""

    def over(self, defaults: Mapping[str, Any]) -> Resources:
        """Return these resources with their gaps filled; what is no resource is ignored."""
        own: dict[str, Any] = asdict(self)
        filled: dict[str, Any] = {k: defaults.get(k) if value in (None, ()) else value for k, value in own.items()}
        for key, value in filled.items():
            kind = int if key in ("gpus", "nodes", "cpus") else (list, tuple) if key == "sbatch" else str
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                what = f"{safe_line(str(value), limit=60)!r} is no value for {key}"
                raise UsageError(what, cure=f"correct it in run.yaml or arctl.yaml, or give --{key.replace('_', '-')}")
        return Resources(**{**filled, "sbatch": tuple(filled["sbatch"] or ())})


@dataclass(frozen=True)
class When:
    """What a job waits for before it may start. A repeated run does not wait for the same again."""

    after: tuple[int, ...] = ()
    """Numbers of runs that must have ended, however."""
    after_ok: tuple[int, ...] = ()
    """Numbers of runs that must have ended well."""
    hold: bool = False
    """Whether it waits until somebody releases it."""
    begin: str | None = None
    """The earliest start, as sbatch takes it: `22:00`, `now+2hours`, `2026-12-01T08:00`."""


@dataclass(frozen=True)
class Evaluation:
    """What of a run is scored again, and how; `python -m trainer eval --help` explains the words."""

    run: int
    """The run whose weights are scored."""
    checkpoint: str = "best"
    """`best`, `last`, or the path of a file."""
    split: str = "val"
    """`val`, `test` or `train`."""
    views: str = "10x3"
    """`<clips>x<crops>`: clips in time, crops in space."""
    probes: tuple[str, ...] = ()
    """How the frames are spoilt, to see whether the model uses time: `shuffled`, `reversed`, `still`."""
    speed: bool = False
    """Whether the model's speed is measured too."""
    batch_size: int | None = None
    """Views that the model sees at a time; None leaves it to the configuration."""

    def words(self) -> list[str]:
        """Return the trainer's options."""
        words = ["--checkpoint", self.checkpoint, "--split", self.split, "--views", self.views]
        words += [word for probe in self.probes for word in ("--probe", probe)]
        words += ["--speed"] if self.speed else []
        return words + ([] if self.batch_size is None else ["--batch-size", str(self.batch_size)])

    @classmethod
    def read(cls, run: int, command: Sequence[str]) -> Evaluation:
        """Return what the command of an evaluation says; options that this arctl does not know are passed over."""
        given: dict[str, list[str]] = {}
        for option, value in itertools.pairwise((*command, "")):
            given.setdefault(option, []).append(value)
        known = {name: given[f"--{name}"][-1] for name in ("checkpoint", "split", "views") if f"--{name}" in given}
        size = given.get("--batch-size", ["-"])[-1]
        return cls(
            run,
            **known,
            probes=tuple(given.get("--probe", ())),
            speed="--speed" in given,
            batch_size=int(size) if size.isdecimal() else None,
        )


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
    when: When = field(default_factory=When)
    """What the job waits for."""
    sweep: str | None = None
    """The sweep whose element it is."""
    params: Mapping[str, object] | None = None
    """What it sets as that element, dotted key to value."""
    once: str | None = None
    """A key that one run alone may have: a second submission with it sends nothing."""
    again: bool = False
    """Whether it is sent even where the same submission is under way."""
    snapshot: bool | None = None
    """Whether the job runs a copy of the code as it is now; None takes that of arctl.yaml, which is yes."""
    code: Mapping[str, object] | None = None
    """The copy of the code that the job runs, as run.yaml has it, in place of one that is taken now."""
    evaluation: Evaluation | None = None
    """What the trainer evaluates instead of training."""
    together: bool = False
    """Whether it goes into one job array with others, unless the template is for one run."""

    @property
    def evaluates(self) -> int | None:
        """The run whose weights it scores."""
        return None if self.evaluation is None else self.evaluation.run

    def with_seeds(self, seeds: Sequence[int]) -> list[Request]:
        """Return one request for each seed, in one group and one job; without seeds the request alone."""
        if not seeds:
            return [self]
        name = self.name or str(self.model)
        shared = replace(self, group=self.group or f"{name}-seeds", together=True)
        return [
            replace(shared, name=f"{name}-s{seed}", overrides=(*self.overrides, f"train.seed={seed}")) for seed in seeds
        ]
