"""What goes wrong between the user's Enter and the job in the queue: arctl dies, sbatch lies, the disk is full, the
environment is hostile. Each ends with one job at the most, and with a run that says how it stands.
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

SBATCH = """#!/bin/sh
at() {{ [ -e "{place}/$1" ] && rm "{place}/$1"; }}
[ "$1" = --parsable ] || exec {real} "$@"
at before && kill -9 $PPID && exit
at slow && sleep 2
at silent && kill -STOP $(cat {cluster}/run/slurmctld.pid)
{real} "$@"
status=$?
at after && kill -9 $PPID
exit $status
"""
"""The real sbatch, with an accident where a file of its name lies beside it."""

HOSTILE = {
    "SBATCH_PARTITION": "nowhere", "SBATCH_JOB_NAME": "other", "SBATCH_TIMELIMIT": "1", "SBATCH_HOLD": "1",
    "SQUEUE_PARTITION": "high", "SQUEUE_STATES": "FAILED", "SQUEUE_FORMAT": "%i", "SQUEUE_USERS": "nobody",
    "SACCT_FORMAT": "JobID", "SLURM_TIME_FORMAT": "relative", "SLURM_CLUSTERS": "nosuch", "SLURM_BITSTR_LEN": "3",
    "SLURM_JOB_ID": "4711", "SLURM_JOBID": "4711", "SCANCEL_STATE": "PENDING", "SCONTROL_ALL": "1", "TZ": "Asia/Tokyo",
}  # fmt: skip
"""What a user may have in the environment, each of which changes what some program of Slurm's says or does."""


class Desk:
    """A desk in a workspace on the cluster whose sbatch can have accidents."""

    def __init__(self, desk_in: type[Any], cluster: Any, place: Path) -> None:
        self.place, self.cluster, self.root = place, cluster, place / "study"
        sbatch = place / "sbatch"
        sbatch.write_text(SBATCH.format(place=place, cluster=cluster.directory, real=shutil.which("sbatch")))
        sbatch.chmod(0o755)
        self.root.mkdir()
        env = {**cluster.env, "XDG_CACHE_HOME": str(place / "cache"), "PATH": f"{place}:{os.environ['PATH']}"}
        self.desk = desk_in(self.root, env)
        self.desk.arctl("init")
        settings = "{poll_s: 1, min_poll_s: 0, partition: low}"
        (self.root / "arctl.yaml").write_text(f"cluster: slurm\nslurm: {settings}\n")
        (self.root / "hello.txt").write_text("hello\n")

    def submit(self, name: str, *command: str, accident: str | None = None, status: int = 0) -> Any:
        """Submit a command, with an accident to sbatch."""
        if accident is not None:
            (self.place / accident).touch()
        return self.desk.arctl("submit", "--name", name, "--", *(command or ("sleep", "5")), status=status)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Begin `arctl ARGV`."""
        return subprocess.Popen(
            [sys.executable, "-m", "arctl", *argv],
            cwd=self.root,
            env=self.desk.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str) -> Any:
        self.desk.arctl("sync")
        return self.desk.json("show", name)

    def jobs(self, name: str) -> list[str]:
        """Return the jobs that Slurm has, or has had, under a run's name."""
        said = self.cluster.call("squeue", "-h", "--states=all", "-o", "%A %j").stdout.splitlines()
        return [line.split()[0] for line in said if line.split()[1].startswith(f"{name}-arctl-")]


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(desk_in, slurm_cluster, tmp_path_factory.mktemp("desk"))


def test_killed_before_sbatch_nothing_runs_and_the_run_says_so(desk: Desk) -> None:
    desk.submit("unsent", accident="before", status=-signal.SIGKILL)
    assert desk.run("unsent")["state"] == "submitting"
    assert "no job of it is known yet" in desk.desk.arctl("cancel", "unsent").stdout
    with sqlite3.connect(desk.root / "runs.db") as connection:
        connection.execute("UPDATE runs SET created = created - 600 WHERE name = 'unsent'")
    connection.close()
    run = desk.run("unsent")
    assert run["state"] == "unconfirmed" and run["job_id"] is None and not desk.jobs("unsent")
    assert "no job carries" in run["message"] and "`arctl rerun` sends it anew" in run["message"]
    said = desk.desk.arctl("rerun", "unsent").stdout
    assert len(desk.jobs("unsent")) == 1 and said.split()[2] == desk.jobs("unsent")[0]


def test_killed_after_sbatch_the_job_is_adopted(desk: Desk) -> None:
    desk.submit("orphan", accident="after", status=-signal.SIGKILL)
    job = desk.jobs("orphan")
    assert len(job) == 1 and desk.desk.json("show", "orphan")["job_id"] is None
    told = desk.submit("orphan", status=4).stderr
    assert "is the same" in told and "--again" in told, "nothing is sent twice meanwhile"
    until(lambda: desk.run("orphan")["job_id"] == job[0])
    assert desk.jobs("orphan") == job
    until(lambda: desk.run("orphan")["state"] == "completed")
    record = (Path(desk.run("orphan")["path"]) / "run.yaml").read_text()
    assert f"id: '{job[0]}'" in record


def test_sbatch_times_out_and_the_job_runs(desk: Desk) -> None:
    controller = desk.cluster.pid("slurmctld")
    try:
        told = desk.submit("late", accident="silent", status=4).stderr
        assert "Socket timed out" in told and "do not send it again" in told
        run = desk.desk.json("show", "late")
        assert run["state"] == "unconfirmed", "neither failed nor refused"
        assert "did not answer" in desk.desk.arctl("sync").stderr
        assert desk.desk.json("show", "late")["state"] == "unconfirmed"
    finally:
        os.kill(controller, signal.SIGCONT)
    run = until(lambda: (run := desk.run("late"))["job_id"] and run)
    assert desk.jobs("late") == [run["job_id"]], "exactly one"


