"""Disk and scheduler into the registry: what grew, what a scheduler said, what was lost and found again."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from arctl.clusters.base import Capabilities, JobState, Submission
from arctl.clusters.local import LocalCluster
from arctl.errors import SchedulerError
from arctl.registry import ingest, read, write
from arctl.registry.connect import RegistryDamaged, transaction
from arctl.rundir import RunDir
from arctl.runfile import RunFile, read_run, write_run
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.states import State
from arctl.sync import sync

FORK = multiprocessing.get_context("fork")


@dataclass
class Scripted:
    """A cluster that says what a test wants."""

    name: str = "slurm"
    said: dict[str, JobState] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    down: bool = False
    asked: int = 0
    looked: int = 0

    def capabilities(self) -> Capabilities:
        return Capabilities(arrays=True, accounting=True, time_limit=True, gpus=True)

    def submit(self, submission: Submission) -> str:
        raise AssertionError("a sync never submits")

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        self.asked += 1
        if self.down:
            raise SchedulerError("squeue: error: slurm_load_jobs: Unable to contact controller", cure="wait")
        return {job_id: self.said[job_id] for job_id in job_ids if job_id in self.said}

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        self.looked += 1
        if self.down:
            raise SchedulerError("nobody answered")
        return {token: self.tokens[token] for token in tokens if token in self.tokens}

    def cancel(self, job_ids: Sequence[str]) -> None:
        raise AssertionError("a sync never cancels")

    def log_path(self, run_dir: Path, job_id: str) -> Path:
        return RunDir(run_dir).log(job_id)

    def say(self, job_id: str, state: State, *, at: float | None = None, **more: object) -> None:
        at = time.time() if at is None else at
        self.said[job_id] = JobState(job_id, state, at, "squeue", **more)  # type: ignore[arg-type]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(root=tmp_path, settings=Settings(slurm=SlurmSettings(poll_s=30.0)))


@pytest.fixture
def slurm() -> Scripted:
    return Scripted()


def submitted(workspace: Workspace, *, job_id: str | None = "77", created: float | None = None, **more: object) -> int:
    """Make a run as a submission does: row, directory, job."""
    created = time.time() - 60 if created is None else created
    token = f"arctl-{os.urandom(6).hex()}"
    number = write.new_run(
        workspace.db, name="r3d", token=token, created=created, cluster="slurm", template="single", model="r3d_tiny",
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    workspace.run_dir(number).mkdir()
    record = RunFile(
        number=number, token=token, name="r3d", created=created, template="single", cluster="slurm", model="r3d_tiny"
    )
    if job_id is not None:
        record = record.with_job("slurm", job_id, created)
        write.record_job(workspace.db, number, cluster="slurm", job_id=job_id, submitted=created)
    write_run(RunDir(workspace.run_dir(number)).run_yaml, record)
    return number


def events(*items: Mapping[str, object], first: int = 0, t: float = 1000.0) -> bytes:
    lines = (json.dumps({"seq": first + place, "t": t + place, **item}) for place, item in enumerate(items))
    return b"".join(b"\n" + line.encode() for line in lines) + b"\n"


START = {"kind": "start", "contract": 1, "attempt": "77.0", "host": "n1", "pid": 1, "epochs": 4, "resumed_step": None}
END = {"kind": "end", "status": "completed", "exit_code": 0, "epoch": 4, "step": 40}


def step(number: int, value: float = 0.5) -> dict[str, object]:
    return {"kind": "step", "step": number, "epoch": number / 10, "metrics": {"step/loss": value}}


def append(workspace: Workspace, number: int, content: bytes, *, attempt: str = "77.0") -> Path:
    path = RunDir(workspace.run_dir(number)).events(attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path


def values(workspace: Workspace, number: int = 1) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in read.curve(workspace.db, number, "step/loss")]


def state(workspace: Workspace, number: int = 1) -> State:
    row = read.run(workspace.db, number)
    assert row is not None
    return row.state


def test_an_empty_workspace_costs_nothing_and_makes_nothing(workspace: Workspace) -> None:
    assert sync(workspace).runs == 0
    assert not workspace.db.exists()


def test_only_what_grew_is_read(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    assert sync(workspace, clusters={"slurm": slurm}).events == 0
    append(workspace, 1, events(START, step(1), step(2)) + b'{"seq": 3, "t"')
    assert sync(workspace, clusters={"slurm": slurm}).events == 3
    assert sync(workspace, clusters={"slurm": slurm}).events == 0
    append(workspace, 1, b': 5.0, "kind": "step", "step": 3, "epoch": 0.3, "metrics": {"step/loss": 0.25}}\n')
    assert sync(workspace, clusters={"slurm": slurm}).events == 1
    assert values(workspace) == [(1, 0.5), (2, 0.5), (3, 0.25)]
    row = read.run(workspace.db, 1)
    assert row is not None and (row.epochs, row.step, row.epoch, row.attempts) == (4, 3, 0.3, 1)


def test_a_sync_without_news_writes_nothing(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    slurm.say("77", State.RUNNING, node="n1")
    append(workspace, 1, events(START, step(1)))
    sync(workspace, clusters={"slurm": slurm})
    before = workspace.db.stat().st_mtime_ns
    for _ in range(3):
        sync(workspace, clusters={"slurm": slurm})
    assert workspace.db.stat().st_mtime_ns == before


def test_damaged_lines_are_counted_with_their_place_and_the_others_live(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    good = events(START, step(1))
    path = append(
        workspace, 1, good + b"\xff\xfe garbage\n" + events(step(2), first=2) + b"[1]\n" + events(step(3), first=3)
    )
    report = sync(workspace, clusters={"slurm": slurm})
    assert (report.events, report.damaged) == (4, 2)
    assert report.troubles == (f"run1 77.0/events.jsonl, byte {len(good)}: not UTF-8",)
    assert [number for number, _ in values(workspace)] == [1, 2, 3]
    assert path.read_bytes().startswith(good)
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 2


def test_a_seq_that_was_seen_is_ignored_and_one_damaged_digit_hides_nothing(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1), step(2)))
    append(workspace, 1, events(step(2, 9.0), first=2))
    append(workspace, 1, events(step(3), first=900_003) + events(step(4), step(5), first=4))
    sync(workspace, clusters={"slurm": slurm})
    append(workspace, 1, events(step(6), first=6) + events(step(1, 9.0), first=1))
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(number, 0.5) for number in range(1, 7)]


def test_cut_at_every_byte_and_read_at_every_cut_nothing_is_lost_or_doubled(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    whole = events(START, step(1), step(2), END)
    for cut in range(len(whole)):
        append(workspace, 1, whole[cut : cut + 1])
        if cut % 3 == 0:
            sync(workspace, clusters={"slurm": slurm})
    sync(workspace, clusters={"slurm": slurm})
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 0
    assert values(workspace) == [(1, 0.5), (2, 0.5)]
    assert read.attempts(workspace.db, 1)[0].status == "completed"


def test_flipped_bytes_cost_at_most_their_own_lines(workspace: Workspace, slurm: Scripted) -> None:
    whole = events(START, *(step(number) for number in range(1, 40)))
    path = None
    for place in range(0, len(whole), 131):
        number = submitted(workspace, job_id=str(1000 + place))
        flipped = bytearray(whole)
        flipped[place] ^= 0x15
        path = append(workspace, number, bytes(flipped), attempt=f"{1000 + place}.0")
        os.utime(path, (time.time() - 300,) * 2)
    sync(workspace, clusters={"slurm": slurm})
    rows = read.runs(workspace.db)
    assert len(rows) > 15
    for row in rows:
        kept = {number for number, _ in values(workspace, row.number)}
        assert len(kept & set(range(1, 40))) >= 37, row.number


def test_a_requeued_run_goes_on_in_a_new_attempt(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0), step(3, 1.0)))
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm})
    slurm.say("77", State.PENDING, reason="BeginTime")
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert state(workspace) is State.PENDING
    again = {**START, "attempt": "77.1", "resumed_step": 2}
    append(workspace, 1, events(again, step(3, 2.0)), attempt="77.1")
    slurm.say("77", State.RUNNING)
    sync(workspace, clusters={"slurm": slurm}, force=True)
    assert values(workspace) == [(1, 1.0), (2, 1.0), (3, 2.0)]
    assert [attempt.name for attempt in read.attempts(workspace.db, 1)] == ["77.0", "77.1"]
    assert state(workspace) is State.RUNNING


def test_an_older_attempt_that_appears_late_is_put_in_its_place(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events({**START, "resumed_step": 1}, step(2, 2.0)), attempt="77.1")
    sync(workspace, clusters={"slurm": slurm})
    append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0)), attempt="77.0")
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(1, 1.0), (2, 2.0)]
    assert [attempt.name for attempt in read.attempts(workspace.db, 1)] == ["77.0", "77.1"]


def test_attempts_outside_of_a_job_follow_their_claims_not_their_process_ids(
    workspace: Workspace, slurm: Scripted
) -> None:
    submitted(workspace)
    for name, at, value in (("local-900.0", 100.0, 1.0), ("local-31.0", 200.0, 2.0)):
        path = append(workspace, 1, events(START, step(1, value)), attempt=name)
        path.with_name("claim.json").write_text(json.dumps({"attempt": name, "time": at}))
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace) == [(1, 2.0)]


@pytest.mark.parametrize("how", ["cut", "replaced"])
def test_a_cut_or_replaced_event_file_is_read_again(workspace: Workspace, slurm: Scripted, how: str) -> None:
    submitted(workspace)
    path = append(workspace, 1, events(START, step(1, 1.0), step(2, 1.0), step(3, 1.0)))
    sync(workspace, clusters={"slurm": slurm})
    fresh = events(START, step(1, 2.0))
    if how == "cut":
        path.write_bytes(fresh)
    else:
        other = path.with_name("other")
        other.write_bytes(fresh + events(step(2, 2.0), step(3, 2.0), step(4, 2.0), first=2))
        other.replace(path)
    sync(workspace, clusters={"slurm": slurm})
    assert values(workspace)[0] == (1, 2.0) and len(values(workspace)) == (1 if how == "cut" else 4)
    row = read.run(workspace.db, 1)
    assert row is not None and row.metrics["step/loss"].max == 2.0


def test_one_bad_run_does_not_stop_the_others(workspace: Workspace, slurm: Scripted) -> None:
    for job_id in ("1", "2", "3"):
        submitted(workspace, job_id=job_id)
    path = append(workspace, 1, b"", attempt="1.0")
    path.unlink()
    path.symlink_to("/etc/passwd")
    (workspace.run_dir(2) / "attempts").write_text("no directory")
    append(workspace, 3, events(START, step(1)), attempt="3.0")
    report = sync(workspace, clusters={"slurm": slurm})
    assert len(report.troubles) == 1 and "run1" in report.troubles[0]
    assert values(workspace, 3) == [(1, 0.5)]


def test_a_deleted_run_directory_keeps_its_row(workspace: Workspace, slurm: Scripted) -> None:
    submitted(workspace)
    append(workspace, 1, events(START, step(1)))
    sync(workspace, clusters={"slurm": slurm})
    shutil.rmtree(workspace.run_dir(1))
    assert sync(workspace, clusters={"slurm": slurm}).troubles == ()
    assert values(workspace) == [(1, 0.5)]


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


def test_a_registry_that_is_missing_beside_runs_is_no_empty_list(workspace: Workspace) -> None:
    submitted(workspace)
    workspace.db.unlink()
    with pytest.raises(RegistryDamaged, match="arctl rebuild"):
        sync(workspace)


def _sync_for(workspace: Workspace, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sync(workspace, clusters={"slurm": Scripted()})


def test_several_syncs_some_of_them_killed_store_each_event_once(workspace: Workspace) -> None:
    submitted(workspace)
    written = 0
    workers = [FORK.Process(target=_sync_for, args=(workspace, 1.5)) for _ in range(4)]
    append(workspace, 1, events(START))
    for worker in workers:
        worker.start()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        append(workspace, 1, events(step(written + 1, written * 0.5), first=written + 1))
        written += 1
        time.sleep(0.002)
        if written == 80:
            assert workers[0].pid is not None
            os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers[1:]] == [0, 0, 0]
    sync(workspace, clusters={"slurm": Scripted()})
    assert values(workspace) == [(number, (number - 1) * 0.5) for number in range(1, written + 1)]
    row = read.run(workspace.db, 1)
    assert row is not None and row.damaged == 0
    connection = sqlite3.connect(workspace.db)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


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
