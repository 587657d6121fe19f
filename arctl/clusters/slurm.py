"""Slurm, by its own command-line programs; and the one door to simple_slurm, which renders and checks directives.

simple_slurm (0.3.6) neither quotes nor checks values, exits on a bad name, accepts cut names, and cannot be imported
while SQUEUE_FORMAT is set; so values are checked here, its answers are read back, and its `sbatch` is never called.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arctl.clusters import slurm_parse
from arctl.clusters.base import Capabilities, JobState, Submission, element_of, whole_of
from arctl.clusters.slurm_call import no_answer, query, sbatch
from arctl.errors import SchedulerError, UsageError, nearest
from arctl.rundir import RunDir
from arctl.states import ENDED
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.settings import SlurmSettings

_LINE = re.compile(r"#SBATCH --([a-z-]+)(?:\s+(.*))?")
_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\"'\\#]*")


class SlurmCluster:
    """The cluster whose `sbatch` is on PATH."""

    name: str = "slurm"

    def __init__(self, settings: SlurmSettings) -> None:
        self.settings = settings

    def capabilities(self) -> Capabilities:
        """Ask the controller whether it keeps accounts. Raises SchedulerError where it does not answer."""
        done = query(["scontrol", "show", "config"])
        if done.returncode != 0:
            raise no_answer("scontrol", done.stderr)
        accounting = re.search(r"^AccountingStorageType\s*=\s*(\S+)", done.stdout, re.MULTILINE)
        return Capabilities(
            arrays=True,
            accounting=accounting is not None and not accounting[1].endswith("none"),
            time_limit=True,
            gpus=bool(re.search(r"^GresTypes\s*=.*gpu", done.stdout, re.MULTILINE)),
        )

    def submit(self, submission: Submission) -> str:
        """Hand the script to sbatch and return the job's id, as `Cluster.submit` says."""
        return sbatch(submission.script)

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        """Ask squeue once for all, sacct for the ended and forgotten, as `Cluster.states` says."""
        if not job_ids:
            return {}
        now = time.time()
        queue = self._queue(now)
        states = {job_id: queue[job_id] for job_id in job_ids if job_id in queue}
        unsure = [job_id for job_id in job_ids if job_id not in states or states[job_id].state in ENDED]
        if not unsure:
            return states
        accounts = _accounts(unsure, since=since, at=now) or {}
        for job_id in unsure:
            told = accounts.get(job_id)
            if told is not None and (told.state in ENDED or job_id not in states):
                states[job_id] = told
            elif job_id in states:
                states[job_id] = _detail(states[job_id], now)
        return states

    def find(self, token: str, *, since: float) -> str | None:
        """Look for the token in job names, in the queue and then in the accounts, as `Cluster.find` says."""
        now = time.time()
        for facts in (self._queue(now), _accounts(None, since=since, at=now) or {}):
            named = [job.job_id for job in facts.values() if job.token and whole_of(job.token) == whole_of(token)]
            if named:
                return element_of(min(map(whole_of, named), key=int), like=token)
        return None

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Tell scancel. Raises SchedulerError where it cannot reach the controller or may not end a job."""
        if not job_ids:
            return
        done = query(["scancel", *job_ids])
        troubles = [
            line for line in done.stderr.splitlines() if not re.search("already complet|invalid job id", line, re.I)
        ]
        if done.returncode != 0 and troubles:
            raise SchedulerError(
                f"scancel failed: {safe_line(' '.join(troubles))}",
                where=f"job {', '.join(job_ids)}",
                cure="see `squeue --me`; run `arctl cancel` again when Slurm answers",
            )

    def log_path(self, run_dir: Path, job_id: str) -> Path:
        """Return the log of a run's job."""
        return RunDir(run_dir).log(job_id)

    def _queue(self, now: float) -> dict[str, JobState]:
        own = f"--user={os.getuid()}"
        done = query(["squeue", own, "--noheader", "--array", "--states=all", f"--format={slurm_parse.SQUEUE_FORMAT}"])
        if done.returncode != 0:
            raise no_answer("squeue", done.stderr)
        return slurm_parse.squeue_states(done.stdout, at=now)


