"""`arctl why` on a real cluster: jobs that wait for each common reason, and jobs that Slurm itself ends."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

EATS = ["python3", "-c", "x = bytearray(600 << 20); import time; time.sleep(60)"]


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    place = tmp_path_factory.mktemp("study")
    desk = desk_in(place, {**slurm_cluster.env, "XDG_CACHE_HOME": str(place / "cache")})
    desk.arctl("init")
    desk.on_slurm()
    limited = ["sh", "-c", "trap '' USR2; echo working; sleep 600"]  # runs out while the others are tested
    desk.arctl("submit", "--name", "limited", "--time", "1", "--", *limited)
    yield desk
    slurm_cluster.call("scancel", "--name", ",".join(_names(slurm_cluster)))


def _names(cluster: Any) -> list[str]:
    return cluster.call("squeue", "-h", "-o", "%j").stdout.split() or ["none"]


def pending(desk: Any, run: str, reason: str, *, seconds: float = 40) -> Any:
    """Wait until Slurm gives this reason, and return what `arctl why` says then."""
    deadline = time.monotonic() + seconds
    while True:
        shutil.rmtree(desk.directory / "cache", ignore_errors=True)
        found = desk.json("why", run)
        if str(found["facts"].get("reason", "")).startswith(reason):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(1)


def test_jobs_that_slurm_ends(desk: Any, slurm_cluster: Any) -> None:
    desk.arctl("submit", "--name", "greedy", "--mem", "100M", "--", *EATS)
    desk.arctl("submit", "--name", "crash", "--", "python3", "-c", "import ctypes; ctypes.string_at(0)")
    desk.arctl("submit", "--name", "absent", "--", "nosuchprogram")
    desk.arctl("submit", "--name", "unwanted", "--", "sleep", "600")
    desk.arctl("wait", "greedy", "crash", "absent", "--timeout", "90", status=10)

    greedy = desk.json("why", "greedy")
    assert greedy["cause"] == "memory"
    assert "of 100 MiB" in greedy["sentence"]
    assert greedy["remedies"][0] == {"command": "arctl rerun run2 --mem 1G", "why": "more memory, instead of 100M"}
    told = greedy["evidence"][0]
    log = (desk.directory / "runs" / "run0002" / told["source"]).read_text().splitlines()
    assert "memory limit" in log[told["line"] - 1]
    assert desk.json("why", "crash")["cause"] == "signal"
    assert desk.json("why", "absent")["sentence"] == "the program nosuchprogram was not found"

    run = desk.until("unwanted", lambda run: run["state"] == "running")
    slurm_cluster.call("scancel", run["job_id"])
    desk.arctl("wait", "unwanted", "--timeout", "60", status=11)
    unwanted = desk.json("why", "unwanted")
    assert unwanted["sentence"] == "you cancelled it, outside of arctl"
    assert "sacct" in {one["source"] for one in unwanted["evidence"]}


def test_a_run_directory_that_is_gone_when_the_job_starts(desk: Any, slurm_cluster: Any) -> None:
    desk.arctl("submit", "--name", "nolog", "--hold", "--", "true")
    run = desk.json("show", "nolog")
    place, aside = Path(run["path"]), desk.directory / "aside"
    place.rename(aside)
    slurm_cluster.call("scontrol", "release", run["job_id"])
    deadline = time.monotonic() + 30
    while "FAILED" not in slurm_cluster.call("sacct", "-nXP", "-j", run["job_id"], "-o", "State").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    aside.rename(place)
    desk.arctl("wait", "nolog", "--timeout", "60", status=10)
    found = desk.json("why", "nolog")
    assert found["cause"] == "no_log"
    assert found["remedies"][0]["command"].startswith(f"arctl rerun {found['run']} --exclude gpu")


def test_waiting_for_each_reason(desk: Any, slurm_cluster: Any) -> None:
    both = ["--nodes", "2", "--gpus", "4"]
    desk.arctl("submit", "--name", "first", "--time", "30", *both, "--", "sleep", "600")
    desk.until("first", lambda run: run["state"] == "running")
    desk.arctl("submit", "--name", "second", "--time", "60", *both, "--", "sleep", "600")
    desk.arctl("submit", "--name", "third", "--time", "60", "--gpus", "2", "--", "sleep", "600")
    desk.arctl("submit", "--name", "kept", "--hold", "--", "true")
    desk.arctl("submit", "--name", "after", "--after-ok", "first", "--", "true")
    desk.arctl("submit", "--name", "later", "--begin", "now+1hour", "--", "true")

    second = pending(desk, "second", "Resources")
    assert second["sentence"] == "no node has enough free GPUs, cores or memory"
    assert second["facts"]["place"] == 1
    assert second["facts"]["expected_start"] > time.time()
    assert not second["remedies"]  # no partition of this cluster has a free GPU
    third = pending(desk, "third", "Priority")
    assert (third["facts"]["place"], third["facts"]["of"]) == (2, 2)
    kept = pending(desk, "kept", "JobHeldUser")
    assert kept["remedies"][0]["command"] == f"scontrol release {kept['facts']['job']}"
    after = pending(desk, "after", "Dependency")
    first = desk.json("show", "first")["number"]
    assert after["sentence"] == f"another job comes first (run{first} must end well)"
    assert pending(desk, "later", "BeginTime")["sentence"].startswith("it may start at ")

    slurm_cluster.call(*kept["remedies"][0]["command"].split())  # the remedy works
    desk.arctl("cancel", "first", "second", "third", "later")
    desk.arctl("wait", "kept", "--timeout", "60")
    desk.arctl("wait", "first", "after", "--timeout", "60", status=11)
    dropped = desk.json("why", "after")
    assert dropped["cause"] == "dependency"
    assert f"(afterok:{desk.json('show', 'first')['job_id']})" in dropped["sentence"]


def test_room_in_another_partition_is_offered_and_works(desk: Any, slurm_cluster: Any) -> None:
    slurm_cluster.call("scontrol", "update", "PartitionName=low", "State=DOWN")
    try:
        desk.arctl("submit", "--name", "movable", "--gpus", "1", "--time", "5", "--", "true")
        found = pending(desk, "movable", "PartitionDown")
        assert (found["cause"], found["sentence"]) == ("site", "the partition is down")
        command = found["remedies"][0]["command"]
        assert command == f"scontrol update jobid={found['facts']['job']} partition=high"
        assert slurm_cluster.call(*command.split()).returncode == 0
        desk.arctl("wait", "movable", "--timeout", "60")
    finally:
        slurm_cluster.call("scontrol", "update", "PartitionName=low", "State=UP")


def test_a_partition_limit_and_a_maintenance(desk: Any, slurm_cluster: Any) -> None:
    desk.arctl("submit", "--name", "long", "--time", "2:00:00", "--hold", "--", "true")
    slurm_cluster.call("scontrol", "update", "PartitionName=low", "MaxTime=1:00:00")
    try:
        job = desk.json("show", "long")["job_id"]
        slurm_cluster.call("scontrol", "release", job)
        found = pending(desk, "long", "PartitionTimeLimit")
        assert found["remedies"][0]["command"] == f"scontrol update jobid={job} timelimit=1:00:00"
        assert slurm_cluster.call(*found["remedies"][0]["command"].split()).returncode == 0
        desk.arctl("wait", "long", "--timeout", "60")
    finally:
        slurm_cluster.call("scontrol", "update", "PartitionName=low", "MaxTime=UNLIMITED")
    made = slurm_cluster.call(
        "scontrol", "create", "reservation", "ReservationName=maint", "StartTime=now+2hours", "Duration=60",
        "Users=root", "Flags=MAINT,IGNORE_JOBS", "Nodes=ALL",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    try:
        desk.arctl("submit", "--name", "maintained", "--time", "8:00:00", "--", "true")
        found = pending(desk, "maintained", "ReqNodeNotAvail")
        assert found["sentence"] == "the nodes are reserved for maintenance"
        command = found["remedies"][0]["command"]
        assert command.endswith("timelimit=1:45:00")
        assert slurm_cluster.call(*command.split()).returncode == 0
        desk.arctl("wait", "maintained", "--timeout", "60")
    finally:
        slurm_cluster.call("scontrol", "delete", "ReservationName=maint")


def test_one_look_is_shared_by_all(desk: Any) -> None:
    desk.arctl("submit", "--name", "kept2", "--hold", "--", "true")
    pending(desk, "kept2", "JobHeldUser")
    (calls,) = (desk.directory / "cache" / "arctl").glob("*/calls.jsonl")
    before = calls.read_text().count('"squeue"')
    assert next(calls.parent.glob("line.json")).stat().st_mode & 0o077 == 0
    for _ in range(3):
        desk.json("why", "kept2")
    lines = [line for line in calls.read_text().splitlines() if '"line"' in line]
    assert before >= 1
    assert len(lines) == 1, lines  # the line was asked for once; what is proposed (a release) needs no newer one
    desk.arctl("cancel", "kept2")


def test_a_time_limit(desk: Any) -> None:
    desk.arctl("wait", "limited", "--timeout", "150", status=12)
    limited_answer = desk.json("why", "limited")
    assert limited_answer["cause"] == "time_limit"
    assert limited_answer["sentence"] == "it reached its time limit of 1 min"
    assert "DUE TO TIME LIMIT" in limited_answer["evidence"][0]["text"]
