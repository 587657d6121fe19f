"""Whether a job fits its site: what it asks for against partitions and nodes. Pure: facts in, findings out.

Slurm takes much that can never start (a time limit beyond the partition's) and says so only in the queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from arctl.clusters.asked import Asked, Gres, mebibytes
from arctl.clusters.site_parse import NodeKind, Partition, hosts
from arctl.clusters.slurm_site import Site
from arctl.errors import nearest
from arctl.preflight.amounts import mib_text, span_text
from arctl.preflight.finding import Finding, Level
from arctl.text import safe_line

_FEATURE = re.compile(r"[A-Za-z_][\w.:-]*")


def check(asked: Asked, site: Site) -> list[Finding]:
    """Return what in a job does not fit its partitions: with several of them, what fits none."""
    if "clusters" in asked.given:
        return [Finding("note", "the job goes to another cluster, whose limits were not checked", "--clusters")]
    found = [*_unknown(asked, site), *_words(asked, site), *_array(asked, site)]
    verdicts = [list(_partition(asked, partition, site)) for partition in chosen(asked, site)]
    if site.config.get("EnforcePartLimits", "NO") != "ALL" and any(map(_passes, verdicts)):
        verdicts = [verdict for verdict in verdicts if _passes(verdict)]
    return [*found, *(finding for verdict in verdicts for finding in verdict)]


def chosen(asked: Asked, site: Site) -> list[Partition]:
    """Return the partitions that a job may go to, as far as they are known: those named, else the default."""
    known = site.partitions or ()
    if asked.partitions:
        return [partition for partition in known if partition.name in asked.partitions]
    return [partition for partition in known if partition.default]


def lenient(site: Site) -> bool:
    """Say whether a quality of service that nobody could read may lift a partition's limits."""
    return "qos" in site.silent


def _passes(verdict: Sequence[Finding]) -> bool:
    return all(finding.level != "error" for finding in verdict)


def _unknown(asked: Asked, site: Site) -> Iterator[Finding]:
    if site.partitions is None:
        return
    names = [partition.name for partition in site.partitions]
    for name in asked.partitions:
        if name not in names:
            yield Finding("error", f"there is no partition {safe_line(name)!r}", "--partition", nearest(name, names))
    if not asked.partitions and not chosen(asked, site):
        yield Finding("error", "this site has no default partition", "--partition", f"name one of {', '.join(names)}")


def _words(asked: Asked, site: Site) -> Iterator[Finding]:
    """Yield names of nodes and features that there are not."""
    if site.kinds is None:
        return
    nodes = {name for kind in site.kinds for name in kind.names}
    for option, text in (("--exclude", asked.exclude), ("--nodelist", asked.nodelist)):
        for name in sorted(hosts(text) - nodes)[:3]:
            yield Finding("error", f"there is no node {safe_line(name)!r}", option, nearest(name, nodes))
    for word in _strange_features(asked, site.kinds):
        features = {word for kind in site.kinds for word in kind.features}
        cure = nearest(word, features) if features else "the nodes of this site have none"
        yield Finding("error", f"no node has the feature {safe_line(word)!r}", "--constraint", cure)


def _strange_features(asked: Asked, kinds: Sequence[NodeKind]) -> list[str]:
    """Return the words of a constraint that no node of the site has."""
    features = {word for kind in kinds for word in kind.features}
    words = dict.fromkeys(_FEATURE.findall(re.sub(r"\*\d+", "", asked.constraint or "")))
    return [word for word in words if word not in features]


def _array(asked: Asked, site: Site) -> Iterator[Finding]:
    most = site.config.get("MaxArraySize", "")
    if asked.highest is not None and most.isdecimal() and asked.highest >= int(most):
        what = f"an array's indices go up to {int(most) - 1} here (MaxArraySize), and this one's to {asked.highest}"
        yield Finding("error", what, "--array", "submit fewer at a time")
    limit = re.search(r"max_array_tasks=(\d+)", site.config.get("SchedulerParameters", ""))
    if limit and asked.elements > int(limit[1]):
        what = f"an array may have {limit[1]} elements here (max_array_tasks), and this one has {asked.elements}"
        yield Finding("error", what, "--array", "submit fewer at a time")


