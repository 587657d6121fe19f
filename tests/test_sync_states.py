"""What a scheduler said into the registry: asked seldom, believed with care, lost jobs found by their token."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.clusters.base import JobState, Submission
from arctl.clusters.local import LocalCluster
from arctl.registry import ingest, read, write
from arctl.registry.connect import transaction
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.states import State
from arctl.sync import sync
from tests.scripted import END, START, Scripted, append, events, state, step, submitted, values

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings(slurm=SlurmSettings(poll_s=30.0)))


@pytest.fixture
def slurm() -> Scripted:
    return Scripted()


def test_all_jobs_are_asked_for_at_once_and_at_most_every_poll_interval(workspace: Workspace, slurm: Scripted) -> None:
    for job_id in ("1", "2", "3"):
        submitted(workspace, job_id=job_id)
        slurm.say(job_id, State.RUNNING)
    assert sync(workspace, clusters={"slurm": slurm}).asked
    assert not sync(workspace, clusters={"slurm": slurm}).asked
    assert slurm.asked == 1
    assert sync(workspace, clusters={"slurm": slurm}, force=True).asked and slurm.asked == 2
    assert {row.state for row in read.runs(workspace.db)} == {State.RUNNING}


def test_no_state_changes_because_a_scheduler_failed_or_said_nothing(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    slurm.down = True
    report = sync(workspace, clusters={"slurm": slurm}, force=True)
    assert "slurm did not answer" in report.scheduler_errors[0] and state(workspace) is State.RUNNING
    later = sync(workspace, clusters={"slurm": slurm})
    assert not later.asked and "has not answered since" in later.scheduler_errors[0]
    slurm.down = False
    slurm.said.clear()
    assert sync(workspace, clusters={"slurm": slurm}, force=True).scheduler_errors == ()
    assert state(workspace) is State.RUNNING


def test_a_job_id_that_now_belongs_to_somebody_else_changes_nothing(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    slurm.say("77", State.FAILED, token="arctl-ffffffffffff")
    report = sync(workspace, clusters={"slurm": slurm}, force=True)
    assert state(workspace) is State.PENDING and "somebody else" in report.troubles[0]


def test_events_written_before_the_end_are_read_with_the_end(workspace: Workspace, slurm: Scripted) -> None:
    """The job ends between the look at its file and the question to the scheduler."""
    submitted(workspace)
    append(workspace, 1, events(START, step(1)))

    class Ending(Scripted):
        def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
            append(workspace, 1, events(step(2), END, first=2))
            self.say("77", State.COMPLETED, exit_code=0, ended=time.time())
            return super().states(job_ids, since=since)

    sync(workspace, clusters={"slurm": Ending()}, force=True)
    assert state(workspace) is State.COMPLETED and len(values(workspace)) == 2
    assert read.watched(workspace.db) == []


def test_a_trainers_end_makes_the_cluster_be_asked_sooner(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm})
    with transaction(workspace.db) as connection:
        ingest.start_poll(connection, "slurm", at=time.time() - 12, least_s=0.0)
    assert not sync(workspace, clusters={"slurm": slurm}).asked
    append(workspace, 1, events(START, END))
    slurm.say("77", State.COMPLETED, exit_code=0, ended=time.time())
    assert sync(workspace, clusters={"slurm": slurm}).asked
    assert state(workspace) is State.COMPLETED


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (b"epoch 1\n\x1b[31mTraceback\n  ..\nRuntimeError: \x1b]0;x\x07no memory\n\n", "RuntimeError: no memory"),
        (b"", "it ended with exit status 1 and wrote nothing"),
        (None, "it ended with exit status 1 and wrote no log"),
    ],
)  # fmt: skip
def test_a_job_that_failed_without_a_word_says_what_its_log_tells(
    workspace: Workspace, slurm: Scripted, log: bytes | None, message: str
) -> None:
    submitted(workspace)
    if log is not None:
        RunDir(workspace.run_dir(1)).log("77").write_bytes(log)
    slurm.say("77", State.FAILED, exit_code=1, ended=time.time())
    sync(workspace, clusters={"slurm": slurm}, force=True)
    row = read.run(workspace.db, 1)
    assert row is not None and (row.state, row.message, row.exit_code) == (State.FAILED, message, 1)


def test_a_trainer_that_says_why_it_failed_is_quoted(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    RunDir(workspace.run_dir(1)).log("77").write_text("noise\n")
    append(workspace, 1, events(START, {**END, "status": "failed", "exit_code": 1, "message": "loss is NaN at step 7"}))
    slurm.say("77", State.FAILED, exit_code=1, ended=time.time())
    sync(workspace, clusters={"slurm": slurm}, force=True)
    row = read.run(workspace.db, 1)
    assert row is not None and row.message == "loss is NaN at step 7"


def test_a_script_that_hides_a_failure_is_found_out(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    RunDir(workspace.run_dir(1)).log("77").write_text("Killed\n")
    slurm.say("77", State.COMPLETED, at=time.time() - 60, exit_code=0, ended=time.time() - 60)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    row = read.run(workspace.db, 1)
    assert row is not None and row.state is State.FAILED
    assert row.message is not None and "no good end record" in row.message and row.message.endswith("Killed")


@pytest.mark.parametrize("submission", ["submitting", "unconfirmed"])
def test_a_lost_hand_over_is_found_by_its_token(workspace: Workspace, slurm: Scripted, submission: str) -> None:
    submitted(workspace, job_id=None)
    write.set_submission(workspace.db, 1, submission)
    row = read.run(workspace.db, 1)
    assert row is not None
    slurm.tokens[row.token] = "88"
    sync(workspace, clusters={"slurm": slurm}, force=True)
    found = read.run(workspace.db, 1)
    assert found is not None and (found.job_id, found.submission, found.state) == ("88", "submitted", State.PENDING)
    record = read_run(RunDir(workspace.run_dir(1)).run_yaml)
    assert [job.id for job in record.jobs] == ["88"] and record.submission == "submitted"


def test_a_hand_over_that_nobody_knows_is_never_sent_again(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace, job_id=None, created=time.time())
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert slurm.looked == 0 and state(workspace) is State.SUBMITTING
    submitted(workspace, job_id=None, created=time.time() - 60)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert slurm.looked == 1 and state(workspace, 2) is State.SUBMITTING
    submitted(workspace, job_id=None, created=time.time() - 900)
    slurm.down = True
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert state(workspace, 3) is State.SUBMITTING
    slurm.down = False
    sync(workspace, clusters={"slurm": slurm}, force=True)
    row = read.run(workspace.db, 3)
    assert row is not None and row.state is State.UNCONFIRMED
    assert row.message is not None and row.token in row.message


def test_a_real_job_on_this_machine_from_queue_to_failure(workspace: Workspace) -> None:
    cluster = LocalCluster(workspace.state / "local", slots=1)
    number = write.new_run(
        workspace.db, name="own", token="arctl-abcdefabcdef", created=time.time(), cluster="local", template="single",
        expects_events=False,
    )  # fmt: skip
    directory = RunDir(workspace.run_dir(number))
    directory.path.mkdir()
    directory.script.write_text("#!/bin/bash\necho begun\necho 'disk quota exceeded' >&2\nexit 3\n")
    job_id = cluster.submit(
        Submission(
            script=directory.script, run_dir=directory.path, token="arctl-abcdefabcdef", log=directory.log_pattern(),
            directives={"job-name": "arctl-abcdefabcdef"},
        )
    )  # fmt: skip
    write.record_job(workspace.db, number, cluster="local", job_id=job_id, submitted=time.time())
    deadline = time.monotonic() + 15
    while state(workspace, number) is not State.FAILED and time.monotonic() < deadline:
        sync(workspace)
        time.sleep(0.05)
    row = read.run(workspace.db, number)
    assert row is not None
    assert (row.state, row.exit_code, row.message) == (State.FAILED, 3, "disk quota exceeded")
    assert replace(row, metrics={}).job_id == job_id
