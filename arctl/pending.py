"""Why a job waits: each of Slurm's reasons in plain words, and what kind of wait it is.

Slurm has about 180 reasons. Most are one limit of an association or a quality of service; those are read as grammar
(`QOSMaxGRESPerUser`), the rest stand in a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from arctl.text import safe_line


class Kind(StrEnum):
    """What has to happen before a job with this reason starts."""

    WAITS = "waits"
    """Nothing: its turn comes."""
    LIMIT = "limit"
    """A limit is used up: other jobs of the user, the account or the group must end first."""
    HELD = "held"
    """The user, or an administrator, must release it."""
    SITE = "site"
    """The site must bring something back: a node, a partition, a reservation's end."""
    NEVER = "never"
    """It never starts as it is: it must ask for something else."""


@dataclass(frozen=True)
class Reason:
    """A reason of Slurm's, understood."""

    word: str
    """Slurm's own word, without what follows it: `ReqNodeNotAvail`."""
    text: str
    """In plain words, fit to follow "because" or a colon."""
    kind: Kind
    """What has to happen."""


def plain(reason: str) -> str:
    """Return Slurm's reason for a wait in plain words, one short line; an unknown one as Slurm writes it."""
    return understood(reason).text


def understood(reason: str) -> Reason:
    """Return what a reason means: `Priority`, `(Resources)`, `ReqNodeNotAvail, Reserved for maintenance`."""
    said = safe_line(reason, limit=300).strip()
    said = said[1:-1] if said.startswith("(") and said.endswith(")") else said
    spaced = said.replace("_", " ")
    for start, text, kind in _PHRASES:
        if spaced.lower().startswith(start):
            nodes = said.partition("UnavailableNodes:")[2]
            return Reason(said.partition(",")[0], f"{text} ({nodes})" if nodes else text, kind)
    word, _, more = said.partition(",")
    if word in _REASONS:
        text, kind = _REASONS[word]
        return Reason(word, f"{text}: {more.strip()}" if more.strip() else text, kind)
    return _limit(word) or Reason(word, said or "Slurm gives no reason", Kind.WAITS)


_PHRASES: tuple[tuple[str, str, Kind], ...] = (
    ("reqnodenotavail, reserved for maintenance", "the nodes are reserved for maintenance", Kind.SITE),
    ("reqnodenotavail, may be reserved", "the nodes may be reserved for another job", Kind.WAITS),
    ("reqnodenotavail, unavailablenodes:", "nodes that it needs are down, drained or reserved", Kind.SITE),
    (
        "nodes required for job are down",
        "the nodes it needs are down, drained or kept for partitions of higher priority",
        Kind.WAITS,
    ),
    ("launch failed requeued held", "the start failed on its node, and Slurm holds it", Kind.HELD),
    ("user env retrieval failed", "your login environment could not be read, and Slurm holds it", Kind.HELD),
    ("job requeued in held state", "it was queued again and is held", Kind.HELD),
    ("job requeued in special exit state", "it was queued again after a special exit status and is held", Kind.HELD),
    ("resources,", "no node has enough free GPUs, cores or memory", Kind.WAITS),
)
"""Beginnings of reasons that are sentences, in small letters."""