def _partition(asked: Asked, partition: Partition, site: Site) -> Iterator[Finding]:
    yield from _open(asked, partition)
    yield from _size(asked, partition, site)
    yield from _fit(asked, partition, site)


def _open(asked: Asked, partition: Partition) -> Iterator[Finding]:
    name = partition.name
    if partition.state in ("DRAIN", "INACTIVE"):
        what = f"the partition {name} takes no jobs now: it is {partition.state.lower()}"
        yield Finding("error", what, "--partition", "take another, or ask your site")
    elif partition.state != "UP":
        what = f"the partition {name} is {partition.state.lower()}: jobs wait until it is up"
        yield Finding("warning", what, "--partition", "take another, or wait")
    if partition.reserved and "reservation" not in asked.given:
        what = f"the partition {name} is for reservations alone"
        yield Finding("error", what, "--partition", "name yours: --sbatch='--reservation=NAME'")


def _size(asked: Asked, partition: Partition, site: Site) -> Iterator[Finding]:
    """Yield the partition's own limits that the job breaks."""
    level: Level = "warning" if lenient(site) else "error"
    name, flags = partition.name, _lifted(asked, site)
    limit = partition.max_time_s
    if limit is not None and asked.limit_s is not None and asked.limit_s > limit and "PartitionTimeLimit" not in flags:
        what = f"the partition {name} allows {span_text(limit)} at the most, and {asked.time} are asked for"
        cure = f"--time {span_text(limit)}, or less{_longer(asked, site)}"
        yield Finding(level, f"{what}: the job would never start", "--time", cure)
    if partition.max_nodes is not None and asked.nodes > partition.max_nodes and "PartitionMaxNodes" not in flags:
        most_nodes = f"{partition.max_nodes} node{'' if partition.max_nodes == 1 else 's'}"
        what = f"the partition {name} allows {most_nodes} at the most, and {asked.nodes} are asked for"
        yield Finding(level, what, "--nodes", f"--nodes {partition.max_nodes}, or another partition")
    if partition.min_nodes is not None and asked.nodes < partition.min_nodes and "PartitionMinNodes" not in flags:
        what = f"the partition {name} is for jobs of {partition.min_nodes} nodes or more"
        yield Finding(level, what, "--nodes", "take another partition")
    if partition.max_cpus is not None and asked.cpus > partition.max_cpus:
        what = f"the partition {name} allows {partition.max_cpus} cores of a node, and {asked.cpus} are asked for"
        yield Finding("error", what, "--cpus", f"--cpus {partition.max_cpus}, or less")
    most = partition.max_mem_mib or mebibytes(site.config.get("MaxMemPerNode"))
    if most and asked.mem_mib is not None and asked.mem_mib > most:
        what = f"the partition {name} allows {mib_text(most)} of a node, and {mib_text(asked.mem_mib)} are asked for"
        yield Finding("error", what, "--mem", f"--mem {mib_text(most)}, or less")


def _longer(asked: Asked, site: Site) -> str:
    """Name partitions that allow the time that is asked for."""
    wanted = asked.limit_s or 0
    names = [one.name for one in site.partitions or () if one.state == "UP" and (one.max_time_s or wanted) >= wanted]
    return f"; --partition {' or '.join(names[:3])} allows more" if names else ""


def _lifted(asked: Asked, site: Site) -> frozenset[str]:
    """Return the flags of the job's quality of service, some of which lift a partition's limits."""
    usual = {one.default_qos for one in site.associations or () if asked.account in (None, one.account)}
    names = {asked.qos} if asked.qos else usual
    return frozenset(flag for one in site.qos or () if one.name in names for flag in one.flags)


@dataclass(frozen=True)
class _Demand:
    """Something that each node of the job must have."""

    text: str
    """`5 GPUs`."""
    option: str
    """`--gpus`."""
    met: Callable[[NodeKind], bool]
    """Whether a kind of node has it."""
    offered: Callable[[Sequence[NodeKind]], str]
    """What the nodes have instead."""


