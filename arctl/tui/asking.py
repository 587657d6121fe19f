"""Questions that more than one place asks before a deed: from a key, and from the palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arctl.rundir import run_name
from arctl.states import LIVE
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.deeds import CancelRuns
from arctl.tui.messages import Do
from arctl.tui.screens.confirm import Confirm

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow
    from arctl.tui.screens.view import View


def cancel(view: View, rows: Sequence[RunRow]) -> None:
    """Ask whether runs are to be cancelled, and cancel those of them that have not ended."""
    live = [row for row in rows if row.state in LIVE]
    if not live:
        if rows:
            said = f"{names(rows)} {'has' if len(rows) == 1 else 'have'} ended: there is nothing to cancel"
            view.notify(said, markup=False)
        return
    deed = CancelRuns(tuple(row.number for row in live))

    def decided(yes: bool | None) -> None:
        if yes:
            view.app.post_message(Do(deed))

    question = Confirm(
        f"Cancel {names(live)}?", runs=[told(row) for row in live], command=deed.command(), verb="cancel"
    )
    view.app.push_screen(question, decided)


def names(rows: Sequence[RunRow]) -> str:
    """Return `run12 base`, or how many runs there are."""
    if len(rows) == 1:
        return f"{run_name(rows[0].number)} {safe_line(rows[0].name, limit=60)}"
    return f"{len(rows)} runs"


def told(row: RunRow) -> str:
    """Return a run with its state and its job, as a line of a question."""
    word, _style = palette.state_word(row.state)
    job = f", job {safe_line(row.job_id, limit=40)} on {safe_line(row.cluster)}" if row.job_id else ""
    return f"{run_name(row.number)} {safe_line(row.name, limit=60)}: {word}{job}"
