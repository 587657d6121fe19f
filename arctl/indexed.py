"""What the registry keeps of a run's own files, so that lists need none: its configuration, the size of its newest job.

The size is read from the job script, as Slurm reads it: a template's own lines and the site's count as much as what
was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from arctl.clusters.asked import asked, header
from arctl.clusters.directives import seconds
from arctl.errors import ArctlError, DataError, UsageError
from arctl.facts import flat
from arctl.rundir import RunDir
from arctl.runfile import RunFile
from arctl.secrets import hidden
from arctl.strictyaml import read_block
from arctl.tail import read_small

_SCRIPT = 1 << 18
_TELLING = re.compile(r"gres|gpu|node|task|time|\s-[NnGt]")


@dataclass(frozen=True)
class JobSize:
    """What a job asks for."""

    gpus: int | None
    """GPUs over all nodes; None where nobody knows."""
    limit_s: float | None
    """Time limit, seconds; None without one, and where nobody knows."""


def size_of_script(script: str) -> JobSize:
    """Return what a job script asks for."""
    return _asked("\n".join(line for line in header(script) if _TELLING.search(line)))


def size_of_run(directory: RunDir, run: RunFile) -> JobSize:
    """Return what the newest job of a run asks for, from its script; without one, from the run's own record."""
    try:
        for path in (directory.script_of(max(len(run.jobs), 1)), directory.script):
            if script := read_small(path, limit=_SCRIPT):
                return size_of_script(script.decode("utf-8", "replace"))
    except DataError:
        return JobSize(None, None)
    gpus, nodes = (value if isinstance(value := run.values.get(name), int) else None for name in ("gpus", "nodes"))
    try:
        limit = seconds(str(run.values["time"])) if run.values.get("time") else None
    except UsageError:
        limit = None
    return JobSize(None if gpus is None else gpus * (nodes or 1), limit)


def leaves(config: Mapping[str, object]) -> dict[str, object]:
    """Return a configuration as dotted keys and their leaves, without secrets."""
    return {key: hidden(key, value) for key, value in flat(config)}


def config_of(directory: RunDir) -> dict[str, object]:
    """Return the leaves of a run's config.yaml; none where it has no such file, or one that cannot be read."""
    try:
        return leaves(read_block(directory.config).plain()) if directory.config.is_file() else {}
    except (ArctlError, OSError):
        return {}


@lru_cache(maxsize=1024)
def _asked(directives: str) -> JobSize:
    """Return what directives ask for; most runs of a study ask for the same."""
    wanted = asked(directives)
    return JobSize(wanted.gpus * wanted.nodes, wanted.limit_s)
