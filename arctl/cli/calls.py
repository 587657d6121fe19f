"""`arctl queue --calls --each`: each call of the scheduler's programs, newest first, as `@` in the dashboard."""

from __future__ import annotations

import time
from dataclasses import asdict

from arctl.cli.context import echo_json, narrate

SINCE_S = 86400.0
"""How far back the log is read, seconds."""


def show_log(*, as_json: bool) -> None:
    """Print the calls of the last day."""
    from arctl.cli.tables import Cell, Column, show_table
    from arctl.clusters.calls import recent

    found = recent(since=time.time() - SINCE_S)[::-1]
    if as_json:
        echo_json("arctl.call_log/1", {"seconds": SINCE_S, "calls": [asdict(call) for call in found]})
        return
    if not found:
        narrate("no arctl of yours has asked Slurm anything in the last day")
        return
    columns = (
        Column("time"),
        Column("program"),
        Column("arguments", shrink=True),
        Column("exit", right=True),
        Column("ms", right=True),
        Column("process", right=True, drop=2),
        Column("what for", drop=1),
    )
    rows = [
        (
            Cell(time.strftime("%H:%M:%S", time.localtime(call.at)), "dim"),
            Cell(call.program, "bold"),
            call.args,
            Cell("none", "red") if call.rc is None else Cell(str(call.rc), "red" if call.rc else ""),
            f"{call.ms:.0f}",
            str(call.pid),
            call.why,
        )
        for call in found
    ]
    show_table(columns, rows)
