"""The preflight against a real Slurm: what it refuses, Slurm refuses or never starts; what it passes, starts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import slurm_site
from arctl.launch import rehearse_all
from arctl.preflight import Finding, examine
from arctl.request import Request, Resources
from arctl.settings import Workspace, init_workspace, load_settings

pytestmark = pytest.mark.slurm

CASES: dict[str, tuple[dict[str, Any], str | None]] = {
    "plain": ({}, None),
    "gpu": ({"gpus": 1, "cpus": 1, "mem": "100M"}, None),
    "type": ({"gpus": 1, "gpu_type": "h100"}, None),
    "feature": ({"constraint": "slow"}, None),
    "either": ({"partition": "narrow,low", "time": "10"}, None),
    "limits": ({"partition": "narrow", "time": "5", "cpus": 3, "mem": "1000M"}, None),
    "other node": ({"exclude": "gpu1"}, None),
    "five gpus": ({"gpus": 5}, "--gpus"),
    "no such type": ({"gpus": 1, "gpu_type": "a100"}, "--gpu-type"),
    "nine cores": ({"cpus": 9}, "--cpus"),
    "13 GB": ({"mem": "13G"}, "--mem"),
    "three nodes": ({"nodes": 3}, "--nodes"),
    "no such partition": ({"partition": "hihg"}, "--partition"),
    "one of them": ({"partition": "low,nosuch"}, "--partition"),
    "too long": ({"partition": "narrow", "time": "6"}, "--time"),
    "too wide": ({"partition": "narrow", "nodes": 2}, "--nodes"),
    "too many cores": ({"partition": "narrow", "cpus": 4}, "--cpus"),
    "too much memory": ({"partition": "narrow", "mem": "3000M"}, "--mem"),
    "no such feature": ({"constraint": "fast"}, "--constraint"),
    "feature twice": ({"constraint": "slow", "nodes": 2}, "--nodes"),
    "no such node": ({"exclude": "gpu9"}, "--exclude"),
    "none left": ({"exclude": "gpu[1-2]"}, "--exclude"),
    "drained": ({"partition": "drained"}, "--partition"),
    "reserved": ({"partition": "reserved"}, "--partition"),
    "array": ({"sbatch": ()}, "--array"),
}
"""What is asked for, and where the preflight must say no; None where it must not."""


@pytest.fixture
def workspace(slurm_env: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = init_workspace(tmp_path / "study")
    (made.root / "arctl.yaml").write_text("cluster: slurm\nslurm:\n  partition: low\n")
    return Workspace(made.root, load_settings(made.root / "arctl.yaml"))


@pytest.fixture
def site(slurm_env: Any) -> Iterator[Any]:
    """The cluster with partitions that have limits, and a node with a feature."""
    partitions = {
        "narrow": "MaxTime=5 MaxNodes=1 MaxCPUsPerNode=3 MaxMemPerNode=2000 DefaultTime=2",
        "drained": "State=DRAIN",
        "reserved": "ReqResv=YES",
    }
    for name, limits in partitions.items():
        done = slurm_env.call("scontrol", "create", f"PartitionName={name}", "Nodes=gpu[1-2]", *limits.split())
        assert done.returncode == 0, done.stderr
    slurm_env.call("scontrol", "update", "NodeName=gpu1", "Features=slow")
    yield slurm_env
    slurm_env.call("scancel", f"--user={os.getuid()}", "--name=preflight")
    slurm_env.call("scontrol", "update", "NodeName=gpu1", "Features=")
    for name in partitions:
        deadline = time.monotonic() + 30
        while slurm_env.call("scontrol", "delete", f"PartitionName={name}").returncode != 0:
            assert time.monotonic() < deadline, "jobs still hold the partition"
            time.sleep(0.5)


def look(workspace: Workspace, **resources: Any) -> tuple[str, tuple[Finding, ...]]:
    (plan,) = rehearse_all(workspace, [Request(command=("sleep", "1"), resources=Resources(**resources))])
    return plan.script, examine(workspace, [plan])


def test_it_says_no_where_slurm_does(workspace: Workspace, site: Any, tmp_path: Path) -> None:
    verdicts: dict[str, list[str]] = {}
    jobs: dict[str, str | None] = {}
    for name, (wanted, _) in CASES.items():
        script, found = look(workspace, **wanted)
        if name == "array":
            script = script.replace("#SBATCH --open-mode", "#SBATCH --array=0-11\n#SBATCH --open-mode")
            found = _examined(workspace, script)
        verdicts[name] = [str(finding.where) for finding in found if finding.level == "error"]
        jobs[name] = _queued(site, script, tmp_path)
    time.sleep(4)
    told = site.call("squeue", "--noheader", "--states=all", "--array", "--format=%A %T %r").stdout.splitlines()
    waiting = {line.split()[0]: line.split(maxsplit=2)[2] for line in told if line.split()[1] == "PENDING"}
    for name, (_, place) in CASES.items():
        assert verdicts[name] == ([place] if place else []), name
        reason = waiting.get(str(jobs[name]), "it started")
        stuck = jobs[name] is None or reason not in ("it started", "None", "Priority", "Resources")
        assert stuck == (place is not None), f"{name}: job {jobs[name]}: {reason}"


def _examined(workspace: Workspace, script: str) -> tuple[Finding, ...]:
    (plan,) = rehearse_all(workspace, [Request(command=("sleep", "1"))])
    return examine(workspace, [replace(plan, script=script)])


def _queued(site: Any, script: str, place: Path) -> str | None:
    """Send a script to the real sbatch; return the job's id, or None where it was refused."""
    path = place / "job.sh"
    body = "\n".join(line for line in script.splitlines() if line.startswith("#") and "--output" not in line)
    path.write_text(f"{body}\n#SBATCH --job-name=preflight --output=/dev/null\nsleep 1\n")
    done = site.call("sbatch", "--parsable", str(path))
    return done.stdout.strip() if done.returncode == 0 else None


