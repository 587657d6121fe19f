"""What Slurm's accounting says of one ended job beyond its state: who cancelled it, how much memory it used."""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass

from arctl.clusters.base import whole_of
from arctl.clusters.slurm_call import query
from arctl.clusters.slurm_parse import token_of
from arctl.errors import SchedulerError
from arctl.text import safe_line

FIELDS = "JobID,State,MaxRSS,ReqMem,JobName"
"""Fields of `read_accounts`; the job name comes last."""


@dataclass(frozen=True)
class Accounts:
    """What accounting says of a job."""

    word: str
    """Slurm's word for its state: `CANCELLED by 1000`."""
    by: str | None = None
    """Who cancelled it: a user's name, `you`, or `user 1000` where nobody has that number here."""
    peak: int | None = None
    """Greatest resident memory of one task that was seen, bytes; short peaks are missed."""
    granted: str | None = None
    """Memory that it was given: `16G`."""


def accounts_of(job_id: str, *, token: str | None = None) -> Accounts | None:
    """Ask sacct after one job (`77`, `77_3`); None where there is no accounting, or no answer, or no such job.

    Slurm uses ids again: a job whose name carries another token than `token` is not the one.
    """
    try:
        form = ["--noheader", "--parsable2", "--delimiter=|", f"--format={FIELDS}"]
        done = query(["sacct", f"--jobs={job_id}", *form], why="why")
    except SchedulerError:
        return None
    return read_accounts(done.stdout, token=token) if done.returncode == 0 else None


def read_accounts(stdout: str, *, token: str | None = None) -> Accounts | None:
    """Read the lines of a job and its steps; None where there is none, or the job carries another token."""
    rows = [row for line in stdout.splitlines() if len(row := line.split("|", 4)) == 5]
    if not rows:
        return None
    whole = next((row for row in rows if "." not in row[0]), rows[0])
    carried = token_of(whole[4])
    if token is not None and carried is not None and carried != whole_of(token):
        return None
    word = safe_line(whole[1], limit=80)
    peaks = [size for row in rows if (size := _bytes(row[2])) is not None]
    granted = re.fullmatch(r"([\d.]+[KMGT]?)[nc]?", whole[3].strip())
    return Accounts(word, _by(word), max(peaks, default=None), granted[1] if granted else None)


def _by(word: str) -> str | None:
    match = re.fullmatch(r"CANCELLED by (\d+)", word)
    if match is None:
        return None
    if int(match[1]) == os.getuid():
        return "you"
    try:
        return safe_line(pwd.getpwuid(int(match[1])).pw_name, limit=64)
    except (KeyError, OverflowError):
        return f"user {match[1]}"


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"([\d.]+)([KMGT]?)", text.strip())
    if match is None or not match[1].replace(".", "", 1).isdigit():
        return None
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2] or " "))
