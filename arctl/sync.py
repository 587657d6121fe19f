"""Disk and scheduler -> registry: what has grown, one question to each cluster, lost jobs found by their token.

Cheap where nothing has changed (nothing is written), safe to repeat, to interrupt, and to run in several processes. A
query that fails or does not mention a job changes no state.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from arctl import chores, healing
from arctl.errors import ArctlError
from arctl.healing import LOST_AFTER_S
from arctl.intake import Restarted, fresh_news, read_again
from arctl.rebuild import RebuildReport, rebuild
from arctl.registry import ingest, lease, read
from arctl.registry.connect import RegistryBusy, RegistryFull, RegistryReadOnly, transaction
from arctl.registry.ingest import AttemptNews
from arctl.registry.rows import JobRow, WatchedRun
from arctl.registry.settle import FORGOTTEN_S, GRACE_S, REQUEUED, settle
from arctl.rundir import RunDir, run_name
from arctl.settings import Workspace
from arctl.states import ENDED, LIVE, State

if TYPE_CHECKING:
    from arctl.clusters.base import Cluster, JobState

__all__ = ["LOST_AFTER_S", "RebuildReport", "SyncReport", "rebuild", "sync"]

SOON_S = 10.0
"""A cluster is asked after this time already where a trainer has written its end record, seconds."""

HEARD_S = 30.0
"""How old the stored time of an unchanged answer may grow, so that an unchanged job costs no write, seconds."""

BATCH = 20_000
"""Points that are stored in one transaction."""


@dataclass(frozen=True)
class SyncReport:
    """What a sync found."""

    runs: int
    """Runs that were looked at."""
    events: int
    """New event lines."""
    damaged: int
    """New lines that could not be read."""
    scheduler_errors: tuple[str, ...] = ()
    """Clusters that did not answer, one line each: what is shown of their jobs is as old as the line says."""
    asked: bool = False
    """Whether any cluster was asked."""
    troubles: tuple[str, ...] = ()
    """What else went wrong, one line each: damaged lines, unreadable files, a registry that cannot be written."""


def sync(workspace: Workspace, *, clusters: Mapping[str, Cluster] | None = None, force: bool = False) -> SyncReport:
    """Bring the registry up to date with the run directories and the schedulers.

    `clusters` stands in for those of the workspace; `force` asks them whatever the poll interval says. Raises
    ArctlError only where the registry cannot be read at all; everything else is in the report.
    """
    runs = read.watched(workspace.db)
    look = _Sync(workspace, clusters, force=force, now=time.time())
    if runs:
        try:
            look.read_events(runs)
            for name in sorted({run.cluster for run in runs}):
                look.ask(name, [run for run in runs if run.cluster == name])
            look.settle_due(runs)
            look.explain_failures()
        except (RegistryReadOnly, RegistryFull, RegistryBusy) as error:
            look.troubles.append(str(error))
    if (taken := lease.news(workspace.db)) is not None:
        look.troubles.append(taken)
    chores.catch_up(workspace)
    said = tuple(look.scheduler_errors), look.asked, tuple(look.troubles)
    return SyncReport(len(runs), look.events, look.damaged, *said)


@dataclass
class _Sync:
    """One sync under way."""

    workspace: Workspace
    clusters: Mapping[str, Cluster] | None
    force: bool
    now: float
    events: int = 0
    damaged: int = 0
    held: int = 0
    asked: bool = False
    scheduler_errors: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    ended_trainers: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    unexplained: set[int] = field(default_factory=set)

    def read_events(self, runs: Iterable[WatchedRun], *, thorough: bool = False) -> None:
        """Store what event files say beyond what is known, several runs in one transaction."""
        pending: list[AttemptNews] = []
        for run in runs:
            try:
                self._read_run(run, pending, thorough=thorough)
            except (RegistryReadOnly, RegistryFull, RegistryBusy):
                raise
            except (ArctlError, OSError) as error:
                self.troubles.append(f"{run_name(run.number)}: {error}")
        self._store(pending)

    def ask(self, name: str, runs: Sequence[WatchedRun]) -> None:
        """Ask one cluster after all its live jobs, and after the jobs of hand-overs that never came back."""
        jobs = {run.job.job_id: run for run in runs if run.job and _can_change(run.job)}
        lost = [run for run in runs if healing.is_lost(run, now=self.now)]
        if not (jobs or lost) or not self._may_ask(name, jobs.values()):
            return
        self.asked = True
        try:
            cluster = self._cluster(name, jobs.values(), lost)
            since = min((run.job.submitted for run in jobs.values() if run.job), default=None)
            told = cluster.states(list(jobs), since=since) if jobs else {}
            tokens = [run.token for run in lost]
            found = cluster.find(tokens, since=min(run.created for run in lost) - 60) if lost else {}
        except ArctlError as error:
            self.scheduler_errors.append(f"{name} did not answer, its jobs are shown as they were: {error}")
            self._polled(name, str(error))
            return
        self._polled(name, None)
        told = {**told, **healing.cancelled_unseen(jobs, told, now=self.now)}
        facts = [fact for job_id, state in told.items() if (fact := self._fact(jobs.get(job_id), state))]
        by_number = {run.number: run for run in runs}
        ended = [by_number[fact.run] for fact in facts if fact.state in ENDED]
        now = [replace(run, offsets=read.offsets(self.workspace.db, run.number)) for run in ended]
        self.read_events(now, thorough=True)
        self._store_facts(facts)
        for run in lost:
            trouble = healing.heal(self.workspace, run, found.get(run.token), now=self.now, settle=self._settle)
            self.troubles += [trouble] if trouble else []

    def settle_due(self, runs: Sequence[WatchedRun]) -> None:
        """Settle runs whose headline changes with time alone."""
        due = [run.number for run in runs if run.number not in self.settled and _due(run, self.now)]
        if due:
            with transaction(self.workspace.db) as connection:
                self._settle(connection, due)

    def explain_failures(self) -> None:
        """Give runs that failed without a word the sentence of their autopsy, or the last line of their log."""
        for number in sorted(self.unexplained):
            try:
                message = _last_words(self.workspace, number)
            except (ArctlError, OSError) as error:
                message = f"the log cannot be read: {error}"
            with transaction(self.workspace.db) as connection:
                ingest.set_message(connection, number, message)

    def _read_run(self, run: WatchedRun, pending: list[AttemptNews], *, thorough: bool) -> None:
        try:
            for news in fresh_news(
                RunDir(self.workspace.run_dir(run.number)), run.number, run.offsets, thorough=thorough
            ):
                pending.append(news)
                self.held += news.values
                if self.held >= BATCH:
                    self._store(pending)
        except Restarted:
            self._store(pending)
            known = read.offsets(self.workspace.db, run.number)
            with suppress(Restarted):
                for news in read_again(self.workspace, run.number, known, now=self.now):
                    self._count(news)

    def _store(self, pending: list[AttemptNews]) -> None:
        if not pending:
            return
        with transaction(self.workspace.db) as connection:
            ids: dict[str, int] = {}
            stored = [news for news in pending if ingest.store_news(connection, news, ids=ids)]
            self._settle(connection, {news.run for news in stored})
        for news in stored:
            self._count(news)
        pending.clear()
        self.held = 0

    def _count(self, news: AttemptNews) -> None:
        self.events += news.events
        self.damaged += news.damaged
        if news.trouble:
            self.troubles.append(news.trouble)
        if news.status:
            self.ended_trainers.add(news.run)

    def _may_ask(self, name: str, runs: Iterable[WatchedRun]) -> bool:
        """Tell whether it is time to look; all arctl of a workspace take turns. This machine is always asked.

        Slurm itself is asked more seldom yet: `SlurmCluster` gives what any arctl of this user heard lately.
        """
        if name == "local":
            return True
        asked_at, answered_at, error = read.polled(self.workspace.db, name)
        least_s = 0.0 if self.force else self.workspace.settings.slurm.poll_s
        least_s = min(least_s, SOON_S) if self._soon(runs) else least_s
        if not 0 <= self.now - asked_at < least_s:
            with transaction(self.workspace.db) as connection:
                if ingest.start_poll(connection, name, at=self.now, least_s=least_s):
                    return True
        if error:
            since = "" if answered_at is None else time.strftime(" since %H:%M:%S", time.localtime(answered_at))
            self.scheduler_errors.append(f"{name} has not answered{since}, its jobs are shown as they were: {error}")
        return False

    def _soon(self, runs: Iterable[WatchedRun]) -> bool:
        """Tell whether a trainer has ended whose job has not, as far as is known; a requeued one waits its time."""
        ended = (run for run in runs if run.trainer or run.number in self.ended_trainers)
        return any(run.job is None or run.job.state is not State.PENDING for run in ended)

    def _polled(self, name: str, error: str | None) -> None:
        if name != "local":
            with transaction(self.workspace.db) as connection:
                ingest.end_poll(connection, name, at=time.time(), error=error)

    def _cluster(self, name: str, runs: Collection[WatchedRun], lost: Sequence[WatchedRun]) -> Cluster:
        if self.clusters is not None and name in self.clusters:
            return self.clusters[name]
        if name == "slurm":
            from arctl.clusters.slurm import SlurmCluster

            age = 0.0 if self.force else SOON_S if self._soon(runs) else None
            news = [run.job.submitted for run in runs if run.job and run.job.state is None]
            news += [healing.settled_after(run, now=self.now) for run in lost]
            tokens = {run.job.job_id: _token(run) for run in runs if run.job}
            settings = self.workspace.settings.slurm
            return SlurmCluster(settings, max_age_s=age, newer_than=max(news, default=0.0), tokens=tokens)
        from arctl.clusters import open_cluster

        return open_cluster(name, self.workspace)

    def _fact(self, run: WatchedRun | None, said: JobState) -> JobRow | None:
        """Return what is new in what a scheduler said of a run's job; None where nothing is."""
        if run is None or run.job is None or said.state not in (*ENDED, State.PENDING, State.RUNNING, State.SUSPENDED):
            return None
        if said.token is not None and said.token != _token(run):
            self.troubles.append(f"{run_name(run.number)}: {run.cluster} has given job {said.job_id} to somebody else")
            return None
        same = ("state", "source", "exit_code", "signal", "node", "reason", "started", "ended")
        fact = replace(run.job, asked_at=said.at, **{name: getattr(said, name) for name in same})
        unchanged = replace(fact, asked_at=run.job.asked_at) == run.job
        return None if unchanged and said.at - (run.job.asked_at or 0.0) < HEARD_S else fact

    def _store_facts(self, facts: Sequence[JobRow]) -> None:
        if facts:
            with transaction(self.workspace.db) as connection:
                for fact in facts:
                    ingest.store_job(connection, fact)
                self._settle(connection, {fact.run for fact in facts})

    def _settle(self, connection: Any, numbers: Iterable[int]) -> None:
        for number in numbers:
            unexplained = settle(connection, number, now=self.now)
            (self.unexplained.add if unexplained else self.unexplained.discard)(number)
            self.settled.add(number)