def render_directives(directives: Mapping[str, object]) -> list[str]:
    """Return `#SBATCH --key=value` lines, in order. Raises UsageError for what Slurm would misread.

    An option that simple_slurm does not know (newer than it is) is rendered by the same rules.
    """
    texts = {key: _text(key, value) for key, value in directives.items() if value is not None and value is not False}
    options = _known_options()
    for key in texts:
        if key not in options and (close := [word for word in options if word.startswith(key)]):
            raise UsageError(f"{key!r} is no whole option name", where=f"directive {key}", cure=nearest(key, close))
    known = {key: text for key, text in texts.items() if key in options}
    if (read_back := _by_simple_slurm(known)) != known:
        wrong = next(key for key in known if read_back.get(key) != known[key])
        raise UsageError(
            f"{known[wrong]} would not arrive as it is", where=f"directive {wrong}", cure="choose a plainer value"
        )
    return [f"#SBATCH --{key}={text}" if text else f"#SBATCH --{key}" for key, text in texts.items()]


def _text(key: str, value: object) -> str:
    """Return a directive's value as it stands in the script: quoted where it has blanks, empty for a flag."""
    where = f"directive {key}"
    if not re.fullmatch(r"[a-z][a-z0-9-]*", key):
        raise UsageError(f"{key!r} is no sbatch option", where=where, cure="use its long name, as in `man sbatch`")
    text = "" if value is True else str(value).strip()
    if not _VALUE.fullmatch(text) or text.startswith("-"):
        raise UsageError(
            f"{safe_line(text)!r} cannot stand in a job script's header",
            where=where,
            cure="leave out quotes, backslashes, '#', control characters and a leading '-'",
        )
    if value is not True and not text:
        raise UsageError("the value is empty", where=where, cure="give one, or leave the option out")
    return f'"{text}"' if re.search(r"\s", text) else text


def _by_simple_slurm(texts: Mapping[str, str]) -> dict[str, str]:
    """Let simple_slurm parse and render the directives, and read its script back."""
    pairs = [part for key, text in texts.items() for part in (key.replace("-", "_"), text or True)]
    said = io.StringIO()
    try:
        with _simple_slurm() as package, contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            slurm = package.Slurm(*pairs)
            script = slurm.script(shell="/bin/bash", convert=False)  # noqa: S604  # a shebang; no shell runs
    except (SystemExit, ValueError, TypeError) as error:
        what = safe_line(said.getvalue())[-200:] or safe_line(str(error))
        raise UsageError(f"the option parser says no: {what}", where="directives", cure="see `man sbatch`") from error
    lines = [match for line in script.splitlines() if (match := _LINE.fullmatch(line.rstrip()))]
    return {line[1]: line[2] or "" for line in lines}


def _known_options() -> set[str]:
    with _simple_slurm() as package:
        return {words[0].replace("_", "-") for words in package.core.read_simple_txt("arguments.txt")}


@contextlib.contextmanager
def _simple_slurm() -> Iterator[Any]:
    """Give simple_slurm: SQUEUE_FORMAT would stop it, and its import sets up logging for the whole process."""
    import logging

    hidden = os.environ.pop("SQUEUE_FORMAT", None)
    handlers = list(logging.getLogger().handlers)
    try:
        import simple_slurm
        import simple_slurm.core

        yield simple_slurm
    finally:
        if hidden is not None:
            os.environ["SQUEUE_FORMAT"] = hidden
        for handler in set(logging.getLogger().handlers) - set(handlers):
            logging.getLogger().removeHandler(handler)


def _accounts(job_ids: Iterable[str] | None, *, since: float | None, at: float) -> dict[str, JobState] | None:
    """Ask sacct for some jobs, or for all of one's own; None where there is no accounting, or it does not answer."""
    which = [f"--user={os.getuid()}"] if job_ids is None else [f"--jobs={','.join(job_ids)}"]
    start = slurm_parse.time_text((since if since is not None else 0.0) - 3600.0)
    fields = f"--format={slurm_parse.SACCT_FIELDS}"
    form = ["--noheader", "--parsable2", "--allocations", "--duplicates", "--delimiter=|", fields]
    try:
        done = query(["sacct", *which, *form, f"--starttime={start}"])
    except SchedulerError:
        return None
    return slurm_parse.sacct_states(done.stdout, at=at) if done.returncode == 0 else None


def _detail(state: JobState, now: float) -> JobState:
    """Return the ended state with its exit status, which squeue does not tell and scontrol does while it remembers."""
    done = query(["scontrol", "--oneliner", "show", "job", state.job_id])
    told = slurm_parse.scontrol_state(done.stdout, state.job_id, at=now) if done.returncode == 0 else None
    return replace(told, token=told.token or state.token) if told is not None and told.state in ENDED else state
