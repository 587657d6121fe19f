"""All that is known of one run, gathered once and shown as text or JSON."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from arctl.cli.history import show_history
from arctl.cli.tables import (
    Cell,
    Column,
    age_text,
    epoch_text,
    heading,
    say,
    show_table,
    span_text,
    state_cell,
    value_text,
    when_text,
)
from arctl.errors import NotFoundError
from arctl.evaluation import KEPT, of_run
from arctl.facts import Facts, read_facts
from arctl.forecast import Outlook, outlooks
from arctl.lineage import Lineage, lineage
from arctl.registry import read
from arctl.registry.rows import AttemptRow, JobRow, RunRow
from arctl.request import Evaluation
from arctl.rundir import RunDir, run_name
from arctl.settings import Workspace
from arctl.text import safe_line
from arctl.timeline import Moment, timeline


@dataclass(frozen=True)
class Known:
    """One run with its jobs, attempts, set-up and files."""

    row: RunRow
    jobs: tuple[JobRow, ...]
    attempts: tuple[AttemptRow, ...]
    facts: Facts
    files: RunDir
    asked: Evaluation | None
    """What it scores, where it is an evaluation."""
    evaluations: tuple[tuple[RunRow, Evaluation | None], ...]
    """The runs that score this one, newest first, and how."""
    outlook: Outlook | None
    """When it will end, where it runs."""
    moments: tuple[Moment, ...]
    """What happened to it, oldest first."""
    lineage: Lineage
    """The runs that it repeats and that repeat it."""


def gather(workspace: Workspace, number: int) -> Known:
    """Read everything of a run. Raises NotFoundError for an unknown one."""
    row = read.run(workspace.db, number)
    if row is None:
        raise NotFoundError(f"no run {run_name(number)}", cure="`arctl ls` lists them")
    directory = workspace.run_dir(number)
    jobs, attempts = read.jobs(workspace.db, number), read.attempts(workspace.db, number)
    asked = None if row.evaluates is None else of_run(workspace, number)
    scored = tuple((one, of_run(workspace, one.number)) for one in read.evaluations(workspace.db, number))
    outlook = outlooks(workspace.db, [row]).get(number)
    moments = timeline(row, jobs, attempts, now=time.time())
    known = (row, tuple(jobs), tuple(attempts), read_facts(directory), RunDir(directory), asked, scored, outlook)
    return Known(*known, moments, lineage(workspace.db, number))


def show(known: Known) -> None:
    """Print all of it, the state and why first."""
    row = known.row
    say(Cell(f"{run_name(row.number)} {row.name}", "bold"), "  ", state_cell(row.state), _reached(row))
    for line in _why(row):
        say(Cell(line, "red" if row.message else "yellow"))
    pairs = [(key, text) for key, text in _facts(known) if text]
    width = max(len(key) for key, _ in pairs)
    for key, text in pairs:
        say(Cell(f"{key:<{width}}  ", "dim"), safe_line(text))
    show_history(known.moments)
    _show_metrics(row)
    _show_evaluations(known)
    _show_setup(known.facts)
    _show_files(known)


def _reached(row: RunRow) -> str:
    return "" if row.epoch is None and row.epochs is None else f"  epoch {epoch_text(row.epoch, row.epochs)}"


def _why(row: RunRow) -> list[str]:
    lines = [safe_line(row.message)] if row.message else []
    if row.reason and not row.ended:
        lines.append(f"waits: {safe_line(row.reason)}")
    if row.damaged:
        lines.append(f"{row.damaged} event lines could not be read")
    if row.dropped:
        lines.append(f"{row.dropped} values were left out: the run has too many metric names")
    return lines


def _facts(known: Known) -> list[tuple[str, str]]:
    row = known.row
    words = " ".join(word for word in (row.model, f"on {row.data}" if row.data else None, row.preset) if word)
    return [
        ("model", words),
        ("job", _job(row)),
        *[("scheduler", _scheduler(job)) for job in known.jobs],
        *[("trainer", _attempt(attempt)) for attempt in known.attempts],
        ("created", f"{when_text(row.created)}, {age_text(row.created)} ago"),
        ("ran", _ran(row)),
        ("ends", known.outlook.words() if known.outlook else ""),
        ("tags", " ".join(row.tags)),
        ("note", row.note),
        ("sweep", row.sweep or ""),
        ("group", row.group or ""),
        ("repeats", run_name(row.rerun_of) if row.rerun_of else ""),
        ("evaluates", _scored(row.evaluates, known.asked) if row.evaluates else ""),
        ("asked to cancel", when_text(row.cancelled) if row.cancelled else ""),
    ]


def _job(row: RunRow) -> str:
    place = f" on {row.node}" if row.node else ""
    job = f"{row.job_id} " if row.job_id else f"none ({row.submission}) "
    ended = f", exit status {row.exit_code}" if row.exit_code is not None else ""
    ended += f", signal {row.signal}" if row.signal else ""
    return f"{job}{row.cluster}{place}, template {row.template}{ended}"


def _scheduler(job: JobRow) -> str:
    if job.state is None:
        return f"has not spoken of job {job.job_id} yet"
    said = "" if job.asked_at is None else f" {age_text(job.asked_at)} ago"
    status = f", exit status {job.exit_code}" if job.exit_code is not None else ""
    return f"job {job.job_id} is {job.state.value.replace('_', ' ')}{status} ({job.source}{said})"


def _attempt(attempt: AttemptRow) -> str:
    host = f" on {attempt.host}" if attempt.host else ""
    resumed = f", from step {attempt.resumed_step}" if attempt.resumed_step else ""
    if attempt.status is None:
        ended = f", last heard {age_text(attempt.last_event)} ago" if attempt.last_event else ""
    else:
        ended = f", {attempt.status}" + (f": {attempt.message}" if attempt.message else "")
    warned = f", {attempt.warnings} warnings, the newest: {attempt.last_warning}" if attempt.warnings else ""
    return f"attempt {attempt.ordinal}{host}{resumed}{ended}{warned}"


def _ran(row: RunRow) -> str:
    if row.started is None:
        return ""
    until = row.ended if row.ended is not None else time.time()
    return f"{span_text(until - row.started)}, from {when_text(row.started)}"


def _show_metrics(row: RunRow) -> None:
    if not row.metrics:
        return
    columns = (Column("metric"), Column("last", right=True), Column("best", right=True), Column("at epoch", right=True))
    rows = [
        (
            name,
            value_text(name, summary.last),
            value_text(name, summary.best),
            "-" if summary.best_epoch is None else f"{summary.best_epoch:g}",
        )
        for name, summary in sorted(row.metrics.items())
    ]
    show_table(columns, rows, title="Metrics")


def _scored(number: int, asked: Evaluation | None) -> str:
    return f"{run_name(number)}: {_words(asked)}" if asked else run_name(number)


def _words(asked: Evaluation) -> str:
    """Return how a run is scored: `val, 10x3 views, best; shuffled, still; speed`."""
    more = [", ".join(asked.probes), "speed" if asked.speed else ""]
    name = asked.checkpoint if asked.checkpoint in KEPT else Path(asked.checkpoint).name
    return "; ".join([f"{asked.split}, {asked.views} views, {name}", *filter(None, more)])


def _top1(row: RunRow, asked: Evaluation | None) -> str:
    found = row.metrics.get(f"{asked.split}@{asked.views}/top1") if asked else None
    return value_text("top1", found.last if found else None)


def _show_evaluations(known: Known) -> None:
    if not known.evaluations:
        return
    columns = (
        Column("run"),
        Column("state"),
        Column("scores", shrink=True),
        Column("top-1 of videos", right=True),
        Column("age", right=True, drop=1),
    )
    rows = [
        (
            Cell(run_name(row.number), "bold"),
            state_cell(row.state),
            _words(asked) if asked else "its run.yaml cannot be read",
            _top1(row, asked),
            Cell(age_text(row.created), "dim"),
        )
        for row, asked in known.evaluations
    ]
    show_table(columns, rows, title="Evaluations")


def _show_setup(facts: Facts) -> None:
    groups: dict[str, list[str]] = {}
    for key, value in facts.values.items():
        head, _, rest = key.partition(".")
        groups.setdefault(head if rest else "run", []).append(f"{rest or head} {_plain(value)}")
    if groups:
        rows = [(head, Cell(", ".join(entries))) for head, entries in groups.items()]
        heading("Set-up")
        for head, entries in rows:
            say(Cell(f"{head:<9}  ", "dim"), safe_line(entries.text, limit=4096))
    for trouble in facts.troubles:
        say(Cell(trouble, "yellow"))


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _show_files(known: Known) -> None:
    heading("Files")
    logs = known.files.logs()
    say(_near(known.files.path))
    if not known.files.path.is_dir():
        say("it is missing: moved or deleted? What is known of the run stays; back in its place, it is read again")
    if logs:
        say(f"{logs[-1].name}  ", Cell(f"arctl logs {run_name(known.row.number)}", "dim"))
    files = known.files.prediction_names()
    kept = [file for file in files if not file.variant]
    if kept:
        epochs = ", ".join(f"{file.split} {file.epoch}" for file in kept[-6:])
        say(f"predictions after {epochs}  ", Cell(f"arctl confusion {run_name(known.row.number)}", "dim"))
    evaluated = [f"{file.split} {file.epoch} {file.variant}" for file in files if file.variant]
    if evaluated:
        say(f"evaluated: {', '.join(evaluated[-6:])}  ", Cell(f"arctl metrics {run_name(known.row.number)}", "dim"))


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
