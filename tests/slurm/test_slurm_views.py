"""Queue, nodes, usage and doctor on a real cluster: busy and drained nodes, jobs of others, a silent controller."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

HOSTILE = "fan Partitions=evil\x1b]0;owned\x07 Gres=gpu:h100:99"


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    cache = tmp_path_factory.mktemp("cache")
    desk = desk_in(tmp_path_factory.mktemp("study"), {**slurm_cluster.env, "XDG_CACHE_HOME": str(cache)})
    desk.arctl("init")
    (desk.directory / "arctl.yaml").write_text(
        "cluster: slurm\nslurm:\n  partition: low\n  poll_s: 1\n  min_poll_s: 0\nsnapshot:\n  take: false\n"
    )
    yield desk
    slurm_cluster.call("scancel", "--user", str(os.getuid()))
    slurm_cluster.call("scontrol", "update", "nodename=gpu2", "state=resume")


def until_queued(desk: Any, good: Any, *, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        jobs = {job["run_name"] or job["name"]: job for job in desk.json("queue", "--fresh")["jobs"]}
        if good(jobs):
            return jobs
        assert time.monotonic() < deadline, jobs
        time.sleep(0.5)


def test_all_views_of_a_busy_cluster(desk: Any, slurm_cluster: Any) -> None:
    drained = slurm_cluster.call("scontrol", "update", "nodename=gpu2", "state=drain", f"reason={HOSTILE}")
    assert drained.returncode == 0, drained.stderr
    size = ["--cpus", "2", "--mem", "1G"]
    desk.arctl("submit", "--name", "busy", "--gpus", "3", *size, "--time", "2:00:00", "--", "sleep", "600")
    until_queued(desk, lambda jobs: jobs["busy"]["state"] == "running")
    desk.arctl("submit", "--name", "bad", "--tag", "x", "--gpus", "1", *size, "--", "sh", "-c", "sleep 2; exit 3")
    desk.arctl("wait", "bad", "--timeout", "90", status=10)
    desk.arctl("submit", "--name", "wide", "--gpus", "4", *size, "--", "sleep", "600")
    own = ["sbatch", "--job-name=by|hand", "--partition=high", "--hold", "--gres=gpu:1", "--wrap=sleep 1"]
    assert slurm_cluster.call(*own, "--output=/dev/null", "--array=0-4").returncode == 0

    jobs = until_queued(desk, lambda jobs: {"busy", "wide", "by|hand"} <= jobs.keys() and jobs["wide"]["reason"])
    assert "bad" not in jobs
    busy, wide, held = jobs["busy"], jobs["wide"], jobs["by|hand"]
    assert (busy["run"], busy["gpus"], busy["node"], busy["why"]) == ("run1", 3, "gpu1", None)
    assert 6000 < busy["left_s"] <= 7200
    assert (wide["run"], wide["state"], wide["gpus"]) == ("run3", "pending", 4)
    assert wide["why"] and wide["why"] != wide["reason"]
    assert (held["run"], held["partition"], held["state"]) == (None, "high", "pending")

    text = desk.arctl("queue").stdout.splitlines()
    assert text[0].split()[:4] == ["job", "run", "name", "state"]
    assert text[1].split()[1:4] == ["run1", "busy", "running"]
    folded = [line for line in text if "by|hand" in line]
    assert len(folded) == 1 and "_[0-4]" in folded[0] and "5 jobs: " in folded[0]
    assert len([line for line in desk.arctl("queue", "--each").stdout.splitlines() if "by|hand" in line]) == 5

    nodes = desk.json("nodes", "--fresh")
    pools = {pool["partition"]: pool for pool in nodes["pools"]}
    assert [pools["low"][key] for key in ("kind", "gpus_free", "gpus", "gpus_out", "out")] == ["h100", 1, 8, 4, 1]
    assert (pools["low"]["default"], pools["low"]["largest"]["node"], pools["low"]["largest"]["cpus"]) == (
        True,
        "gpu1",
        6,
    )
    assert "evil" not in pools
    shown = desk.arctl("nodes").stdout
    assert "out of service" in shown and "fan Partitions=evil" in shown and "\x1b" not in shown
    assert "no partition 'lo' (did you mean 'low'" in desk.arctl("nodes", "-p", "lo", status=3).stderr
    assert desk.arctl("nodes", "-p", "high").stdout.count("gpu2") == 1

    usage = desk.json("usage")
    entries = {entry["key"]: entry for entry in usage["entries"]}
    assert entries["run2"]["gpu_hours"] == entries["run2"]["wasted_gpu_hours"] > 0
    assert entries["run1"]["live"] == 1 and entries["run1"]["wasted_hours"] == 0
    assert entries["run1"]["gpu_hours"] == pytest.approx(3 * entries["run1"]["hours"], rel=1e-3)
    assert "run3" not in entries


def test_the_queue_outside_of_a_workspace(desk: Any, desk_in: type[Any], tmp_path: Any) -> None:
    away = desk_in(tmp_path, {name: desk.env[name] for name in ("SLURM_CONF", "XDG_CACHE_HOME")})
    assert all(job["run"] is None for job in away.json("queue")["jobs"])
    assert "low*" in away.arctl("nodes").stdout


def test_the_doctor_of_a_real_cluster(desk: Any, slurm_cluster: Any) -> None:
    found = {(line["check"], line["name"]): line for line in desk.json("doctor")["lines"]}
    said = {name: line["said"] for (check, name), line in found.items() if check == "slurm"}
    assert said["controller"].startswith("Slurm ") and "cluster test, answers in" in said["controller"]
    assert "accounting remembers it" in said["memory"]
    assert said["preemption"] == "requeue; a job is warned first, and saves"
    assert said["partitions"].startswith("3: high, low, lowcancel")
    assert "accounting" in said and "clock" not in said
    (desk.directory / "arctl.yaml").write_text("cluster: slurm\nslurm:\n  partition: gpus\n")
    assert "arctl.yaml names 'gpus'" in desk.arctl("doctor", status=1).stdout


def test_a_controller_that_stands_still(desk: Any, slurm_cluster: Any) -> None:
    """Nothing hangs, nothing is shown as empty, and the exit status tells."""
    controller = slurm_cluster.pid("slurmctld")
    os.kill(controller, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        text = desk.arctl("doctor", status=1).stdout
        assert time.monotonic() - begun < 15
        assert "does not answer" in text
        error = desk.arctl("nodes", "--fresh", status=4).stderr
        assert "Slurm does not answer" in error
        assert "out of service" in desk.arctl("nodes").stdout  # what was said before, with its age
        stale = desk.arctl("queue", "--fresh")
        assert "busy" in stale.stdout
        assert "this is what Slurm said" in stale.stderr
    finally:
        os.kill(controller, signal.SIGCONT)
    slurm_cluster.call("scontrol", "ping")
