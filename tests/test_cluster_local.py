"""The local cluster with real processes: queue, states, time limit, cancel, and what is left when things are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from arctl.clusters import local_process
from arctl.clusters.base import JobState, Submission
from arctl.clusters.local import LocalCluster
from arctl.errors import SubmitRefused
from arctl.states import ENDED, State

TOKEN = "arctl-0123456789ab"


class Place:
    """A workspace's queue, and short ways to fill it."""

    def __init__(self, root: Path, **options: float) -> None:
        self.root = root
        self.cluster = LocalCluster(root / ".arctl" / "local", slots=int(options.get("slots", 1)), kill_wait_s=0.5)
        self.count = 0

    def submit(self, body: str, *, token: str = TOKEN, array: int | None = None, **directives: object) -> str:
        self.count += 1
        run_dir = self.root / f"run {self.count:04d}"
        run_dir.mkdir()
        script = run_dir / "job.sbatch"
        script.write_text(f"#!/bin/bash\n{body}\n")
        log = run_dir / ("log-%A_%a.txt" if array is not None else "log-%j.txt")
        return self.cluster.submit(
            Submission(script=script, run_dir=run_dir, token=token, log=log, directives=directives, array=array)
        )

    def state(self, job_id: str) -> JobState:
        return self.cluster.states([job_id])[job_id]

    def until(self, job_id: str, wanted: Callable[[JobState], bool], *, timeout: float = 15.0) -> JobState:
        deadline = time.monotonic() + timeout
        while not wanted(state := self.state(job_id)):
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state

    def ended(self, job_id: str) -> JobState:
        return self.until(job_id, lambda state: state.state in ENDED)

    def running(self, job_id: str) -> JobState:
        return self.until(job_id, lambda state: state.state is State.RUNNING)

    def record(self, job_id: str) -> dict[str, dict[str, int]]:
        return local_process.read_record(self.cluster.jobs / job_id / "state.json") or {}

    def log(self, number: int, job_id: str) -> str:
        return (self.root / f"run {number:04d}" / f"log-{job_id}.txt").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.cluster.cancel([path.name for path in made.cluster.jobs.glob("*")])
    for path in made.cluster.jobs.glob("*"):
        made.ended(path.name)


def test_a_job_runs_detached_and_tells_how_it_ended(place: Place) -> None:
    before = time.time()
    job = place.submit('echo "id $ARCTL_JOB_ID restart $ARCTL_RESTART_COUNT in $PWD"; echo oops >&2; ps -o sid= -p $$')
    assert job == "1"
    state = place.ended(job)
    assert (state.state, state.exit_code, state.signal, state.source) == (State.COMPLETED, 0, None, "local")
    assert state.started and state.ended and before < state.started <= state.ended <= time.time()
    assert state.token == TOKEN and state.node == os.uname().nodename
    lines = place.log(1, job).splitlines()
    assert lines[:2] == [f"id 1 restart 0 in {place.root / 'run 0001'}", "oops"]
    assert int(lines[2]) != os.getsid(0)


def test_failures_keep_their_exit_status_or_signal(place: Place) -> None:
    jobs = [place.submit("exit 3"), place.submit("kill -9 $$"), place.submit("no-such-command")]
    found = [(state.state, state.exit_code, state.signal) for state in map(place.ended, jobs)]
    assert found == [(State.FAILED, 3, None), (State.FAILED, None, 9), (State.FAILED, 127, None)]


