"""What a submission would do, worked out and checked without doing it: configuration, resources, directives, script.

A job is one run, or an array whose elements are runs; nothing here writes, queues or opens the registry.
`arctl submit --dry-run` prints it and `arctl.launch` carries it out.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from arctl import recipe, templates
from arctl.clusters import directives
from arctl.clusters.slurm import render_directives
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.request import Request
from arctl.rundir import RunDir, number_of, run_name
from arctl.settings import CLUSTERS, SlurmSettings, Workspace
from arctl.text import safe, safe_line

DRY_TOKEN = "arctl-000000000000"
"""Stands in a dry run for the token that a submission draws."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,63}")
_REFERENCE = re.compile(r"(?:run)?\d+", re.IGNORECASE)


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
    directives: Mapping[str, object] = field(default_factory=dict)
    """What the scheduler is asked for."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The template's variables, as far as they are this run's own or shared."""
    log: Path = Path()
    """Where the scheduler sends the job's output, with its patterns."""
    script: str = ""
    """The job script, byte for byte; the same for all elements of an array."""

    @property
    def command(self) -> tuple[str, ...]:
        """What the run executes."""
        words = self.values["command"]
        assert isinstance(words, list)
        return tuple(words)

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


def plan(workspace: Workspace, requests: Sequence[Request], *, first: int, token: str = DRY_TOKEN) -> list[Plan]:
    """Work out runs numbered from `first`: fill gaps from arctl.yaml, resolve and check everything, render scripts.

    They are the elements of one array where their template is for one, else a job each. Raises UsageError,
    NotFoundError or DataError naming the option, key or file that is wrong.
    """
    plans = [_checked(workspace, request) for request in requests]
    numbers = range(first, first + len(plans))
    if any(one.template.array for one in plans):
        return place(workspace, plans, numbers=numbers, token=token)
    alone = zip(plans, numbers, strict=True)
    return [place(workspace, [one], numbers=[number], token=token)[0] for one, number in alone]


def place(workspace: Workspace, plans: Sequence[Plan], *, numbers: Sequence[int], token: str) -> list[Plan]:
    """Return the plans of one job for their run numbers and the job's token: directives, variables and script.

    Raises UsageError where several of them are no elements of one array.
    """
    check_together(plans)
    first, directories = plans[0], [RunDir(workspace.run_dir(number)) for number in numbers]
    array = len(plans) if first.template.array else None
    log = workspace.state / "array" / token / "%a" / "log-%A_%a.txt" if array else directories[0].log_pattern()
    wanted = _directives(workspace, first, token=token, log=log, array=array)
    shared = _shared(workspace, first, token)
    own = [_own(workspace, one, number) for one, number in zip(plans, numbers, strict=True)]
    given = {"run_dirs": [str(directory.path) for directory in directories], "command": _any_command(workspace, first)}
    values = {**shared, **(given if array else own[0])}
    script = templates.render(first.template, directives=render_directives(wanted), values=values)
    return [
        replace(one, directives=wanted, values={**shared, **mine}, log=log, script=script)
        for one, mine in zip(plans, own, strict=True)
    ]


def check_together(plans: Sequence[Plan]) -> None:
    """See that plans make one job: one run, or elements of an array, which differ in their configurations alone."""
    if len(plans) > 1 and not plans[0].template.array:
        what = f"the template {plans[0].template.name!r} is for one run, not for {len(plans)} in one array"
        raise UsageError(what, where="--template", cure="take `array`, or submit them one by one")
    for what in ("cluster", "template", "resources", "command"):
        if len({getattr(one.request, what) for one in plans}) > 1:
            raise UsageError(f"the elements of one array differ in their {what}", cure="submit them one by one")


def next_number(workspace: Workspace, known: Iterable[int]) -> int:
    """Return the number after the highest one that the registry knows or that a run directory carries."""
    places = workspace.runs.iterdir() if workspace.runs.is_dir() else ()
    return 1 + max((*known, *(number_of(path) or 0 for path in places)), default=0)


def _checked(workspace: Workspace, request: Request) -> Plan:
    """Return the plan of a request, all of it checked, without what hangs on its number."""
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
    return Plan(request, str(request.name), str(request.cluster), template, config)


def _site(workspace: Workspace, plan: Plan) -> SlurmSettings:
    """Return what the site asks of a job: nothing on this machine."""
    return workspace.settings.slurm if plan.cluster == "slurm" else SlurmSettings()


def _directives(workspace: Workspace, plan: Plan, *, token: str, log: Path, array: int | None) -> dict[str, object]:
    return directives.directives(
        name=plan.request.group if array and plan.request.group else plan.name,
        token=token,
        log=log,
        settings=_site(workspace, plan),
        signal=plan.template.signal,
        array=array,
        **asdict(plan.request.resources),
    )


def _shared(workspace: Workspace, plan: Plan, token: str) -> dict[str, object]:
    """Return the template variables that all runs of a job have in common."""
    site = _site(workspace, plan)
    return {
        "token": token,
        "workdir": str(workspace.root),
        "cluster": plan.cluster,
        "python": _python(workspace, plan.cluster),
        "env": recipe.trainer_path() if plan.config is not None else {},
        "modules": list(site.modules),
        "activate": site.activate,
        "container": site.container,
        **asdict(plan.request.resources),
    }


def _own(workspace: Workspace, plan: Plan, number: int) -> dict[str, object]:
    """Return the template variables that are a run's own."""
    directory = str(workspace.run_dir(number))
    trainer = (_python(workspace, plan.cluster), "-m", "trainer", "--run-dir", directory)
    return {"run": run_name(number), "run_dir": directory, "command": list(plan.request.command or trainer)}


def _any_command(workspace: Workspace, plan: Plan) -> object:
    """Return the command of every element of an array, which finds its run directory in its environment."""
    trainer = shlex.join([_python(workspace, plan.cluster), "-m", "trainer", "--run-dir"])
    return list(plan.request.command) or f'{trainer} "$ARCTL_RUN_DIR"'


def _filled(request: Request, workspace: Workspace) -> Request:
    settings = workspace.settings
    cluster = request.cluster or settings.cluster
    if cluster not in CLUSTERS:
        raise UsageError(f"no cluster is called {cluster!r}", where="--cluster", cure=nearest(cluster, CLUSTERS))
    resources = request.resources.over(settings.defaults)
    several = (resources.gpus or 0) * (resources.nodes or 1) > 1
    usual = "ddp" if several and not request.command else "array" if request.together else "single"
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
    split = split if isinstance(split, int) else 1
    recipe.check_data(data, split=split)
    recipe.check_lists(data, split=split)
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
