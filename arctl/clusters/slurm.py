"""Slurm, by its own command-line programs; and the one door to simple_slurm, which renders and checks directives.

simple_slurm (0.3.6) neither quotes nor checks values, exits on a bad name, accepts cut names, and cannot be imported
while SQUEUE_FORMAT is set; so values are checked here, its answers are read back, and its `sbatch` is never called.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arctl.clusters import slurm_parse
from arctl.clusters.base import Capabilities, JobState, QueueAnswer, Submission, element_of, whole_of
from arctl.clusters.shared import SharedQueue
from arctl.clusters.slurm_call import no_answer, query, sbatch
from arctl.clusters.slurm_history import History, carried_by
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

    def __init__(
        self,
        settings: SlurmSettings,
        *,
        max_age_s: float | None = 0.0,
        newer_than: float = 0.0,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        """Know how old an answer may be, seconds: 0 for one of now, None for what the budget for calls allows.

        It should have been asked for after `newer_than`, Unix seconds. `tokens` says which token each job carries, for
        ids that Slurm has given more than once.
        """
        self.settings = settings
        self._max_age_s, self._newer_than = max_age_s, newer_than
        self._history = History(settings, forced=max_age_s == 0.0, tokens=tokens or {})

    def capabilities(self) -> Capabilities:
        """Ask the controller whether it keeps accounts. Raises SchedulerError where it does not answer."""
        done = query(["scontrol", "show", "config"], why="site")
        if done.returncode != 0:
            raise no_answer("scontrol", done.stderr)
        accounting = re.search(r"^AccountingStorageType\s*=\s*(\S+)", done.stdout, re.MULTILINE)
        return Capabilities(
            arrays=True,
            accounting=accounting is not None and not accounting[1].endswith("none"),
            time_limit=True,
            gpus=bool(re.search(r"^GresTypes\s*=.*gpu", done.stdout, re.MULTILINE)),
            largest_array=_largest_array(done.stdout),
        )

    def submit(self, submission: Submission) -> str:
        """Hand the script to sbatch and return the job's id, as `Cluster.submit` says."""
        return sbatch(submission.script)

    def queue(self, *, max_age_s: float | None) -> QueueAnswer:
        """Return all jobs of this user, from the answer that all arctl processes share, at most so old.

        None leaves the age to the budget. Raises SchedulerError where Slurm does not answer.
        """
        heard = SharedQueue(self.settings).answer(max_age_s=max_age_s)
        return QueueAnswer(heard.jobs, heard.at)

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        """Ask squeue once for all, sacct for the ended and forgotten, as `Cluster.states` says."""
        if not job_ids:
            return {}
        queue = self._queue()
        there = {job_id: queue[job_id] for job_id in job_ids if job_id in queue}
        here = {job_id: state for job_id, state in there.items() if self._own(state)}
        others = {job_id: state for job_id, state in there.items() if job_id not in here and state.token is not None}
        ended = [state for state in here.values() if state.state in ENDED]
        forgotten = [job_id for job_id in job_ids if job_id not in here]
        return others | here | (self._history.ends(forgotten, ended, since=since) if ended or forgotten else {})

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        """Look for tokens in job names, in the queue and then in the accounts, as `Cluster.find` says."""
        wanted = {whole_of(token) for token in tokens}
        if not wanted:
            return {}
        found = carried_by(self._queue().values(), wanted)
        if missing := wanted - set(found):
            found |= self._history.carriers(missing, since=since)
        return {token: element_of(found[whole_of(token)], like=token) for token in tokens if whole_of(token) in found}

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Tell scancel. Raises SchedulerError where it cannot reach the controller or may not end a job."""
        if not job_ids:
            return
        done = query(["scancel", *job_ids], why="cancel")
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

    def _own(self, state: JobState) -> bool:
        """Tell whether a job in the queue is the one that was submitted, and not another one under its old number."""
        token = self._history.tokens.get(state.job_id)
        return token is None or state.token == token or "job-name" in self.settings.skip

    def _queue(self) -> dict[str, JobState]:
        heard = SharedQueue(self.settings).answer(max_age_s=self._max_age_s, newer_than=self._newer_than)
        return slurm_parse.states_of(heard.jobs, at=heard.at)


def _largest_array(config: str) -> int | None:
    """Return how many elements an array may have: MaxArraySize caps their index, max_array_tasks their number."""
    caps = re.findall(r"^MaxArraySize\s*=\s*(\d+)|\bmax_array_tasks=(\d+)", config, re.MULTILINE)
    return min((int(cap) for caps_of_one in caps for cap in caps_of_one if cap), default=None)


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


@functools.cache
def _known_options() -> frozenset[str]:
    with _simple_slurm() as package:
        return frozenset(words[0].replace("_", "-") for words in package.core.read_simple_txt("arguments.txt"))


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