def test_jobs_wait_their_turn_in_order(place: Place) -> None:
    order = place.root / "order"
    jobs = [place.submit(f"echo {n} >> '{order}'; sleep 0.1") for n in range(6)]
    assert jobs == ["1", "2", "3", "4", "5", "6"]
    assert [place.ended(job).state for job in jobs] == [State.COMPLETED] * 6
    assert order.read_text().split() == ["0", "1", "2", "3", "4", "5"]
    spans = sorted((s.started or 0, s.ended or 0) for s in place.cluster.states(jobs).values())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_as_many_run_at_a_time_as_there_are_slots(tmp_path: Path) -> None:
    place = Place(tmp_path, slots=2)
    jobs = [place.submit("sleep 30") for _ in range(3)]
    place.running(jobs[0])
    place.running(jobs[1])
    time.sleep(0.5)
    assert place.state(jobs[2]).state is State.PENDING
    place.cluster.cancel([jobs[0]])
    place.running(jobs[2])
    place.cluster.cancel(jobs)
    assert {place.ended(job).state for job in jobs} == {State.CANCELLED}


def test_cancel_pending_and_running(place: Place) -> None:
    running = place.submit("trap 'echo told; exit 5' TERM; sleep 60 & wait")
    pending = place.submit("echo never")
    stubborn = place.submit("trap '' TERM; sleep 60 & wait; sleep 60")
    place.running(running)
    place.cluster.cancel([pending])
    assert place.ended(pending).state is State.CANCELLED
    assert not (place.root / "run 0002" / "log-2.txt").exists()
    time.sleep(0.2)
    place.cluster.cancel([running, "99"])
    state = place.ended(running)
    assert state.state is State.CANCELLED and "told" in place.log(1, running)
    place.running(stubborn)
    place.cluster.cancel([stubborn])
    assert place.ended(stubborn).state is State.CANCELLED
    place.cluster.cancel([running, pending, stubborn])
    assert not list(local_process.members(place.cluster.jobs / stubborn))


def test_time_limit_warns_then_ends_the_job(place: Place) -> None:
    body = "trap 'echo warned' USR2; trap 'echo told' TERM; for i in $(seq 600); do sleep 0.05; done"
    began = time.monotonic()
    job = place.submit(body, time="0:02", signal="B:USR2@1")
    state = place.ended(job)
    assert state.state is State.TIMEOUT and state.reason == "reached its time limit"
    assert 2.0 <= time.monotonic() - began < 8.0
    log = place.log(1, job)
    assert log.index("warned") < log.index("told") and "arctl: job 1 reached its time limit" in log


def test_processes_that_move_to_another_session_end_with_the_job(place: Place) -> None:
    job = place.submit("setsid sleep 300 & setsid sleep 300 & exit 0")
    assert place.ended(job).state is State.COMPLETED
    assert not list(local_process.members(place.cluster.jobs / job))


def test_array_elements_are_jobs_of_their_own(place: Place) -> None:
    job = place.submit('echo "element $ARCTL_ARRAY_INDEX of $ARCTL_JOB_ID"; exit $ARCTL_ARRAY_INDEX', array=3)
    states = [place.ended(f"{job}_{index}") for index in range(3)]
    assert [state.exit_code for state in states] == [0, 1, 2]
    assert place.log(1, f"{job}_2") == f"element 2 of {job}_2\n"
    assert place.submit("true") == "2"


def test_runner_killed_with_its_job_is_a_failure_and_frees_the_queue(place: Place) -> None:
    first, second = place.submit("sleep 300"), place.submit("echo next")
    place.running(first)
    record = place.record(first)
    os.kill(record["runner"]["pid"], signal.SIGKILL)
    state = place.until(first, lambda state: state.reason is not None)
    assert state.state is State.RUNNING and "goes on" in str(state.reason), "the job itself is still there"
    assert place.state(second).state is State.PENDING
    os.killpg(record["main"]["pid"], signal.SIGKILL)
    state = place.ended(first)
    assert state.state is State.NODE_FAIL and "killed" in str(state.reason)
    assert place.ended(second).state is State.COMPLETED


def test_cancel_reaches_a_job_whose_runner_was_killed(place: Place) -> None:
    job = place.submit("sleep 300 & sleep 300")
    place.running(job)
    os.kill(place.record(job)["runner"]["pid"], signal.SIGKILL)
    place.until(job, lambda state: state.reason is not None)
    place.cluster.cancel([job])
    assert place.state(job).state is State.CANCELLED
    assert not list(local_process.members(place.cluster.jobs / job))


