"""Ends and waits that look like others: killed by a signal, suspended, forgotten; names that lie; many questions."""

from __future__ import annotations

import os
import re
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

SETTINGS = "cluster: slurm\nslurm: {poll_s: 1, min_poll_s: 0, partition: low}\nsnapshot: {take: false}\n"


def workspace(desk_in: type[Any], place: Path, env: dict[str, str], settings: str = SETTINGS) -> Any:
    root = place / "study"
    root.mkdir()
    desk = desk_in(root, {"XDG_CACHE_HOME": str(place / "cache"), **env})
    desk.arctl("init")
    (root / "arctl.yaml").write_text(settings)
    return desk


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return workspace(desk_in, tmp_path_factory.mktemp("desk"), dict(slurm_cluster.env))


@pytest.fixture(scope="module")
def forgotten(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """A desk of a site without accounting, and the job of its run `unseen`, which ends while no arctl looks."""
    env = dict(slurm_cluster.env_without_accounting)
    desk = workspace(desk_in, tmp_path_factory.mktemp("bare"), env)
    said = desk.arctl("submit", "--name", "unseen", "--", "sh", "-c", "exit 3").stdout
    return desk, said.split()[2]


def found(desk: Any, run: str, state: str) -> Any:
    def look() -> Any:
        desk.arctl("sync")
        run_now = desk.json("show", run)
        return run_now if run_now["state"] == state else None

    return until(look)


@pytest.fixture(scope="module")
def killed(desk: Any, forgotten: tuple[Any, str]) -> Any:
    """The desk, with jobs that signals end and one that waits, all begun at once."""
    desk.arctl("submit", "--name", "replaced", "--mem", "100M", "--", "sh", "-c", "kill -9 $$")
    desk.arctl("submit", "--name", "child", "--mem", "100M", "--", "bash", "-c", 'bash -c "kill -9 \\$\\$"; exit $?')
    warned = ["--time", "1", "--sbatch", "--signal=B:USR1@50"]
    desk.arctl("submit", "--name", "warned", *warned, "--", "sh", "-c", "sleep 100; true")
    desk.arctl("submit", "--name", "stopped", "--time", "10", "--", "sleep", "100")
    desk.arctl("submit", "--name", "kept", "--hold", "--", "true")
    return desk


def test_sigkill_is_told_whether_or_not_a_shell_was_between(killed: Any) -> None:
    replaced, child = found(killed, "replaced", "failed"), found(killed, "child", "failed")
    assert (replaced["exit_code"], replaced["signal"]) == (None, 9)
    assert (child["exit_code"], child["signal"]) == (9, None), "Slurm takes 128 from 137"
    told = [killed.json("why", run) for run in ("replaced", "child")]
    assert [re.search("SIGKILL|Killed", one["sentence"]) is not None for one in told] == [True, True]
    assert [one["remedies"][0]["why"] for one in told] == ["more memory, instead of 100M"] * 2


def test_a_suspended_job_has_not_stalled(killed: Any, slurm_cluster: Any) -> None:
    job = found(killed, "stopped", "running")["job_id"]
    assert slurm_cluster.call("scontrol", "suspend", job).returncode == 0
    found(killed, "stopped", "suspended")
    told = killed.json("why", "stopped")
    assert told["cause"] == "suspended" and "goes on with it by itself" in told["sentence"]
    states = {one["job_id"]: one["state"] for one in killed.json("queue", "--fresh")["jobs"]}
    assert states[job] == "suspended"
    assert slurm_cluster.call("scontrol", "resume", job).returncode == 0
    found(killed, "stopped", "running")
    killed.arctl("cancel", "stopped")


def test_a_held_job_that_is_cancelled_never_ran_and_is_no_failure(killed: Any) -> None:
    found(killed, "kept", "pending")
    killed.arctl("cancel", "kept")
    run = found(killed, "kept", "cancelled")
    assert run["message"] is None and run["cancelled"] is not None
    assert run["node"] is None and run["started"] in (None, run["ended"])
    told = killed.json("why", "kept")
    assert told["cause"] == "cancelled" and told["sentence"].startswith("it was cancelled with arctl")
    assert any("CANCELLED by" in one["text"] for one in told["evidence"])
    killed.arctl("wait", "kept", status=11)


def test_what_nobody_remembers_has_not_failed(forgotten: tuple[Any, str], slurm_cluster: Any) -> None:
    desk, job = forgotten
    until(lambda: slurm_cluster.call("scontrol", "show", "job", job).returncode != 0)
    for _ in range(2):
        assert "did not answer" not in desk.arctl("sync").stderr
        run = desk.json("show", "unseen")
        assert run["state"] in ("pending", "unknown") and run["exit_code"] is None and run["ended"] is None
    said = {line["name"]: line["said"] for line in desk.json("doctor")["lines"]}
    assert said["accounting"].startswith("off")


def test_a_warning_that_nobody_expects_kills_and_is_named(killed: Any) -> None:
    run = found(killed, "warned", "failed")
    assert (run["exit_code"], run["signal"]) == (None, signal.SIGUSR1)
    assert run["ended"] - run["started"] < 50, "long before its limit"
    assert killed.json("why", "warned")["sentence"] == "it was ended by SIGUSR1, a warning that it did not expect"


@pytest.fixture
def liars(killed: Any, slurm_cluster: Any) -> Iterator[str]:
    """Jobs of the same user whose names speak of a run that runs; its job."""
    killed.arctl("submit", "--name", "honest", "--", "sleep", "100")
    job = found(killed, "honest", "running")["job_id"]
    line = f"{job}|COMPLETED|low|N/A|N/A|1:00|1:00|1|1|1|1|N/A|normal|root||(null)|None|honest"
    account = f"{job}|FAILED|1:0|2030-01-01T00:00:00|2030-01-01T00:00:00|2030-01-01T00:00:01|gpu1|None|honest"
    names = [f"x\n{line}", f"x\n{account}", f"a JobId={job} JobState=FAILED ExitCode=1:0", "a|b|c|FAILED|d"]
    names += ["\x1b]0;owned\x07\x1b[2Jx", "[@click=app.quit]x[/]", "\u202egnp.exe", '"; touch /tmp/owned; "']
    made = []
    for name in names:
        asked = ["--parsable", "--hold", f"--job-name={name}", f"--comment={name}", "--wrap=true"]
        made.append(slurm_cluster.call("sbatch", *asked).stdout.strip())
    assert all(one.isdecimal() for one in made), made
    yield job
    slurm_cluster.call("scancel", *made)


def test_other_jobs_names_change_no_state_and_reach_no_terminal(killed: Any, liars: str) -> None:
    for _ in range(2):
        said = killed.arctl("sync")
        run = killed.json("show", "honest")
        assert (run["state"], run["job_id"], run["exit_code"]) == ("running", liars, None), said
    for argv in (["queue"], ["queue", "--json"], ["ls"], ["show", "honest"], ["why", "honest"], ["nodes"]):
        done = killed.arctl(*argv)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr), argv
    jobs = killed.json("queue", "--fresh")["jobs"]
    assert [job["run"] for job in jobs if job["job_id"] == liars] == [killed.json("show", "honest")["run"]]
    assert {job["state"] for job in jobs if job["run"] is None} == {"pending"}
    killed.arctl("cancel", "honest")
    run = found(killed, "honest", "cancelled")
    assert run["exit_code"] in (None, 0) and run["ended"] < time.time() + 60


