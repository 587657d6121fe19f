"""Jobs on a real Slurm cluster through the cluster layer: each ends in the right state, with its log."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arctl import templates
from arctl.clusters.base import JobState, Submission
from arctl.clusters.directives import directives
from arctl.clusters.slurm import SlurmCluster, render_directives
from arctl.errors import SchedulerError, SubmitRefused, SubmitUnconfirmed
from arctl.rundir import RunDir
from arctl.settings import SlurmSettings
from arctl.states import ENDED, State

pytestmark = pytest.mark.slurm

RANKS_MET = ["rank 0 of 2 sums 2", "rank 1 of 2 sums 2"]


def token_number(number: int) -> str:
    return f"arctl-{number:012x}"


class Site:
    """Short ways to use the cluster from a test."""

    def __init__(self, root: Path, settings: SlurmSettings | None = None) -> None:
        self.root = root
        self.settings = settings or SlurmSettings(poll_s=0.1)
        self.cluster = SlurmCluster(self.settings)

    def prepare(self, name: str, body: str, *, token: str, **asked: Any) -> Submission:
        run_dir = self.root / name
        run_dir.mkdir()
        log = RunDir(run_dir).log_pattern(array="array" in asked)
        wanted = directives(name=name, token=token, log=log, settings=self.settings, **asked)
        script = RunDir(run_dir).script
        script.write_text("\n".join(["#!/bin/bash", *render_directives(wanted), body, ""]))
        return Submission(script, run_dir, token, log, wanted, asked.get("array"))

    def submit(self, name: str, body: str, *, number: int = 1, **asked: Any) -> str:
        return self.cluster.submit(self.prepare(name, body, token=token_number(number), **asked))

    def until(self, job_id: str, wanted: Callable[[JobState], bool], *, timeout: float = 60.0) -> JobState:
        deadline = time.monotonic() + timeout
        while True:
            state = self.cluster.states([job_id], since=time.time() - 600).get(job_id)
            if state is not None and wanted(state):
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.2)

    def ended(self, job_id: str, *, timeout: float = 60.0) -> JobState:
        return self.until(job_id, lambda state: state.state in ENDED, timeout=timeout)

    def running(self, job_id: str) -> JobState:
        return self.until(job_id, lambda state: state.state is State.RUNNING)

    def log(self, name: str, job_id: str) -> str:
        path = self.cluster.log_path(self.root / name, job_id)
        return path.read_text() if path.exists() else ""


@pytest.fixture
def site(slurm_env: Any, tmp_path: Path) -> Site:
    # A blank and a per cent sign, since people's home directories have them.
    root = tmp_path / "100% mine"
    root.mkdir()
    return Site(root)


@pytest.fixture(scope="module")
def limited(slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """A job with the shortest limit that there is, one minute, which runs beside the other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", slurm_cluster.env["SLURM_CONF"])
        site = Site(tmp_path_factory.mktemp("limited"))
        body = "trap '' USR2\nexec /usr/bin/python3 -c \"$TRAINER\""
        trainer = "import signal, time, sys\\nsignal.signal(signal.SIGUSR2, lambda *_: print('warned', flush=True))\\n"
        trainer += "signal.signal(signal.SIGTERM, lambda *_: (print('told', flush=True), sys.exit(0)))\\n"
        trainer += "print('ready', flush=True)\\nwhile True: time.sleep(0.1)\\n"
        return site, site.submit("limited", f"TRAINER=$'{trainer.replace(chr(39), chr(34))}'\n{body}", time="1")


def test_pending_running_completed(site: Site, limited: tuple[Site, str], two_nodes: tuple[Site, str]) -> None:
    job = site.submit("good", "echo hello from $SLURM_JOB_NAME; sleep 2", gpus=2, cpus=2, mem="500M", time="5")
    state = site.running(job)
    assert (state.source, state.token) == ("squeue", token_number(1))
    assert state.node in {"gpu1", "gpu2"} and state.started is not None
    state = site.ended(job)
    assert (state.state, state.exit_code, state.signal) == (State.COMPLETED, 0, None)
    late = state.source == "sacct" and state.token is None  # accounting can know the end before the name
    assert late or state.token == token_number(1)
    assert state.ended is not None and abs(state.ended - time.time()) < 60, "times are UTC whatever the time zone"
    assert site.log("good", job) == f"hello from good-{token_number(1)}\n"


def test_failing_jobs_keep_their_exit_status_or_signal(site: Site) -> None:
    jobs = [site.submit("exit3", "echo bad; exit 3", number=1), site.submit("killed", "kill -9 $$", number=2)]
    found = [(state.state, state.exit_code, state.signal) for state in map(site.ended, jobs)]
    assert found == [(State.FAILED, 3, None), (State.FAILED, None, 9)]
    assert site.log("exit3", jobs[0]) == "bad\n"


