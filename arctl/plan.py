"""What a submission would do, worked out and checked without doing it: configuration, resources, directives, script.

Nothing here writes, queues or opens the registry; `arctl submit --dry-run` prints it and `arctl.launch` carries it out.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from arctl import recipe, templates
from arctl.clusters import directives
from arctl.clusters.slurm import render_directives
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.rundir import RunDir, number_of, run_name
from arctl.settings import CLUSTERS, SlurmSettings, Workspace
from arctl.text import safe, safe_line

DRY_TOKEN = "arctl-000000000000"
"""Stands in a dry run for the token that a submission draws."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,63}")
_REFERENCE = re.compile(r"(?:run)?\d+", re.IGNORECASE)


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
    """A job template; None takes that of arctl.yaml, else `single`, or `ddp` for several GPUs."""
    command: tuple[str, ...] = ()
    """A program of one's own and its arguments, in place of the trainer."""
    rerun_of: int | None = None
    """The run that this one repeats."""
    config: Path | None = None
    """The config.yaml that a repeated run starts from, in place of model, data and preset."""
    group: str | None = None
    """Runs that belong together."""

    def with_seeds(self, seeds: Sequence[int]) -> list[Request]:
        """Return one request for each seed, in one group; without seeds the request alone."""
        if not seeds:
            return [self]
        group = self.group or f"{self.name or self.model}-seeds"
        return [replace(self, group=group, overrides=(*self.overrides, f"train.seed={seed}")) for seed in seeds]


@dataclass(frozen=True)
class Plan:
    """A run that is ready to be made."""

    request: Request
    """What was asked, with its gaps filled: name, cluster, template, resources, model, data."""
    name: str
    """The run's name."""
    cluster: str
    """Where it goes."""
    template: templates.Template
    """The job template."""
    config: recipe.Settings | None
    """The resolved configuration; None for a command."""
    directives: Mapping[str, object]
    """What the scheduler is asked for."""
    values: Mapping[str, object]
    """The template's variables."""
    command: tuple[str, ...]
    """What the job runs."""
    script: str
    """The job script, byte for byte."""

    def config_text(self) -> str:
        """Return the configuration as config.yaml has it; empty for a command."""
        import yaml

        if self.config is None:
            return ""
        return str(yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True))

    def facts(self) -> dict[str, object]:
        """Return what `--dry-run --json` prints."""
        return {
            "name": self.name,
            "run_dir": self.values["run_dir"],
            "cluster": self.cluster,
            "template": self.template.name,
            "command": list(self.command),
            "directives": dict(self.directives),
            "config": self.config,
            "script": self.script,
        }


def plan(workspace: Workspace, request: Request, *, number: int, token: str = DRY_TOKEN) -> Plan:
    """Work out a run: fill the gaps from arctl.yaml, resolve and check everything, render the script.

    Raises UsageError, NotFoundError or DataError naming the option, key or file that is wrong.
    """
    if request.model is not None:
        recipe.model(request.model)
    request = _filled(request, workspace)
    _check_words(request)
    config, request = _configured(request, workspace)
    if config is not None:
        _check_python(workspace, str(request.cluster))
    template = templates.find(str(request.template), overrides=workspace.templates)
    findings = templates.check(template)
    if findings:
        cure = f"correct it; `arctl template check {template.name}` lists all"
        raise UsageError(safe_line(findings[0]), where=str(template.path), cure=cure)
    bare = Plan(request, str(request.name), str(request.cluster), template, config, {}, {}, (), "")
    return place(workspace, bare, number=number, token=token)


def place(workspace: Workspace, plan: Plan, *, number: int, token: str) -> Plan:
    """Return the plan for a run number and its token: directives, template variables and script."""
    directory = RunDir(workspace.run_dir(number))
    asked = plan.request.resources
    site = workspace.settings.slurm if plan.cluster == "slurm" else SlurmSettings()
    wanted = directives.directives(
        name=plan.name,
        token=token,
        log=directory.log_pattern(),
        settings=site,
        signal=plan.template.signal,
        **asdict(asked),
    )
    python = _python(workspace, plan.cluster)
    command = plan.request.command or (python, "-m", "trainer", "--run-dir", str(directory.path))
    values: dict[str, object] = {
        "run": run_name(number),
        "run_dir": str(directory.path),
        "token": token,
        "command": list(command),
        "workdir": str(workspace.root),
        "cluster": plan.cluster,
        "python": python,
        "env": recipe.trainer_path() if plan.config is not None else {},
        "modules": list(site.modules),
        "activate": site.activate,
        "container": site.container,
        **asdict(asked),
    }
    lines = render_directives(wanted)
    script = templates.render(plan.template, directives=lines, values=values)
    return replace(plan, directives=wanted, values=values, command=command, script=script)


