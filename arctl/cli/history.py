"""What happened to a run, as `arctl show` prints it: the same moments as on the dashboard's Job tab."""

from __future__ import annotations

import time
from collections.abc import Sequence

from arctl.cli.tables import Cell, heading, say
from arctl.text import safe_line
from arctl.timeline import Moment


def show_history(moments: Sequence[Moment]) -> None:
    """Print the moments of a run, oldest first; nothing where there are none."""
    if not moments:
        return
    heading("What happened")
    for moment in moments:
        at = "now" if moment.kind == "now" else time.strftime("%Y-%m-%d %H:%M", time.localtime(moment.at))
        say(Cell(f"{at:<16}  ", "dim"), Cell(safe_line(moment.what), "" if moment.good else "red"))
