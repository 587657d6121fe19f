"""`arctl nodes`: which GPUs are free, by partition and type."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate
from arctl.errors import NotFoundError, SchedulerError, nearest

if TYPE_CHECKING:
    from arctl.clusters.machine import Machine
    from arctl.clusters.slurm_nodes import Node, NodesAnswer
    from arctl.nodes import Block, Pool

WIDE = 100
"""Columns from which on there is room for the names of nodes."""


@click.command("nodes")
@click.option("--partition", "-p", metavar="P", help="Only this partition, and each of its nodes.")
@click.option("--fresh", is_flag=True, help="Ask Slurm now; an answer is kept for 45 s otherwise.")
@click.option("--here", is_flag=True, help="This machine: its GPUs, cores, memory and load; asks no Slurm.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.nodes/1, arctl.machine/1).")
@click.pass_obj
def nodes_command(session: Session, partition: str | None, fresh: bool, here: bool, as_json: bool) -> None:
    """Show the free GPUs of the cluster by partition and type, and the nodes that are out of service.

    The last column is what a job on one node could have at once. Works outside of a workspace too.
    """
    from arctl.clusters import slurm_nodes
    from arctl.nodes import pools

    if here:
        _show_machine(session, as_json=as_json)
        return
    try:
        answer = slurm_nodes.ask(max_age_s=0.0 if fresh else slurm_nodes.FRESH_S)
    except SchedulerError as error:
        raise _without_slurm(session, error) from error
    known = [one.name for one in answer.partitions]
    if partition is not None and partition not in known:
        raise NotFoundError(f"no partition {partition!r}", where="--partition", cure=nearest(partition, known))
    found = pools(answer.nodes, answer.partitions, only=partition)
    members = [node for node in answer.nodes if partition is None or partition in node.partitions]
    if as_json:
        echo_json(
            "arctl.nodes/1",
            {"at": answer.at, "pools": [asdict(pool) for pool in found], "nodes": [asdict(node) for node in members]},
        )
        return
    if not found:
        narrate("Slurm shows you no partition")
        return
    _show_pools(found)
    if partition is not None:
        _show_nodes(members)
    else:
        _show_out(members)
    _tell_age(answer)


def _without_slurm(session: Session, error: SchedulerError) -> SchedulerError:
    """Return the error with a cure that fits: a workspace of this machine has no nodes to show."""
    try:
        local = session.workspace.settings.cluster == "local"
    except NotFoundError:
        local = False
    cure = (
        "jobs of this workspace run on this machine: `arctl queue` shows them, `arctl nodes --here` the machine"
        if local
        else error.cure
    )
    return SchedulerError(error.what, where=error.where, cure=cure)


def _show_machine(session: Session, *, as_json: bool) -> None:
    from arctl.cli.tables import Cell, Column, say, show_table
    from arctl.clusters import machine
    from arctl.clusters.local import slots

    found = machine.look()
    try:
        many: int | None = slots(session.workspace.settings.slots)
    except NotFoundError:
        many = None
    if as_json:
        echo_json("arctl.machine/1", {**asdict(found), "slots": many})
        return
    say(Cell(found.host, "bold"), f"  {', '.join(_sums(found, many))}")
    columns = (Column("GPU"), Column("type", shrink=True), Column("busy", right=True), Column("memory", right=True))
    rows = [
        (
            card.index,
            card.name,
            "-" if card.busy is None else f"{100 * card.busy:.0f}%",
            "-" if card.used_mib is None or card.mib is None else f"{_memory(card.used_mib)}/{_memory(card.mib)}",
        )
        for card in found.cards
    ]
    if rows:
        show_table(columns, rows)
    else:
        narrate("no GPU that nvidia-smi knows of")


def _sums(found: Machine, many: int | None) -> list[str]:
    told = [f"{found.cores} cores"] + ([f"load {found.load:.2f}"] if found.load is not None else [])
    if found.mib is not None and found.free_mib is not None:
        told.append(f"{_memory(found.free_mib)} of {_memory(found.mib)} memory free")
    return told + ([f"{many} job{'' if many == 1 else 's'} at a time"] if many is not None else [])


def _show_pools(found: Sequence[Pool]) -> None:
    from arctl.cli.tables import Cell, Column, screen, show_table, terminal

    columns = (
        Column("partition"),
        Column("GPU", shrink=True),
        Column("GPUs free", right=True),
        Column("cores free", right=True),
        Column("nodes", right=True, drop=2),
        Column("out", right=True, drop=1),
        Column("limit", right=True, drop=3),
        Column("most on one node"),
    )
    named = not terminal() or screen()[0] >= WIDE
    rows = []
    for pool in found:
        name, up = f"{pool.partition}{'*' if pool.default else ''}", pool.state == "up"
        free = f"{pool.gpus_free}/{pool.gpus}" if pool.gpus else ""
        rows.append(
            (
                Cell(name, "bold") if up else Cell(f"{name} {pool.state}", "bold red"),
                pool.kind if pool.kind != "cpu" else "",
                Cell(free, "green" if pool.gpus_free and up else "bright_black"),
                f"{pool.cpus_free}/{pool.cpus}",
                str(pool.nodes),
                Cell(str(pool.out), "yellow") if pool.out else "",
                _limit(pool.max_time_s),
                _block(pool.largest, named=named),
            )
        )
    show_table(columns, rows)
    if any(pool.default for pool in found) and len({pool.partition for pool in found}) > 1:
        narrate("* jobs that name no partition go here")


def _show_nodes(members: Sequence[Node]) -> None:
    from arctl.cli.tables import Cell, Column, show_table
    from arctl.nodes import free_cpus, free_mib, gpus_of, kinds

    columns = (
        Column("node"),
        Column("state"),
        Column("GPU", shrink=True),
        Column("GPUs free", right=True),
        Column("cores free", right=True, drop=1),
        Column("memory free", right=True, drop=2),
        Column("why it is out", shrink=True),
    )
    rows = []
    for node in members:
        have, free = gpus_of(node)
        rows.append(
            (
                Cell(node.name, "bold"),
                Cell(node.state, "yellow" if node.out else "green" if free else ""),
                ",".join(kinds([node])) if have else "",
                f"{free}/{have}" if have else "",
                f"{free_cpus(node)}/{node.cpus}",
                f"{_memory(free_mib(node))}/{_memory(node.mem_mib)}",
                node.reason or "",
            )
        )
    show_table(columns, rows, title="nodes")


def _show_out(members: Sequence[Node]) -> None:
    from arctl.cli.tables import Cell, Column, show_table

    out = [node for node in members if node.out]
    if not out:
        return
    grouped: dict[tuple[str, str], list[str]] = {}
    for node in out:
        grouped.setdefault((node.state, node.reason or "no reason given"), []).append(node.name)
    rows = [(Cell(_names(names), "bold"), Cell(state, "yellow"), reason) for (state, reason), names in grouped.items()]
    show_table((Column("nodes"), Column("state"), Column("why", shrink=True)), rows, title="out of service")


def _names(names: Sequence[str]) -> str:
    """Return some names: `gpu3, gpu7 and 14 more`."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _block(block: Block | None, *, named: bool) -> str:
    if block is None:
        return "nothing"
    gpus = f"{block.gpus} GPU{'s' if block.gpus != 1 else ''}, " if block.gpus else ""
    return f"{gpus}{block.cpus} cores, {_memory(block.mem_mib)}" + (f" on {block.node}" if named else "")


def _memory(mib: int) -> str:
    return f"{mib / 1024:.0f}G" if mib >= 10240 else f"{mib / 1024:.1f}G" if mib >= 1024 else f"{mib}M"


def _limit(seconds: int | None) -> str:
    from arctl.cli.tables import span_text

    return "" if seconds is None else span_text(seconds)


def _tell_age(answer: NodesAnswer) -> None:
    age = time.time() - answer.at
    if age >= 5:
        narrate(f"as Slurm said {age:.0f} s ago")
