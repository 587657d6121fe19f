"""Hand-overs that never came back: one question for all of them, jobs adopted beside older ones, nothing sent twice."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from arctl.healing import HEAL_AFTER_S, LOST_AFTER_S
from arctl.registry import read, write
from arctl.rundir import RunDir
from arctl.runfile import change_run, read_run
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.states import State
from arctl.sync import sync
from tests.scripted import END, START, Scripted, append, events, state, submitted

NEW = "arctl-ffffffffffff"


class Counting(Scripted):
    """Remembers what it was asked to find."""

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        self.sought = sorted(tokens)
        return super().find(tokens, since=since)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings(slurm=SlurmSettings(poll_s=30.0)))


@pytest.fixture
def slurm() -> Counting:
    return Counting()


def token(workspace: Workspace, number: int) -> str:
    row = read.run(workspace.db, number)
    assert row is not None
    return row.token


def resumed(workspace: Workspace, *, ago: float) -> None:
    """Hand a further job of run 1 over, and lose the answer, as `launch.resume` may."""
    at = time.time() - ago
    write.begin_again(workspace.db, 1, token=NEW, at=at, submitter="here:1")
    change_run(RunDir(workspace.run_dir(1)).run_yaml, lambda run: run.handed_over_again(NEW, at))


def test_all_lost_tokens_are_one_question(workspace: Workspace, slurm: Counting) -> None:
    for _ in range(30):
        submitted(workspace, job_id=None)
    wanted = sorted(token(workspace, number) for number in range(1, 31))
    slurm.tokens = {one: str(100 + place) for place, one in enumerate(wanted) if place % 3}
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert slurm.looked == 1 and slurm.sought == wanted
    rows = {row.token: row for row in read.runs(workspace.db)}
    assert {one: rows[one].job_id for one in wanted} == {one: slurm.tokens.get(one) for one in wanted}
    assert {rows[one].submission for one in slurm.tokens} == {"submitted"}


def test_a_resumed_run_adopts_its_further_job_beside_the_old_one(workspace: Workspace, slurm: Counting) -> None:
    submitted(workspace, job_id="77", created=time.time() - 7200)
    first = token(workspace, 1)
    append(workspace, 1, events(START, {**END, "status": "interrupted", "exit_code": 143}))
    slurm.say("77", State.TIMEOUT, token=first, ended=time.time() - 3700)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    resumed(workspace, ago=60)
    assert state(workspace) is State.SUBMITTING
    slurm.tokens = {NEW: "88", first: "77"}
    slurm.say("88", State.RUNNING, token=NEW)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert slurm.sought == [NEW]
    assert [(job.job_id, job.token) for job in read.jobs(workspace.db, 1)] == [("77", first), ("88", None)]
    row = read.run(workspace.db, 1)
    assert row is not None and (row.state, row.job_id, row.submission) == (State.RUNNING, "88", "submitted")
    assert [job.id for job in read_run(RunDir(workspace.run_dir(1)).run_yaml).jobs] == ["77", "88"]


def test_an_older_job_of_a_resumed_run_is_not_taken_for_a_strangers(workspace: Workspace, slurm: Counting) -> None:
    submitted(workspace, job_id="77", created=time.time() - 600)
    first = token(workspace, 1)
    slurm.say("77", State.RUNNING, token=first)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    resumed(workspace, ago=60)
    slurm.say("77", State.TIMEOUT, token=first, ended=time.time())
    report = sync(workspace, clusters={"slurm": slurm}, force=True)
    assert report.troubles == ()
    assert read.jobs(workspace.db, 1)[0].state is State.TIMEOUT


def test_that_there_is_no_job_is_believed_late_and_said_once(workspace: Workspace, slurm: Counting) -> None:
    ages = {1: HEAL_AFTER_S / 2, 2: LOST_AFTER_S - 20, 3: LOST_AFTER_S + 20, 4: LOST_AFTER_S + 20}
    for number, age in ages.items():
        submitted(workspace, job_id=None, created=time.time() - age)
        if number == 4:
            write.set_submission(workspace.db, 4, "unconfirmed", "sbatch gave no answer within 150 s")
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert len(slurm.sought) == 3, "a hand-over may still be under way"
    rows = {row.number: row for row in read.runs(workspace.db)}
    assert [rows[number].state for number in (1, 2, 3, 4)] == [State.SUBMITTING] * 2 + [State.UNCONFIRMED] * 2
    for number in (3, 4):
        assert f"no job carries {rows[number].token}" in str(rows[number].message)
    before = workspace.db.stat().st_mtime_ns
    sync(workspace, clusters={"slurm": slurm})
    assert workspace.db.stat().st_mtime_ns == before
    slurm.tokens = {rows[4].token: "99"}
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert state(workspace, 4) is State.PENDING, "and a job that turns up later is adopted all the same"


def test_a_scheduler_that_is_silent_decides_nothing(workspace: Workspace, slurm: Counting) -> None:
    submitted(workspace, job_id=None, created=time.time() - LOST_AFTER_S - 60)
    slurm.down = True
    report = sync(workspace, clusters={"slurm": slurm}, force=True)
    assert report.scheduler_errors and state(workspace) is State.SUBMITTING


def test_a_requeued_run_that_waits_is_not_asked_after_ever_again(workspace: Workspace, slurm: Counting) -> None:
    """Its trainer has ended, its job has not: that alone makes nobody hurry."""
    submitted(workspace)
    append(workspace, 1, events(START, {**END, "status": "interrupted", "exit_code": 143}))
    slurm.say("77", State.PENDING, reason="BeginTime")
    sync(workspace, clusters={"slurm": slurm}, force=True)
    from arctl.registry import ingest
    from arctl.registry.connect import transaction

    with transaction(workspace.db) as connection:
        ingest.start_poll(connection, "slurm", at=time.time() - 20, least_s=0.0)
    asked = slurm.asked
    sync(workspace, clusters={"slurm": slurm})
    assert slurm.asked == asked
