"""What does not fit a site: partitions, nodes, accounts, qualities of service, and values that nobody means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arctl.clusters.asked import Asked, Gres
from arctl.clusters.site_parse import Association, NodeKind, Partition, Qos
from arctl.clusters.slurm_site import Site
from arctl.preflight import allowance, limits, sanity
from arctl.preflight.allowance import Person
from arctl.preflight.finding import Finding, gravest_first

H100 = NodeKind(8, 12000.0, (Gres("gpu", "h100", 4),), ("fast", "ib"), ("low", "high"), True, True, ("gpu1", "gpu2"))
BIG = NodeKind(64, 500000.0, (), ("fat",), ("low",), True, False, ("fat1",))
LOW = Partition("low", default=True)
HIGH = Partition("high", max_time_s=3600, max_nodes=1, min_nodes=1, max_cpus=6, max_mem_mib=8192.0)
CONFIG = {"MaxArraySize": "1001", "AccountingStorageEnforce": "associations,limits,qos", "DefMemPerCPU": "200"}
ALICE = Person("alice", frozenset({"users"}))
SHORT = Qos("short", 3600, {"gres/gpu": 2.0}, {"cpu": 4.0}, 5, ())
SITE = Site(
    0.0, CONFIG, (LOW, HIGH), (H100, BIG), (Association("lab", None, ("normal", "short"), "normal"),),
    (SHORT, Qos("normal", None, {}, {}, None, ()), Qos("closed", None, {}, {}, None, ())),
)  # fmt: skip


def errors(asked: Asked, site: Site = SITE) -> list[str]:
    found = [*limits.check(asked, site), *allowance.check(asked, site, ALICE)]
    return [str(finding) for finding in found if finding.level == "error"]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(), Asked(nodes=3), Asked(cpus=64), Asked(mem_mib=400000.0), Asked(gres=(Gres("gpu", None, 4),)),
        Asked(gres=(Gres("gpu", "h100", 4),), cpus=8, mem_mib=12000.0, nodes=2), Asked(constraint="fast&ib"),
        Asked(constraint="fat|fast"), Asked(constraint="[fast*2&fat*1]"), Asked(exclude="gpu1", nodes=2),
        Asked(partitions=("high",), time="1:00:00"), Asked(partitions=("low", "high"), time="9:00:00"),
        Asked(highest=1000, elements=1001), Asked(account="lab", qos="short", time="30", cpus=4),
        Asked(mem_mib=0.0),
    ],
)  # fmt: skip
def test_what_fits_passes(asked: Asked) -> None:
    assert errors(asked) == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(partitions=("hihg",)), "--partition: there is no partition 'hihg' (did you mean 'high'?)"),
        (Asked(partitions=("low", "nosuch")), "no partition 'nosuch'"),
        (Asked(partitions=("high",), time="2:00:00"), "--time: the partition high allows 1:00:00 at the most"),
        (Asked(partitions=("high",), time="2:00:00"), "--partition low allows more"),
        (Asked(partitions=("high",), nodes=2), "--nodes: the partition high allows 1 node at the most"),
        (Asked(partitions=("high",), cpus=7), "allows 6 cores of a node, and 7 are asked for (--cpus 6"),
        (Asked(partitions=("high",), mem_mib=9216.0), "allows 8G of a node, and 9G are asked for (--mem 8G"),
        (Asked(gres=(Gres("gpu", None, 5),)), "--gpus: no node of the partition low has 5 GPUs (the most is 4)"),
        (Asked(gres=(Gres("gpu", "a100", 1),)), "has 1 a100 GPU (they have gpu:h100:4)"),
        (Asked(gres=(Gres("shard", None, 1),)), "has 1 shard (take a partition that has them)"),
        (Asked(cpus=65), "--cpus: no node of the partition low has 65 CPU cores (the most is 64)"),
        (Asked(mem_mib=600000.0), "(the most is --mem 500000M)"),
        (Asked(gres=(Gres("gpu", None, 1),), cpus=9), "--gpus/--cpus: no node of the partition low has 1 GPU and 9"),
        (Asked(nodes=4), "--nodes: the partition low has 3 nodes that fit, and 4 are asked for"),
        (Asked(gres=(Gres("gpu", None, 1),), nodes=3), "has 2 nodes that fit, and 3 are asked for"),
        (Asked(exclude="gpu[1-2],fat1"), "--exclude: the partition low has no nodes that fit besides those"),
        (Asked(exclude="gpu9"), "--exclude: there is no node 'gpu9' (did you mean"),
        (Asked(constraint="fasst"), "--constraint: no node has the feature 'fasst' (did you mean 'fast'"),
        (Asked(constraint="fast&fat"), "--constraint: no node of the partition low has the features fast&fat"),
        (Asked(highest=1001, elements=2), "--array: an array's indices go up to 1000 here (MaxArraySize)"),
        (Asked(account="nosuch"), "--account: the account 'nosuch' is none of yours (known: lab)"),
        (Asked(qos="nosuch"), "--qos: there is no quality of service 'nosuch'"),
        (Asked(qos="closed"), "--qos: the quality of service 'closed' is not open to you (yours: normal, short)"),
        (Asked(qos="short", time="2:00:00"), "the quality of service short allows 1:00:00 at the most"),
        (Asked(qos="short", gres=(Gres("gpu", None, 3),)), "allows a job 2 GPUs, and 3 GPUs are asked for"),
        (Asked(qos="short", nodes=2, gres=(Gres("gpu", None, 2),)), "allows a job 2 GPUs, and 4 GPUs are asked for"),
        (Asked(qos="short", cpus=5), "allows all of your jobs together 4 CPU cores, and 5 CPU cores"),
        (Asked(qos="short", elements=6, highest=5), "allows 5 jobs in the queue, and this array has 6 elements"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_cure(asked: Asked, says: str) -> None:
    assert any(says in line for line in errors(asked)), errors(asked)


def with_low(**changes: Any) -> Site:
    return replace(SITE, partitions=(replace(LOW, **changes), HIGH))


@pytest.mark.parametrize(
    ("site", "level", "says"),
    [
        (with_low(state="DOWN"), "warning", "is down: jobs wait until it is up"),
        (with_low(state="DRAIN"), "error", "takes no jobs now: it is drain"),
        (with_low(state="INACTIVE"), "error", "takes no jobs now: it is inactive"),
        (with_low(reserved=True), "error", "is for reservations alone"),
        (with_low(root_only=True), "error", "is for root alone"),
        (with_low(allow={"accounts": ("gpu",)}), "error", "does not take account lab (it takes gpu)"),
        (with_low(deny={"accounts": ("lab",)}), "error", "does not take account lab"),
        (with_low(allow={"groups": ("staff",)}), "warning", "is for the groups staff"),
        (with_low(default=False), "error", "this site has no default partition"),
        (with_low(name="empty"), "error", "the partition empty has no nodes"),
        (replace(SITE, kinds=(replace(H100, usable=False),)), "warning", "of the 2 nodes of low that fit, none is up"),
    ],
)
def test_a_partitions_door(site: Site, level: str, says: str) -> None:
    asked = Asked(account="lab")
    found = [*limits.check(asked, site), *allowance.check(asked, site, ALICE)]
    assert [finding.level for finding in found if says in str(finding)] == [level], found


def test_of_several_partitions_one_is_enough_unless_the_site_wants_all() -> None:
    asked = Asked(partitions=("low", "high"), time="9:00:00")
    assert errors(asked) == []
    strict = replace(SITE, config={**CONFIG, "EnforcePartLimits": "ALL"})
    assert any("the partition high allows 1:00:00" in line for line in errors(asked, strict))
    assert len(errors(replace(asked, cpus=65))) == 4  # low by its nodes, high by both limits and its nodes


def test_a_quality_of_service_may_lift_a_partitions_limits() -> None:
    lifted = replace(SITE, qos=(Qos("normal", None, {}, {}, None, ("PartitionTimeLimit",)),))
    assert errors(Asked(partitions=("high",), time="2:00:00"), lifted) == []
    unread = replace(SITE, qos=None, silent={"qos": "no answer"})
    (finding,) = limits.check(Asked(partitions=("high",), time="2:00:00"), unread)
    assert finding.level == "warning"


def test_what_nobody_tells_is_no_error() -> None:
    asked = Asked(
        partitions=("x",), account="x", qos="x", time="99-0", nodes=99, cpus=999, mem_mib=9e9,
        gres=(Gres("g", None, 9),), constraint="x", exclude="x", highest=10**6, elements=10**6,
    )  # fmt: skip
    assert limits.check(asked, Site(0.0)) == [] == allowance.check(asked, Site(0.0), ALICE)


def test_what_is_not_enforced_is_a_warning_at_the_most() -> None:
    lax = replace(SITE, config={"AccountingStorageEnforce": "none"})
    asked = Asked(account="nosuch", qos="nosuch")
    assert [finding.level for finding in allowance.check(asked, lax, ALICE)] == ["warning", "warning"]
    assert allowance.check(Asked(qos="short", time="2:00:00"), lax, ALICE) == []


def test_another_cluster_is_not_judged_by_this_one() -> None:
    asked = Asked(partitions=("there",), given=frozenset({"clusters"}))
    assert [finding.level for finding in limits.check(asked, SITE)] == ["note"]
    assert allowance.check(asked, SITE, ALICE) == [] == sanity.check(asked, SITE, trainer=True)


@pytest.mark.parametrize(
    ("asked", "trainer", "says"),
    [
        (Asked(time="25:99:99", mem_mib=8192.0), False, "25:99:99 means 1-02:40:39"),
        (Asked(time="500-0"), False, "more than a year"),
        (Asked(time="0:30"), False, "rounds 0:30 up to a minute"),
        (Asked(mem_mib=0.0), False, "0 takes all memory of each node"),
        (Asked(mem_mib=32.0), True, "32M on each node is very little for training"),
        (Asked(cpus=4), True, "without it the job has 800M on each node (DefMemPerCPU, 4 cores)"),
        (Asked(mem_mib=8192.0), True, "no GPU is asked for"),
    ],
)
def test_values_that_nobody_means(asked: Asked, trainer: bool, says: str) -> None:
    found = sanity.check(asked, SITE, trainer=trainer)
    assert any(says in str(finding) for finding in found), found
    assert all(finding.level != "error" for finding in found)


def test_usual_values_pass_without_a_word() -> None:
    for time in ("30", "4:00:00", "1-12:00:00", "90", "UNLIMITED", None, "120:00"):
        asked = Asked(time=time, mem_mib=32768.0, gres=(Gres("gpu", None, 1),))
        assert sanity.check(asked, SITE, trainer=True) == []
    assert sanity.check(Asked(mem_mib=64.0), SITE, trainer=False) == []


def test_the_gravest_comes_first_and_once() -> None:
    note, warning, error = Finding("note", "n"), Finding("warning", "w", "x"), Finding("error", "e", "y", "cure it")
    assert gravest_first([note, error, warning, error]) == (error, warning, note)
    assert (str(error), error.facts()) == (
        "y: e (cure it)", {"level": "error", "what": "e", "where": "y", "cure": "cure it"},
    )  # fmt: skip
