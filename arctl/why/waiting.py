"""Why a run waits: its reason in plain words, its place in the line, when it may start, and what would start it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.autopsy.diagnosis import Evidence, Remedy
from arctl.autopsy.remedies import time_text
from arctl.clusters import slurm_line, slurm_nodes
from arctl.clusters.asked import Asked, asked
from arctl.clusters.base import whole_of
from arctl.clusters.site_parse import Partition
from arctl.clusters.slurm_call import query
from arctl.clusters.slurm_line import Waiting
from arctl.clusters.slurm_nodes import Node
from arctl.clusters.slurm_parse import time_of
from arctl.errors import ArctlError, SchedulerError
from arctl.pending import Kind, Reason, understood
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.tail import read_small
from arctl.text import safe_line
from arctl.why.answer import Answer
from arctl.why.sooner import place_of, sooner
from arctl.why.words import clock, span

UNLIMITED_S = 300 * 86400.0
"""Slurm counts a job without a time limit as a year: an expectation beyond this is none, seconds."""

_ITS_TURN = frozenset({"Priority", "Resources", "None", "ReqNodeNotAvail", "Nodes required for job are DOWN"})


@dataclass(frozen=True)
class Queue:
    """What Slurm says around a waiting job; None and empty where it does not answer."""

    own: Waiting | None
    """The job itself."""
    line: tuple[Waiting, ...]
    """All waiting jobs."""
    nodes: tuple[Node, ...]
    """All nodes."""
    partitions: tuple[Partition, ...]
    """All partitions."""
    troubles: tuple[str, ...]
    """What could not be asked."""
    at: float = 0.0
    """When the older of the answers was given, Unix seconds."""


def look(job_id: str, partition: str | None = None, *, max_age_s: float = slurm_nodes.FRESH_S) -> Queue:
    """Ask squeue for the line and scontrol for the nodes; all arctl of a user share answers of up to `max_age_s`."""
    line = slurm_line.Line((), time.time())
    nodes = slurm_nodes.NodesAnswer((), (), line.at)
    troubles = []
    try:
        line = slurm_line.ask(max_age_s=max_age_s)
        if not any(job.is_job(job_id) for job in line.jobs):
            line = slurm_line.ask(max_age_s=2.0)
        nodes = slurm_nodes.ask(max_age_s=max_age_s)
    except SchedulerError as error:
        troubles.append(str(error))
    own = [job for job in line.jobs if job.is_job(job_id)]
    first = next((job for job in own if job.partition == partition), own[0] if own else None)
    return Queue(first, line.jobs, nodes.nodes, nodes.partitions, tuple(troubles), min(line.at, nodes.at))


def waiting(row: RunRow, run_dir: Path, queue: Queue, *, runs: Mapping[str, int], now: float) -> Answer:
    """Say why a job of Slurm's waits. `runs` maps job ids to run numbers, for the jobs that it depends on."""
    own = queue.own
    reason = understood((own.reason if own else row.reason) or "None")
    wants = _asked(run_dir)
    sentence = _text(reason, row, own, runs)
    notes, facts = _standing(own, queue, reason, now=now)
    source = "squeue" if own else "runs.db"
    said = (own.reason if own else row.reason) or "no reason given"
    remedies = _remedies(reason, row, own, wants, queue, now=now)
    if reason.kind is Kind.WAITS and not remedies:
        notes.append("nothing has to be done: its turn comes")
    return Answer(
        run_name(row.number),
        row.state,
        str(reason.kind),
        sentence,
        (Evidence(source, None, f"job {row.job_id}: {said}"), *_drained(reason, queue)),
        tuple(remedies),
        (*notes, *(f"not known: {trouble}" for trouble in queue.troubles)),
        {"reason": said, "job": row.job_id, **facts},
    )


def waiting_here(row: RunRow, *, running: int, before: int) -> Answer:
    """Say why a run waits on this machine: `running` jobs run, `before` wait before it."""
    jobs = f"{running} job{'s run' if running != 1 else ' runs'} on this machine"
    sentence = f"it waits for its turn: {jobs}, and {before} wait{'s' if before == 1 else ''} before it"
    if not running and not before:
        sentence = "it is about to start"
    told = Evidence("runs.db", None, f"job {row.job_id} of the local queue")
    facts = {"running": running, "place": before + 1}
    notes = ("more at a time: slots in arctl.yaml, for jobs that are submitted after that",) if running else ()
    return Answer(run_name(row.number), row.state, "waits", sentence, (told,), (), notes, facts)


def _text(reason: Reason, row: RunRow, own: Waiting | None, runs: Mapping[str, int]) -> str:
    if reason.word in ("Dependency", "DependencyNeverSatisfied") and own is not None and own.dependency:
        return f"{reason.text} ({_dependency(own.dependency, runs)})"
    if reason.word == "BeginTime" and own is not None and own.start is not None:
        again = ": Slurm holds a job that was queued again for two minutes" if row.attempts else ""
        return f"it may start at {clock(own.start)}{again}"
    return reason.text


def _dependency(text: str, runs: Mapping[str, int]) -> str:
    """Return `afterok:76(unfulfilled)` as `run11 must end well`."""
    words = {"afterok": "must end well", "afternotok": "must fail", "afterany": "must end", "after": "must have begun"}
    found = []
    for kind, job in re.findall(r"(\w+):(\d+(?:_(?:\d+|\*))?)", text):
        number = runs.get(job) or runs.get(whole_of(job))
        who = run_name(number) if number is not None else f"job {job}"
        found.append(f"{who} {words.get(kind, kind)}")
    return ", ".join(found) or safe_line(text)


