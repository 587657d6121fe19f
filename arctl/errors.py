"""The error tree. Each error says what happened, where, and what to do, and knows its exit status.

    ArctlError                1   everything else: a full disk, a workspace that cannot be written
    +-- UsageError            2   the command line or a configuration is wrong
    +-- NotFoundError         3   no such run, template, metric, data set or workspace
    +-- SchedulerError        4   the scheduler is missing, refused, or did not answer
    |   +-- SubmitRefused     4   it answered, and the answer is no: nothing was queued
    |   +-- SubmitUnconfirmed 4   it may have queued the job: look before sending again
    |   +-- SubmittedTwice    4   the same is being handed over already, or a run has that key: nothing was sent
    +-- DataError             5   a video, a split file, an event line, a checkpoint is damaged

The one place that prints them is `arctl.cli`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArctlError(Exception):
    """A failure that a user can understand and mend.

    `what` is one sentence, `where` names the file, line or key, `cure` says what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, cure: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        """One line: `where: what (cure)`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.cure})" if self.cure else line


class UsageError(ArctlError):
    """The command line or a configuration is wrong."""

    exit_code = 2


class NotFoundError(ArctlError):
    """Something that was named does not exist."""

    exit_code = 3


class SchedulerError(ArctlError):
    """The scheduler is missing, refused, or did not answer."""

    exit_code = 4


class SubmitRefused(SchedulerError):
    """The scheduler answered no: nothing was queued."""


class SubmitUnconfirmed(SchedulerError):
    """Nobody knows whether the scheduler took the job: look for its token before sending it again."""


class SubmittedTwice(SchedulerError):
    """The same submission is under way, or a run has its key already: nothing was sent.

    `number` is the run that there is, `under_way` tells the two cases apart.
    """

    def __init__(self, number: int, submitter: str | None, *, under_way: bool, unconfirmed: bool = False) -> None:
        host, _, pid = (submitter or "").rpartition(":")
        by = f" by process {pid} on {host}" if host else ""
        if not under_way:
            what, cure = f"run{number} has this key already: nothing was sent", "`arctl show` it, or take another key"
        elif unconfirmed:
            what = f"run{number} is the same, and nobody knows yet whether it was queued: nothing was sent"
            cure = "`arctl sync` looks for its job; --again submits another all the same"
        else:
            what = f"run{number} is the same, and is being handed over right now{by}"
            cure = "wait for it; if that arctl died, `arctl sync` looks for its job, and --again submits another"
        super().__init__(what, cure=cure)
        self.number = number
        self.under_way = under_way


class DataError(ArctlError):
    """A video, a split file, an event line or a checkpoint is damaged."""

    exit_code = 5


def nearest(word: str, known: Iterable[str], *, count: int = 3) -> str:
    """Give `did you mean 'a' or 'b'?` for the closest of the known words, or list a few of them."""
    words = sorted(set(known))
    close = difflib.get_close_matches(word, words, n=count, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(near) for near in close) + "?"
    if not words:
        return "there are none yet"
    shown = ", ".join(words[:12])
    return f"known: {shown}" + (", ..." if len(words) > 12 else "")