def next_number(workspace: Workspace, known: Iterable[int]) -> int:
    """Return the number after the highest one that the registry knows or that a run directory carries."""
    places = workspace.runs.iterdir() if workspace.runs.is_dir() else ()
    return 1 + max((*known, *(number_of(path) or 0 for path in places)), default=0)


def _filled(request: Request, workspace: Workspace) -> Request:
    settings = workspace.settings
    cluster = request.cluster or settings.cluster
    if cluster not in CLUSTERS:
        raise UsageError(f"no cluster is called {cluster!r}", where="--cluster", cure=nearest(cluster, CLUSTERS))
    resources = request.resources.over(settings.defaults)
    several = (resources.gpus or 0) * (resources.nodes or 1) > 1
    usual = "ddp" if several and not request.command else "single"
    template = request.template or settings.defaults.get("template") or usual
    return replace(
        request,
        cluster=cluster,
        resources=resources,
        template=str(template),
        name=request.name or _usual_name(request),
        tags=tuple(sorted(set(request.tags))),
    )


def _usual_name(request: Request) -> str:
    if request.model is not None:
        return request.model
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(request.command[0]).name if request.command else "")
    word = word.lstrip("._-")[:64]
    return word if word and not _REFERENCE.fullmatch(word) else "command"


def _check_words(request: Request) -> None:
    name = str(request.name)
    if not _NAME.fullmatch(name):
        cure = "use up to 64 letters, digits, dots, underscores and dashes, and begin with a letter or digit"
        raise UsageError(f"{safe_line(name, limit=80)!r} is no name for a run", where="--name", cure=cure)
    if _REFERENCE.fullmatch(name):
        raise UsageError(f"the name {name!r} would be taken for a run's number", where="--name", cure="choose another")
    for tag in request.tags:
        if not _TAG.fullmatch(tag):
            cure = "use letters, digits and ._:/=+- only, 64 at most"
            raise UsageError(f"{safe_line(tag, limit=80)!r} is no tag", where="--tag", cure=cure)
    if len(request.note) > 4096 or safe(request.note) != request.note:
        raise UsageError("the note has control characters or is longer than 4096", where="--note", cure="shorten it")
    if any("\0" in word for word in request.command):
        raise UsageError("the command holds a NUL character", cure="leave it out")


def _configured(request: Request, workspace: Workspace) -> tuple[recipe.Settings | None, Request]:
    """Return the checked configuration, and the request with the names that it settled."""
    if request.command:
        given = {
            "--model": request.model,
            "--data": request.data,
            "--preset": request.preset,
            "--set": request.overrides,
        }
        wrong = [option for option, value in given.items() if value]
        if wrong:
            raise UsageError(f"{wrong[0]} is for the trainer, not for a command after --", cure="leave one of them out")
        return None, request
    if request.config is not None:
        config = recipe.revise(request.config, request.overrides)
        data = recipe.DataSet(str(config["data"]["name"]), Path(str(config["data"]["root"])), "config.yaml", {})
    else:
        if request.model is None or request.data is None:
            missing = "--model" if request.model is None else "--data"
            cure = "`arctl models` and `arctl data ls` list what there is; a command of your own goes after --"
            raise UsageError(f"{missing} is missing", cure=cure)
        data = recipe.find_data(workspace, request.data)
        config = recipe.resolve(data, model=request.model, preset=request.preset, overrides=request.overrides)
    split = config["data"]["split"]
    recipe.check_data(data, split=split if isinstance(split, int) else 1)
    return config, replace(request, model=str(config["model"]["name"]), data=data.name)


def _check_python(workspace: Workspace, cluster: str) -> None:
    """See that the trainer can start, as far as this machine can tell."""
    python = _python(workspace, cluster)
    if python == sys.executable and importlib.util.find_spec("torch") is None:
        cure = "pip install 'arctl[train]', or name a Python that has it as `python:` in arctl.yaml"
        raise UsageError("this Python has no torch, so it cannot train", where=python, cure=cure)
    if cluster == "local" and shutil.which(python) is None:
        raise NotFoundError("there is no such Python", where=python, cure="correct `python:` in arctl.yaml")


def _python(workspace: Workspace, cluster: str) -> str:
    """Return the Python of the job: a container has its own."""
    settings = workspace.settings
    contained = cluster == "slurm" and settings.slurm.container is not None
    return settings.python or ("python3" if contained else sys.executable)
