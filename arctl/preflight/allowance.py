"""Whether this user may do what a job asks: accounts, qualities of service and their limits. Pure.

What nobody could tell is left alone, and what this Slurm does not enforce is a warning at the most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from arctl.clusters.asked import Asked
from arctl.clusters.site_parse import Association, Partition, Qos
from arctl.clusters.slurm_site import Site
from arctl.errors import nearest
from arctl.preflight.amounts import mib_text, span_text
from arctl.preflight.finding import Finding, Level
from arctl.preflight.limits import chosen
from arctl.text import safe_line

_UNITS = {"cpu": "CPU cores", "node": "nodes", "gres/gpu": "GPUs", "mem": "of memory"}
_OPTIONS = {"cpu": "--cpus", "node": "--nodes", "gres/gpu": "--gpus", "mem": "--mem"}


@dataclass(frozen=True)
class Person:
    """Who submits."""

    name: str
    """Login name."""
    groups: frozenset[str]
    """Names of the groups."""
    root: bool = False
    """Whether it is root, whom partitions let in whatever its account and groups."""


def check(asked: Asked, site: Site, person: Person) -> list[Finding]:
    """Return what accounts and qualities of service have against a job."""
    if "clusters" in asked.given:
        return []
    found = [*_account(asked, site), *_qos(asked, site)]
    for partition in chosen(asked, site):
        found += _let_in(asked, partition, person)
    for quality in _in_force(asked, site):
        found += _limits(asked, quality, site)
    return found


def _account(asked: Asked, site: Site) -> Iterator[Finding]:
    if site.associations is None:
        return
    level: Level = "error" if site.enforces("associations") else "warning"
    mine = sorted({one.account for one in site.associations})
    if asked.account is not None and asked.account not in mine:
        cure = nearest(asked.account, mine) if mine else "ask your site for an account"
        yield Finding(level, f"the account {safe_line(asked.account)!r} is none of yours", "--account", cure)
    elif not mine and level == "error":
        yield Finding("warning", "Slurm knows no account of yours here", "--account", "ask your site for one")


def _qos(asked: Asked, site: Site) -> Iterator[Finding]:
    if asked.qos is None:
        return
    level: Level = "error" if site.enforces("qos") else "warning"
    known = [one.name for one in site.qos or ()]
    if site.qos is not None and asked.qos not in known:
        yield Finding(
            level, f"there is no quality of service {safe_line(asked.qos)!r}", "--qos", nearest(asked.qos, known)
        )
        return
    open_to_me = {name.lstrip("+-") for one in _mine(asked, site) for name in one.qos}
    if open_to_me and asked.qos not in open_to_me:
        what = f"the quality of service {safe_line(asked.qos)!r} is not open to you"
        yield Finding(level, what, "--qos", f"yours: {', '.join(sorted(open_to_me))}")


def _let_in(asked: Asked, partition: Partition, person: Person) -> Iterator[Finding]:
    """Yield why a partition would turn the job away at its door."""
    if partition.root_only and not person.root:
        yield Finding("error", f"the partition {partition.name} is for root alone", "--partition", "take another")
    allow, deny = partition.allow or {}, partition.deny or {}
    account = None if person.root else asked.account
    for key, value, option in (("accounts", account, "--account"), ("qos", asked.qos, "--qos")):
        named = allow.get(key, ())
        if value is not None and ((named and value not in named) or value in deny.get(key, ())):
            what = f"the partition {partition.name} does not take {option[2:]} {safe_line(value)}"
            yield Finding("error", what, option, f"it takes {', '.join(named)}" if named else "take another")
    groups = allow.get("groups", ())
    if groups and not person.root and not person.groups & set(groups):
        what = f"the partition {partition.name} is for the groups {', '.join(groups)}, and you are in none of them"
        yield Finding("warning", what, "--partition", "take another partition, or ask your site")


def _mine(asked: Asked, site: Site) -> list[Association]:
    """Return the associations under which the job may run."""
    found = [one for one in site.associations or () if asked.account in (None, one.account)]
    return [one for one in found if one.partition in (None, *asked.partitions)]


def _in_force(asked: Asked, site: Site) -> list[Qos]:
    """Return the qualities of service whose limits hold for the job: its own or the usual one, and its partition's."""
    if not site.enforces("limits"):
        return []
    usual = {one.default_qos for one in _mine(asked, site)}
    names = {asked.qos} if asked.qos else usual if len(usual) == 1 else set()
    partitions = chosen(asked, site)
    if len(partitions) == 1:
        names = names | {partitions[0].qos}
    return [one for one in site.qos or () if one.name in names]


def _limits(asked: Asked, quality: Qos, site: Site) -> Iterator[Finding]:
    """Yield the limits of a quality of service that the job alone breaks: it would be refused, or never start."""
    name = f"the quality of service {quality.name}"
    fate = "it would be refused" if "DenyOnLimit" in quality.flags else "it would never start"
    if quality.max_wall_s is not None and asked.limit_s is not None and asked.limit_s > quality.max_wall_s:
        limit = span_text(quality.max_wall_s)
        what = f"{name} allows {limit} at the most, and {asked.time} are asked for: {fate}"
        yield Finding("error", what, "--time", f"--time {limit}, or less")
    wanted = _amounts(asked)
    for limits, whose in ((quality.per_job, "a job"), (quality.per_user, "all of your jobs together")):
        for key in _broken(wanted, limits):
            what = f"{name} allows {whose} {_amount(key, limits[key])}, and {_amount(key, wanted[key])} are asked for"
            yield Finding("error", f"{what}: {fate}", _OPTIONS[key], "ask for less, or for another --qos")
    if quality.max_submitted is not None and asked.elements > quality.max_submitted:
        what = f"{name} allows {quality.max_submitted} jobs in the queue, and this array has {asked.elements} elements"
        yield Finding("error", what, "--array", "submit fewer at a time")


def _amounts(asked: Asked) -> dict[str, float]:
    """Return what the job asks for over all of its nodes."""
    each = {"cpu": float(asked.cpus), "node": 1.0, "gres/gpu": float(asked.gpus), "mem": asked.mem_mib or 0.0}
    return {key: amount * asked.nodes for key, amount in each.items()}


def _broken(wanted: Mapping[str, float], limits: Mapping[str, float]) -> Collection[str]:
    return [key for key in wanted if key in limits and wanted[key] > limits[key]]


def _amount(key: str, value: float) -> str:
    number = mib_text(value) if key == "mem" else f"{value:.0f}"
    return f"{number} {_UNITS[key]}"
