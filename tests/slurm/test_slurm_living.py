"""Real trainers on a real cluster: preempted, out of time, queued again by hand; each goes on from where it was.

All jobs are submitted at once, so that their waits (a time limit has a minute at least) lie beside one another.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

TRAIN = ["--model", "r3d_tiny", "--data", "motions", "--cpus", "1", "--mem", "1500M"]
ENDLESS = ["--set", "train.epochs=100000", "--set", "train.patience=null", "--set", "train.eval_every=50"]
LIGHT = ["--set", "data.workers=0", "--set", "data.batch_size=8"]


def on(node: str) -> list[str]:
    return ["--sbatch", f"--nodelist={node}"]


class Study:
    """A workspace on the cluster, and what its runs have written."""

    def __init__(self, desk: Any, cluster: Any) -> None:
        self.desk, self.cluster = desk, cluster

    def train(self, name: str, *more: str) -> None:
        self.desk.arctl("submit", "--name", name, *TRAIN, *ENDLESS, *LIGHT, *more)

    def run(self, name: str) -> Any:
        return self.desk.json("show", name)

    def until(self, name: str, **wanted: Any) -> Any:
        return self.desk.until(name, lambda run: all(run[key] == value for key, value in wanted.items()), seconds=200)

    def attempts(self, name: str) -> list[tuple[str, list[dict[str, Any]]]]:
        """(Attempt, its events), in the order of their claims."""
        claims = Path(self.run(name)["path"]).glob("attempts/*/claim.json")
        files = [path.with_name("events.jsonl") for path in sorted(claims, key=lambda path: path.stat().st_mtime)]
        return [
            (path.parent.name, [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line])
            for path in files
            if path.exists()
        ]

    def ends(self, name: str) -> list[tuple[Any, ...]]:
        """(Exit status, requeue, cause) of the last end record of each attempt that has one."""
        found = [[event for event in events if event["kind"] == "end"][-1:] for _, events in self.attempts(name)]
        return [(end[0]["exit_code"], end[0].get("requeue"), end[0].get("cause")) for end in found if end]

    def trains(self, name: str, *, attempt: int, beyond: int = 0) -> int:
        """Wait until an attempt has written steps, and one beyond a step; return the last of them."""
        deadline = time.monotonic() + 120
        while True:
            found = self.attempts(name)
            steps = [event["step"] for event in found[attempt][1] if event["kind"] == "step"] if found[attempt:] else []
            if steps and steps[-1] > beyond:
                return int(steps[-1])
            assert time.monotonic() < deadline, (self.run(name), self.log(name)[-4000:])
            time.sleep(0.5)

    def limit(self, name: str, minutes: int) -> None:
        """Change the time limit of a run's job."""
        changed = self.cluster.call("scontrol", "update", f"JobId={self.run(name)['job_id']}", f"TimeLimit={minutes}")
        assert changed.returncode == 0, changed

    def log(self, name: str) -> str:
        return "".join(path.read_text(errors="replace") for path in Path(self.run(name)["path"]).glob("log-*.txt"))

    def starts(self, name: str) -> list[str]:
        """How each start of a run's job has ended, in Slurm's accounts."""
        job = self.run(name)["job_id"]
        said: str = self.cluster.call("sacct", "-nXDPj", job, "--format=State", "--starttime=now-1hour").stdout
        return said.split()

    def stitched(self, name: str) -> None:
        """Each attempt goes on from the step that the one before has saved, and no step is lost or comes twice."""
        attempts = self.attempts(name)
        for (_, before), (_, after) in itertools.pairwise(attempts):
            saved = [event["step"] for event in before if event["kind"] == "checkpoint"][-1]
            begun = [event["resumed_step"] for event in after if event["kind"] == "start"]
            assert begun in ([saved], [])
        (curve,) = self.desk.json("curves", name, "--metric", "step/loss", "--x", "step")["curves"]
        steps = [int(step) for step in curve["step"]]
        assert steps == list(range(1, len(steps) + 1))
        assert len(set(curve["attempt"])) > 1, "points of more than one attempt"


