"""Whether a request can become a run: its gaps filled from arctl.yaml, its words, configuration and lists checked.

Of a thousand requests that differ in a learning rate the template and the lists of videos are read once.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from arctl import recipe, templates
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.naming import check_note, check_tag
from arctl.request import Request, When
from arctl.rundir import run_name
from arctl.settings import CLUSTERS, Workspace
from arctl.text import is_text, safe_line

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a run's name looks like."""

_ONCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_REFERENCE = re.compile(r"(?:run)?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Admitted:
    """A request that can become a run."""

    request: Request
    """What was asked, with its gaps filled: name, cluster, template, resources, model, data."""
    template: templates.Template
    """The job template."""
    config: recipe.Settings | None
    """The resolved configuration; None for a command."""


@dataclass
class Admission:
    """Admits the requests of one submission; what several of them share is read once."""

    workspace: Workspace
    """Where they go."""
    quick: bool = False
    """Whether the lists of videos are left unread: while somebody types."""
    _templates: dict[str, templates.Template] = field(default_factory=dict)
    _data: dict[str, recipe.DataSet] = field(default_factory=dict)
    _lists: set[tuple[Path, int]] = field(default_factory=set)
    _pythons: set[str] = field(default_factory=set)

    def admit(self, request: Request) -> Admitted:
        """Return the request with its gaps filled and all of it checked, without what hangs on its number.

        Raises UsageError, NotFoundError or DataError naming the option, key or file that is wrong.
        """
        if request.model is not None:
            recipe.model(request.model)
        request = _filled(request, self.workspace)
        _check_words(request)
        _check_when(request)
        config, request = self._configured(request)
        if config is not None:
            self._check_python(str(request.cluster))
        return Admitted(request, self._template(str(request.template)), config)

    def _template(self, name: str) -> templates.Template:
        if name not in self._templates:
            template = templates.find(name, overrides=self.workspace.templates)
            findings = [] if templates.packaged(template) else templates.check(template)
            if findings:
                cure = f"correct it; `arctl template check {template.name}` lists all"
                raise UsageError(safe_line(findings[0]), where=str(template.path), cure=cure)
            self._templates[name] = template
        return self._templates[name]

    def _configured(self, request: Request) -> tuple[recipe.Settings | None, Request]:
        """Return the checked configuration, and the request with the names that it settled."""
        if request.command:
            _refuse_trainer_options(request)
            return None, request
        if request.evaluation is not None:
            _refuse_changes(request)
        if request.config is not None:
            config = recipe.revise(request.config, request.overrides)
            data = recipe.DataSet(str(config["data"]["name"]), Path(str(config["data"]["root"])), "config.yaml", {})
        else:
            if request.model is None or request.data is None:
                missing = "--model" if request.model is None else "--data"
                cure = "`arctl models` and `arctl data ls` list what there is; a command of your own goes after --"
                raise UsageError(f"{missing} is missing", cure=cure)
            if request.data not in self._data:
                self._data[request.data] = recipe.find_data(self.workspace, request.data)
            data = self._data[request.data]
            config = recipe.resolve(data, model=request.model, preset=request.preset, overrides=request.overrides)
        split = config["data"]["split"]
        self._check_lists(data, split if isinstance(split, int) else 1)
        return config, replace(request, model=str(config["model"]["name"]), data=data.name)

    def _check_lists(self, data: recipe.DataSet, split: int) -> None:
        if (data.root, split) not in self._lists:
            recipe.check_data(data, split=split)
            if not self.quick:
                recipe.check_lists(data, split=split)
            self._lists.add((data.root, split))

    def _check_python(self, cluster: str) -> None:
        """See that the trainer can start, as far as this machine can tell."""
        python = python_of(self.workspace, cluster)
        if python in self._pythons:
            return
        if python == sys.executable and importlib.util.find_spec("torch") is None:
            cure = "pip install 'arctl[train]', or name a Python that has it as `python:` in arctl.yaml"
            raise UsageError("this Python has no torch, so it cannot train", where=python, cure=cure)
        if cluster == "local" and shutil.which(python) is None:
            raise NotFoundError("there is no such Python", where=python, cure="correct `python:` in arctl.yaml")
        self._pythons.add(python)


def python_of(workspace: Workspace, cluster: str) -> str:
    """Return the Python of the jobs on a cluster: a container has its own."""
    settings = workspace.settings
    contained = cluster == "slurm" and settings.slurm.container is not None
    return settings.python or ("python3" if contained else sys.executable)


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
        snapshot=settings.snapshot.take if request.snapshot is None else request.snapshot,
    )


def _usual_name(request: Request) -> str:
    if request.model is not None:
        return request.model
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(request.command[0]).name if request.command else "")
    word = word.lstrip("._-")[:64]
    return word if word and not _REFERENCE.fullmatch(word) else "command"


def _check_words(request: Request) -> None:
    name = str(request.name)
    if not NAME.fullmatch(name):
        cure = "use up to 64 letters, digits, dots, underscores and dashes, and begin with a letter or digit"
        raise UsageError(f"{safe_line(name, limit=80)!r} is no name for a run", where="--name", cure=cure)
    if _REFERENCE.fullmatch(name):
        raise UsageError(f"the name {name!r} would be taken for a run's number", where="--name", cure="choose another")
    for tag in request.tags:
        check_tag(tag, where="--tag")
    check_note(request.note, where="--note")
    if not all("\0" not in word and is_text(word) for word in request.command):
        raise UsageError("the command holds a NUL character, or bytes that are no UTF-8", cure="leave them out")
    if request.once is not None and not _ONCE.fullmatch(request.once):
        cure = "use letters, digits and ._:/@+- only, 128 at most, as in nightly-2026-12-01"
        raise UsageError(f"{safe_line(request.once, limit=80)!r} is no key", where="--once", cure=cure)


def _check_when(request: Request) -> None:
    """See that what the job shall wait for is something that its cluster can wait for."""
    if request.cluster == "local" and request.when != When():
        cure = "use --cluster slurm, or `arctl wait RUN && arctl submit ...`"
        raise UsageError("the queue of this machine starts jobs in their order alone", where="--after", cure=cure)


def _refuse_changes(request: Request) -> None:
    if request.overrides or request.preset:
        wrong = "--set" if request.overrides else "--preset"
        cure = f"leave it out; `arctl eval {run_name(request.evaluates or 0)}` has the options of an evaluation"
        raise UsageError(f"{wrong} changes how a run trains, and this is an evaluation", cure=cure)


def _refuse_trainer_options(request: Request) -> None:
    given = {
        "--model": request.model,
        "--data": request.data,
        "--preset": request.preset,
        "--set": request.overrides,
    }
    wrong = [option for option, value in given.items() if value]
    if wrong:
        raise UsageError(f"{wrong[0]} is for the trainer, not for a command after --", cure="leave one of them out")
