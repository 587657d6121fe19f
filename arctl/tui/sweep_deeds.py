"""What the Sweep view can change: cancel elements, send them again, throttle them; each names its command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arctl.errors import UsageError
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.plan import Plan
    from arctl.settings import Workspace


@dataclass(frozen=True)
class CancelElements(Deed):
    """Cancel the runs that were named: those, and not whichever are the worst by then."""

    sweep: str
    """The sweep."""
    numbers: tuple[int, ...]
    """The runs, the worst first."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Cancel them."""
        from arctl import control

        done = control.cancel(workspace, self.numbers)
        for outcome in done if len(done) <= 3 else [one for one in done if not one.asked]:
            yield Result(f"{outcome.run}: {outcome.said}", good=outcome.asked)
        if len(done) > 3:
            yield Result(f"{sum(one.asked for one in done)} runs of {self.sweep} are being cancelled")

    def command(self) -> str:
        """Return `arctl sweep cancel NAME --worst K`."""
        return shlex.join(["arctl", "sweep", "cancel", self.sweep, "--worst", str(len(self.numbers))])


@dataclass(frozen=True)
class Resubmit(Deed):
    """Send elements again that failed, or of which no job was ever queued."""

    sweep: str
    """The sweep."""
    names: tuple[str, ...]
    """The elements that were named; others that have failed since are left alone."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Check them as `arctl sweep resubmit` does, and queue them."""
        from arctl.sweeps.send import FAILED, Chosen, choose, resend

        def chosen() -> Chosen:
            found = choose(workspace, self.sweep, states=FAILED, missing=True)
            return replace(found, entries=tuple(one for one in found.entries if one.element.name in self.names))

        done = resend(workspace, self.sweep, chosen, check=lambda plans: _check(workspace, plans))
        if not done:
            yield Result("nothing to send again: they are under way, or went well", good=False)
            return
        runs = f"{done[0].run}:{done[-1].run}" if len(done) > 1 else done[0].run
        yield Result(f"{len(done)} element{'s' if len(done) > 1 else ''} of {self.sweep} queued: {runs}")

    def command(self) -> str:
        """Return `arctl sweep resubmit NAME --failed --missing`."""
        return shlex.join(["arctl", "sweep", "resubmit", self.sweep, "--failed", "--missing"])


@dataclass(frozen=True)
class Throttle(Deed):
    """Let fewer or more elements run at a time."""

    sweep: str
    """The sweep."""
    most: int
    """How many; 0 is no limit."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Tell Slurm."""
        from arctl.sweeps.board import board
        from arctl.sweeps.steer import throttle

        done = throttle(workspace, board(workspace, self.sweep), self.most)
        allowed = f"at most {sum(done.arrays.values())} at a time" if self.most else "no limit"
        yield Result(f"{self.sweep}: {allowed}; {done.waiting} wait, {done.running} run on")

    def command(self) -> str:
        """Return `arctl sweep throttle NAME N`."""
        return shlex.join(["arctl", "sweep", "throttle", self.sweep, str(self.most)])


def _check(workspace: Workspace, plans: Sequence[Plan]) -> None:
    """Stop what would fail or never start. Raises UsageError with the first of what stands against it."""
    from arctl.preflight import examine

    wrong = [finding for finding in examine(workspace, plans, expect=False) if finding.level == "error"]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UsageError(
            f"nothing was queued: {wrong[0]}{more}", cure="mend it; `arctl sweep resubmit --force` insists"
        )
