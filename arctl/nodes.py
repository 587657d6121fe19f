"""Which GPUs are free where: the nodes of a cluster, summed up by partition and type of GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arctl.clusters.site_parse import Partition
from arctl.clusters.slurm_nodes import Node

CPU_ONLY = "cpu"
"""Stands for nodes without GPUs."""


@dataclass(frozen=True)
class Block:
    """What is free on one node at once."""

    node: str
    """The node."""
    gpus: int
    """Free GPUs of the type in question."""
    cpus: int
    """Free cores."""
    mem_mib: int
    """Free memory, MiB."""


@dataclass(frozen=True)
class Pool:
    """The nodes of a partition that have one type of GPU."""

    partition: str
    """The partition."""
    state: str
    """`up`, or why its jobs do not start: `down`, `drain`, `inactive`."""
    default: bool
    """Whether jobs that name no partition come here."""
    max_time_s: int | None
    """Longest time limit, seconds; None without one."""
    kind: str
    """Type of GPU; `gpu` for one without a name, `cpu` for nodes without GPUs."""
    nodes: int
    """Nodes."""
    out: int
    """Of these, nodes on which no new job may start."""
    gpus: int
    """GPUs on all of them."""
    gpus_out: int
    """GPUs on nodes that are out and not in use."""
    gpus_free: int
    """GPUs that a job could have now."""
    cpus: int
    """Cores on all of them."""
    cpus_free: int
    """Cores that a job could have now."""
    largest: Block | None
    """The node with most free GPUs, then cores; None where nothing is free."""


def pools(nodes: Sequence[Node], partitions: Sequence[Partition], *, only: str | None = None) -> list[Pool]:
    """Return the pools of all partitions, or of `only` one: the default partition first, then those with most GPUs."""
    found = []
    for partition in partitions:
        if only is not None and partition.name != only:
            continue
        members = [node for node in nodes if partition.name in node.partitions]
        for kind in kinds(members) or [CPU_ONLY]:
            found.append(_pool(partition, kind, [node for node in members if kind in _kinds(node)]))
    largest: dict[str, int] = {}
    for pool in found:
        largest[pool.partition] = max(largest.get(pool.partition, 0), pool.gpus)
    return sorted(found, key=lambda p: (not p.default, -largest[p.partition], p.partition, p.kind == CPU_ONLY, p.kind))


def kinds(nodes: Iterable[Node]) -> list[str]:
    """Return the types of GPU that nodes have, sorted, `cpu` last."""
    found = {kind for node in nodes for kind in _kinds(node)}
    return sorted(found, key=lambda kind: (kind == CPU_ONLY, kind))


def gpus_of(node: Node, kind: str | None = None) -> tuple[int, int]:
    """Return how many GPUs (of a type) a node has, and how many of them a job could have now.

    GPUs beside which no core or no memory is left are not free: no job can reach them.
    """
    have = sum(one.count for one in node.gpus if kind in (None, one.kind or one.name))
    usable = free_cpus(node) > 0 and free_mib(node) > 0
    return have, max(0, have - _taken(node, kind)) if usable else 0


def free_cpus(node: Node) -> int:
    """Return the cores of a node that a job could have now."""
    return 0 if node.out else max(0, node.cpus - node.cpus_used)


def free_mib(node: Node) -> int:
    """Return the memory of a node that a job could have now, MiB."""
    return 0 if node.out else max(0, node.mem_mib - node.mem_used_mib)


def _kinds(node: Node) -> set[str]:
    return {one.kind or one.name for one in node.gpus if one.count} or {CPU_ONLY}


def _pool(partition: Partition, kind: str, members: Sequence[Node]) -> Pool:
    counts = [gpus_of(node, kind) for node in members]
    idle_out = [have - _taken(node, kind) for node, (have, _) in zip(members, counts, strict=True) if node.out]
    return Pool(
        partition=partition.name,
        state=partition.state.lower(),
        default=partition.default,
        max_time_s=partition.max_time_s,
        kind=kind,
        nodes=len(members),
        out=sum(node.out for node in members),
        gpus=sum(have for have, _ in counts),
        gpus_out=sum(max(0, count) for count in idle_out),
        gpus_free=sum(free for _, free in counts),
        cpus=sum(node.cpus for node in members),
        cpus_free=sum(free_cpus(node) for node in members),
        largest=_largest(members, kind),
    )


def _taken(node: Node, kind: str | None) -> int:
    """Return how many GPUs (of a type) jobs have; where usage is told without a type, all of it counts."""
    known = {one.kind for one in node.gpus}
    return sum(one.count for one in node.gpus_used if kind in (None, one.kind or one.name) or one.kind not in known)


def _largest(members: Sequence[Node], kind: str) -> Block | None:
    blocks = [Block(node.name, gpus_of(node, kind)[1], free_cpus(node), free_mib(node)) for node in members]
    usable = [block for block in blocks if block.cpus and block.mem_mib and (block.gpus or kind == CPU_ONLY)]
    return max(usable, key=lambda block: (block.gpus, block.cpus, block.mem_mib), default=None)