def test_cancelled_pending_and_running(site: Site) -> None:
    running = site.submit("running", "echo here; sleep 300", number=1)
    held = Site(site.root, SlurmSettings(extra_sbatch=("--hold",), poll_s=0.1))
    pending = held.submit("pending", "true", number=2)
    site.running(running)
    state = site.until(pending, lambda state: state.state is State.PENDING)
    assert state.reason == "JobHeldUser" and state.started is None
    site.cluster.cancel([running, pending])
    assert {site.ended(job).state for job in (running, pending)} == {State.CANCELLED}
    site.cluster.cancel([running, pending])
    assert site.log("running", running).startswith("here\n")


def test_array_elements_are_jobs_of_their_own(site: Site) -> None:
    run_dirs = [site.root / f"run000{n}" for n in range(3)]
    for place in run_dirs:
        place.mkdir()
    submission = site.prepare("sweep", "", token=token_number(7), array=3)
    links = site.root / "elements"
    links.mkdir()
    for index, place in enumerate(run_dirs):
        (links / str(index)).symlink_to(place)
    values: dict[str, object] = {"elements": str(links), "workspace": str(site.root), "workdir": str(site.root)}
    values["env"] = {}
    values |= {"modules": [], "activate": None, "container": None}
    values["command"] = "bash -c 'echo \"$ARCTL_RUN_DIR\"; sleep 2; exit $SLURM_ARRAY_TASK_ID'"
    lines = render_directives({**submission.directives, "array": "0-2%2"})
    submission.script.write_text(templates.render(templates.find("array"), directives=lines, values=values))
    job = site.cluster.submit(submission)
    ids = [f"{job}_{index}" for index in range(3)]
    seen = site.cluster.states(ids, since=time.time())
    assert set(seen) == set(ids), "pending elements are told apart"
    assert [site.ended(one).exit_code for one in ids] == [0, 1, 2]
    assert [(run_dirs[n] / f"log-{job}_{n}.txt").read_text().strip() for n in range(3)] == [str(d) for d in run_dirs]
    assert site.cluster.find([token_number(7)], since=time.time() - 60) == {token_number(7): job}


