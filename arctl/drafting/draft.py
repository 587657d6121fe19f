"""The words of a form: one text a field, as typed; where they begin from, and the command line that says the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from arctl.drafting.words import override_words
from arctl.errors import UsageError
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, read_run
from arctl.secrets import words_hidden
from arctl.settings import Workspace
from arctl.text import safe_line


@dataclass(frozen=True)
class Draft:
    """What stands in a form. An empty field is left to arctl.yaml, or to the run that is repeated."""

    model: str = ""
    """A name of the catalog."""
    data: str = ""
    """A data set's name or path."""
    preset: str = ""
    """A preset of the model."""
    overrides: str = ""
    """`section.key=value`, one a line or with blanks between."""
    command: str = ""
    """A program of one's own and its arguments, quoted as for a shell."""
    seeds: str = ""
    """Whole numbers with commas: a run each."""
    name: str = ""
    """Name of the run."""
    tags: str = ""
    """Words with blanks between."""
    note: str = ""
    """What the run is for."""
    group: str = ""
    """Runs that belong together."""
    cluster: str = ""
    """`slurm` or `local`."""
    template: str = ""
    """Job template."""
    gpus: str = ""
    """GPUs on each node."""
    gpu_type: str = ""
    """Their type."""
    nodes: str = ""
    """Nodes."""
    cpus: str = ""
    """Cores on each node."""
    mem: str = ""
    """Memory of each node."""
    time: str = ""
    """Time limit."""
    partition: str = ""
    """Partition."""
    account: str = ""
    """Account that pays."""
    qos: str = ""
    """Quality of service."""
    constraint: str = ""
    """Features of the nodes."""
    exclude: str = ""
    """Nodes to keep away from."""
    sbatch: str = ""
    """Further directives, with blanks between."""
    after: str = ""
    """Runs that must have ended."""
    after_ok: str = ""
    """Runs that must have ended well."""
    begin: str = ""
    """The earliest start."""
    hold: str = ""
    """`yes`: it waits until somebody releases it."""
    rerun_of: int | None = None
    """The run that is repeated, with changes."""
    own: bool = False
    """Whether that run is a command of a user's own, or an evaluation: it has no configuration to change."""


FIELDS = tuple(item.name for item in fields(Draft) if item.name not in ("rerun_of", "own"))
"""The fields of a form, in the order of the command line."""

_SEVERAL = {"tags": "--tag", "after": "--after", "after_ok": "--after-ok"}
_KEPT = ("model", "data", "preset", "command", "seeds")


def fill(workspace: Workspace, number: int) -> Draft:
    """Return the form of a run that is to be repeated, as that run was asked for.

    Raises NotFoundError where its directory is gone, UsageError where it cannot be repeated.
    """
    from arctl.launch import again

    request = again(workspace, number)
    old = read_run(RunDir(workspace.run_dir(number)).run_yaml)
    own = old.model is None or old.evaluates is not None
    asked = {key: _text(value) for key, value in asdict(request.resources).items()}
    words = {"name": old.name, "note": old.note, "group": old.group, "cluster": old.cluster, "preset": old.preset}
    return Draft(
        **{key: safe_line(value or "", limit=4096) for key, value in words.items()},
        **asked,
        **_of_trainer(old),
        command=safe_line(shlex.join(words_hidden(old.command)), limit=4096) if own else "",
        tags=" ".join(map(safe_line, old.tags)),
        template=safe_line(request.template or ""),
        rerun_of=number,
        own=own,
    )


def _of_trainer(old: RunFile) -> dict[str, str]:
    return {"model": safe_line(old.model or ""), "data": safe_line(old.data or "")}


def _text(value: object) -> str:
    if value is None:
        return ""
    return safe_line(shlex.join(value) if isinstance(value, tuple) else str(value))


def locked(draft: Draft) -> frozenset[str]:
    """Return the fields that cannot be changed: what a repeated run trains, and what an own command has not."""
    if draft.rerun_of is None:
        return frozenset()
    return frozenset((*_KEPT, "overrides") if draft.own else _KEPT)


def changes(draft: Draft, base: Draft | None) -> Mapping[str, str]:
    """Return what a form says that its beginning did not: what is sent. An emptied field stays as it began."""
    shut = locked(draft)
    told = {name: str(getattr(draft, name)).strip() for name in FIELDS if name not in shut}
    return {name: text for name, text in told.items() if text and (base is None or text != getattr(base, name).strip())}


def command_line(draft: Draft, base: Draft | None = None) -> list[str]:
    """Return the words of the `arctl` command that submits the same. Raises UsageError for quotes without end."""
    given = changes(draft, base)
    line = ["arctl", "submit"] if draft.rerun_of is None else ["arctl", "rerun", run_name(draft.rerun_of)]
    for name, text in given.items():
        option = _SEVERAL.get(name, f"--{name.replace('_', '-')}")
        if name == "overrides":
            line += [word for item in override_words(text) for word in ("--set", item)]
        elif name in _SEVERAL:
            line += [word for item in text.split() for word in (option, item)]
        elif name == "sbatch":
            line += [word for item in split(text, where="--sbatch") for word in (option, item)]
        elif name == "hold":
            line += ["--hold"] if yes(text) else []
        elif name != "command":
            line += [option, text]
    return line + (["--", *split(given["command"], where="--command")] if "command" in given else [])


def split(text: str, *, where: str) -> list[str]:
    """Return the words of a text that is quoted as for a shell. Raises UsageError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"this cannot be read: {str(error).lower()}", where=where, cure="close the quotes") from error


def yes(text: str) -> bool:
    """Tell whether a word says yes. Raises UsageError for one that says neither yes nor no."""
    if text.lower() in ("y", "yes", "true", "1"):
        return True
    if text.lower() in ("", "n", "no", "false", "0"):
        return False
    raise UsageError(f"{safe_line(text, limit=40)!r} is neither yes nor no", where="--hold", cure="write yes or no")


def without(draft: Draft, name: str, base: Draft | None) -> Draft:
    """Return a draft with one of its fields as it began."""
    text: dict[str, Any] = {name: "" if base is None else getattr(base, name)}
    return replace(draft, **text)
