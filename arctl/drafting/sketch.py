"""What a form comes to: plans of jobs where all is well, and else what is wrong beside each of its fields.

A field that is wrong is left out and the rest looked at again, so that one mistake hides no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arctl.drafting.draft import FIELDS, Draft, changes, without
from arctl.drafting.words import override_words, requests_of
from arctl.errors import ArctlError
from arctl.launch import rehearse_all
from arctl.plan import Plan
from arctl.request import Request
from arctl.settings import Workspace
from arctl.text import safe_line

FORM = ""
"""Stands for the whole form, where an error belongs to no field."""

_TRIES = 12
_OPTIONS = {
    **{f"--{name.replace('_', '-')}": name for name in FIELDS},
    "--set": "overrides",
    "--tag": "tags",
}


@dataclass(frozen=True)
class Sketch:
    """What a form comes to."""

    draft: Draft
    """The form."""
    plans: tuple[Plan, ...] = ()
    """The runs that it would make; none where something is wrong or missing."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong, with its cure, by field; `FORM` where no field can be named. Safe to show."""
    gaps: Mapping[str, str] = field(default_factory=dict)
    """Fields that must be filled yet, and with what."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """What an empty field stands for."""

    @property
    def jobs(self) -> int:
        """How many jobs are submitted: an array is one."""
        return min(1, len(self.plans)) if self.plans and self.plans[0].template.array else len(self.plans)

    @property
    def gpus(self) -> int:
        """How many GPUs all of its runs hold together."""
        asked = [plan.request.resources for plan in self.plans]
        return sum((one.gpus or 0) * (one.nodes or 1) for one in asked)


def sketch(workspace: Workspace, draft: Draft, *, base: Draft | None = None, quick: bool = False) -> Sketch:
    """Return what a form comes to. Nothing is written; `quick` leaves the lists of videos unread.

    `base` is the form as it began where a run is repeated. Raises NotFoundError where that run is gone.
    """
    left = draft
    problems: dict[str, str] = {}
    gaps = _gaps(draft)
    plans: list[Plan] = []
    for _ in range(_TRIES):
        found: Mapping[str, ArctlError | OSError]
        requests, found = requests_of(workspace, left, base)
        if not found and not _gaps(left):
            plans, found = _planned(workspace, requests, left, base, quick=quick)
        problems |= {name: _line(error) for name, error in found.items() if name not in problems}
        if not found or FORM in found or not set(found) & set(changes(left, base)):
            break
        for name in found:
            left = without(left, name, base)
    usual = _usual(workspace, draft, base, plans)
    return Sketch(draft, () if problems or gaps else tuple(plans), problems, gaps, usual)


def _planned(
    workspace: Workspace,
    requests: list[Request],
    left: Draft,
    base: Draft | None,
    *,
    quick: bool,
) -> tuple[list[Plan], dict[str, ArctlError | OSError]]:
    try:
        return rehearse_all(workspace, requests, quick=quick), {}
    except ArctlError as error:
        return [], {_field_of(error, left, base): error}
    except OSError as error:
        return [], {FORM: error}


def _gaps(draft: Draft) -> dict[str, str]:
    if draft.rerun_of is not None or draft.command.strip():
        return {}
    wanted = {"model": "choose a model, or write a command of your own", "data": "choose a data set"}
    return {name: text for name, text in wanted.items() if not getattr(draft, name).strip()}


def _line(error: ArctlError | OSError) -> str:
    if isinstance(error, OSError):
        return safe_line(f"{error} (is the file system there?)")
    where = error.where or ""
    named = f"{where}: " if "/" in where and not where.startswith("--") else ""
    return safe_line(f"{named}{safe_line(error.what, limit=200)}" + (f" ({error.cure})" if error.cure else ""))


def _field_of(error: ArctlError, draft: Draft, base: Draft | None) -> str:
    """Return the field that an error is about, by the option, key or file that it names."""
    given, where = changes(draft, base), error.where or ""
    keys = [word.partition("=")[0] for word in override_words(draft.overrides)]
    if "overrides" in given and (where.startswith("--set") or any(key in error.what for key in keys)):
        return "overrides"
    if "model.weights" in str(error) and "overrides" in given:
        return "overrides"
    if where.startswith("--after") and where == "--after":  # of all that a job can wait for
        return next((name for name in ("after", "after_ok", "begin", "hold") if name in given), FORM)
    for words in (where.split(), error.what.split()):
        if words and (name := _OPTIONS.get(words[0].rstrip(":"))):
            return name
    if ".sbatch" in where:
        return "template"
    kinds = {"data set ": "data", "preset ": "preset", "model ": "model", "config.yaml": "overrides"}
    by_word = next((name for start, name in kinds.items() if where.startswith(start)), None)
    if by_word is not None:
        return by_word
    return "data" if where.startswith("/") and "data" in given and error.exit_code in (3, 5) else FORM


def _usual(workspace: Workspace, draft: Draft, base: Draft | None, plans: list[Plan]) -> dict[str, str]:
    if base is not None:
        return {name: str(getattr(base, name)) for name in FIELDS}
    settings = workspace.settings
    cluster = draft.cluster.strip() or settings.cluster
    usual = {key: str(value) for key, value in settings.defaults.items()}
    if cluster == "slurm":
        site = settings.slurm
        usual |= {key: getattr(site, key) or "" for key in ("partition", "account", "qos")}
    template = plans[0].template.name if plans else str(settings.defaults.get("template") or "single")
    name = plans[0].request.model or plans[0].name if plans else draft.model.strip()
    return {**usual, "cluster": settings.cluster, "template": template, "name": safe_line(name), "hold": "no"}
