"""What the Submit view reads: what can be chosen, what a half-filled form comes to, and the preflight's verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.drafting import Choices, Draft, Site, Sketch
    from arctl.plan import Plan
    from arctl.preflight import Finding
    from arctl.settings import Workspace

_LIMIT = 1 << 20


@dataclass(frozen=True)
class FormWanted(Want):
    """What can be chosen, and how the form of a repeated run begins."""

    lane: ClassVar[str] = "submit"
    number: int | None = None
    """The run that is repeated; None for a new one."""

    def read(self, workspace: Workspace) -> FormPanel:
        """Raises NotFoundError where the run's directory is gone."""
        from arctl import drafting

        base = None if self.number is None else drafting.fill(workspace, self.number)
        start = base or drafting.Draft()
        return FormPanel(self, drafting.choices(workspace), base, start, drafting.locked(start))


@dataclass(frozen=True, eq=False)
class FormPanel(Panel):
    """What the form needs before it is typed into."""

    choices: Choices
    """What its fields can hold."""
    base: Draft | None
    """How the form of a repeated run begins."""
    start: Draft
    """How the form begins, for whatever it is."""
    locked: frozenset[str]
    """The fields that cannot be changed."""


@dataclass(frozen=True)
class ScriptWanted(Want):
    """What a form comes to, as fast as may be: asked while somebody types."""

    lane: ClassVar[str] = "submit"
    draft: Draft
    """The form."""
    base: Draft | None = None
    """How it began, where a run is repeated."""

    def read(self, workspace: Workspace) -> ScriptPanel:
        """Raises NotFoundError where the run that is repeated is gone."""
        from arctl.drafting import sketch

        found = sketch(workspace, self.draft, base=self.base, quick=True)
        config = found.plans[0].config if found.plans else None
        return ScriptPanel(
            self, found, _script(found), _config(found), {} if config is None else _flat(config), told(found)
        )


@dataclass(frozen=True, eq=False)
class ScriptPanel(Panel):
    """What a form comes to."""

    sketch: Sketch
    """Problems, gaps, what empty fields stand for."""
    script: tuple[str, ...]
    """The job script's lines, safe to show and without secrets; none where the form is not whole."""
    config: tuple[str, ...]
    """The lines of config.yaml, likewise."""
    values: Mapping[str, str]
    """The value of each key of the configuration, in words."""
    told: str
    """What would be submitted, in a few words; empty where the form is not whole."""


@dataclass(frozen=True)
class VerdictWanted(Want):
    """Everything that can be known of a form's jobs before they are queued; it may ask the scheduler."""

    lane: ClassVar[str] = "preflight"
    draft: Draft
    """The form."""
    base: Draft | None = None
    """How it began, where a run is repeated."""
    expect: bool = False
    """Whether Slurm is asked when the job would start: one call more."""

    def read(self, workspace: Workspace) -> VerdictPanel:
        """Raises NotFoundError where the run that is repeated is gone."""
        from arctl import drafting
        from arctl.preflight import examine

        found = drafting.sketch(workspace, self.draft, base=self.base)
        on_slurm = (self.draft.cluster.strip() or workspace.settings.cluster) == "slurm"
        findings = examine(workspace, found.plans, expect=self.expect)
        offered = drafting.site() if on_slurm else drafting.Site()
        return VerdictPanel(self, found, findings, offered, told(found), _command(found, self.base))


@dataclass(frozen=True, eq=False)
class VerdictPanel(Panel):
    """What the preflight says."""

    sketch: Sketch
    """What the form comes to, with the lists of videos read."""
    findings: tuple[Finding, ...]
    """Errors, then warnings, then notes; none where the form is not whole."""
    site: Site = field(repr=False)
    """What the site offers."""
    told: str = ""
    """What would be submitted, in a few words."""
    command: str = ""
    """The command line that submits the same."""


def told(found: Sketch) -> str:
    """Return what would be submitted: `2 runs in one job array on slurm, 4 GPUs together, 8:00:00 each`."""
    if not found.plans:
        return ""
    plan, runs = found.plans[0], len(found.plans)
    what = "1 job" if runs == 1 else f"{runs} runs in one job array" if found.jobs == 1 else f"{runs} jobs"
    gpus = "no GPU" if not found.gpus else f"{found.gpus} GPU{'' if found.gpus == 1 else 's'}"
    gpus += " together" if found.gpus and runs > 1 else ""
    limit = _limit(plan)
    return f"{what} on {plan.cluster}, {gpus}, {limit}{' each' if runs > 1 and plan.request.resources.time else ''}"


def _limit(plan: Plan) -> str:
    from arctl.clusters.directives import seconds
    from arctl.preflight.amounts import span_text

    text = plan.request.resources.time
    if text is None:
        return "no time limit asked for"
    limit = seconds(text)
    return "no time limit" if limit is None else f"time limit {span_text(limit)}"


def _command(found: Sketch, base: Draft | None) -> str:
    import shlex

    from arctl.drafting import command_line
    from arctl.errors import UsageError
    from arctl.secrets import words_hidden
    from arctl.text import safe_part

    try:
        return safe_part(shlex.join(words_hidden(command_line(found.draft, base))))
    except UsageError:
        return ""


def _lines(text: str) -> tuple[str, ...]:
    from arctl.secrets import lines_hidden
    from arctl.text import safe

    return tuple(lines_hidden(safe(text, limit=_LIMIT).splitlines()))


def _script(found: Sketch) -> tuple[str, ...]:
    return _lines(found.plans[0].script) if found.plans else ()


def _config(found: Sketch) -> tuple[str, ...]:
    if not found.plans or found.plans[0].config is None:
        return ()
    first = _lines(found.plans[0].config_text())
    names = [plan.name for plan in found.plans]
    if len(names) == 1:
        return first
    head = f"# config.yaml of {names[0]}; that of {', '.join(names[1:])} differs in train.seed alone"
    return (*_lines(head), *first)


def _flat(config: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    from arctl.secrets import hidden
    from arctl.text import safe_line

    spelt = {None: "null", True: "true", False: "false"}
    return {
        f"{section}.{key}": safe_line(
            str(spelt.get(value, value) if value is None or isinstance(value, bool) else hidden(key, value)), limit=80
        )
        for section, keys in config.items()
        for key, value in keys.items()
    }
