"""What a job asks of Slurm, read from the `#SBATCH` lines of its script: the words that Slurm itself will read.

A template's own lines count as much as rendered ones, and of an option given twice the last one holds.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from arctl.clusters.directives import seconds
from arctl.errors import UsageError

_SHORT: Mapping[str, str] = {
    "A": "account", "a": "array", "b": "begin", "C": "constraint", "c": "cpus-per-task", "D": "chdir",
    "d": "dependency", "e": "error", "G": "gpus", "H": "hold", "i": "input", "J": "job-name", "k": "no-kill",
    "L": "licenses", "M": "clusters", "m": "distribution", "N": "nodes", "n": "ntasks", "O": "overcommit",
    "o": "output", "p": "partition", "Q": "quiet", "q": "qos", "S": "core-spec", "s": "oversubscribe", "t": "time",
    "v": "verbose", "W": "wait", "w": "nodelist", "x": "exclude",
}  # fmt: skip
_FLAGS = frozenset({
    "hold", "no-kill", "overcommit", "oversubscribe", "quiet", "verbose", "wait", "requeue", "no-requeue", "contiguous",
    "exclusive", "parsable", "spread-job", "use-min-nodes", "test-only", "reboot", "ignore-pbs", "get-user-env",
})  # fmt: skip
_MEM = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_GRES = re.compile(r"(?:gres[:/])?([a-z][\w.-]*)(?::(?!\d+[KMG]?$)([\w.-]+))?(?:[:=](\d+)([KMG]?))?", re.IGNORECASE)
_MIB = {"K": 1 / 1024, "M": 1.0, "": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
_FACTOR = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


@dataclass(frozen=True, order=True)
class Gres:
    """So many of a generic resource on one node."""

    name: str
    """`gpu`."""
    kind: str | None
    """`h100`; None for any."""
    count: int
    """How many."""

    def __str__(self) -> str:
        """As Slurm writes it: `gpu:h100:4`."""
        return ":".join([self.name, *([self.kind] if self.kind else []), str(self.count)])


@dataclass(frozen=True)
class Asked:
    """What a job asks for, as far as it can be understood; None or nothing where it does not ask."""

    partitions: tuple[str, ...] = ()
    """Any of these."""
    account: str | None = None
    """Account."""
    qos: str | None = None
    """Quality of service."""
    time: str | None = None
    """Time limit, as written."""
    nodes: int = 1
    """Least number of nodes."""
    cpus: int = 1
    """CPU cores on each node."""
    mem_mib: float | None = None
    """Memory on each node, MiB; 0 is all of it."""
    gres: tuple[Gres, ...] = ()
    """On each node."""
    constraint: str | None = None
    """Expression over node features."""
    exclude: str | None = None
    """Host list."""
    nodelist: str | None = None
    """Host list."""
    elements: int = 1
    """Elements of an array."""
    highest: int | None = None
    """Highest index of an array."""
    given: frozenset[str] = field(default_factory=frozenset)
    """Names of all options in the script: `hold`, `clusters`, `reservation`, `no-requeue`."""

    @property
    def limit_s(self) -> int | None:
        """The time limit, seconds; None without one, and where it cannot be read."""
        try:
            return seconds(self.time) if self.time is not None else None
        except UsageError:
            return None

    @property
    def gpus(self) -> int:
        """GPUs on each node."""
        return sum(one.count for one in self.gres if one.name == "gpu")


def asked(script: str) -> Asked:
    """Read what a job script asks for; what cannot be understood is left to Slurm."""
    given = options(script)
    tasks = _whole(given.get("ntasks-per-node")) or 1
    cpus = (_whole(given.get("cpus-per-task")) or 1) * tasks
    nodes = _whole((given.get("nodes") or "1").partition("-")[0]) or 1
    gres = _gres(given, nodes=nodes, tasks=tasks)
    elements, highest = _array(given.get("array"))
    return Asked(
        partitions=tuple(word for word in (given.get("partition") or "").split(",") if word),
        account=given.get("account"),
        qos=given.get("qos"),
        time=given.get("time"),
        nodes=nodes,
        cpus=cpus,
        mem_mib=_memory(given, cpus=cpus, gpus=sum(one.count for one in gres if one.name == "gpu")),
        gres=gres,
        constraint=given.get("constraint"),
        exclude=given.get("exclude"),
        nodelist=given.get("nodelist"),
        elements=elements,
        highest=highest,
        given=frozenset(given),
    )


def options(script: str) -> dict[str, str]:
    """Return the options of a script's header by their long names; a flag has the value ''."""
    given: dict[str, str] = {}
    for line in header(script):
        given.update(_pairs(line.removeprefix("#SBATCH")))
    return given


