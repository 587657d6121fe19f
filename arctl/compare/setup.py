"""How runs were set up, and in what they differ: configuration, resources, Slurm's directives, versions, GPU, data.

What is another one in every run (names, tokens, job ids, paths with the run's number) says nothing about its results
and is hidden unless it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.clusters.asked import options
from arctl.errors import ArctlError, DataError
from arctl.facts import Facts, Setting, differing, read_facts
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, read_run
from arctl.secrets import hidden
from arctl.tail import read_small
from arctl.text import safe_line

ALWAYS = frozenset({
    "name", "number", "token", "created", "jobs", "run_dir", "env.host", "env.node",
    "slurm.job-name", "slurm.comment", "slurm.output", "slurm.error",
})  # fmt: skip
"""Keys that differ between any two runs."""

RESTATED = frozenset({"slurm.nodes", "slurm.cpus-per-task", "slurm.mem", "slurm.time", "slurm.partition"})
"""Directives that `resources.*` has said already."""

_SCRIPT = 1 << 18
_ENV = 1 << 20


@dataclass(frozen=True)
class Setup:
    """In what runs were set up differently."""

    settings: tuple[Setting, ...]
    """Keys in which they differ."""
    same: int
    """How many keys are the same in all."""
    hidden: int
    """Keys that differ between any two runs, and are left out."""
    facts: tuple[Facts, ...]
    """All that is known of each, with what is left out."""
    troubles: tuple[str, ...]
    """Files that could not be read, and why."""


def setups(run_dirs: Sequence[Path], *, everything: bool = False) -> Setup:
    """Return in what runs differ; with `everything` also in keys and paths that differ between any two runs.

    A damaged file is told of in `troubles`; a missing one says nothing.
    """
    known = [_facts(run_dir) for run_dir in run_dirs]
    raw, all_same = differing([facts for facts, _ in known])
    plain = [Facts(_neutral(facts.values, own), ()) for facts, own in known]
    facts = tuple(facts for facts, _ in known)
    troubles = tuple(trouble for one in facts for trouble in one.troubles)
    if everything:
        return Setup(raw, all_same, 0, facts, troubles)
    if len({_is_bare(one) for one in facts}) > 1:
        plain = [Facts({key: value for key, value in one.values.items() if not _is_trainers(key)}, ()) for one in plain]
        bare = [str(one.values.get("number", "a run")) for one in facts if _is_bare(one)]
        troubles += (f"{', '.join(bare)}: no configuration of the trainer, so that of the others is hidden (--all)",)
    shown, same = differing(plain)
    return Setup(shown, same, len({one.key for one in raw} - {one.key for one in shown}), facts, troubles)


def recipe(facts: Facts) -> tuple[tuple[str, str], ...] | None:
    """Return the configuration without its seed, so that runs that differ only by seed are equal; None without one."""
    config = {key: value for key, value in facts.values.items() if _is_config(key) and key != "train.seed"}
    return tuple(sorted((key, repr(value)) for key, value in config.items())) or None


def seed(facts: Facts) -> object:
    """Return the seed of a run, None where its configuration has none."""
    return facts.values.get("train.seed")


def _is_config(key: str) -> bool:
    return "." in key and not key.startswith(("env.", "slurm.", "resources.", "code."))


def _is_trainers(key: str) -> bool:
    return _is_config(key) and not key.startswith("fuse.")


def _is_bare(facts: Facts) -> bool:
    """Tell whether the trainer had no part in a run: a command of one's own, or a fusion, whose words are `fuse.*`."""
    return recipe(facts) is None or "fuse.how" in facts.values


def _facts(run_dir: Path) -> tuple[Facts, Mapping[str, str]]:
    """Return all that is known of a run, and what stands for its own words: `{run_dir}` for its path."""
    files = RunDir(run_dir)
    found = read_facts(run_dir)
    values: dict[str, object] = dict(found.values)
    troubles = list(found.troubles)
    own = {str(run_dir): "{run_dir}"}
    run = _run(files.run_yaml)
    if run is not None:
        values.update(_identity(run))
        own |= dict.fromkeys(sorted({run.token, *(job.token or run.token for job in run.jobs)}), "{token}")
    values.update(_directives(files, troubles))
    values.update(_packages(files))
    return Facts({key: hidden(key, value) for key, value in values.items()}, tuple(troubles)), own


def _run(path: Path) -> RunFile | None:
    try:
        return read_run(path) if path.is_file() else None
    except ArctlError:  # `read_facts` has told of it
        return None


def _identity(run: RunFile) -> dict[str, object]:
    """Return what names this run and no other, and the code that it ran."""
    code = run.code or {}
    kept: dict[str, object] = {f"code.{key}": code[key] for key in ("hash", "commit", "dirty") if code.get(key)}
    return {
        **kept,
        "number": run_name(run.number),
        "token": run.token,
        "created": run.created,
        "jobs": ", ".join(job.id for job in run.jobs),
    }


def _directives(files: RunDir, troubles: list[str]) -> dict[str, object]:
    """Return the `#SBATCH` options of the run's job script, by their long names."""
    try:
        script = read_small(files.script, limit=_SCRIPT).decode("utf-8", "replace")
    except DataError as error:
        troubles.append(safe_line(str(error)))
        return {}
    return {f"slurm.{key}": value or True for key, value in options(script).items()}


def _packages(files: RunDir) -> dict[str, object]:
    """Return the versions of the packages that the newest attempt ran with; `read_facts` tells of a damaged file."""
    attempts = files.attempt_dirs()
    if not attempts:
        return {}
    try:
        stored = json.loads(read_small(attempts[-1] / "env.json", limit=_ENV))
        return dict(_versions(stored))
    except (DataError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _versions(stored: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    packages = stored.get("packages")
    for name, version in sorted(packages.items()) if isinstance(packages, dict) else ():
        if name not in ("torch", "torchvision") and isinstance(version, str):
            yield f"env.packages.{safe_line(str(name), limit=80)}", version
    if isinstance(stored.get("host"), str):
        yield "env.host", stored["host"]


def _neutral(values: Mapping[str, object], own: Mapping[str, str]) -> dict[str, object]:
    """Return values without what differs between any two runs."""
    restated = {key for key in RESTATED if _resource(key) in values}
    return {key: _replaced(value, own) for key, value in values.items() if key not in ALWAYS and key not in restated}


def _resource(directive: str) -> str:
    word = directive.removeprefix("slurm.")
    return f"resources.{'cpus' if word == 'cpus-per-task' else word}"


def _replaced(value: object, own: Mapping[str, str]) -> object:
    if isinstance(value, str):
        for word, placeholder in own.items():
            value = value.replace(word, placeholder)
        return value
    if isinstance(value, list | tuple):
        return [_replaced(item, own) for item in value]
    return value