_REASONS: Mapping[str, tuple[str, Kind]] = {
    "None": ("Slurm has not looked at it yet", Kind.WAITS),
    "Priority": ("jobs of higher priority go first", Kind.WAITS),
    "Resources": ("no node has enough free GPUs, cores or memory", Kind.WAITS),
    "BeginTime": ("its start time has not come", Kind.WAITS),
    "Dependency": ("another job comes first", Kind.WAITS),
    "DependencyNeverSatisfied": ("the job it depends on did not end as it must", Kind.NEVER),
    "JobArrayTaskLimit": ("as many elements of its array run as its limit (%) allows", Kind.LIMIT),
    "JobHeldUser": ("it is held by its owner", Kind.HELD),
    "JobHeldAdmin": ("it is held by an administrator", Kind.HELD),
    "JobHoldMaxRequeue": ("it was queued again too often, and Slurm holds it", Kind.HELD),
    "JobLaunchFailure": ("it could not be started", Kind.HELD),
    "Cleaning": ("its last start is still being cleaned up", Kind.WAITS),
    "Prolog": ("the site's prolog prepares the node", Kind.WAITS),
    "Licenses": ("the licences it asks for are in use", Kind.WAITS),
    "Reservation": ("its reservation has not begun", Kind.WAITS),
    "ReservationDeleted": ("its reservation was deleted", Kind.NEVER),
    "ReqNodeNotAvail": ("the nodes it needs are not available", Kind.SITE),
    "NodeDown": ("a node it needs is down", Kind.SITE),
    "FrontEndDown": ("no front-end node is up", Kind.SITE),
    "PartitionDown": ("the partition is down", Kind.SITE),
    "PartitionInactive": ("the partition is inactive", Kind.SITE),
    "PartitionTimeLimit": ("its time limit is above the partition's", Kind.NEVER),
    "PartitionNodeLimit": ("it asks for more nodes than the partition has or allows", Kind.NEVER),
    "PartitionConfig": ("the partition's rules do not allow such a job", Kind.NEVER),
    "AccountNotAllowed": ("the partition does not take its account", Kind.NEVER),
    "QOSNotAllowed": ("the partition does not take its QOS", Kind.NEVER),
    "InvalidAccount": ("its account does not exist, or is not yours", Kind.NEVER),
    "InvalidQOS": ("its QOS does not exist, or is not yours", Kind.NEVER),
    "BadConstraints": ("no node can ever satisfy what it asks for", Kind.NEVER),
    "MaxMemPerLimit": ("it asks for more memory than the partition allows", Kind.NEVER),
    "DeadLine": ("its deadline cannot be met", Kind.NEVER),
    "AccountingPolicy": ("a limit of your account is used up", Kind.LIMIT),
    "AssociationJobLimit": ("your account runs as many jobs as it may", Kind.LIMIT),
    "AssociationResourceLimit": ("your account's resources are used up", Kind.LIMIT),
    "AssociationTimeLimit": ("your account's time is used up", Kind.LIMIT),
    "QOSJobLimit": ("its QOS runs as many jobs as it may", Kind.LIMIT),
    "QOSResourceLimit": ("its QOS's resources are used up", Kind.LIMIT),
    "QOSTimeLimit": ("its QOS's time is used up", Kind.LIMIT),
    "QOSUsageThreshold": ("your use is above its QOS's threshold", Kind.LIMIT),
    "SchedDefer": ("Slurm has put off looking at it", Kind.WAITS),
    "BurstBufferResources": ("the burst buffer has no room", Kind.WAITS),
    "BurstBufferStageIn": ("its data are being staged in", Kind.WAITS),
    "BurstBufferOperation": ("a burst-buffer operation failed", Kind.HELD),
    "FedJobLock": ("the clusters of the federation agree on who starts it", Kind.WAITS),
    "SystemFailure": ("Slurm itself had a failure", Kind.SITE),
    "NonZeroExitCode": ("it ended with an error and is queued again", Kind.WAITS),
    "InactiveLimit": ("it reached the limit on inactivity", Kind.WAITS),
    "TimeLimit": ("it reached its time limit and is queued again", Kind.WAITS),
    "OutOfMemory": ("it ran out of memory and is queued again", Kind.WAITS),
    "RequiresReservation": ("the partition takes only jobs with a reservation", Kind.NEVER),
}
"""Slurm's words with a meaning of their own."""

_GRAMMAR = re.compile(
    r"(?P<whose>QOS|Assoc)?(?P<range>Grp|Max|Min)(?P<what>Jobs?|SubmitJobs?|WallDuration|Wall|Cpu|CPU|GRES|Mem|Memory"
    r"|Nodes?|BB|Billing|Energy|License|Unknown)(?P<minutes>Run ?Minutes|Minutes)?"
    r"(?P<per>PerJob|PerNode|PerUser|PerAccount)?(?:Limit|NotSatisfied)?"
)
_WHAT = {
    "job": "running jobs",
    "submitjob": "queued jobs",
    "wallduration": "run time",
    "wall": "run time",
    "cpu": "CPU cores",
    "gres": "GPUs",
    "mem": "memory",
    "memory": "memory",
    "node": "nodes",
    "bb": "burst buffer",
    "billing": "billing units",
    "license": "licences",
    "unknown": "resources",
}


def _limit(word: str) -> Reason | None:
    """Read `QOSMaxGRESPerUser`, `AssocGrpCPUMinutesLimit`, `MaxSubmitJobsPerAccount`."""
    match = _GRAMMAR.fullmatch(word)
    if match is None:
        return None
    what = match["what"].lower().removesuffix("s" if match["what"].lower() != "gres" else "")
    thing = _WHAT.get(what, what)
    if match["minutes"]:
        thing = f"{thing.removesuffix('s')} minutes"
    owner = "your account" if match["whose"] == "Assoc" else "its QOS"
    if match["range"] == "Min":
        return Reason(word, f"it asks for less than the least that {owner} allows ({thing})", Kind.NEVER)
    if match["per"] in ("PerJob", "PerNode") or what == "wallduration":
        of = "a node" if match["per"] == "PerNode" else "one job"
        return Reason(word, f"it asks for more {thing} than {owner} allows {of}", Kind.NEVER)
    group = match["range"] == "Grp" or match["per"] == "PerAccount"
    if what in ("job", "submitjob"):
        return Reason(word, f"{'the group has' if group else 'you have'} as many {thing} as {owner} allows", Kind.LIMIT)
    return Reason(word, f"{'the group uses' if group else 'you use'} all the {thing} that {owner} allows", Kind.LIMIT)
