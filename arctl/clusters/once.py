"""One question of Slurm for all arctl processes of a user: who finds the kept answer too old claims the right to ask.

Whoever wants the same meanwhile waits for what that one hears, an error too. Dashboards that nobody looks at closely
are patient: after an error they put the question off, so that a controller in trouble is left alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from arctl.clusters import calls
from arctl.clusters.claim import Claim, claim
from arctl.errors import SchedulerError

BACK_OFF_S = 60.0
"""How long a patient asker leaves Slurm alone after a question that was not answered, seconds."""

PATIENCE_S = 60.0
"""How long a claim holds whose holder cannot be looked at (on another host), seconds."""

_POLL_S = 0.05

Ask = Callable[[], Mapping[str, str]]
"""Asks Slurm and returns the texts by name. Raises SchedulerError."""


def once(name: str, texts: Sequence[str], ask: Ask, *, max_age_s: float, patient: bool = False) -> dict[str, str]:
    """Return the kept answer `name` (a file name) where it is young enough, else ask and keep what is said.

    It has the `texts` by name, and `at`: when the question was put, Unix seconds. At 0 it is asked after this call
    began, by whom ever. Raises SchedulerError where Slurm does not answer, or with `patient` did not lately.
    """
    began, place = time.time(), calls.place()
    if place is None:
        return _asked(ask)
    while True:
        if (kept := calls.young(place / name, texts, max_age_s=max(max_age_s, time.time() - began))) is not None:
            return kept
        _raise_failure(place / _failures(name), began - BACK_OFF_S if patient else began)
        try:
            mine = claim(place / f"{name}.claim", patience_s=PATIENCE_S)
        except OSError:
            return _asked(ask)
        if mine is not None:
            return _ask_for_all(place, name, texts, ask, mine, began=began, max_age_s=max_age_s)
        time.sleep(_POLL_S)


def last(name: str, texts: Sequence[str]) -> dict[str, str] | None:
    """Return the kept answer however old it is; None where there is none."""
    place = calls.place()
    return calls.young(place / name, texts, max_age_s=math.inf) if place is not None else None


def _ask_for_all(
    place: Path, name: str, texts: Sequence[str], ask: Ask, mine: Claim, *, began: float, max_age_s: float
) -> dict[str, str]:
    """Ask with the claim in hand; look first whether somebody just did."""
    try:
        kept = calls.young(place / name, texts, max_age_s=max(max_age_s, time.time() - began))
        if kept is None:
            kept = _asked(ask)
            calls.put(place / name, kept)
        return kept
    except SchedulerError as error:
        told = {"at": time.time(), "what": error.what, "where": error.where, "cure": error.cure}
        calls.put(place / _failures(name), told)
        raise
    finally:
        with suppress(OSError):
            mine.release()


def _asked(ask: Ask) -> dict[str, str]:
    at = time.time()
    return {**ask(), "at": repr(at)}


def _failures(name: str) -> str:
    return f"{name}.failed"


def _raise_failure(path: Path, since: float) -> None:
    """Raise the newest failure, where it is newer than `since`."""
    found = calls.get(path)
    at, what = found.get("at"), found.get("what")
    if isinstance(at, float) and isinstance(what, str) and since < at <= time.time():
        where, cure = (found.get(key) if isinstance(found.get(key), str) else None for key in ("where", "cure"))
        raise SchedulerError(what, where=where, cure=cure)
