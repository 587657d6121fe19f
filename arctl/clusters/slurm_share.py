"""Fair-share: what part of the cluster this user's accounts may use, have used, and what Slurm makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from arctl.clusters.once import last, once
from arctl.clusters.slurm_call import no_answer, query
from arctl.errors import SchedulerError
from arctl.text import safe_line

FRESH_S = 300.0
"""How long an answer is believed, seconds: Slurm itself counts use at intervals of minutes."""

FIELDS = "Account,User,NormShares,EffectvUsage,FairShare"
"""Fields of `read_shares`."""

NAME = "share.json"
"""The kept answer, in the directory that `calls.place` gives."""


@dataclass(frozen=True)
class Share:
    """What one account of this user's stands at."""

    account: str
    """The account."""
    share: float
    """Part of the cluster that it has been promised, 0 to 1."""
    used: float
    """Part of all recent use that is its own, 0 to 1; old use counts less and less."""
    factor: float
    """What Slurm makes of it: 1 for who has used nothing, near 0 for who has used far more than the share."""


@dataclass(frozen=True)
class SharesAnswer:
    """What Slurm said, and when."""

    shares: tuple[Share, ...]
    """By account; empty where this site does not order its queue by fair-share, or does not tell."""
    at: float
    """When it was said, Unix seconds."""


def ask(*, max_age_s: float = FRESH_S, patient: bool = False) -> SharesAnswer:
    """Return this user's shares, from the answer that all arctl processes share where that is young enough.

    Raises SchedulerError where there is no sshare, or it does not answer.
    """
    kept = once(NAME, ("share",), _answer, max_age_s=max_age_s, patient=patient)
    return SharesAnswer(read_shares(kept["share"]), float(kept["at"]))


def known() -> SharesAnswer | None:
    """Return what was said last, however long ago; None where nothing is kept."""
    kept = last(NAME, ("share",))
    return SharesAnswer(read_shares(kept["share"]), float(kept["at"])) if kept is not None else None


def read_shares(stdout: str) -> tuple[Share, ...]:
    """Read `sshare --parsable2 --noheader -U`; a line without shares (a basic priority) is passed over."""
    return tuple(_shares(stdout))


def _shares(stdout: str) -> Iterator[Share]:
    for line in stdout.splitlines():
        fields = [field.strip() for field in line.split("|")]
        numbers = [_number(field) for field in fields[2:5]]
        share, used, factor = numbers if len(numbers) == 3 else (None, None, None)
        if fields[0] and share is not None and used is not None and factor is not None:
            yield Share(safe_line(fields[0], limit=80), share, used, factor)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0.0 <= number <= 1.0 else None


def _answer() -> dict[str, str]:
    done = query(["sshare", "--noheader", "--parsable2", "-U", f"--format={FIELDS}"], why="share")
    if done.returncode != 0:
        raise no_answer("sshare", done.stderr) if "connect" in done.stderr.lower() else _silent(done.stderr)
    return {"share": done.stdout}


def _silent(stderr: str) -> SchedulerError:
    said = safe_line(stderr, limit=200) or "no reason given"
    return SchedulerError(f"this site does not tell its fair-share: {said}", where="sshare", cure="ask its support")
