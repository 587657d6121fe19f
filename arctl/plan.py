"""What a submission would do, worked out and checked without doing it: configuration, resources, directives, script.

A job is one run, or an array whose elements are runs; nothing here writes, queues or opens the registry.
`arctl submit --dry-run` prints it and `arctl.launch` carries it out.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from arctl import recipe, templates
from arctl.admission import Admission, Admitted, python_of
from arctl.clusters import directives
from arctl.clusters.slurm import render_directives
from arctl.errors import UsageError
from arctl.request import Request
from arctl.rundir import RunDir, number_of, run_name
from arctl.settings import SlurmSettings, Workspace

DRY_TOKEN = "arctl-000000000000"
"""Stands in a dry run for the token that a submission draws."""


@dataclass(frozen=True)
class Code:
    """Where a job finds the code that it runs."""

    workdir: Path
    """Where it starts: a snapshot of the project, or the workspace itself."""
    python_path: str | None
    """PYTHONPATH of the job, so that project and trainer are those of now; None for live code."""
    record: Mapping[str, object] | None = None
    """What run.yaml says of the snapshot; None for live code."""


@dataclass(frozen=True)
class Placement:
    """What the runs of one job share once it is about to be made."""

    token: str
    """Names the job in the scheduler."""
    code: Code
    """The code that it runs."""
    dependency: str | None = None
    """What it waits for: `afterok:77,afterany:78_2`."""
    throttle: int | None = None
    """How many elements of its array may run at a time; None: all."""


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
    code: Mapping[str, object] | None = None
    """What run.yaml says of the code snapshot; None for live code."""

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
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(yaml.dump(self.config, Dumper=dumper, sort_keys=False, allow_unicode=True))

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


def admit(workspace: Workspace, requests: Sequence[Request], *, quick: bool = False) -> list[Plan]:
    """Fill the gaps of requests from arctl.yaml and check all of them, without what hangs on their numbers.

    `quick` leaves the lists of videos unread, which takes long where there are many.
    Raises UsageError, NotFoundError or DataError naming the option, key or file that is wrong.
    """
    admission = Admission(workspace, quick=quick)
    return [_unplaced(admission.admit(request)) for request in requests]


def place(workspace: Workspace, plans: Sequence[Plan], *, numbers: Sequence[int], where: Placement) -> list[Plan]:
    """Return the plans of one job for their run numbers and what they share: directives, variables and script.

    Raises UsageError where several of them are no elements of one array.
    """
    check_together(plans)
    first, directories = plans[0], [RunDir(workspace.run_dir(number)) for number in numbers]
    array = len(plans) if first.template.array else None
    elements = elements_place(workspace, where.token)
    log = elements / "%a" / "log-%A_%a.txt" if array else directories[0].log_pattern()
    wanted = _directives(workspace, first, where, log=log, array=array)
    shared = _shared(workspace, first, where)
    own = [_own(workspace, one, number) for one, number in zip(plans, numbers, strict=True)]
    given = {"elements": str(elements), "command": _any_command(workspace, first)}
    values = {**shared, **(given if array else own[0])}
    script = templates.render(first.template, directives=render_directives(wanted), values=values)
    return [
        replace(one, directives=wanted, values={**shared, **mine}, log=log, script=script, code=where.code.record)
        for one, mine in zip(plans, own, strict=True)
    ]


def elements_place(workspace: Workspace, token: str) -> Path:
    """Return the directory of an array's links: 0, 1, ... lead to the run directories of its elements."""
    return workspace.state / "array" / token


def check_together(plans: Sequence[Plan]) -> None:
    """See that plans make one job: one run, or elements of an array, which differ in their configurations alone."""
    if len(plans) > 1 and not plans[0].template.array:
        what = f"the template {plans[0].template.name!r} is for one run, not for {len(plans)} in one array"
        raise UsageError(what, where="--template", cure="take `array`, or submit them one by one")
    for what in ("cluster", "template", "resources", "command", "when"):
        first = getattr(plans[0].request, what)
        if any(getattr(one.request, what) != first for one in plans):
            raise UsageError(f"the elements of one array differ in their {what}", cure="submit them one by one")


