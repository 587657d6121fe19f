"""The dashboard: what `arctl` opens when it is given no command. The only part of arctl that loads textual."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arctl.settings import Workspace

_REMOTE = {"TEXTUAL_FPS": "15", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
"""What textual is told over SSH, unless the user has told it something else."""

_COLLECT = (20_000, 20, 20)
"""When the garbage collector looks for cycles: each order of the list makes 10,000 objects that have none."""


def run(workspace: Workspace, *, readonly: bool = False) -> None:
    """Show the dashboard of a workspace until the user leaves; with `readonly` it changes neither runs nor jobs.

    Over SSH it draws less often and animates nothing. Raises UsageError where there is no terminal.
    """
    if "SSH_CONNECTION" in os.environ:
        for name, value in _REMOTE.items():
            os.environ.setdefault(name, value)
    _need_terminal()
    # A size from the environment is that of another moment: the terminal knows its own, and tells when it changes.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)

    from arctl.tui.checks import check

    check(workspace.settings.dashboard)
    from arctl.tui.app import Dashboard

    wanted = workspace.settings.dashboard
    dashboard = Dashboard(
        workspace, readonly=readonly or wanted.readonly, active=wanted.refresh_s, idle=5 * wanted.refresh_s
    )
    gc.set_threshold(*_COLLECT)
    dashboard.run()
    if dashboard.return_code:
        raise SystemExit(dashboard.return_code)


def _need_terminal() -> None:
    import sys

    from arctl.errors import UsageError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal, and this is none",
            cure="use `arctl ls`, `arctl show RUN` or `arctl ls --json` in scripts",
        )
