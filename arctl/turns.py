"""One of many dashboards syncs: whoever comes first does it for all, and the others read what it wrote.

Who syncs leaves word of when and with what trouble in `.arctl/turn.json`; where nothing can be written there, every
one syncs for itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arctl.clusters import calls
from arctl.clusters.claim import Claim, claim
from arctl.errors import ArctlError
from arctl.sync import sync
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.settings import Workspace

PATIENCE_S = 120.0
"""A sync that takes longer than this on another host is taken for dead, seconds."""


@dataclass(frozen=True)
class Turn:
    """The newest sync, by whichever dashboard."""

    at: float
    """When it ended, Unix seconds."""
    trouble: str = ""
    """What kept it from asking disk and schedulers, one line; empty where all answered."""
    own: bool = False
    """Whether this process did it."""


def take(workspace: Workspace, *, every: float, force: bool = False) -> Turn | None:
    """Sync unless another dashboard did within `every` seconds or is about to; return the newest sync that is known.

    With `force` it syncs at once and asks the schedulers. None where another one has just begun the first of all.
    Raises ArctlError only where the registry cannot be read.
    """
    if force:
        return _sync(workspace, force=True)
    last = _last(workspace)
    if last is not None and 0 <= time.time() - last.at < every:
        return last
    try:
        workspace.state.mkdir(exist_ok=True)
        held = claim(workspace.state / "turn.claim", patience_s=PATIENCE_S)
    except OSError:
        return _sync(workspace)
    if held is None:
        return last
    try:
        return _sync(workspace)
    finally:
        _release(held)


def _release(held: Claim) -> None:
    with suppress(OSError):
        held.release()


def _sync(workspace: Workspace, *, force: bool = False) -> Turn:
    try:
        report = sync(workspace, force=force)
    except ArctlError as error:
        _leave_word(workspace, {"at": time.time(), "trouble": safe_line(str(error))})
        raise
    trouble = safe_line("; ".join((*report.scheduler_errors, *report.troubles)))
    turn = Turn(time.time(), trouble, own=True)
    _leave_word(workspace, {"at": turn.at, "trouble": trouble})
    return turn


def _leave_word(workspace: Workspace, word: Mapping[str, object]) -> None:
    with suppress(OSError):
        calls.put(workspace.state / "turn.json", word)


def _last(workspace: Workspace) -> Turn | None:
    found = calls.get(workspace.state / "turn.json")
    at, trouble = found.get("at"), found.get("trouble")
    if not isinstance(at, int | float) or not isinstance(trouble, str):
        return None
    return Turn(float(at), safe_line(trouble))
