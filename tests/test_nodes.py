"""Free GPUs from what Slurm prints of its nodes: by partition and type, with drained, stranded and odd ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import slurm_nodes
from arctl.clusters.site_parse import Partition
from arctl.clusters.slurm_nodes import Node, nodes_of
from arctl.errors import SchedulerError
from arctl.nodes import gpus_of, pools


def line(name: str, **fields: object) -> str:
    known = {
        "CPUAlloc": 0, "CPUEfctv": 8, "CPUTot": 8, "Gres": "gpu:h100:4(S:0-1)", "GresUsed": "gpu:h100:0(IDX:N/A)",
        "OS": "Linux 6.1 #1 SMP @0 ", "RealMemory": 12000, "AllocMem": 0, "State": "IDLE", "Partitions": "low,high ",
    }  # fmt: skip
    return f"NodeName={name} " + " ".join(f"{key}={value}" for key, value in {**known, **fields}.items())


def one(**fields: object) -> Node:
    (node,) = nodes_of(line("gpu1", **fields))
    return node


LOW = Partition("low", default=True, max_time_s=3600)


def test_a_node_is_read() -> None:
    node = one(CPUAlloc=3, AllocMem=2048, GresUsed="gpu:h100:3(IDX:0,2-3),shard:0", State="MIXED")
    assert (node.name, node.state, node.out, node.partitions) == ("gpu1", "mixed", False, ("low", "high"))
    assert (node.cpus, node.cpus_used, node.mem_mib, node.mem_used_mib) == (8, 3, 12000, 2048)
    assert gpus_of(node) == gpus_of(node, "h100") == (4, 1)
    assert gpus_of(node, "a100") == (0, 0)
    assert node.reason is None


@pytest.mark.parametrize(
    "state",
    ["DOWN", "IDLE+DRAIN", "MIXED+DRAIN", "ALLOCATED+COMPLETING+DRAIN", "IDLE*", "DOWN*+DRAIN", "IDLE+MAINTENANCE",
     "IDLE+NOT_RESPONDING", "IDLE+RESERVED", "IDLE+POWERING_DOWN", "UNKNOWN", "FUTURE"],
)  # fmt: skip
def test_a_node_that_takes_no_job_has_nothing_free(state: str) -> None:
    node = one(State=state)
    assert node.out
    assert gpus_of(node) == (4, 0)


@pytest.mark.parametrize(
    "state", ["IDLE", "MIXED", "ALLOCATED", "IDLE+CLOUD", "IDLE~", "IDLE+POWERED_DOWN", "IDLE+PLANNED"]
)
def test_a_node_that_sleeps_or_is_planned_is_not_out(state: str) -> None:
    assert not one(State=state).out


def test_a_reason_cannot_pass_for_a_field() -> None:
    node = one(
        State="IDLE+DRAIN", Reason="Gres=gpu:h100:99 Partitions=evil State=IDLE \x1b]0;x\x07 [root@2026-01-01T00:00:00]"
    )
    assert (node.partitions, node.state) == (("low", "high"), "idle+drain")
    assert gpus_of(node) == (4, 0)
    assert node.reason == "Gres=gpu:h100:99 Partitions=evil State=IDLE [root@2026-01-01T00:00:00]"


def test_gpus_without_a_core_or_memory_beside_them_are_not_free() -> None:
    assert gpus_of(one(CPUAlloc=8)) == (4, 0)
    assert gpus_of(one(AllocMem=12000)) == (4, 0)


def test_gpus_without_a_type() -> None:
    assert gpus_of(one(Gres="gpu:4", GresUsed="gpu:(null):1(IDX:0)")) == (4, 3)
    assert gpus_of(one(Gres="gpu:a100:4", GresUsed="gpu:3"), "a100") == (4, 1)
    assert gpus_of(one(Gres="(null)", GresUsed="")) == (0, 0)


def test_lines_that_make_no_sense_are_passed_over() -> None:
    assert nodes_of("\nbanner of the day\nNodeName= State=IDLE\n") == ()
    (node,) = nodes_of("NodeName=bare")
    assert (node.cpus, node.gpus, node.out) == (0, (), True)


def test_pools_by_partition_and_type() -> None:
    text = [
        line("a1", GresUsed="gpu:h100:3(IDX:0-2)", CPUAlloc=2, AllocMem=4000),
        line("a2", State="IDLE+DRAIN", Reason="fan"),
        line("b1", Gres="gpu:a100:8,gpu:h100:2", GresUsed="gpu:a100:1(IDX:0),gpu:h100:0", Partitions="high"),
        line("c1", Gres="(null)", GresUsed="", CPUAlloc=1, Partitions="high"),
    ]
    high = Partition("high", state="DOWN")
    found = pools(nodes_of("\n".join(text)), [high, LOW, Partition("empty")])
    assert [(p.partition, p.kind, p.gpus_free, p.gpus, p.nodes, p.out, p.gpus_out) for p in found] == [
        ("low", "h100", 1, 8, 2, 1, 4),
        ("high", "a100", 7, 8, 1, 0, 0),
        ("high", "h100", 3, 10, 3, 1, 4),
        ("high", "cpu", 0, 0, 1, 0, 0),
        ("empty", "cpu", 0, 0, 0, 0, 0),
    ]
    low, a100, h100, cpu, empty = found
    assert low.largest is not None and (low.largest.node, low.largest.gpus, low.largest.cpus) == ("a1", 1, 6)
    assert h100.largest is not None and (h100.largest.node, h100.largest.gpus) == ("b1", 2)
    assert a100.state == "down" and (cpu.cpus_free, cpu.cpus) == (7, 8) and empty.largest is None
    assert [pool.partition for pool in pools(nodes_of(text[0]), [high, LOW], only="low")] == ["low"]


def test_the_answer_is_kept_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\necho . >> {asked}\ncase \"$*\" in *nodes*) echo '{line('gpu1')}';; "
        "*) echo 'PartitionName=low State=UP Default=YES';; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = slurm_nodes.ask(), slurm_nodes.ask()
    assert first == second and [node.name for node in first.nodes] == ["gpu1"]
    assert asked.read_text().count(".") == 2
    assert slurm_nodes.ask(max_age_s=0.0).at > first.at
    (kept,) = (tmp_path / "cache" / "arctl").rglob("nodes.json")
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_text('{"nodes": 7')
    assert [node.name for node in slurm_nodes.ask().nodes] == ["gpu1"]
    program.write_text("#!/bin/sh\necho 'slurm_load_node error: Unable to contact slurm controller' >&2; exit 1\n")
    assert slurm_nodes.ask().nodes
    with pytest.raises(SchedulerError, match="Unable to contact"):
        slurm_nodes.ask(max_age_s=0.0)


def test_this_machine_as_the_command_line_has_it(desk_in: type[Any], tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    found = desk.json("nodes", "--here")
    assert found["schema"] == "arctl.machine/1" and found["slots"] is None and found["cores"] >= 1
    desk.arctl("init")
    (tmp_path / "arctl.yaml").write_text("slots: 3\n")
    assert "3 jobs at a time" in desk.arctl("nodes", "--here").stdout
    assert desk.json("queue", "--calls") == {"schema": "arctl.calls/1", "seconds": 60.0, "calls": []}
    assert "has asked Slurm anything" in desk.arctl("queue", "--calls").stderr
