"""What would start a waiting job sooner: only what the nodes and the line in front of it show to be so now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arctl.autopsy.diagnosis import Remedy
from arctl.autopsy.remedies import time_text
from arctl.clusters.asked import Asked
from arctl.clusters.site_parse import Partition
from arctl.clusters.slurm_line import Waiting
from arctl.clusters.slurm_nodes import Node
from arctl.nodes import free_cpus, free_mib, gpus_of

SHORTEST_S = 900.0
"""A shorter limit than this is not proposed, seconds."""


@dataclass(frozen=True)
class Place:
    """Where a job stands in its partition's line."""

    number: int
    """1 for the next one."""
    of: int
    """Jobs in that line."""
    before: tuple[Waiting, ...]
    """Who stands before it, the first one first."""


def place_of(own: Waiting, line: Sequence[Waiting]) -> Place:
    """Return a job's place among those that wait in its partition; held and depending jobs are not counted."""
    here = [job for job in line if job.partition == own.partition and job.stands]
    others = [job for job in here if job.job_id != own.job_id]
    before = sorted((job for job in others if _goes_before(job, own)), key=_order)
    ahead = sum(job.elements for job in before)
    return Place(
        ahead + 1, ahead + own.elements + sum(j.elements for j in others if not _goes_before(j, own)), tuple(before)
    )


def fits(asked: Asked, node: Node, *, gpus: int | None = None) -> bool:
    """Tell whether a node has free now what the job asks of each of its nodes; `gpus` in place of its own number."""
    wanted = asked.gpus if gpus is None else gpus
    kind = next((one.kind for one in asked.gres if one.name == "gpu"), None)
    if node.out or (wanted and gpus_of(node, kind)[1] < wanted):
        return False
    return free_cpus(node) >= asked.cpus and free_mib(node) >= (asked.mem_mib or 0)


def sooner(
    job_id: str,
    run: str,
    own: Waiting,
    asked: Asked,
    *,
    line: Sequence[Waiting],
    nodes: Sequence[Node],
    partitions: Sequence[Partition],
    now: float,
) -> list[Remedy]:
    """Return what would let the job start now, in order of its cost; empty where nothing that was checked would."""
    place = place_of(own, line)
    here = [node for node in nodes if own.partition in node.partitions]
    return [
        *_shorter(job_id, own, asked, place, here, now=now),
        *_elsewhere(job_id, own, asked, line, nodes, partitions),
        *_smaller(run, asked, place, here),
    ]


def _shorter(
    job_id: str, own: Waiting, asked: Asked, place: Place, here: Sequence[Node], *, now: float
) -> Iterator[Remedy]:
    """Fits now, but must not delay the job before it: a shorter limit lets Slurm slip it in."""
    starts = [job.start for job in place.before if job.start is not None]
    if not starts or sum(fits(asked, node) for node in here) < asked.nodes:
        return
    gap = min(starts) - now - 60
    if gap >= SHORTEST_S and (own.limit_s is None or own.limit_s > gap):
        limit = time_text(math.floor(gap / 900) * 900)
        why = f"there is room for it now, until the job before it starts: {limit} at most lets Slurm slip it in"
        yield Remedy(f"scontrol update jobid={job_id} timelimit={limit}", why)


def _elsewhere(
    job_id: str,
    own: Waiting,
    asked: Asked,
    line: Sequence[Waiting],
    nodes: Sequence[Node],
    partitions: Sequence[Partition],
) -> Iterator[Remedy]:
    """Another partition has room, nobody waits there, and nothing forbids the job."""
    listed = {job.partition for job in line if job.job_id == own.job_id}
    for partition in partitions:
        if partition.name in listed or partition.state.upper() != "UP" or partition.reserved or partition.root_only:
            continue
        if partition.allow or (partition.max_time_s and (own.limit_s or math.inf) > partition.max_time_s):
            continue
        room = [node for node in nodes if partition.name in node.partitions and fits(asked, node)]
        waits = any(job.partition == partition.name and job.stands for job in line)
        if len(room) >= asked.nodes and not waits and (partition.max_nodes or math.inf) >= asked.nodes:
            why = f"partition {partition.name} has room for it now on {room[0].name}, and nobody waits there"
            yield Remedy(f"scontrol update jobid={job_id} partition={partition.name}", why)


def _smaller(run: str, asked: Asked, place: Place, here: Sequence[Node]) -> Iterator[Remedy]:
    """First in line, and with fewer GPUs there is room."""
    if place.number > 1 or asked.gpus < 2:
        return
    for gpus in (asked.gpus - 1, *(asked.gpus // 2**power for power in (1, 2, 3))):
        room = [node for node in here if fits(asked, node, gpus=gpus)] if gpus else []
        if len(room) >= asked.nodes and gpus & (gpus - 1) == 0:
            why = f"{gpus} of the {asked.gpus} GPUs are free now on {room[0].name}"
            yield Remedy(f"arctl cancel {run} && arctl rerun {run} --gpus {gpus}", why)
            return


def _goes_before(job: Waiting, own: Waiting) -> bool:
    return job.priority > own.priority or (job.priority == own.priority and _order(job) < _order(own))


def _order(job: Waiting) -> tuple[int, int]:
    number = job.job_id.partition("_")[0]
    return -job.priority, int(number) if number.isdecimal() else 0
