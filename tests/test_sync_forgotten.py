"""Jobs that a scheduler no longer knows: said to be unknown after a while, never ended by silence, and recoverable."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from arctl.registry import read, write
from arctl.registry.settle import FORGOTTEN_S
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.states import State
from arctl.sync import sync
from tests.scripted import START, Scripted, append, events, state, submitted


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings(slurm=SlurmSettings(poll_s=1.0)))


def look(workspace: Workspace, slurm: Scripted) -> State:
    sync(workspace, clusters={"slurm": slurm}, force=True)
    return state(workspace)


def age(workspace: Workspace, seconds: float) -> None:
    """Move what was heard of jobs into the past."""
    with sqlite3.connect(workspace.db) as connection:
        connection.execute("UPDATE jobs SET asked_at = asked_at - ?, submitted = submitted - ?", (seconds, seconds))
        connection.execute("UPDATE polls SET asked_at = asked_at - ?1, answered_at = answered_at - ?1", (seconds,))
        connection.execute("UPDATE runs SET created = created - ?, cancelled = cancelled - ?", (seconds, seconds))
    connection.close()


@pytest.mark.parametrize("before", [State.PENDING, State.RUNNING])
def test_a_job_that_nobody_names_any_more_becomes_unknown_and_then_what_the_accounts_say(
    workspace: Workspace, before: State
) -> None:
    slurm = Scripted()
    submitted(workspace)
    slurm.say("77", before)
    assert look(workspace, slurm) is before
    slurm.said.clear()
    age(workspace, FORGOTTEN_S / 2)
    assert look(workspace, slurm) is before, "not at once: accounting may lag"
    age(workspace, FORGOTTEN_S)
    assert look(workspace, slurm) is State.UNKNOWN
    slurm.say("77", State.FAILED, exit_code=3, ended=time.time())
    assert look(workspace, slurm) is State.FAILED


def test_a_trainer_that_still_writes_is_running(workspace: Workspace) -> None:
    slurm = Scripted()
    submitted(workspace)
    slurm.say("77", State.RUNNING)
    look(workspace, slurm)
    slurm.said.clear()
    age(workspace, 2 * FORGOTTEN_S)
    append(workspace, 1, events({**START, "t": time.time()}))
    assert look(workspace, slurm) is State.RUNNING


def test_a_scheduler_that_does_not_answer_makes_nothing_unknown(workspace: Workspace) -> None:
    slurm = Scripted()
    submitted(workspace)
    slurm.say("77", State.RUNNING)
    look(workspace, slurm)
    slurm.down = True
    age(workspace, 5 * FORGOTTEN_S)
    assert look(workspace, slurm) is State.RUNNING


def test_a_forgotten_job_that_was_cancelled_is_cancelled(workspace: Workspace) -> None:
    slurm = Scripted()
    submitted(workspace)
    slurm.say("77", State.RUNNING)
    look(workspace, slurm)
    write.set_cancelled(workspace.db, 1, time.time())
    slurm.said.clear()
    assert look(workspace, slurm) is State.RUNNING, "scancel was a moment ago"
    age(workspace, 100.0)
    assert look(workspace, slurm) is State.CANCELLED
    assert [job.source for job in read.jobs(workspace.db, 1)] == ["scancel"]