@pytest.fixture(scope="module")
def study(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Study:
    desk = desk_in(tmp_path_factory.mktemp("study"), dict(slurm_cluster.env))
    desk.arctl("init")
    desk.on_slurm()
    desk.change(("requeues: 3", "requeues: 1"), ("min_poll_s: 5", "min_poll_s: 0"))
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    study = Study(desk, slurm_cluster)
    study.train("limited", "--time", "1", *on("gpu2"))
    study.train("preempted", "--time", "30", *on("gpu1"))
    quiet = ["--sbatch", "--signal=USR2@20", "--force"]  # without B: it reaches no step, for there is none
    study.train("unwarned", "--time", "1", *on("gpu2"), *quiet)
    asleep = ["--", "sh", "-c", "echo begun; exec sleep 600"]
    desk.arctl("submit", "--name", "plain", "--time", "30", *on("gpu1"), *asleep)
    desk.arctl("submit", "--name", "by-policy", "--partition", "lowcancel", *on("gpu1"), *asleep)
    return study


@pytest.fixture(scope="module")
def preemption(study: Study) -> Mapping[str, Any]:
    """A job of the high partition takes gpu1 from all others, for a second, once they are at work."""
    study.trains("preempted", attempt=0)
    for name in ("plain", "by-policy"):
        study.until(name, state="running")
    high = ["--parsable", "--partition=high", "--nodelist=gpu1", "--cpus-per-task=8", "--output=/dev/null"]
    job = study.cluster.call("sbatch", *high, "--wrap=sleep 1").stdout.strip()
    assert job.isdecimal()
    return {"job": job, "at": time.time()}


def test_a_preempted_trainer_saves_asks_at_once_and_goes_on(study: Study, preemption: Mapping[str, Any]) -> None:
    study.until("preempted", state="pending", reason="BeginTime")
    assert study.ends("preempted") == [(143, "asked", "preemption")]
    told = study.log("preempted")
    assert "preempted at step" in told and "the job is queued again" in told and "DUE TO JOB REQUEUE" in told
    study.train("ddp", "--template", "ddp", "--gpus", "2", "--mem", "4G", "--time", "30", *on("gpu2"))


def test_a_command_that_knows_nothing_is_queued_again_by_slurm_or_cancelled_as_the_partition_says(
    study: Study, preemption: Mapping[str, Any]
) -> None:
    run = study.until("by-policy", state="preempted")
    assert run["ended"] >= preemption["at"] - 1
    study.until("plain", state="pending")
    assert "DUE TO PREEMPTION" in study.log("plain")
    study.until("plain", state="running")
    assert study.log("plain").count("begun") == 2, "the log is appended to"
    assert study.starts("plain") == ["PREEMPTED", "RUNNING"]


def test_without_a_warning_it_still_saves_in_the_time_that_killwait_leaves(study: Study) -> None:
    study.until("unwarned", state="timeout")
    assert study.ends("unwarned") == [(143, None, None)]
    assert "stopped by SIGTERM" in study.log("unwarned") and "DUE TO TIME LIMIT" in study.log("unwarned")


def test_preemptions_do_not_count_and_the_curve_is_whole(study: Study) -> None:
    study.trains("preempted", attempt=1)
    job = study.run("preempted")["job_id"]
    assert [name for name, _ in study.attempts("preempted")] == [f"{job}.0", f"{job}.1"]
    study.stitched("preempted")
    run = study.until("preempted", state="running", attempts=2)
    assert [one["name"] for one in run["tries"]] == [f"{job}.0", f"{job}.1"]


def test_suspended_is_suspended_and_requeued_by_hand_is_a_third_attempt(study: Study) -> None:
    job = study.run("preempted")["job_id"]
    assert study.cluster.call("scontrol", "suspend", job).returncode == 0
    study.until("preempted", state="suspended")
    asleep = study.trains("preempted", attempt=1)
    assert study.cluster.call("scontrol", "resume", job).returncode == 0
    study.until("preempted", state="running")
    study.trains("preempted", attempt=1, beyond=asleep)  # a job that Slurm still wakes up gets SIGKILL and no SIGTERM
    assert study.cluster.call("scontrol", "requeue", job).returncode == 0
    study.until("preempted", state="pending")
    study.trains("preempted", attempt=2)
    assert study.ends("preempted")[1] == (143, None, None), "Slurm had queued it again already"
    assert "the job is queued again already" in study.log("preempted")
    study.stitched("preempted")
    study.desk.arctl("cancel", "preempted", "plain")
    study.until("preempted", state="cancelled")
    assert study.ends("preempted")[2] == (143, None, None), "scancel never queues a job again"


def test_out_of_time_it_is_queued_again_as_often_as_it_may_and_then_resumed_by_hand(study: Study) -> None:
    run = study.until("limited", state="timeout")
    assert study.ends("limited") == [(143, "asked", "time_limit"), (143, "limit", "time_limit")]
    assert study.starts("limited") == ["REQUEUED", "FAILED"]
    told = study.log("limited")
    assert "queued again (requeue 1 of 1)" in told
    assert "its requeues are used up (1 of 1)" in run["message"]
    study.desk.arctl("resume", "limited", "--time", "10")
    study.trains("limited", attempt=2)
    again = study.until("limited", state="running")
    assert again["job_id"] != run["job_id"]
    study.stitched("limited")
    study.desk.arctl("cancel", "limited")


def test_two_processes_ask_once_and_go_on_together(study: Study) -> None:
    """The limit is lowered under the job: Slurm may warn up to a minute early, of one minute before the first step."""
    study.trains("ddp", attempt=0)
    ran_s = time.time() - study.until("ddp", state="running")["started"]
    study.limit("ddp", int(ran_s / 60) + 2)
    study.until("ddp", state="pending")
    study.limit("ddp", 30)
    study.trains("ddp", attempt=1)
    assert study.ends("ddp")[0] == (143, "asked", "time_limit")
    assert study.starts("ddp")[0] == "REQUEUED" and len(study.starts("ddp")) == 2
    study.stitched("ddp")
    study.desk.arctl("cancel", "ddp")