def test_a_start_is_expected_on_a_free_cluster(workspace: Workspace, slurm_env: Any) -> None:
    _, found = look(workspace, mem="100M")
    assert any(finding.what.startswith("Slurm expects the job to start") for finding in found), found
    assert slurm_env.call("squeue", "--noheader", "--name=sleep-arctl-000000000000").stdout == ""


def test_no_memory_and_a_partition_that_is_down_are_warnings(workspace: Workspace, site: Any) -> None:
    site.call("scontrol", "update", "PartitionName=narrow", "State=DOWN")
    _, found = look(workspace, partition="narrow", mem="0", time="2")
    assert {finding.where for finding in found if finding.level == "warning"} == {"--mem", "--partition"}
    assert not [finding for finding in found if finding.level == "error"]


def test_a_refusal_is_never_from_memory(workspace: Workspace, site: Any, tmp_path: Path) -> None:
    assert [finding.level for finding in look(workspace, partition="drained")[1]] == ["error"]
    site.call("scontrol", "update", "PartitionName=drained", "State=UP")
    (kept,) = (tmp_path / "cache" / "arctl").glob("*/site.json")
    answers = json.loads(kept.read_text())
    answers["when"]["at"] = str(time.time() - 60)
    kept.write_text(json.dumps(answers))
    assert "error" not in [finding.level for finding in look(workspace, partition="drained")[1]]


def test_the_answers_cost_one_round_of_calls(workspace: Workspace, slurm_env: Any) -> None:
    look(workspace, mem="100M")
    began = time.monotonic()
    look(workspace, mem="100M")
    assert time.monotonic() - began < 1.0  # 15 ms where the machine is idle; five cold questions take 0.3 s
    assert time.time() - slurm_site.ask().at < 60


def test_a_controller_that_hangs_holds_nobody_up(workspace: Workspace, slurm_env: Any) -> None:
    controller = slurm_env.pid("slurmctld")
    os.kill(controller, signal.SIGSTOP)
    try:
        began = time.monotonic()
        _, found = look(workspace, partition="nosuch", time="90-0")
        assert time.monotonic() - began < 15
    finally:
        os.kill(controller, signal.SIGCONT)
    assert [(finding.level, finding.where) for finding in found] == [("note", "Slurm")]


@pytest.fixture(scope="module")
def strict(slurm_cluster: Any) -> Iterator[Any]:
    """A cluster of its own that enforces accounts, limits and qualities of service."""
    harness = sys.modules["arctl_loopback_cluster"]
    cluster = harness.up()
    try:
        for words in (
            "add qos short MaxWall=01:00:00 MaxTRESPerJob=gres/gpu=2 MaxTRESPerUser=cpu=4 MaxSubmitJobsPerUser=5",
            "add qos closed",
            "add account lab",
            "modify user where name=root set qos+=short",
        ):
            done = cluster.call("sacctmgr", "-i", *words.split())
            assert done.returncode == 0, done.stderr
        with (cluster.directory / "slurm.conf").open("a") as conf:
            conf.write("AccountingStorageEnforce=limits,qos\n")
        controller = cluster.pid("slurmctld")
        os.kill(controller, signal.SIGTERM)
        while Path(f"/proc/{controller}").exists():
            time.sleep(0.1)
        harness._spawn(cluster.directory, "slurmctld")
        deadline = time.monotonic() + 30
        while cluster.call("sbatch", "--test-only", "--wrap=true").returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield cluster
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            cluster.call("scancel", "--user=root")
        harness.down(cluster.directory)


STRICT: dict[str, tuple[dict[str, Any], str | None]] = {
    "fits": ({"qos": "short", "time": "30", "gpus": 2, "cpus": 4}, None),
    "mine": ({"account": "root"}, None),
    "not mine": ({"account": "lab"}, "--account"),
    "no such account": ({"account": "nosuch"}, "--account"),
    "no such qos": ({"qos": "nosuch"}, "--qos"),
    "closed": ({"qos": "closed"}, "--qos"),
    "too long": ({"qos": "short", "time": "4:00:00"}, "--time"),
    "too many gpus": ({"qos": "short", "gpus": 3}, "--gpus"),
    "too many cores": ({"qos": "short", "cpus": 5}, "--cpus"),
}


@pytest.mark.skipif(os.getuid() != 0, reason="the accounts are root's")
def test_accounts_and_qualities_of_service(
    workspace: Workspace, strict: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", strict.env["SLURM_CONF"])
    jobs: dict[str, str | None] = {}
    for name, (wanted, place) in STRICT.items():
        script, found = look(workspace, **wanted)
        verdict = [str(finding.where) for finding in found if finding.level == "error"]
        assert verdict == ([place] if place else []), (name, found)
        jobs[name] = _queued(strict, script, tmp_path)
    time.sleep(3)
    told = strict.call("squeue", "--noheader", "--states=PENDING", "--format=%A %r").stdout.split()
    waiting = dict(zip(told[::2], told[1::2], strict=True))
    for name, (_, place) in STRICT.items():
        stuck = jobs[name] is None or waiting.get(str(jobs[name]), "").startswith("QOS")
        assert stuck == (place is not None), f"{name}: {jobs[name]}, {waiting}"
