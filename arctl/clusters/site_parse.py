"""What Slurm tells of a site, from text to facts: partitions, kinds of nodes, accounts, qualities of service.

Nodes that are alike are one kind, so that a cluster of thousands fits a small cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from arctl.clusters.asked import Gres, gres_list, mebibytes
from arctl.clusters.directives import seconds
from arctl.errors import UsageError
from arctl.text import safe_line

MOST_HOSTS = 100_000
"""A host list that names more is not expanded."""

_CONFIG = re.compile(r"^(\w[\w\[\]]*)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_FIELD = re.compile(r"(?:^| )([A-Z][\w/:]*)=(.*?)(?=(?: +[A-Z][\w/:]*=)|\s*$)")
_NOTHING = frozenset({"", "(null)", "N/A", "NONE", "n/a", "None"})
_UNUSABLE = frozenset(
    {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "ERROR", "NOT_RESPONDING", "FUTURE", "INVAL"}
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Partition:
    """A partition and its limits; None is no limit, or none that is known."""

    name: str
    """Name."""
    state: str = "UP"
    """`UP`, `DOWN` (jobs wait), `DRAIN` or `INACTIVE` (jobs are refused)."""
    default: bool = False
    """Whether jobs that name none come here."""
    max_time_s: int | None = None
    """Longest time limit, seconds."""
    default_time_s: int | None = None
    """Time limit of a job that asks for none, seconds."""
    max_nodes: int | None = None
    """Most nodes of a job."""
    min_nodes: int | None = None
    """Fewest nodes of a job."""
    max_cpus: int | None = None
    """Most CPU cores on a node."""
    max_mem_mib: float | None = None
    """Most memory on a node, MiB."""
    default_mem_mib: tuple[float | None, float | None] = (None, None)
    """Memory of a job that asks for none, MiB: on each node, or for each core."""
    allow: Mapping[str, tuple[str, ...]] | None = None
    """`accounts`, `qos`, `groups` -> who alone may use it."""
    deny: Mapping[str, tuple[str, ...]] | None = None
    """`accounts`, `qos` -> who may not."""
    qos: str | None = None
    """A quality of service whose limits hold for all of its jobs."""
    reserved: bool = False
    """Whether a reservation must be named."""
    root_only: bool = False
    """Whether it is for root alone."""


@dataclass(frozen=True)
class NodeKind:
    """Nodes that are alike."""

    cpus: int
    """Cores that jobs can have."""
    mem_mib: float
    """Memory that jobs can have, MiB."""
    gres: tuple[Gres, ...]
    """Generic resources of each."""
    features: tuple[str, ...]
    """Words for --constraint."""
    partitions: tuple[str, ...]
    """Where they belong."""
    usable: bool
    """False while they are down or drained."""
    here: bool
    """Whether they are this very machine."""
    names: tuple[str, ...] = ()
    """Their names."""


@dataclass(frozen=True)
class Association:
    """An account that this user may charge."""

    account: str
    """Account."""
    partition: str | None
    """The only partition that it is for."""
    qos: tuple[str, ...]
    """Qualities of service that it may use; none: nobody knows."""
    default_qos: str | None
    """The one of a job that names none."""


@dataclass(frozen=True)
class Qos:
    """A quality of service and its limits; None is no limit."""

    name: str
    """Name."""
    max_wall_s: int | None
    """Longest time limit of a job, seconds."""
    per_job: Mapping[str, float]
    """Most of `cpu`, `mem` (MiB), `node`, `gres/gpu` that a job may have."""
    per_user: Mapping[str, float]
    """The same for all jobs of a user together."""
    max_submitted: int | None
    """Most jobs of a user that may wait or run."""
    flags: tuple[str, ...]
    """`DenyOnLimit`, `PartitionTimeLimit`, ..."""


def config(stdout: str) -> dict[str, str]:
    """Read `scontrol show config`."""
    return {match[1]: match[2] for match in _CONFIG.finditer(stdout)}


def partitions(stdout: str) -> tuple[Partition, ...]:
    """Read `scontrol --all --oneliner show partition`."""
    return tuple(_partition(found) for found in _records(stdout) if found.get("PartitionName"))


def kinds(stdout: str, *, host: str) -> tuple[NodeKind, ...]:
    """Read `scontrol --all --oneliner show node`; `host` is the name of this machine."""
    found: dict[NodeKind, list[str]] = {}
    for record in _records(stdout):
        if name := record.get("NodeName"):
            found.setdefault(_kind(record, host.partition(".")[0]), []).append(safe_line(name, limit=200))
    return tuple(replace(kind, names=tuple(names)) for kind, names in found.items())


def associations(stdout: str, *, cluster: str | None) -> tuple[Association, ...]:
    """Read `sacctmgr -nP show assoc format=Cluster,Account,Partition,QOS,DefaultQOS`."""
    rows = (line.split("|") for line in stdout.splitlines())
    return tuple(
        Association(row[1], row[2] or None, tuple(word for word in row[3].split(",") if word), row[4] or None)
        for row in rows
        if len(row) >= 5 and row[1] and (cluster is None or row[0] == cluster)
    )


def qualities(stdout: str) -> tuple[Qos, ...]:
    """Read `sacctmgr -nP show qos format=Name,MaxWall,MaxTRES,MaxTRESPU,MaxSubmitPU,Flags`."""
    rows = (line.split("|") for line in stdout.splitlines())
    return tuple(
        Qos(row[0], _seconds(row[1]), _tres(row[2]), _tres(row[3]), _whole(row[4]), tuple(row[5].split(",")))
        for row in rows
        if len(row) >= 6 and row[0]
    )


def hosts(text: str | None) -> frozenset[str]:
    """Return the names of a host list, `gpu[1-3,07],login`; empty where it is too long or makes no sense."""
    names: list[str] = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text or ""):
        names += _expanded(part.strip())
        if len(names) > MOST_HOSTS:
            return frozenset()
    return frozenset(names)


def _expanded(text: str) -> list[str]:
    match = re.search(r"\[([^\]]*)\]", text)
    if match is None:
        return [text] if text else []
    found: list[str] = []
    for part in match[1].split(","):
        low, _, high = part.partition("-")
        if not (low.isdecimal() and (high or "0").isdecimal()) or int(high or low) - int(low) > MOST_HOSTS:
            return []
        numbers = range(int(low), int(high or low) + 1)
        ends = _expanded(text[match.end() :]) or [""]
        found += [f"{text[: match.start()]}{number:0{len(low)}d}{end}" for number in numbers for end in ends]
    return found


def _records(stdout: str) -> Iterator[dict[str, str]]:
    for line in stdout.splitlines():
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(line):
            fields.setdefault(name, value)  # free text comes last and must not speak for the fields before it
        yield fields


def _partition(found: Mapping[str, str]) -> Partition:
    allow = {key: _names(found.get(f"Allow{word}")) for key, word in _WHO}
    deny = {key: _names(found.get(f"Deny{word}")) for key, word in _WHO}
    return Partition(
        name=safe_line(found["PartitionName"], limit=200),
        state=found.get("State", "UP").upper(),
        default=found.get("Default") == "YES",
        max_time_s=_seconds(found.get("MaxTime")),
        default_time_s=_seconds(found.get("DefaultTime")),
        max_nodes=_whole(found.get("MaxNodes")),
        min_nodes=_whole(found.get("MinNodes")),
        max_cpus=_whole(found.get("MaxCPUsPerNode")),
        max_mem_mib=mebibytes(found.get("MaxMemPerNode")),
        default_mem_mib=(mebibytes(found.get("DefMemPerNode")), mebibytes(found.get("DefMemPerCPU"))),
        allow={key: names for key, names in allow.items() if names},
        deny={key: names for key, names in deny.items() if names},
        qos=_text(found.get("QoS")),
        reserved=found.get("ReqResv") == "YES",
        root_only=found.get("RootOnly") == "YES",
    )


_WHO = (("accounts", "Accounts"), ("qos", "Qos"), ("groups", "Groups"))


def _kind(record: Mapping[str, str], host: str) -> NodeKind:
    words = set(re.split(r"[+*$~#!%@^-]+", record.get("State", "").upper())) - {""}
    unresponsive = "*" in record.get("State", "")
    addresses = {record.get("NodeHostName", ""), record.get("NodeAddr", "")}
    memory = (mebibytes(record.get("RealMemory")) or 0.0) - (mebibytes(record.get("MemSpecLimit")) or 0.0)
    return NodeKind(
        cpus=_whole(record.get("CPUEfctv")) or _whole(record.get("CPUTot")) or 0,
        mem_mib=memory,
        gres=gres_list(record.get("Gres")),
        features=_names(record.get("AvailableFeatures")),
        partitions=_names(record.get("Partitions")),
        usable=not unresponsive and not words & _UNUSABLE,
        here=bool({word.partition(".")[0] for word in addresses} & {host, "localhost"}) or bool(addresses & _LOOPBACK),
    )


def _text(text: str | None) -> str | None:
    return None if text is None or text in _NOTHING else safe_line(text, limit=200)


def _names(text: str | None) -> tuple[str, ...]:
    """Return the names of a list with commas; `ALL` is no list."""
    plain = _text(text)
    return tuple(plain.split(",")) if plain and plain.upper() != "ALL" else ()


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None


def _seconds(text: str | None) -> int | None:
    """Translate a limit; None for none, and for one that makes no sense."""
    if text is None or text in _NOTHING:
        return None
    try:
        return seconds(text)
    except UsageError:
        return None


def _tres(text: str) -> dict[str, float]:
    """Translate `cpu=16,mem=32G,gres/gpu=4`."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, amount = part.partition("=")
        size = mebibytes(amount) if name == "mem" else _whole(amount)
        if name and size is not None:
            found[name] = float(size)
    return found