def test_a_double_enter_makes_one_job(desk: Desk) -> None:
    (desk.place / "slow").touch()
    both = [desk.start("submit", "--name", "double", "--", "true") for _ in range(3)]
    ends = [(one.communicate(timeout=60), one.returncode) for one in both]
    assert sorted(status for _, status in ends) == [0, 4, 4]
    assert sum("is the same" in told for (_, told), _ in ends) == 2
    nightly = [desk.start("submit", "--name", "nightly", "--once", "nightly-1", "--", "true") for _ in range(3)]
    ends = [(one.communicate(timeout=60), one.returncode) for one in nightly]
    assert [status for _, status in ends] == [0, 0, 0]
    assert len({said.split()[0] for (said, _), _ in ends}) == 1, "all name the one run"
    assert len(desk.jobs("double")) == len(desk.jobs("nightly")) == 1


def test_the_answer_of_a_federation_names_the_cluster_too(desk: Desk) -> None:
    told = desk.cluster.call("sbatch", "--parsable", "-M", "test", "--hold", "--wrap=true").stdout.strip()
    assert told.endswith(";test"), "this is how sbatch answers then"
    desk.cluster.call("scancel", told.partition(";")[0])
    desk.desk.arctl("submit", "--name", "afar", "--sbatch", "--clusters=test", "--", "sh", "-c", "exit 3")
    run = until(lambda: (run := desk.run("afar"))["state"] == "failed" and run)
    assert run["job_id"].isdecimal() and run["exit_code"] == 3


def test_the_users_environment_hides_and_changes_nothing(desk: Desk) -> None:
    plain = dict(desk.desk.env)
    desk.desk.env |= HOSTILE
    try:
        command = "sleep 3; echo on $SLURM_JOB_PARTITION; exit 4"
        desk.desk.arctl("submit", "--name", "clean", "--time", "7", "--", "sh", "-c", command)
        run = until(lambda: (run := desk.run("clean"))["state"] == "running" and run)
        assert abs(run["started"] - time.time()) < 60
        job = desk.cluster.call("squeue", "-h", "-j", run["job_id"], "-o", "%P %l %T %j").stdout.split()
        assert job == ["low", "7:00", "RUNNING", f"clean-{run['token']}"]
        (row,) = [job for job in desk.desk.json("queue", "--fresh")["jobs"] if job["job_id"] == run["job_id"]]
        assert (row["state"], row["partition"]) == ("running", "low")
        run = until(lambda: (run := desk.run("clean"))["state"] == "failed" and run)
        assert run["exit_code"] == 4 and abs(run["ended"] - time.time()) < 60
        assert "on low" in desk.desk.arctl("logs", "clean").stdout
        said = [line["said"] for line in desk.desk.json("doctor")["lines"] if line["check"] == "environment"]
        assert any("SBATCH_PARTITION" in line for line in said), said
    finally:
        desk.desk.env = plain


def test_the_directory_of_the_code_is_gone_when_the_job_starts(desk: Desk) -> None:
    desk.desk.arctl("submit", "--name", "homeless", "--hold", "--", "cat", "hello.txt")
    code, aside = desk.root / ".arctl" / "code", desk.root / "aside"
    code.rename(aside)
    try:
        desk.cluster.call("scontrol", "release", desk.desk.json("show", "homeless")["job_id"])
        run = until(lambda: (run := desk.run("homeless"))["state"] == "failed" and run)
    finally:
        aside.rename(code)
    assert run["exit_code"] == 97
    assert "there is no directory" in desk.desk.arctl("logs", "homeless").stdout
    sentence = desk.desk.json("why", "homeless")["sentence"]
    assert str(code) in sentence and "does not exist" in sentence, sentence


def test_what_is_too_long_for_slurm_is_named_before_it_is_sent(desk: Desk) -> None:
    before = desk.cluster.call("squeue", "-h", "--states=all", "-o", "%A").stdout
    told = desk.desk.arctl("submit", "--name", "x" * 5000, "--", "true", status=2).stderr
    assert told.startswith("error: --name") and len(told) < 400
    (desk.root / "templates").mkdir(exist_ok=True)
    template = desk.root / "templates" / "long.sbatch"
    template.write_text("#!/bin/bash\n{{ directives }}\nexec {{ command }}\n" + f"# {'x' * 97}\n" * 49_000)
    try:
        told = desk.desk.arctl("submit", "--template", "long", "--", "true", status=2).stderr
        assert "long.sbatch" in told and "1 MiB" in told
    finally:
        template.unlink()
    after = desk.cluster.call("squeue", "-h", "--states=all", "-o", "%A").stdout
    assert set(after.split()) <= set(before.split()), "Slurm may have forgotten a job since, and got no new one"


@pytest.fixture
def full(desk: Desk) -> Iterator[Path]:
    """The directory of the runs, on a small disk that is full."""
    runs = desk.root / "runs"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(runs)], check=False)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        with (runs / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))
        yield runs
    finally:
        subprocess.run(["umount", "--lazy", str(runs)], check=True)


def test_with_a_full_disk_nothing_is_sent_and_no_half_run_stays(desk: Desk, full: Path) -> None:
    told = desk.desk.arctl("submit", "--name", "full", "--force", "--", "true", status=1).stderr
    assert "no space left" in told.lower()
    assert sorted(path.name for path in full.iterdir()) == ["filler"] and not desk.jobs("full")
    (full / "filler").unlink()
    said = desk.desk.arctl("submit", "--name", "full", "--", "true").stdout
    assert desk.jobs("full") == [said.split()[2]]
