"""What a run was set up with, as flat dotted keys: from its config.yaml, run.yaml, job script and the newest env.json.

What says nothing about the run's results because it is another one in every run (names, tokens, paths with its
number) is told apart from the rest.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import ArctlError, DataError
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.secrets import hidden
from arctl.strictyaml import read_block
from arctl.tail import read_small
from arctl.text import safe_line

RUN_KEYS = ("name", "preset", "template", "cluster", "group", "sweep")
"""Of run.yaml, what says something about the run; model and data stand in config.yaml."""

RESOURCES = ("gpus", "nodes", "cpus", "mem", "time", "partition")
"""Of run.yaml's `values`, what the job asked for."""

ENVIRONMENT = ("python", "torch", "torchvision", "cuda", "cudnn", "driver")
"""Of env.json, what may change a result; host and process do not."""

_LIMIT = 1 << 20


@dataclass(frozen=True)
class Setting:
    """One key in which runs differ."""

    key: str
    """Dotted: `optim.lr`."""
    values: tuple[object, ...]
    """One for each run, None where it is absent as well."""
    missing: tuple[bool, ...]
    """Whether a run lacks the key."""


@dataclass(frozen=True)
class Facts:
    """The set-up of one run."""

    values: Mapping[str, object]
    """By dotted key; leaves are numbers, text, booleans, lists or None."""
    troubles: tuple[str, ...]
    """Files that could not be read, and why."""


def read_facts(run_dir: Path) -> Facts:
    """Return what a run was set up with, without secrets.

    A missing file says nothing; a damaged one is told of in `troubles`.
    """
    files = RunDir(run_dir)
    values: dict[str, object] = {}
    troubles: list[str] = []
    config = _yaml(files.config, troubles)
    values.update(flat(config))
    values.update(_run(files.run_yaml, troubles, bare=not config))
    values.update({f"env.{key}": value for key, value in _environment(files, troubles).items()})
    return Facts({key: hidden(key, value) for key, value in values.items()}, tuple(troubles))


def flat(mapping: Mapping[str, object], *, under: str = "") -> Iterator[tuple[str, object]]:
    """Give (dotted key, leaf) for nested mappings; dots inside a key are escaped, lists are leaves."""
    for key, value in mapping.items():
        dotted = under + str(key).replace(".", "\\.")
        if isinstance(value, Mapping) and value:
            yield from flat(value, under=f"{dotted}.")
        else:
            yield dotted, value


def differing(facts: Sequence[Facts]) -> tuple[tuple[Setting, ...], int]:
    """Return the settings that are not the same in all runs, in the order of their keys, and how many are the same.

    A missing key is unlike a null; 1 is unlike "1" and unlike true, but like 1.0; NaN is like NaN.
    """
    keys = sorted({key for one in facts for key in one.values}, key=lambda key: (_rank(key), key))
    found = []
    for key in keys:
        missing = tuple(key not in one.values for one in facts)
        values = tuple(one.values.get(key) for one in facts)
        if len({(gone, _identity(value)) for gone, value in zip(missing, values, strict=True)}) > 1:
            found.append(Setting(key, values, missing))
    return tuple(found), len(keys) - len(found)


def _rank(key: str) -> int:
    order = ("name", "model", "data", "optim", "train")
    head = key.split(".")[0]
    return order.index(head) if head in order else len(order)


def _identity(value: object) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return f"{type(value).__name__}:{value}"
    if isinstance(value, int | float):
        return "nan" if math.isnan(value) else repr(float(value)) if abs(value) < 2**53 else repr(value)
    if isinstance(value, Sequence):
        return "[" + ",".join(_identity(item) for item in value) + "]"
    return repr(value)


def _yaml(path: Path, troubles: list[str]) -> Mapping[str, object]:
    if not path.is_file():
        return {}
    try:
        return read_block(path).plain()
    except ArctlError as error:
        troubles.append(safe_line(str(error)))
        return {}


def _run(path: Path, troubles: list[str], *, bare: bool) -> dict[str, object]:
    """Return what run.yaml says; `bare` where there is no config.yaml to name model and data."""
    if not path.is_file():
        return {}
    try:
        run = read_run(path)
    except ArctlError as error:
        troubles.append(safe_line(str(error)))
        return {}
    keys = (*RUN_KEYS, "model", "data", "command") if bare else RUN_KEYS
    found = {key: value for key in keys if (value := getattr(run, key))}
    return found | {f"resources.{key}": run.values[key] for key in RESOURCES if run.values.get(key) is not None}


def _environment(files: RunDir, troubles: list[str]) -> dict[str, object]:
    attempts = files.attempt_dirs()
    path = attempts[-1] / "env.json" if attempts else None
    if path is None or not os.path.lexists(path):
        return {}
    try:
        stored = json.loads(read_small(path, limit=_LIMIT))
        found: dict[str, object] = {key: stored[key] for key in ENVIRONMENT if stored.get(key) is not None}
        gpus = [str(gpu["name"]) for gpu in stored.get("gpus") or ()]
    except (DataError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        troubles.append(f"{path}: not readable: {safe_line(str(error))}")
        return {}
    return {**found, "gpus": ", ".join(gpus)} if gpus else found
