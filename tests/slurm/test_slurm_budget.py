"""The budget for calls on a real cluster: many arctl at once, a controller that stops, accounts that are away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import calls
from arctl.clusters.slurm import SlurmCluster
from arctl.errors import SchedulerError
from arctl.settings import SlurmSettings
from arctl.states import ENDED, State
from tests.waiting import until

pytestmark = pytest.mark.slurm

QUICK = SlurmSettings(poll_s=0.001)
SITE = """
cluster: slurm
slurm: {poll_s: 4, min_poll_s: 1}
"""
LOOK = """
import sys, time
from pathlib import Path
from arctl.settings import find_workspace
from arctl.sync import sync
workspace, end = find_workspace(Path(sys.argv[1])), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    report = sync(workspace)
    assert not report.scheduler_errors and not report.troubles, report
    time.sleep(0.2)
"""


def token(number: int) -> str:
    return f"arctl-{number:012x}"


def sbatch(slurm: Any, body: str, number: int, *options: str) -> str:
    name = f"--job-name=job-{token(number)}"
    words = ["sbatch", "--parsable", name, "--output=/dev/null", "--mem=50M", *options, "--wrap", body]
    done = slurm.call(*words)
    assert done.returncode == 0, done.stderr
    return str(done.stdout.strip())


def squeues(since: float) -> int:
    return sum(call.program == "squeue" for call in calls.recent(since=since))


@contextmanager
def stopped(slurm: Any, daemon: str) -> Iterator[None]:
    pid = slurm.pid(daemon)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def forgotten(slurm_cluster: Any) -> tuple[float, list[str]]:
    """Four jobs that end with 0, 1, 2 and 3, and that the controller forgets while the other tests run."""
    return time.time(), [sbatch(slurm_cluster, f"exit {number}", 10 + number) for number in range(4)]


def test_eight_arctl_of_two_workspaces_ask_as_often_as_one(
    slurm_env: Any, tmp_path: Path, desk_in: Any, forgotten: object
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        desk = desk_in(tmp_path / name, slurm_env.env)
        desk.arctl("init")
        (tmp_path / name / "arctl.yaml").write_text(SITE)
        for _ in range(3):
            desk.arctl("submit", "--no-snapshot", "--mem", "50M", "--time", "5", "--", "sleep", "60")
    since = time.time()
    looks = [
        subprocess.Popen([sys.executable, "-c", LOOK, str(tmp_path / name), "12"])
        for name in ("a", "b") for _ in range(4)
    ]  # fmt: skip
    assert [look.wait(60) for look in looks] == [0] * 8
    took = time.time() - since
    assert 1 <= squeues(since) <= took / 4 * 2 + 1, "at most twice in an interval, whoever asks"
    found = [run["state"] for name in ("a", "b") for run in desk_in(tmp_path / name, slurm_env.env).json("ls")["runs"]]
    assert len(found) == 6 and set(found) <= {"running", "pending"}
    for name in ("a", "b"):
        desk_in(tmp_path / name, slurm_env.env).arctl("cancel", "run1:run3")


NASTY = {
    "SQUEUE_STATES": "FAILED", "SQUEUE_PARTITION": "high", "SQUEUE_FORMAT": "%i", "SQUEUE_FORMAT2": "jobid",
    "SQUEUE_USERS": "nobody", "SQUEUE_SORT": "nonsense", "SQUEUE_ACCOUNT": "nobody", "SQUEUE_NAMES": "other",
    "SQUEUE_LICENSES": "x", "SQUEUE_ALL": "1", "SQUEUE_ARRAY": "0", "SLURM_CLUSTERS": "nosuch", "SBATCH_CLUSTERS": "x",
    "SLURM_TIME_FORMAT": "relative", "SLURM_BITSTR_LEN": "4", "SACCT_FORMAT": "JobID", "SACCT_FEDERATION": "1",
    "SLURM_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": "3", "TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "COLUMNS": "10",
}  # fmt: skip


def test_no_environment_hides_a_job_or_bends_its_times(slurm_env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = sbatch(slurm_env, "sleep 60", 1)
    array = sbatch(slurm_env, "sleep 60", 2, "--array=0-9%1", "--hold")
    until(lambda: slurm_env.call("squeue", "-h", "-j", job, "-o", "%T").stdout.strip() == "RUNNING")
    for name, value in NASTY.items():
        monkeypatch.setenv(name, value)
    found = {one.job_id: one for one in SlurmCluster(QUICK).queue(max_age_s=0.0).jobs}
    assert {job, *(f"{array}_{index}" for index in range(10))} <= set(found)
    running = found[job]
    assert (running.state, running.token, running.partition) == (State.RUNNING, token(1), "low")
    assert running.started is not None and abs(running.started - time.time()) < 90
    assert found[f"{array}_7"].token == f"{token(2)}_7" and found[f"{array}_7"].reason == "JobHeldUser"
    assert SlurmCluster(QUICK).find([token(1), f"{token(2)}_4"], since=time.time()) == {
        token(1): job, f"{token(2)}_4": f"{array}_4",
    }  # fmt: skip
    SlurmCluster(QUICK).cancel([job, array])


def test_a_controller_that_stops_is_asked_with_patience_and_changes_nothing(slurm_env: Any) -> None:
    job = sbatch(slurm_env, "sleep 60", 3)
    now, patient = SlurmCluster(QUICK), SlurmCluster(QUICK, max_age_s=None)
    until(lambda: now.states([job], since=time.time())[job].state is State.RUNNING)
    at = now.queue(max_age_s=0.0).at
    with stopped(slurm_env, "slurmctld"):
        with pytest.raises(SchedulerError, match="does not answer"):
            now.states([job], since=time.time())
        since = time.time()
        for _ in range(20):
            with pytest.raises(SchedulerError, match=r"asked again in \d\d s"):
                patient.states([job], since=time.time())
        assert squeues(since) == 0
    until(lambda: _answers(now, job))
    assert patient.queue(max_age_s=None).at > at
    now.cancel([job])


def _answers(cluster: SlurmCluster, job: str) -> bool:
    try:
        return cluster.states([job], since=time.time())[job].state is State.RUNNING
    except SchedulerError:
        return False


def test_ended_jobs_without_accounts_cost_a_few_questions(slurm_env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", slurm_env.env_without_accounting["SLURM_CONF"])
    array = sbatch(slurm_env, "exit 5", 20, "--array=0-9")
    ids = [f"{array}_{index}" for index in range(10)]
    cluster = SlurmCluster(QUICK)
    until(lambda: slurm_env.call("squeue", "-h", "-t", "PD,R,CG", "-j", array).stdout.strip() == "")
    since = time.time()
    told = cluster.states(ids, since=since - 60)
    assert {(state.state, state.exit_code) for state in told.values()} == {(State.FAILED, 5)} and len(told) == 10
    assert sum(call.program == "scontrol" for call in calls.recent(since=since)) == 1


def test_forgotten_jobs_end_by_one_question_and_wait_for_accounts_that_are_away(
    slurm_env: Any, forgotten: tuple[float, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    since, jobs = forgotten
    cluster = SlurmCluster(QUICK)
    until(lambda: not set(jobs) & {one.job_id for one in cluster.queue(max_age_s=0.0).jobs})
    with stopped(slurm_env, "slurmdbd"):
        assert cluster.states(jobs, since=since) == {}, "absence changes no state"
    began = time.time()
    until(lambda: len(cluster.states(jobs, since=since)) == 4)
    told = cluster.states(jobs, since=since)
    assert [told[job].exit_code for job in jobs] == [0, 1, 2, 3]
    assert {told[job].source for job in jobs} == {"sacct"} and all(told[job].state in ENDED for job in jobs)
    asked = [call for call in calls.recent(since=began) if call.program == "sacct"]
    assert asked and all(all(job in call.args for job in jobs) for call in asked)
    monkeypatch.setenv("SLURM_CONF", slurm_env.env_without_accounting["SLURM_CONF"])
    assert SlurmCluster(QUICK).states(jobs, since=since) == {}, "without accounts nobody knows, and nobody guesses"
