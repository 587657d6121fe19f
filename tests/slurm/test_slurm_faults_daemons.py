"""Daemons that stop under a user's hands: munge, slurmctld, slurmdbd; a full queue; ids that are given anew.

On a cluster of its own, seen from a login node with a munged of its own, so that either side can fail alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

pytestmark = pytest.mark.slurm

FIRST, LAST = 100, 115
SBATCH = """#!/bin/sh
if [ "$1" = --parsable ] && [ -e "{place}/stop" ]; then
    rm "{place}/stop"
    kill -STOP $(cat {cluster}/run/slurmctld.pid)
    (sleep 1; touch {place}/sent) >/dev/null 2>&1 </dev/null &
fi
exec {real} "$@"
"""
"""An sbatch that stops the controller before it is asked, where a file `stop` lies beside it; `sent` says so."""


class Login:
    """A login node: a workspace, and the daemons of the cluster behind it."""

    def __init__(self, harness: Any, cluster: Any, desk_in: type[Any], place: Path) -> None:
        self.harness, self.cluster, self.place = harness, cluster, place
        conf = (cluster.directory / "slurm.conf").read_text().replace("munge/socket", "munge/login.socket")
        (cluster.directory / "login.conf").write_text(conf)
        self.munge()
        sbatch = place / "sbatch"
        sbatch.write_text(SBATCH.format(place=place, cluster=cluster.directory, real=shutil.which("sbatch")))
        sbatch.chmod(0o755)
        root = place / "study"
        root.mkdir()
        env = {"SLURM_CONF": str(cluster.directory / "login.conf"), "XDG_CACHE_HOME": str(place / "cache")}
        self.desk = desk_in(root, {**env, "PATH": f"{place}:{os.environ['PATH']}"})
        self.desk.arctl("init")
        settings = "{poll_s: 1, min_poll_s: 0, partition: low}"
        (root / "arctl.yaml").write_text(f"cluster: slurm\nslurm: {settings}\nsnapshot: {{take: false}}\n")

    def munge(self) -> None:
        """Start the munged of the login node."""
        own = self.cluster.directory / "munge"
        files = [f"--{what}-file={own}/login.{what}" for what in ("log", "pid", "seed")]
        self.harness._spawn(
            self.cluster.directory, "munged", "--force", f"--socket={own}/login.socket", f"--key-file={own}/key", *files
        )

    def stop(self, pid: int) -> None:
        """End a daemon, and wait until it is gone."""
        os.kill(pid, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{pid}").exists())

    def stop_munge(self) -> None:
        self.stop(int((self.cluster.directory / "munge" / "login.pid").read_text()))

    def restart_controller(self, **changes: object) -> None:
        """Start slurmctld again, with these lines of slurm.conf changed; a None leaves the line out."""
        self.stop(self.cluster.pid("slurmctld"))
        conf = self.cluster.directory / "slurm.conf"
        kept = [line for line in conf.read_text().splitlines() if line.partition("=")[0] not in changes]
        kept += [f"{name}={value}" for name, value in changes.items() if value is not None]
        conf.write_text("\n".join([*kept, ""]))
        self.cluster.start("slurmctld")
        self.answers()

    def answers(self) -> None:
        """Wait until the controller answers."""
        until(lambda: self.cluster.call("scontrol", "ping").stdout.count("UP"))

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Begin `arctl ARGV`."""
        command = [sys.executable, "-m", "arctl", *argv]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.desk.directory, env=self.desk.env, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    def named(self, word: str) -> list[str]:
        """Return the jobs that Slurm has under names with this word in them."""
        said = self.cluster.call("squeue", "-h", "--states=all", "-o", "%A %j").stdout.splitlines()
        return [line.split()[0] for line in said if word in line]

    def age(self, run: str) -> None:
        """Let a hand-over be ten minutes ago."""
        with sqlite3.connect(self.desk.directory / "runs.db") as connection:
            connection.execute("UPDATE runs SET created = created - 600 WHERE name = ?", (run,))
        connection.close()

    def state(self, run: str) -> str:
        self.desk.arctl("sync")
        return str(self.desk.json("show", run)["state"])