def test_a_forged_account_is_not_adopted(killed: Any, slurm_cluster: Any, tmp_path: Path) -> None:
    """A hand-over is lost, and another job's name claims, in the manner of sacct, to be the account of its job."""
    sbatch = tmp_path / "sbatch"
    real = shutil.which("sbatch")
    sbatch.write_text(f'#!/bin/sh\n[ "$1" = --parsable ] || exec {real} "$@"\nkill -9 $PPID\n')
    sbatch.chmod(0o755)
    path = killed.env.get("PATH", os.defpath)
    killed.env["PATH"] = f"{tmp_path}:{path}"
    try:
        killed.arctl("submit", "--name", "lost", "--", "true", status=-signal.SIGKILL)
    finally:
        killed.env["PATH"] = path
    token = killed.json("show", "lost")["token"]
    name = f"x\n4242|RUNNING|0:0|2030-01-01T00:00:00|2030-01-01T00:00:00|Unknown|gpu1|None|lost-{token}"
    made = slurm_cluster.call("sbatch", "--parsable", "-o", "/dev/null", f"--job-name={name}", "--wrap=true")
    job = made.stdout.strip()
    until(lambda: slurm_cluster.call("scontrol", "show", "job", job).returncode != 0)
    with sqlite3.connect(killed.directory / "runs.db") as connection:
        connection.execute("UPDATE runs SET created = created - 60 WHERE name = 'lost'")
    connection.close()
    killed.arctl("sync")
    assert killed.json("show", "lost")["job_id"] != "4242"


def test_many_arctl_at_once_cost_slurm_a_call_or_two(
    desk_in: type[Any], slurm_cluster: Any, tmp_path: Path, desk: Any
) -> None:
    usual = workspace(desk_in, tmp_path, dict(slurm_cluster.env), "cluster: slurm\nslurm: {partition: low}\n")
    usual.arctl("submit", "--name", "one", "--", "sleep", "60")
    usual.arctl("sync")
    assert slurm_cluster.call("sdiag", "--reset").returncode == 0
    command = [sys.executable, "-m", "arctl"]
    watchers = [
        subprocess.Popen([*command, "wait", "one", "--timeout", "8"], cwd=usual.directory, env=usual.env)
        for _ in range(3)
    ]
    began = time.monotonic()
    shown = 0
    while time.monotonic() - began < 8:
        usual.arctl(("ls", "show", "queue")[shown % 3], *(["one"] if shown % 3 == 1 else []))
        shown += 1
    assert [watcher.wait(timeout=30) for watcher in watchers] == [124] * 3
    counted = re.findall(r"REQUEST_JOB_(?:USER_)?INFO\S* .*count:(\d+)", slurm_cluster.call("sdiag").stdout)
    assert shown >= 6 and sum(map(int, counted)) <= 3, counted
    usual.arctl("cancel", "one")