def header(script: str) -> Iterator[str]:
    """Give the `#SBATCH` lines that Slurm reads: those before the first command."""
    for line in script.splitlines():
        if line.startswith("#SBATCH"):
            yield line
        elif line.strip() and not line.lstrip().startswith("#"):
            return


def mebibytes(text: str | None) -> float | None:
    """Translate `32G`, `500M` or `4000` to MiB; None where it is no size."""
    match = _MEM.fullmatch(text.strip()) if text else None
    return float(match[1]) * _MIB[match[2].upper()] if match else None


def gres_list(text: str | None) -> tuple[Gres, ...]:
    """Translate `gpu:h100:4(S:0-1),shard:8` to resources; what is none is left out."""
    found: dict[tuple[str, str | None], int] = {}
    for part in re.sub(r"\([^)]*\)", "", text or "").split(","):
        match = _GRES.fullmatch(part.strip())
        if match and match[1] not in ("null", "N/A"):
            key = (match[1].lower(), match[2].lower() if match[2] else None)
            count = int(match[3]) * _FACTOR[(match[4] or "").upper()] if match[3] else 1
            found[key] = found.get(key, 0) + count
    return tuple(sorted((Gres(*key, count) for key, count in found.items()), key=str))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            key, equals, value = word[2:].partition("=")
            if not equals and key not in _FLAGS and words and not words[0].startswith("-"):
                value = words.pop(0)
            yield key, value
        elif word.startswith("-") and word[1:2] in _SHORT:
            key, value = _SHORT[word[1]], word[2:].removeprefix("=")
            if not value and key not in _FLAGS and words:
                value = words.pop(0)
            yield key, value


def _gres(given: Mapping[str, str], *, nodes: int, tasks: int) -> tuple[Gres, ...]:
    """Return the generic resources of each node, GPUs asked for by options of their own among them."""
    found = list(gres_list(given.get("gres")))
    for option, times, over in (("gpus-per-node", 1, 1), ("gpus-per-task", tasks, 1), ("gpus", 1, nodes)):
        for one in gres_list(_as_gres(given.get(option))):
            found.append(Gres("gpu", one.kind, -(-one.count * times // over)))
    return tuple(one for one in found if one.count)


def _as_gres(text: str | None) -> str | None:
    return ",".join(f"gpu:{part.strip()}" for part in text.split(",")) if text else None


def _memory(given: Mapping[str, str], *, cpus: int, gpus: int) -> float | None:
    """Return the memory of each node, MiB."""
    for option, times in (("mem", 1), ("mem-per-cpu", cpus), ("mem-per-gpu", gpus)):
        size = mebibytes(given.get(option))
        if size is not None:
            return size * times
    return None


def _array(text: str | None) -> tuple[int, int | None]:
    """Return the number of elements of `0-9:2%4,12`, and the highest index."""
    count, highest = 0, None
    for part in (text or "").partition("%")[0].split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?\s*", part)
        if match:
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1) or 1
            count += max(0, last - first) // step + 1
            highest = max(highest or 0, last)
    return count or 1, highest


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
