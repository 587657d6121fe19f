"""Telling people what the preflight found: errors stop a submission, warnings and notes go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from arctl.cli.context import narrate
from arctl.errors import UsageError

if TYPE_CHECKING:
    from arctl.plan import Plan
    from arctl.preflight import Finding
    from arctl.settings import Workspace


def check_first(
    workspace: Workspace, plans: Sequence[Plan], *, force: bool = False, dry: bool = False
) -> tuple[Finding, ...]:
    """Examine jobs before they are queued, tell what was found, and return it.

    When they would start is told to a person, and in a dry run: scripts do not wait for it.
    Raises UsageError where a job would fail or never start, unless `force` is set: then errors are told as warnings.
    """
    from arctl.preflight import examine

    found = examine(workspace, plans, expect=dry or sys.stderr.isatty())
    wrong = [finding for finding in found if finding.level == "error"]
    for finding in found:
        level = "warning" if force and finding.level == "error" else finding.level
        narrate(f"{level}: {finding}")
    if wrong and not force:
        times = "something stands" if len(wrong) == 1 else f"{len(wrong)} things stand"
        raise UsageError(f"nothing was queued: {times} against it", cure="mend it, or submit all the same with --force")
    return found
