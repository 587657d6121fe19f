"""What breaks a cluster under a run: a node that is lost while its trainer lives on, ids given anew, a broken prolog, a
controller that has forgotten everything. On a cluster of its own, for it is damaged on purpose.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import slurm_parse
from arctl.states import State
from tests.waiting import until

pytestmark = pytest.mark.slurm

TRAIN = ["--model", "r3d_tiny", "--data", "motions", "--cpus", "1", "--mem", "1500M", "--time", "60"]
ENDLESS = ["--set", "train.epochs=100000", "--set", "train.patience=null", "--set", "train.eval_every=50"]
LIGHT = ["--set", "data.workers=0", "--set", "data.batch_size=8"]
FIRST, LAST = 50, 58


@pytest.fixture(scope="module")
def cluster(slurm_harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    prolog = tmp_path_factory.mktemp("site") / "prolog"
    prolog.write_text(f"#!/bin/sh\n[ ! -e {prolog.parent}/broken ]\n")
    prolog.chmod(0o755)
    made = slurm_harness.up(SlurmdTimeout=8, FirstJobId=FIRST, MaxJobId=LAST, Prolog=prolog)
    try:
        yield made
    finally:
        slurm_harness.down(made.directory)


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    desk = desk_in(tmp_path_factory.mktemp("study"), dict(cluster.env))
    desk.arctl("init")
    desk.on_slurm()
    desk.change(("min_poll_s: 5", "min_poll_s: 0"))
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    return desk


def claims(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in Path(run["path"]).glob("attempts/*/claim.json")]
    return sorted(found, key=lambda claim: float(claim["time"]))


def events(run: Mapping[str, Any], attempt: str) -> list[dict[str, Any]]:
    path = Path(run["path"]) / "attempts" / attempt / "events.jsonl"
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line] if path.exists() else []


def steps(run: Mapping[str, Any], attempt: str) -> int:
    return sum(event["kind"] == "step" for event in events(run, attempt))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def manifest(run: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(run["path"]) / "checkpoints" / "manifest.json").read_text())
    return found


class Loss:
    """Two trainers that have lost the slurmd above them and live on: one is queued again, the other may not be."""

    def __init__(self, cluster: Any, desk: Any) -> None:
        self.desk = desk
        desk.arctl("submit", "--name", "old", "--", "true")
        desk.arctl("submit", "--name", "survivor", *TRAIN, *ENDLESS, *LIGHT)
        host = desk.until("survivor", lambda run: run["state"] == "running" and run["node"])["node"]
        node = ["--sbatch", f"--nodelist={host}", "--sbatch", "--no-requeue"]
        desk.arctl("submit", "--name", "orphan", *TRAIN, *ENDLESS, *LIGHT, *node)
        self.first = until(lambda: claims(desk.json("show", "survivor")))[0]
        orphan = until(lambda: claims(desk.json("show", "orphan")))[0]
        self.orphan = int(orphan["pid"])
        until(lambda: steps(desk.json("show", "survivor"), self.first["attempt"]) > 5)
        until(lambda: steps(desk.json("show", "orphan"), orphan["attempt"]) > 5)
        os.kill(cluster.pid(f"slurmd-{host}"), signal.SIGKILL)
        self.host = host


@pytest.fixture(scope="module")
def loss(cluster: Any, desk: Any) -> Loss:
    return Loss(cluster, desk)


def test_a_trainer_that_outlives_its_node_gives_way_to_its_successor(cluster: Any, desk: Any, loss: Loss) -> None:
    pid, name = int(loss.first["pid"]), loss.first["attempt"]
    until(lambda: "down" in cluster.call("sinfo", "-h", "-n", loss.host, "-p", "low", "-o", "%T").stdout)
    assert alive(pid), "Slurm thinks the node is lost; the trainer goes on all the same"
    run = desk.until("survivor", lambda run: run["state"] == "running" and run["attempts"] == 2, seconds=90)
    assert run["node"] != loss.host
    second = claims(run)[1]
    assert (second["attempt"], second["restart"]) == (name.replace(".0", ".1"), 1)
    until(lambda: not alive(pid), seconds=45)
    end = events(run, name)[-1]
    assert (end["kind"], end["exit_code"]) == ("end", 98) and "has taken over" in end["message"]
    until(lambda: steps(run, second["attempt"]) > 5)
    until(lambda: manifest(run)["last.pt"]["attempt"] == second["attempt"])
    assert manifest(run)["last.pt"]["step"] > events(run, second["attempt"])[0]["resumed_step"]
    assert (Path(run["path"]) / "CURRENT").read_text().strip() == second["attempt"]
    (curve,) = desk.json("curves", "survivor", "--metric", "step/loss", "--x", "step")["curves"]
    assert curve["step"] == sorted(set(curve["step"])) and set(curve["attempt"]) == {1, 2}
    desk.arctl("cancel", "survivor")


def test_without_requeue_the_run_is_lost_with_its_node_while_its_trainer_writes_on(desk: Any, loss: Loss) -> None:
    run = desk.until("orphan", lambda run: run["state"] == "node_fail", seconds=90)
    assert alive(loss.orphan)
    before = steps(run, claims(run)[0]["attempt"])
    until(lambda: steps(run, claims(run)[0]["attempt"]) > before)
    os.kill(loss.orphan, signal.SIGKILL)


def test_ids_are_given_anew_and_each_run_keeps_its_own_history(cluster: Any, desk: Any, loss: Loss) -> None:
    old = desk.until("old", lambda run: run["state"] == "completed")
    job, token = old["job_id"], old["token"]
    quick = ["--parsable", "--job-name=arctl-ffffffffffff", "--output=/dev/null", "--wrap=exit 3"]
    for _ in range(LAST - FIRST + 1):
        taken = cluster.call("sbatch", *quick)
        if taken.stdout.strip() == job:
            break
    assert taken.stdout.strip() == job, taken
    fields = f"--format={slurm_parse.SACCT_FIELDS}"

    def told() -> str:
        return str(cluster.call("sacct", "-nPXD", "--delimiter=|", fields, "-j", job, "--starttime=now-1hour").stdout)

    until(lambda: re.search(r"FAILED.*arctl-ffffffffffff", told()))  # the name can come after the end
    newest = slurm_parse.sacct_states(told(), at=1.0)[job]
    assert (newest.state, newest.token) == (State.FAILED, "arctl-ffffffffffff")
    own = slurm_parse.sacct_states(told(), at=1.0, tokens={job: token})[job]
    assert (own.state, own.token) == (State.COMPLETED, token)
    desk.arctl("sync")
    assert desk.json("show", "old")["state"] == "completed"


def test_a_broken_prolog_holds_the_job_and_drains_the_node(cluster: Any, desk: Any, loss: Loss) -> None:
    conf = (cluster.directory / "slurm.conf").read_text()
    prolog = next(Path(line.partition("=")[2]) for line in conf.splitlines() if line.startswith("Prolog="))
    (prolog.parent / "broken").touch()
    desk.arctl("submit", "--name", "held", "--", "echo", "done")
    run = desk.until("held", lambda run: run["reason"] == "launch failed requeued held")
    assert run["state"] == "pending"
    (prolog.parent / "broken").unlink()
    nodes = cluster.call("sinfo", "-h", "-p", "low", "-t", "drain", "-o", "%n %E").stdout.split()
    assert "Prolog" in nodes
    for node in {"gpu1", "gpu2"} - {loss.host}:
        cluster.call("scontrol", "update", f"NodeName={node}", "State=RESUME")
    assert cluster.call("scontrol", "release", run["job_id"]).returncode == 0
    desk.until("held", lambda run: run["state"] == "completed")


def test_a_controller_that_has_lost_its_state_takes_the_job_with_it(cluster: Any, desk: Any, loss: Loss) -> None:
    desk.arctl("submit", "--name", "forgotten", *TRAIN, *ENDLESS, *LIGHT)
    claim = until(lambda: claims(desk.json("show", "forgotten")))[0]
    until(lambda: steps(desk.json("show", "forgotten"), claim["attempt"]) > 2)
    os.kill(cluster.pid("slurmctld"), signal.SIGKILL)
    told = desk.arctl("sync", status=desk.arctl("sync").returncode)
    assert "did not answer" in told.stderr or "did not answer" in told.stdout
    assert desk.json("show", "forgotten")["state"] == "running", "no answer changes no state"
    cluster.start("slurmctld", "-c")
    run = desk.until("forgotten", lambda run: run["state"] == "cancelled", seconds=90)
    assert run["attempts"] == 1
    until(lambda: not alive(int(claim["pid"])), seconds=60)