def _standing(own: Waiting | None, queue: Queue, reason: Reason, *, now: float) -> tuple[list[str], dict[str, object]]:
    """Return place and expected start, as lines and as facts."""
    if own is None:
        return [], {}
    notes: list[str] = []
    facts: dict[str, object] = {"partition": own.partition}
    if own.stands and reason.kind in (Kind.WAITS, Kind.LIMIT, Kind.SITE):
        place = place_of(own, queue.line)
        facts |= {"place": place.number, "of": place.of}
        others = len({job.uid for job in place.before} - {own.uid})
        of = f" ({others} other user{'s' if others != 1 else ''} before you)" if others else ""
        notes.append(f"place {place.number} of {place.of} in partition {own.partition}{of}")
    if own.start is not None and own.start > now and reason.word != "BeginTime":
        facts["expected_start"] = own.start
        expected = f"Slurm expects it to start at {clock(own.start)}, in {span(own.start - now)}; often it is sooner"
        far = own.start - now > UNLIMITED_S
        notes.append("when it starts hangs on jobs that have no time limit" if far else expected)
    return notes, facts


def _remedies(
    reason: Reason, row: RunRow, own: Waiting | None, wants: Asked, queue: Queue, *, now: float
) -> list[Remedy]:
    job, run = str(row.job_id), run_name(row.number)
    if reason.kind is Kind.HELD:
        if reason.word in ("JobHeldAdmin", "JobHoldMaxRequeue", "BurstBufferOperation"):
            return [Remedy(f"scontrol show job {job}", "what an administrator may have written there; ask them")]
        return [Remedy(f"scontrol release {job}", "lets it start")]
    if reason.word == "PartitionTimeLimit":
        return _within_limit(job, own, queue.partitions)
    if reason.word == "JobArrayTaskLimit":
        return _throttle(job, row, own)
    if reason.word == "ReqNodeNotAvail" and "maintenance" in reason.text:
        return _before_maintenance(job, own, now=now)
    if reason.kind is Kind.NEVER:
        return [
            Remedy(f"scontrol show job {job}", "what it asks for, word by word"),
            Remedy(f"arctl cancel {run} && arctl rerun {run}", "with other options"),
        ]
    if reason.kind is Kind.LIMIT:
        return [Remedy("arctl queue", "what of yours runs: it starts when one of those ends")]
    if own is None or (reason.word not in _ITS_TURN and reason.kind is not Kind.SITE):
        return []
    around = {"line": queue.line, "nodes": queue.nodes, "partitions": queue.partitions}
    found = sooner(job, run, own, wants, now=now, **around)  # type: ignore[arg-type]
    return found[:3] or ([Remedy("arctl nodes", "which nodes are out, and why")] if reason.kind is Kind.SITE else [])


def _within_limit(job: str, own: Waiting | None, partitions: Sequence[Partition]) -> list[Remedy]:
    limit = next((one.max_time_s for one in partitions if own and one.name == own.partition), None)
    if limit is None:
        return [Remedy("sinfo -o '%P %l'", "the partitions' limits; then scontrol update jobid=... timelimit=...")]
    hours, rest = divmod(limit, 3600)
    text = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return [Remedy(f"scontrol update jobid={job} timelimit={text}", "the longest that this partition allows")]


def _throttle(job: str, row: RunRow, own: Waiting | None) -> list[Remedy]:
    match = re.search(r"%(\d+)", own.job_id if own else "")
    wider = 2 * int(match[1]) if match else 8
    if row.sweep:
        return [Remedy(f"arctl sweep throttle {row.sweep} {wider}", "more of its runs at a time")]
    return [Remedy(f"scontrol update jobid={whole_of(job)} arraytaskthrottle={wider}", "more elements at a time")]


def _before_maintenance(job: str, own: Waiting | None, *, now: float) -> list[Remedy]:
    """Return the limit with which the job would end before the next maintenance begins."""
    done = query(["scontrol", "--oneliner", "show", "reservation"], why="why")
    begins = [
        at
        for line in done.stdout.splitlines()
        if "MAINT" in line and (at := time_of(_field(line, "StartTime"))) is not None and at > now
    ]
    gap = min(begins) - now - 120 if begins else 0.0
    if gap < 900:
        return [Remedy("scontrol show reservation", "when it ends")]
    limit = time_text((gap // 900) * 900)
    return [Remedy(f"scontrol update jobid={job} timelimit={limit}", f"it then ends before {clock(min(begins))}")]


def _field(line: str, name: str) -> str:
    match = re.search(rf"\b{name}=(\S+)", line)
    return match[1] if match else ""


def _drained(reason: Reason, queue: Queue) -> list[Evidence]:
    """Return the nodes that a failed start or a dead node has taken out, with the reason that stands there."""
    if reason.kind is not Kind.SITE and not reason.word.startswith("launch"):
        return []
    found = [node for node in queue.nodes if node.out and node.reason]
    return [Evidence("scontrol", None, f"node {node.name}: {node.reason}") for node in found[:3]]


def _asked(run_dir: Path) -> Asked:
    try:
        return asked(read_small(RunDir(run_dir).script).decode("utf-8", "replace"))
    except (ArctlError, OSError):
        return Asked()