def test_pending_runner_killed_is_said_and_passed_over(place: Place) -> None:
    first, second, third = place.submit("sleep 1"), place.submit("true"), place.submit("true")
    place.running(first)
    place.until(second, lambda _: "runner" in place.record(second))
    os.kill(place.record(second)["runner"]["pid"], signal.SIGKILL)
    assert place.ended(second).state is State.NODE_FAIL
    assert place.ended(third).state is State.COMPLETED


def test_after_a_reboot_or_a_reused_pid_nothing_runs_for_ever(place: Place) -> None:
    job = place.submit("true")
    place.ended(job)
    path = place.cluster.jobs / job / "state.json"
    me = local_process.identity(os.getpid())
    for stale, says in (({"boot": "another"}, "restarted"), ({"start": "1"}, "killed")):
        local_process.write_record(path, {"state": "running", "runner": {**me, **stale}})
        state = place.state(job)
        assert state.state is State.NODE_FAIL and says in str(state.reason)
    elsewhere = place.cluster.jobs / job / "job.json"
    asked = local_process.read_record(elsewhere) or {}
    local_process.write_record(elsewhere, {**asked, "host": "another-login-node"})
    assert place.state(job).state is State.RUNNING, "another machine's job cannot be judged from here"
    local_process.write_record(elsewhere, asked)
    local_process.write_record(path, {"state": "completed"})


def test_found_by_token_and_absent_when_unknown(place: Place) -> None:
    jobs = [place.submit("true", token=f"arctl-{n:012x}") for n in range(3)]
    assert place.cluster.find(["arctl-000000000001"], since=time.time()) == {"arctl-000000000001": jobs[1]}
    assert place.cluster.find(["arctl-ffffffffffff"], since=time.time()) == {}
    assert place.cluster.states(["99", "1_7", "../x", ""]) == {}


def test_a_log_that_cannot_be_opened_is_a_failure_with_its_place(place: Place) -> None:
    (place.root / "run 0001").mkdir()
    (place.root / "run 0001" / "log-1.txt").mkdir()
    place.count = 0
    script = place.root / "run 0001" / "job.sbatch"
    script.write_text("#!/bin/bash\n")
    job = Submission(script=script, run_dir=script.parent, token=TOKEN, log=script.parent / "log-%j.txt", directives={})
    state = place.ended(place.cluster.submit(job))
    assert state.state is State.FAILED and "log-1.txt" in str(state.reason)


@pytest.mark.parametrize("directives", [{"nodes": 2}])
def test_what_one_machine_cannot_do_is_refused(place: Place, directives: dict[str, object]) -> None:
    with pytest.raises(SubmitRefused, match="one machine"):
        place.submit("true", **directives)


def test_gpus_are_shared_out_by_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    (tools / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    place = Place(tmp_path)
    place.cluster = LocalCluster(tmp_path / "local", kill_wait_s=0.5)
    body = 'echo "gpus $CUDA_VISIBLE_DEVICES"; sleep 60'
    jobs = [place.submit(body, gres="gpu:2"), place.submit(body), place.submit(body)]
    for job in jobs[:2]:
        place.running(job)
        place.until(job, lambda _, job=job: "gpus" in place.log(int(job), job))  # type: ignore[misc]
    assert [place.log(n, str(n)) for n in (1, 2)] == ["gpus 0,1\n", "gpus 2\n"]
    assert place.state(jobs[2]).state is State.PENDING
    with pytest.raises(SubmitRefused, match="3 GPUs, 4 are asked"):
        place.submit(body, gres="gpu:h100:4")
    place.cluster.cancel(jobs)
    assert [place.ended(job).state for job in jobs] == [State.CANCELLED] * 3
    assert place.cluster.capabilities().gpus
