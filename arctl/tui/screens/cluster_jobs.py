"""What can be done with the job under the cursor: say why it waits, cancel its run, copy its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui.deeds import CancelRuns
from arctl.tui.keys import Key
from arctl.tui.messages import Do
from arctl.tui.screens.view import View
from arctl.tui.wants import Deed
from arctl.tui.widgets.cluster_why import WhyBox
from arctl.tui.widgets.sweep_ask import Proposal, SteerAsk

if TYPE_CHECKING:
    from arctl.queue import Place

JOBS = (
    Key("w", "w", "why", "why", "say why the job waits, and what would start it"),
    Key("x", "x", "cancel", "cancel", "cancel the job's run, or those of all elements in the line (asks first)"),
    Key("y", "y", "copy", "copy id", "copy the job's id"),
)
"""The keys for a job."""


class JobActions(View):
    """A view with jobs, of which some are under the cursor."""

    def chosen(self) -> tuple[Place, ...]:
        """Return the jobs of the line under the cursor."""
        raise NotImplementedError

    def action_why(self) -> None:
        """Say why the job waits."""
        group = self.chosen()
        if group and (run := group[0].run) is not None:
            self.app.push_screen(WhyBox(run.number))
        elif group:
            self.say(f"job {group[0].job.job_id} is none of this workspace: {group[0].why or 'it runs'}")

    def action_copy(self) -> None:
        """Copy the job's id through the terminal."""
        if group := self.chosen():
            text = safe_line(group[0].job.job_id, limit=200)
            self.app.copy_to_clipboard(text)
            self.say(f"copied {text}")

    def action_cancel(self) -> None:
        """Ask, then cancel the runs of the line."""
        group = self.chosen()
        runs = [place for place in group if place.run is not None]
        if group and not runs:
            self.say(f"job {group[0].job.job_id} is none of this workspace: `scancel` ends it")
        if not runs:
            return
        deed: Deed = CancelRuns(tuple(place.run.number for place in runs if place.run is not None))
        if self.look.readonly:
            self.post_message(Do(deed))
            return
        what = "this run" if len(runs) == 1 else f"these {len(runs)} runs"
        yes = "cancel it" if len(runs) == 1 else "cancel them"
        proposal = Proposal(f"cancel {what}?", tuple(told(place) for place in runs), deed, yes)

        def decided(chosen: Deed | None) -> None:
            if chosen is not None:
                self.post_message(Do(chosen))

        self.app.push_screen(SteerAsk(lambda count: proposal), decided)

    def say(self, text: str) -> None:
        """Tell something in a toast."""
        self.notify(safe_line(text), markup=False)


def told(place: Place) -> str:
    """Return a line about a job of this workspace."""
    assert place.run is not None
    state = str(place.job.state).replace("_", " ")
    return f"{run_name(place.run.number)}  {state}  job {place.job.job_id}  {place.run.name}"
