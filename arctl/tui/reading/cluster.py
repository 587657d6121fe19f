"""What the Cluster view reads, each part on a lane of its own, so that a controller that hangs holds up no other part.

Slurm is asked by the same shared answers as `arctl queue`, `arctl nodes` and `arctl usage --share` have them; a view
that stays open is patient, and never asks more often than they allow. Where nobody answers, the last answer is kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from arctl.errors import SchedulerError
from arctl.text import safe_line
from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.clusters.calls import Tally
    from arctl.clusters.machine import Machine
    from arctl.clusters.slurm_nodes import NodesAnswer
    from arctl.clusters.slurm_share import SharesAnswer
    from arctl.nodes import Pool
    from arctl.queue import Place, Queue
    from arctl.settings import Workspace
    from arctl.usage import Entry
    from arctl.why.answer import Answer
    from arctl.why.sooner import Place as Standing

MONTH_EVERY_S = 60.0
"""How long the GPU-hours of the month are believed, seconds: adding them up reads every run of the month."""

CALLS_S = 60.0
"""Over how long calls of the scheduler are counted, seconds."""


@dataclass(frozen=True)
class QueueWanted(Want):
    """My jobs."""

    lane: ClassVar[str] = "cluster"
    each: bool = False
    """A line for each element of an array; False folds those that wait alike."""
    fresh: bool = False
    """Whether a person asked for it now."""

    def read(self, workspace: Workspace) -> QueuePanel:
        """Read the shared answer; it is renewed as the budget for calls allows."""
        from arctl.queue import folded, look, standings

        found = look(workspace, max_age_s=0.0 if self.fresh else None)
        standing = standings(found.places, patient=True) if found.trouble is None else {}
        groups = folded(found.places, each=self.each)
        return QueuePanel(self, found, tuple(tuple(group) for group in groups), standing)


@dataclass(frozen=True)
class QueuePanel(Panel):
    """My jobs in the queue."""

    queue: Queue
    """The jobs, when Slurm told of them, and why it does not answer now."""
    groups: tuple[tuple[Place, ...], ...]
    """The same, what waits alike together."""
    standings: Mapping[str, Standing]
    """Place in the line, by job."""


@dataclass(frozen=True)
class NodesWanted(Want):
    """Partitions and nodes, or this machine where jobs run here."""

    lane: ClassVar[str] = "cluster nodes"
    fresh: bool = False
    """Whether a person asked for it now."""

    def read(self, workspace: Workspace) -> Panel:
        """Ask Slurm, unless an answer is young enough; of this machine ask itself."""
        from arctl.clusters import machine, slurm_nodes
        from arctl.clusters.local import slots
        from arctl.nodes import pools

        if workspace.settings.cluster == "local":
            return MachinePanel(self, machine.look(), slots(workspace.settings.slots))
        slurm = workspace.settings.slurm
        age = slurm.min_poll_s if self.fresh else max(slurm_nodes.FRESH_S, slurm.poll_s)
        trouble = None
        try:
            answer = slurm_nodes.ask(max_age_s=age, patient=not self.fresh)
        except SchedulerError as error:
            before = slurm_nodes.known()
            if before is None:
                raise
            answer, trouble = before, safe_line(str(error))
        return NodesPanel(self, tuple(pools(answer.nodes, answer.partitions)), answer, trouble)


@dataclass(frozen=True)
class NodesPanel(Panel):
    """What Slurm said of its nodes."""

    pools: tuple[Pool, ...]
    """By partition and type of GPU."""
    answer: NodesAnswer
    """The nodes, and when that was said."""
    trouble: str | None
    """Why Slurm does not answer now."""


@dataclass(frozen=True)
class MachinePanel(Panel):
    """How this machine is."""

    machine: Machine
    """Cores, memory, load, GPUs."""
    slots: int
    """Jobs that run here at a time."""


@dataclass(frozen=True)
class AccountWanted(Want):
    """What I use, what I may use, and what was asked of the scheduler."""

    lane: ClassVar[str] = "cluster account"
    month: Entry | None = field(default=None, compare=False)
    """The sum of this month as it was last read; None to add it up now."""

    def read(self, workspace: Workspace) -> AccountPanel:
        """Add up the month, ask for the shares, count the calls."""
        from arctl.clusters import calls
        from arctl.usage import this_month

        now = time.time()
        month = self.month if self.month is not None else this_month(workspace, now=now)
        shares, unknown = _shares(workspace)
        made = calls.tally(calls.recent(since=now - CALLS_S))
        return AccountPanel(self, month, shares, unknown, tuple(made), os.getpid())


@dataclass(frozen=True)
class AccountPanel(Panel):
    """My account."""

    month: Entry
    """GPU-hours since the month began; its key is the month."""
    shares: SharesAnswer | None
    """Fair-share; None where the site does not tell, or jobs run on this machine."""
    unknown: str | None
    """Why the shares are not known, or not new."""
    calls: tuple[Tally, ...]
    """What all arctl processes of this user asked of the scheduler in the last minute."""
    pid: int
    """This process."""


@dataclass(frozen=True)
class WhyWanted(Want):
    """Why a run waits."""

    lane: ClassVar[str] = "cluster why"
    number: int
    """The run."""

    def read(self, workspace: Workspace) -> WhyPanel:
        """Ask as `arctl why` does."""
        from arctl.why import explain

        return WhyPanel(self, explain(workspace, self.number))


@dataclass(frozen=True)
class WhyPanel(Panel):
    """Why a run is as it is."""

    answer: Answer
    """Sentence, evidence, remedies."""


def _shares(workspace: Workspace) -> tuple[SharesAnswer | None, str | None]:
    from arctl.clusters import slurm_share

    if workspace.settings.cluster == "local":
        return None, None
    age = max(slurm_share.FRESH_S, workspace.settings.slurm.poll_s)
    try:
        return slurm_share.ask(max_age_s=age, patient=True), None
    except SchedulerError as error:
        return slurm_share.known(), safe_line(str(error))