def _can_change(job: JobRow) -> bool:
    return job.state is None or job.state in LIVE or job.state in REQUEUED


def _token(run: WatchedRun) -> str:
    """Return what names a run's newest known job in the scheduler."""
    return (run.job.token if run.job else None) or run.token


def _due(run: WatchedRun, now: float) -> bool:
    """Tell whether time alone changes a run: files trailed long enough, a grace is over, a scheduler has forgotten."""
    if run.state in ENDED:
        return now - (run.ended or 0.0) >= GRACE_S
    if run.job is None or run.job.state is None:
        return False
    forgotten = now - (run.job.asked_at or now) > FORGOTTEN_S and run.state is not State.UNKNOWN
    return run.job.state in ENDED or forgotten


def _last_words(workspace: Workspace, number: int) -> str:
    """Return one line on why a run failed, from its log, its events and its job."""
    from arctl.autopsy import case_of, one_line

    row, db = read.run(workspace.db, number), workspace.db
    assert row is not None
    jobs = read.jobs(db, number)
    case = case_of(workspace.run_dir(number), row, jobs=jobs, attempts=read.attempts(db, number))
    if jobs and jobs[-1].state is State.COMPLETED:
        return f"the job ended well, but the trainer wrote no good end record: {one_line(case)}"
    return one_line(case)
