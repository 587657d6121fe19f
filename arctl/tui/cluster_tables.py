"""The tables of the Cluster view: jobs, and partitions with their nodes, or this machine with its GPUs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from arctl.states import State
from arctl.text import safe_line
from arctl.tui import palette, sheets, wording
from arctl.tui.sheets import Cell, Column, Row, Sheet, cell

if TYPE_CHECKING:
    from arctl.clusters.machine import Machine
    from arctl.clusters.slurm_nodes import Node, NodesAnswer
    from arctl.nodes import Pool
    from arctl.queue import Place
    from arctl.why.sooner import Place as Standing

FEW_NODES = 40
"""Up to so many nodes are listed at once; of more, those of a partition that is opened."""


def queue_table(groups: Sequence[Sequence[Place]], standings: Mapping[str, Standing], *, now: float) -> Sheet:
    """Return the jobs, those that wait alike as one line; the key of a line is its first job."""
    columns = (
        Column("job", drop=2, shrink=True),
        Column("run"),
        Column("name", shrink=True),
        Column("state"),
        Column("GPUs", right=True, drop=3),
        Column("time", right=True),
        Column("place", right=True, drop=4),
        Column("partition", drop=6, shrink=True),
        Column("limit", right=True, drop=7),
        Column("where, or why it waits", shrink=True, least=34),
    )
    return sheets.sheet(columns, [_job(group, standings, now) for group in groups])


def _job(group: Sequence[Place], standings: Mapping[str, Standing], now: float) -> Row:
    from arctl.queue import run_span, span

    first, job = group[0], group[0].job
    word, style = palette.state_word(job.state)
    standing = standings.get(job.job_id)
    gpus = first.gpus * len(group)
    cells = (
        cell(span([one.job.job_id for one in group]), palette.MUTED),
        cell(run_span(group), palette.ACCENT, first.run.number if first.run else ""),
        cell(first.name),
        cell(word, style),
        cell(gpus or "", order=gpus),
        _time(first, now),
        cell(f"{standing.number}/{standing.of}" if standing else "", palette.TEXT, standing.number if standing else ""),
        cell(job.partition or "", palette.MUTED),
        cell("" if job.limit_s is None else wording.span(job.limit_s), palette.MUTED, job.limit_s or ""),
        _where(first, len(group)),
    )
    return Row(job.job_id, cells, first.run.number if first.run else None)


def _time(place: Place, now: float) -> Cell:
    """Return what is left of a job that runs (of one without a limit: since when), or when one that waits may start."""
    job = place.job
    if job.state is not State.PENDING:
        if job.left_s is not None:
            return cell(f"{wording.span(job.left_s)} left", order=job.left_s)
        return cell("" if job.started is None else f"for {wording.span(now - job.started)}", order=job.started or "")
    ahead = place.ahead_s(now)
    text = "" if ahead is None else f"in {wording.span(ahead)}" if ahead >= 1 else "soon"
    return cell(text, palette.WAIT, "" if ahead is None else ahead)


def _where(place: Place, count: int) -> Cell:
    job = place.job
    if job.state is State.PENDING:
        many = f"{count} jobs: " if count > 1 else ""
        word = "" if job.word == "PENDING" else f"{job.word.lower().replace('_', ' ')}: "
        return cell(f"{many}{word}{place.why}", palette.WAIT)
    word = "" if job.word == str(job.state).upper() else f", {job.word.lower()}"
    return cell(f"{job.node or ''}{word}", palette.MUTED)


def nodes_table(pools: Sequence[Pool], answer: NodesAnswer, folded: Collection[str], *, all_open: bool) -> Sheet:
    """Return partitions by type of GPU, each with its nodes below it.

    Where `all_open`, the pools in `folded` are closed, else those are the open ones.
    """
    columns = (
        Column("where", shrink=True),
        Column("GPU", drop=4, shrink=True),
        Column("GPUs free", right=True),
        Column("cores free", right=True, drop=2),
        Column("mem free", right=True, drop=3),
        Column("state", shrink=True, least=20),
    )
    rows: list[Row] = []
    for pool in pools:
        key = pool_key(pool)
        rows.append(_pool(pool, key))
        if (key in folded) != all_open:
            rows += _members(pool, key, answer.nodes)
    return sheets.sheet(columns, rows)


def pool_key(pool: Pool) -> str:
    """Return what names a pool."""
    return f"{pool.partition} {pool.kind}"


def _pool(pool: Pool, key: str) -> Row:
    from arctl.nodes import CPU_ONLY

    up = pool.state == "up"
    free = f"{pool.gpus_free}/{pool.gpus}" if pool.gpus else ""
    words = [] if up else [pool.state]
    words += [f"{pool.nodes} node{'' if pool.nodes == 1 else 's'}"]
    words += [f"{pool.out} out"] if pool.out else []
    words += [f"limit {wording.span(pool.max_time_s)}"] if pool.max_time_s is not None else []
    cells = (
        cell(f"{pool.partition}{'*' if pool.default else ''}", f"bold {palette.TEXT if up else palette.BAD}"),
        cell(pool.kind if pool.kind != CPU_ONLY else "", palette.SECOND),
        cell(free, f"bold {palette.GOOD}" if pool.gpus_free and up else palette.FAINT, pool.gpus_free),
        cell(f"{pool.cpus_free}/{pool.cpus}", palette.TEXT, pool.cpus_free),
        cell("" if pool.largest is None else f"max {memory(pool.largest.mem_mib)}", palette.MUTED, ""),
        cell(", ".join(words), palette.MUTED if up else palette.BAD),
    )
    return Row(key, cells)


def _members(pool: Pool, key: str, nodes: Sequence[Node]) -> Iterator[Row]:
    from arctl.nodes import free_cpus, free_mib, gpus_of, kinds

    for node in nodes:
        if pool.partition not in node.partitions or pool.kind not in kinds([node]):
            continue
        have, free = gpus_of(node, pool.kind)
        state = f"{node.state}: {node.reason}" if node.reason else node.state
        cells = (
            Cell(f"  {safe_line(node.name, limit=80)}", order=node.name),
            cell(pool.kind if have else "", palette.MUTED),
            cell(f"{free}/{have}" if have else "", palette.GOOD if free else palette.FAINT, free),
            cell(f"{free_cpus(node)}/{node.cpus}", palette.MUTED, free_cpus(node)),
            cell(f"{memory(free_mib(node))}/{memory(node.mem_mib)}", palette.MUTED, free_mib(node)),
            cell(state, palette.WAIT if node.out else palette.MUTED),
        )
        yield Row(f"{key} {node.name}", cells)


def machine_table(machine: Machine) -> Sheet:
    """Return this machine's GPUs; without any of them, its cores."""
    columns = (
        Column("GPU"),
        Column("type", shrink=True),
        Column("busy", right=True),
        Column("memory in use", right=True),
    )
    rows = [
        Row(
            card.index,
            (
                cell(card.index, palette.ACCENT),
                cell(card.name),
                cell(wording.NOTHING if card.busy is None else f"{100 * card.busy:.0f}%", order=card.busy or 0.0),
                cell(
                    wording.NOTHING
                    if card.used_mib is None or card.mib is None
                    else f"{memory(card.used_mib)}/{memory(card.mib)}",
                    order=card.used_mib or 0,
                ),
            ),
        )
        for card in machine.cards
    ]
    return sheets.sheet(columns if rows else (), rows)


def memory(mib: int) -> str:
    """Return an amount of memory in few characters: `12G`, `1.5G`, `500M`."""
    return f"{mib / 1024:.0f}G" if mib >= 10240 else f"{mib / 1024:.1f}G" if mib >= 1024 else f"{mib}M"