def _fit(asked: Asked, partition: Partition, site: Site) -> Iterator[Finding]:
    """Yield why no nodes of the partition can run the job, each demand by itself and then all at once."""
    if site.kinds is None:
        return
    kinds = [kind for kind in site.kinds if partition.name in kind.partitions]
    if not kinds:
        yield Finding("error", f"the partition {partition.name} has no nodes", "--partition", "take another")
        return
    known = not _strange_features(asked, site.kinds)
    demands = [demand for demand in _demands(asked) if known or demand.option != "--constraint"]
    unmet = [demand for demand in demands if not any(map(demand.met, kinds))]
    for demand in unmet:
        what = f"no node of the partition {partition.name} has {demand.text}"
        yield Finding("error", what, demand.option, demand.offered(kinds))
    if unmet:
        return
    fitting = [kind for kind in kinds if all(demand.met(kind) for demand in demands)]
    if not fitting:
        what = f"no node of the partition {partition.name} has {_and([demand.text for demand in demands])} at once"
        yield Finding("error", what, "/".join(dict.fromkeys(demand.option for demand in demands)), "ask for less")
        return
    yield from _count(asked, partition, fitting)


def _count(asked: Asked, partition: Partition, fitting: Sequence[NodeKind]) -> Iterator[Finding]:
    """Yield whether there are too few nodes that fit, or too few of them that work."""
    barred = hosts(asked.exclude)
    left = [(kind, len(set(kind.names) - barred)) for kind in fitting]
    count, usable = sum(number for _, number in left), sum(number for kind, number in left if kind.usable)
    besides = " besides those that are excluded" if any(barred & set(kind.names) for kind in fitting) else ""
    if count < asked.nodes:
        has = f"{count or 'no'} node{'' if count == 1 else 's'} that fit{'s' if count == 1 else ''}"
        what = f"the partition {partition.name} has {has}{besides}, and {asked.nodes} {_is(asked.nodes)} asked for"
        yield Finding("error", what, "--exclude" if besides else "--nodes", "ask for less, or another partition")
    elif usable < asked.nodes:
        working = f"only {usable}" if usable else "none"
        what = f"of the {count} nodes of {partition.name} that fit, {working} {_is(usable or 1)} up now"
        yield Finding("warning", f"{what}: the job waits for them", "--partition", "`sinfo -R` tells why")


def _demands(asked: Asked) -> list[_Demand]:
    found = [_of_gres(one) for one in asked.gres]
    cpus, memory = asked.cpus, asked.mem_mib or 0.0
    if cpus > 1:
        found.append(
            _Demand(
                f"{cpus} CPU cores",
                "--cpus",
                lambda kind: kind.cpus >= cpus,
                lambda kinds: f"the most is {max(kind.cpus for kind in kinds)}",
            )
        )
    if memory:
        found.append(
            _Demand(
                f"{mib_text(memory)} of memory",
                "--mem",
                lambda kind: kind.mem_mib >= memory,
                lambda kinds: f"the most is --mem {max(int(kind.mem_mib) for kind in kinds)}M",
            )
        )
    for words in _features(asked.constraint):
        found.append(
            _Demand(
                f"the features {asked.constraint}",
                "--constraint",
                lambda kind, words=words: any(option <= set(kind.features) for option in words),  # type: ignore[misc]
                lambda kinds: f"they have {', '.join(sorted({f for kind in kinds for f in kind.features})) or 'none'}",
            )
        )
    return found


def _of_gres(wanted: Gres) -> _Demand:
    def had(kind: NodeKind) -> int:
        return sum(one.count for one in kind.gres if one.name == wanted.name and wanted.kind in (None, one.kind))

    def offered(kinds: Sequence[NodeKind]) -> str:
        same = [one for kind in kinds for one in kind.gres if one.name == wanted.name]
        names = sorted({str(one) for one in same})
        if any(had(kind) for kind in kinds):
            return f"the most is {max(map(had, kinds))}"
        return f"they have {', '.join(names)}" if names else "take a partition that has them"

    unit = "GPU" if wanted.name == "gpu" else wanted.name
    text = f"{wanted.count} {f'{wanted.kind} ' if wanted.kind else ''}{unit}{'' if wanted.count == 1 else 's'}"
    option = "--gpu-type" if wanted.kind else "--gpus"
    return _Demand(text, option, lambda kind: had(kind) >= wanted.count, offered)


def _features(constraint: str | None) -> list[list[set[str]]]:
    """Return the alternatives of a constraint, each a set of features; nothing where it is more than `a&b|c`."""
    if not constraint or re.search(r"[^\w.:&,|-]", constraint):
        return []
    return [[set(re.split("[&,]", option)) - {""} for option in constraint.split("|")]]


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