@pytest.fixture(scope="module")
def login(slurm_harness: Any, desk_in: type[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    cluster = slurm_harness.up(FirstJobId=FIRST, MaxJobId=LAST)
    try:
        login = Login(slurm_harness, cluster, desk_in, tmp_path_factory.mktemp("login"))
        login.desk.arctl("submit", "--name", "alive", "--", "sleep", "900")
        until(lambda: login.state("alive") == "running")
        yield login
    finally:
        slurm_harness.down(cluster.directory)


def test_without_authentication_no_state_changes(login: Login) -> None:
    desk = login.desk
    login.stop_munge()
    try:
        told = desk.arctl("submit", "--name", "unsent", "--", "true", status=4).stderr
        assert "munge" in told.lower(), told
        told = desk.arctl("sync").stderr
        assert "slurm did not answer" in told and "munge" in told.lower(), told
        assert desk.json("show", "alive")["state"] == "running"
        assert "munge" in desk.arctl("cancel", "alive", status=4).stderr.lower()
    finally:
        login.munge()
    assert login.state("alive") == "running"
    assert login.state("unsent") in ("refused", "unconfirmed") and not login.named("unsent")


def test_an_answer_that_cannot_be_trusted_is_no_refusal(login: Login) -> None:
    """The controller takes the job, and the login node cannot check its answer: sbatch says that it has failed."""
    (login.place / "stop").touch()
    under_way = login.start("submit", "--name", "ghost", "--", "sleep", "5")
    try:
        until((login.place / "sent").exists)
        login.stop_munge()
    finally:
        os.kill(login.cluster.pid("slurmctld"), signal.SIGCONT)
    _, told = under_way.communicate(timeout=60)
    login.munge()
    assert under_way.returncode == 4 and "do not send it again" in told, told
    assert login.desk.json("show", "ghost")["state"] != "refused"
    jobs = login.named("ghost")
    assert len(jobs) == 1, "Slurm runs it all the same"
    until(lambda: login.state("ghost") in ("running", "completed"))
    assert login.desk.json("show", "ghost")["job_id"] == jobs[0]


def test_a_dead_controller_changes_no_state_and_what_was_submitted_is_kept(login: Login) -> None:
    desk = login.desk
    login.stop(login.cluster.pid("slurmctld"))
    try:
        told = desk.arctl("submit", "--name", "unheard", "--", "true", status=4).stderr
        assert "Unable to contact slurm controller" in told and "`arctl sync` looks for it" in told
        told = desk.arctl("sync").stderr
        assert "slurm did not answer, its jobs are shown as they were" in told
        told = desk.arctl("ls").stderr
        assert "slurm has not answered since" in told or "slurm did not answer" in told
        states = {run["name"]: run["state"] for run in desk.json("ls")["runs"]}
        assert (states["alive"], states["unheard"]) == ("running", "unconfirmed")
        run = desk.json("show", "unheard")
        assert (Path(run["path"]) / "job.sbatch").is_file() and run["job_id"] is None
        assert "Unable to contact" in desk.arctl("cancel", "alive", status=4).stderr
    finally:
        login.cluster.start("slurmctld")
    login.answers()
    assert login.state("alive") == "running"
    login.age("unheard")
    assert login.state("unheard") == "unconfirmed" and not login.named("unheard")
    assert "no job carries" in desk.json("show", "unheard")["message"]


def test_while_accounting_is_down_a_forgotten_job_has_not_failed(login: Login) -> None:
    desk = login.desk
    login.stop(login.cluster.pid("slurmdbd"))
    try:
        desk.arctl("submit", "--name", "short", "--", "sh", "-c", "sleep 3; exit 3")
        until(lambda: login.state("short") == "running")
        job = desk.json("show", "short")["job_id"]
        until(lambda: login.cluster.call("scontrol", "show", "job", job).returncode != 0)
        assert login.state("short") == "running", "nobody has said how it ended"
        assert login.state("alive") == "running"
        checks = {line["name"]: line for line in desk.json("doctor")["lines"]}
        assert checks["accounting"]["status"] == "warn" and "sacct does not answer" in checks["accounting"]["said"]
    finally:
        login.cluster.start("slurmdbd")
    until(lambda: login.state("short") == "failed")
    assert desk.json("show", "short")["exit_code"] == 3


def test_a_full_queue_keeps_only_the_submission_waiting(login: Login) -> None:
    desk = login.desk
    held = [login.cluster.call("sbatch", "--parsable", "--hold", "--wrap=true").stdout.strip() for _ in range(2)]
    login.restart_controller(MaxJobCount=2)
    given_up = login.start("submit", "--name", "given-up", "--", "true")
    patient = login.start("submit", "--name", "patient", "--", "sleep", "60")
    until(lambda: {run["name"] for run in desk.json("ls")["runs"]} >= {"given-up", "patient"})
    time.sleep(1.5)
    assert login.state("patient") == login.state("given-up") == "submitting"
    assert "no job of it is known yet" in desk.arctl("cancel", "given-up").stdout
    assert given_up.poll() is None and patient.poll() is None
    given_up.send_signal(signal.SIGINT)
    given_up.communicate(timeout=30)
    assert desk.json("show", "given-up")["state"] == "unconfirmed", "not cancelled: nobody knows"
    login.restart_controller(MaxJobCount=None)
    said, told = patient.communicate(timeout=150)
    assert patient.returncode == 0, told
    assert said.split()[2] == desk.json("show", "patient")["job_id"]
    login.age("given-up")
    assert login.state("given-up") == "unconfirmed" and not login.named("given-up")
    login.cluster.call("scancel", *held)
    desk.arctl("cancel", "patient")


def test_the_job_that_has_a_dead_runs_id_is_not_cancelled(login: Login) -> None:
    desk, cluster = login.desk, login.cluster
    desk.arctl("submit", "--name", "dead", "--", "sleep", "600")
    until(lambda: login.state("dead") == "running")
    job = desk.json("show", "dead")["job_id"]
    cluster.call("scancel", job)
    until(lambda: cluster.call("scontrol", "show", "job", job).returncode != 0)
    for _ in range(LAST - FIRST + 2):
        taken = cluster.call(
            "sbatch", "--parsable", "-J", "other", "-o", "/dev/null", "--wrap=sleep 300"
        ).stdout.strip()
        if taken == job:
            break
        cluster.call("scancel", taken)
    assert taken == job, "its number has come round again"
    until(lambda: cluster.call("squeue", "-h", "-j", job, "-o", "%T").stdout.strip() == "RUNNING")
    told = desk.arctl("cancel", "dead").stdout
    assert cluster.call("squeue", "-h", "-j", job, "-o", "%T").stdout.strip() == "RUNNING", told
    until(lambda: login.state("dead") == "cancelled")
    cluster.call("scancel", job)