def cut(plans: Sequence[Plan], most: int | None) -> list[list[Plan]]:
    """Return the plans as the elements of as few jobs as may be: `most` to an array, one to any other job."""
    if not plans[0].template.array:
        return [[plan] for plan in plans]
    size = most or len(plans)
    count = -(-len(plans) // size)
    ends = [len(plans) * place // count for place in range(count + 1)]
    return [list(plans[start:end]) for start, end in itertools.pairwise(ends)]


def next_number(workspace: Workspace, known: Iterable[int]) -> int:
    """Return the number after the highest one that the registry knows or that a run directory carries."""
    places = workspace.runs.iterdir() if workspace.runs.is_dir() else ()
    return 1 + max((*known, *(number_of(path) or 0 for path in places)), default=0)


def live_code(workspace: Workspace) -> Code:
    """Return the code as it is on the disk when the job starts."""
    return Code(workspace.root, None)


def _unplaced(admitted: Admitted) -> Plan:
    request = admitted.request
    return Plan(request, str(request.name), str(request.cluster), admitted.template, admitted.config)


def _site(workspace: Workspace, plan: Plan) -> SlurmSettings:
    """Return what the site asks of a job: nothing on this machine."""
    return workspace.settings.slurm if plan.cluster == "slurm" else SlurmSettings()


def _directives(
    workspace: Workspace, plan: Plan, where: Placement, *, log: Path, array: int | None
) -> dict[str, object]:
    when = plan.request.when
    return directives.directives(
        name=plan.request.group if array and plan.request.group else plan.name,
        token=where.token,
        log=log,
        settings=_site(workspace, plan),
        signal=plan.template.signal,
        array=array,
        throttle=where.throttle,
        dependency=where.dependency,
        hold=when.hold,
        begin=when.begin,
        **asdict(plan.request.resources),
    )


def _shared(workspace: Workspace, plan: Plan, where: Placement) -> dict[str, object]:
    """Return the template variables that all runs of a job have in common."""
    site = _site(workspace, plan)
    return {
        "token": where.token,
        "workspace": str(workspace.root),
        "workdir": str(where.code.workdir),
        "cluster": plan.cluster,
        "python": python_of(workspace, plan.cluster),
        "env": _environment(site, plan, where.code),
        "modules": list(site.modules),
        "activate": site.activate,
        "container": site.container,
        **asdict(plan.request.resources),
    }


def _environment(site: SlurmSettings, plan: Plan, code: Code) -> dict[str, str]:
    """Return the environment variables that a job gets: where its code is, and how often the trainer may requeue."""
    path = {"PYTHONPATH": code.python_path} if code.python_path else {}
    if plan.config is None:
        return path
    if code.python_path is None:
        path = recipe.trainer_path()
    most = {"ARCTL_MAX_REQUEUES": str(site.requeues)} if plan.cluster == "slurm" else {}
    return {**path, **most}


def _own(workspace: Workspace, plan: Plan, number: int) -> dict[str, object]:
    """Return the template variables that are a run's own."""
    directory = str(workspace.run_dir(number))
    command = list(plan.request.command) or [*_trainer(workspace, plan), directory]
    return {"run": run_name(number), "run_dir": directory, "command": command}


def _any_command(workspace: Workspace, plan: Plan) -> object:
    """Return the command of every element of an array, which finds its run directory in its environment."""
    return list(plan.request.command) or f'{shlex.join(_trainer(workspace, plan))} "$ARCTL_RUN_DIR"'


def _trainer(workspace: Workspace, plan: Plan) -> list[str]:
    """Return the words that start the trainer, but for the last, which is the run's own directory."""
    asked = plan.request.evaluation
    words = [python_of(workspace, plan.cluster), "-m", "trainer"]
    if asked is None:
        return [*words, "--run-dir"]
    return [*words, "eval", "--run-dir", str(workspace.run_dir(asked.run)), *asked.words(), "--out"]
