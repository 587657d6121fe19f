"""Slurm's reasons in plain words, and what kind of wait each is."""

from __future__ import annotations

import pytest

from arctl.pending import Kind, plain, understood


@pytest.mark.parametrize(
    ("reason", "text", "kind"),
    [
        ("Priority", "jobs of higher priority go first", Kind.WAITS),
        ("(Resources)", "no node has enough free GPUs, cores or memory", Kind.WAITS),
        ("JobHeldUser", "it is held by its owner", Kind.HELD),
        ("launch failed requeued held", "the start failed on its node, and Slurm holds it", Kind.HELD),
        ("launch_failed_requeued_held", "the start failed on its node, and Slurm holds it", Kind.HELD),
        ("ReqNodeNotAvail, Reserved for maintenance", "the nodes are reserved for maintenance", Kind.SITE),
        (
            "ReqNodeNotAvail, UnavailableNodes:gpu[3-4]",
            "nodes that it needs are down, drained or reserved (gpu[3-4])",
            Kind.SITE,
        ),
        ("DependencyNeverSatisfied", "the job it depends on did not end as it must", Kind.NEVER),
        ("JobArrayTaskLimit", "as many elements of its array run as its limit (%) allows", Kind.LIMIT),
        ("QOSMaxGRESPerUser", "you use all the GPUs that its QOS allows", Kind.LIMIT),
        ("QOSMaxJobsPerUserLimit", "you have as many running jobs as its QOS allows", Kind.LIMIT),
        ("QOSGrpCpuLimit", "the group uses all the CPU cores that its QOS allows", Kind.LIMIT),
        ("AssocGrpGRESRunMinutes", "the group uses all the GPU minutes that your account allows", Kind.LIMIT),
        ("AssocGrpCPUMinutesLimit", "the group uses all the CPU core minutes that your account allows", Kind.LIMIT),
        ("MaxMemoryPerAccount", "the group uses all the memory that its QOS allows", Kind.LIMIT),
        ("QOSMaxWallDurationPerJobLimit", "it asks for more run time than its QOS allows one job", Kind.NEVER),
        ("AssocMaxGRESPerNode", "it asks for more GPUs than your account allows a node", Kind.NEVER),
        ("QOSMinGRES", "it asks for less than the least that its QOS allows (GPUs)", Kind.NEVER),
    ],
)
def test_a_reason_in_plain_words(reason: str, text: str, kind: Kind) -> None:
    found = understood(reason)
    assert (found.text, found.kind) == (text, kind)
    assert plain(reason) == text


def test_an_unknown_reason_is_shown_as_slurm_writes_it() -> None:
    assert plain("SomethingOfTomorrow") == "SomethingOfTomorrow"
    assert plain("") == "Slurm gives no reason"


def test_no_byte_of_a_hostile_reason_reaches_the_terminal() -> None:
    shown = plain("ReqNodeNotAvail, UnavailableNodes:\x1b]0;owned\x07gpu1\x1b[2J\nmore")
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert "gpu1" in shown