@pytest.fixture(scope="module")
def two_nodes(slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """Two ranks on two nodes; they wait for the warning (torch takes its time to load, beside the other tests)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", slurm_cluster.env["SLURM_CONF"])
        site = Site(tmp_path_factory.mktemp("two nodes"))
        trainer = site.root / "rank.py"
        trainer.write_text(RANK)
        template = templates.find("ddp")
        asked = {"nodes": 2, "gpus": 1, "cpus": 1, "mem": "2G", "time": "5", "signal": template.signal}
        submission = site.prepare("ddp", "", token=token_number(9), **asked)
        values: dict[str, object] = {
            "run_dir": str(submission.run_dir), "workspace": str(site.root), "workdir": str(site.root), "gpus": 1,
            "modules": [], "activate": None, "container": None, "python": sys.executable,
            "command": [sys.executable, str(trainer)], "env": {"GLOO_SOCKET_IFNAME": "lo"},
        }  # fmt: skip
        lines = render_directives(submission.directives)
        submission.script.write_text(templates.render(template, directives=lines, values=values))
        return site, site.cluster.submit(submission)


RANK = """
import os, signal, time, torch, torch.distributed as dist
warned = []
signal.signal(signal.SIGUSR2, lambda *_: warned.append(1))
dist.init_process_group("gloo")
dist.all_reduce(one := torch.ones(1))
print(f"rank {dist.get_rank()} of {dist.get_world_size()} sums {one.item():.0f}", flush=True)
for _ in range(1200):
    if warned: break
    time.sleep(0.1)
print(f"rank {dist.get_rank()} warned {len(warned)}", flush=True)
dist.destroy_process_group()
"""


def test_a_banner_before_the_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = site.root / "bin"
    tools.mkdir()
    (tools / "sbatch").write_text(
        '#!/bin/sh\necho "*** 2026 maintenance ***"\necho 99 bottles\nexec /usr/bin/sbatch "$@"\n'
    )
    (tools / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    assert site.ended(site.submit("banner", "true")).state is State.COMPLETED


@pytest.mark.parametrize(
    ("asked", "says", "cure"),
    [
        ({"partition": "nowhere"}, "invalid partition", "sinfo"),
        ({"gpus": 99}, "not available", "ask for less"),
        ({"array": 12}, "Invalid job array", "MaxArraySize"),
    ],
)
def test_a_refusal_says_what_and_what_to_do(site: Site, asked: dict[str, Any], says: str, cure: str) -> None:
    with pytest.raises(SubmitRefused, match=f"(?i){says}.*{cure}"):
        site.submit("refused", "true", **asked)


def test_the_users_environment_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SBATCH_PARTITION": "nowhere", "SBATCH_JOB_NAME": "other", "SBATCH_TIMELIMIT": "1", "SQUEUE_FORMAT": "%i",
        "SQUEUE_STATES": "FAILED", "SQUEUE_PARTITION": "high", "SACCT_FORMAT": "JobID", "SLURM_TIME_FORMAT": "relative",
        "SLURM_CLUSTERS": "nosuch", "SLURM_JOB_ID": "4711", "TZ": "Asia/Tokyo", "SQUEUE_SORT": "nonsense",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    job = site.submit("clean", 'echo "$SLURM_JOB_ID $SLURM_JOB_NAME $SLURM_JOB_PARTITION"; sleep 1', partition="low")
    state = site.running(job)
    assert state.started is not None and abs(state.started - time.time()) < 60
    assert site.ended(job).state is State.COMPLETED
    assert site.log("clean", job) == f"{job} clean-{token_number(1)} low\n"


def test_a_job_is_found_by_its_token(site: Site, slurm_env: Any) -> None:
    since = time.time()
    assert site.cluster.find([token_number(99)], since=since) == {}
    job = site.submit("found", "true", number=99)
    assert site.cluster.find([token_number(99)], since=since) == {token_number(99): job}
    site.ended(job)
    deadline = time.monotonic() + 60
    while slurm_env.call("squeue", "-h", "-t", "all", "-j", job).stdout.strip():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert site.cluster.find([token_number(99)], since=since) == {token_number(99): job}, (
        "squeue has forgotten it, sacct has not"
    )
    state = site.cluster.states([job], since=since)[job]
    assert (state.state, state.source) == (State.COMPLETED, "sacct")
    assert site.cluster.states(["999999"], since=since) == {}, "a job that nobody mentions is absent"


def test_without_accounting_scontrol_tells_the_end(site: Site, slurm_env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.cluster.capabilities().accounting
    monkeypatch.setenv("SLURM_CONF", slurm_env.env_without_accounting["SLURM_CONF"])
    job = site.submit("noacct", "exit 4", number=5)
    state = site.ended(job)
    assert (state.state, state.exit_code, state.source) == (State.FAILED, 4, "scontrol")
    assert state.token == token_number(5) and site.cluster.find([token_number(5)], since=time.time()) == {
        token_number(5): job
    }


def test_a_silent_controller_changes_nothing(site: Site, slurm_env: Any) -> None:
    job = site.submit("silent", "sleep 20")
    site.running(job)
    controller = slurm_env.pid("slurmctld")
    lost = site.prepare("lost", "true", token=token_number(11))
    since = time.time()
    os.kill(controller, signal.SIGSTOP)
    try:
        with pytest.raises(SubmitUnconfirmed, match="do not send it again"):
            site.cluster.submit(lost)
        with pytest.raises(SchedulerError, match="does not answer"):
            site.cluster.states([job], since=since)
    finally:
        os.kill(controller, signal.SIGCONT)
    deadline = time.monotonic() + 30
    found = None
    while found is None:
        assert time.monotonic() < deadline, "the job that was not confirmed is in the queue after all"
        time.sleep(0.2)
        with contextlib.suppress(SchedulerError):  # the silence may outlast the signal for a moment
            found = site.cluster.find([token_number(11)], since=since).get(token_number(11))
    assert site.ended(found).state is State.COMPLETED
    assert site.cluster.states([job], since=since)[job].state in {State.RUNNING, State.COMPLETED}
    site.cluster.cancel([job])


def test_y_ddp_meets_over_two_nodes_and_is_warned(slurm_env: Any, two_nodes: tuple[Site, str]) -> None:
    site, job = two_nodes
    deadline = time.monotonic() + 120
    while (met := sorted(re.findall(r"rank \d of 2 sums 2", site.log("ddp", job)))) != RANKS_MET:
        assert time.monotonic() < deadline and site.running(job), (met, site.log("ddp", job))
        time.sleep(0.5)
    assert slurm_env.call("scancel", "--signal=USR2", job).returncode == 0, "as --signal=USR2@ does: to the steps"
    state = site.ended(job)
    log = site.log("ddp", job)
    assert state.state is State.COMPLETED, log
    assert sorted(re.findall(r"rank \d warned 1", log)) == ["rank 0 warned 1", "rank 1 warned 1"]


def test_z_time_limit(slurm_env: Any, limited: tuple[Site, str]) -> None:
    site, job = limited
    state = site.ended(job, timeout=150)
    log = site.log("limited", job)
    assert state.state is State.TIMEOUT, (state, log)
    assert log.index("ready") < log.index("warned") < log.index("told") and "DUE TO TIME LIMIT" in log
