"""The view of the cluster: my queue and why it waits, what is free where, my account. Slurm is asked while open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from arctl.text import safe_line
from arctl.tui import cluster_tables, palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import OpenRun, Wanted
from arctl.tui.reading.cluster import (
    MONTH_EVERY_S,
    AccountPanel,
    AccountWanted,
    MachinePanel,
    NodesPanel,
    NodesWanted,
    QueuePanel,
    QueueWanted,
)
from arctl.tui.screens.cluster_jobs import JOBS, JobActions
from arctl.tui.snapshot import Snapshot
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.cluster_about import about_machine, about_nodes, about_queue
from arctl.tui.widgets.cluster_account import AccountView
from arctl.tui.widgets.pane_tabs import PaneTabs
from arctl.tui.widgets.quiet import Quiet
from arctl.tui.widgets.sheet import SORTING, SheetView

if TYPE_CHECKING:
    from arctl.queue import Place

TALL = 30
"""Lines from which on the panes stand below one another."""

BROAD = 150
"""Columns from which on they stand side by side."""

TICK_S = 5.0
"""Seconds between two looks at the shared answers; Slurm itself is asked as seldom as they allow."""

SELDOM = 3
"""Of so many ticks one looks at nodes and account too."""


class ClusterScreen(JobActions):
    """Queue, nodes, account."""

    TITLE = "Cluster"
    KEYS = (
        Key("enter", "enter", "open", "open", "open the job's run; open or close a partition"),
        Key("right_square_bracket", "]", "pane(1)", "next pane", "next pane: Queue, Nodes, Account", "next-tab"),
        Key("left_square_bracket", "[", "pane(-1)", "last pane", "previous pane", "last-tab"),
        *JOBS,
        Key("e", "e", "each", "each", "a line for each element of an array, or fold those that wait alike"),
        *SORTING,
    )
    FOOTER = ("open", "next-tab", "why", "cancel", "refresh")
    DEFAULT_CSS = """
    ClusterScreen .pane { height: 1fr; width: 1fr; }
    ClusterScreen .about { height: auto; max-height: 2; padding: 0 1; }
    ClusterScreen #reason { height: auto; max-height: 3; padding: 0 1; color: $warning; }
    ClusterScreen #cluster-panes { height: 1fr; layout: vertical; }
    ClusterScreen #cluster-lower { height: 1fr; layout: horizontal; }
    ClusterScreen PaneTabs { display: none; }
    ClusterScreen.-tabs PaneTabs { display: block; }
    ClusterScreen.-tabs .pane { display: none; }
    ClusterScreen.-tabs #cluster-lower { display: none; }
    ClusterScreen.-tabs.-at0 #queue-pane, ClusterScreen.-tabs.-at1 #nodes-pane { display: block; }
    ClusterScreen.-tabs.-at2 #account-pane { display: block; }
    ClusterScreen.-tabs.-at1 #cluster-lower, ClusterScreen.-tabs.-at2 #cluster-lower { display: block; }
    ClusterScreen.-stack #cluster-lower { height: 50%; border-top: solid $edge; }
    ClusterScreen.-stack #account-pane { border-left: solid $edge; width: 52; }
    ClusterScreen.-side #cluster-panes { layout: horizontal; }
    ClusterScreen.-side #cluster-lower { layout: vertical; width: 44%; border-left: solid $edge; }
    ClusterScreen.-side #account-pane { border-top: solid $edge; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._at = 0
        self._ticks = 0
        self._queue: QueuePanel | None = None
        self._parts: NodesPanel | None = None
        self._account: AccountPanel | None = None
        self._month_at = 0.0
        self._folded: frozenset[str] = frozenset()
        self._each = False
        self._tabs = PaneTabs(("Queue", "Nodes", "Account"))
        self._about = [Quiet(classes="about") for _ in range(3)]
        self._jobs = SheetView(look, id="queue", nothing="reading ...")
        self._places = SheetView(look, id="nodes", nothing="reading ...")
        self._figures = AccountView(look)
        self._reason = Quiet(id="reason")

    def body(self) -> ComposeResult:
        """Three panes, each below a line about it."""
        yield self._tabs
        queue = Vertical(self._about[0], self._jobs, self._reason, id="queue-pane", classes="pane")
        nodes = Vertical(self._about[1], self._places, id="nodes-pane", classes="pane")
        account = Vertical(self._about[2], self._figures, id="account-pane", classes="pane")
        yield Container(queue, Container(nodes, account, id="cluster-lower"), id="cluster-panes")

    def on_mount(self) -> None:
        """Look again and again while the view is open."""
        self._about[2].say(Text("Account", f"bold {palette.TEXT}"))
        self._arrange()
        self._show_pane(0)
        self.set_interval(TICK_S, self._tick)

    def show(self, snapshot: Snapshot) -> None:
        """Look at the queue again when runs have changed."""
        changed = snapshot.runs != self.snapshot.runs or self._queue is None
        super().show(snapshot)
        if changed:
            self._ask_queue()

    def on_screen_resume(self) -> None:
        """Look at all of it."""
        self._ask()

    def action_refresh(self) -> None:
        """Ask now, as far as the site's least interval allows."""
        super().action_refresh()
        self._ask(fresh=True)

    def _tick(self) -> None:
        if self.app.screen is not self:
            return
        self._ticks += 1
        if self._ticks % SELDOM == 0:
            self._ask()
        else:
            self._ask_queue()

    def _ask(self, *, fresh: bool = False) -> None:
        self._ask_queue(fresh=fresh)
        self.post_message(Wanted(NodesWanted(fresh), self))
        young = self._account is not None and time.time() - self._month_at < MONTH_EVERY_S
        month = self._account.month if self._account is not None and young else None
        if not young:
            self._month_at = time.time()
        self.post_message(Wanted(AccountWanted(month), self))

    def _ask_queue(self, *, fresh: bool = False) -> None:
        self.post_message(Wanted(QueueWanted(self._each, fresh), self))

    def take(self, panel: Panel) -> None:
        """Draw a part."""
        if isinstance(panel, QueuePanel):
            self._queue = panel
            self._jobs.show(
                cluster_tables.queue_table(panel.groups, panel.standings, now=time.time()), "no job waits or runs"
            )
            self._about[0].say(about_queue(panel))
            self._show_reason()
        elif isinstance(panel, NodesPanel):
            self._parts = panel
            self._show_nodes()
            self._about[1].say(about_nodes(panel))
        elif isinstance(panel, MachinePanel):
            self._places.show(cluster_tables.machine_table(panel.machine), "no GPU that nvidia-smi knows of")
            self._about[1].say(about_machine(panel))
        elif isinstance(panel, AccountPanel):
            self._account = panel
        elif isinstance(panel, EmptyPanel):
            self._take_nothing(panel)
        self._figures.show(self._account, self._queue)

    @on(SheetView.Moved)
    def _show_reason(self) -> None:
        """Say in full why the job under the cursor waits: the table may have cut it."""
        row = self._jobs.row
        group = self.group_of(row.key) if row is not None else ()
        self._reason.say(Text(safe_line(group[0].why or "") if group else ""))

    def _take_nothing(self, panel: EmptyPanel) -> None:
        """Say why there is nothing; what was there before stays."""
        why = Text(safe_line(panel.why), palette.WAIT)
        if isinstance(panel.want, QueueWanted):
            self._about[0].say(why)
            self._jobs.show(self._jobs.table, "nothing is known yet")
        elif isinstance(panel.want, NodesWanted):
            self._about[1].say(why)
            self._places.show(self._places.table, "nothing is known yet")
        else:
            self._figures.show(self._account, self._queue, safe_line(panel.why))

    def _show_nodes(self) -> None:
        if self._parts is not None:
            answer = self._parts.answer
            few = len(answer.nodes) <= cluster_tables.FEW_NODES
            table = cluster_tables.nodes_table(self._parts.pools, answer, self._folded, all_open=few)
            self._places.show(table, "Slurm shows you no partition")

    def on_resize(self) -> None:
        """Put the panes beside, below or behind one another."""
        self._arrange()

    def _arrange(self) -> None:
        width, height = self.app.size
        side, stack = width >= BROAD, width >= 100 and height >= TALL and width < BROAD
        self.set_class(side, "-side")
        self.set_class(stack, "-stack")
        self.set_class(not side and not stack, "-tabs")

    @on(PaneTabs.Chosen)
    def _pane_chosen(self, event: PaneTabs.Chosen) -> None:
        self._show_pane(event.at)

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        count = 3 if self.has_class("-tabs") else 2
        self._show_pane((self._at + by) % count)

    def _show_pane(self, at: int) -> None:
        self._at = at
        for place in range(3):
            self.set_class(place == at, f"-at{place}")
        self._tabs.show(at)
        if at == 2:
            self.set_focus(None)
        else:
            (self._jobs, self._places)[at].focus()

    @property
    def _sheet(self) -> SheetView:
        return self._places if self._places.has_focus else self._jobs

    def action_sort(self, by: int) -> None:
        """Sort by another column."""
        self._sheet.sort(by)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._sheet.reverse()

    def action_each(self) -> None:
        """Fold the elements of arrays, or list them."""
        self._each = not self._each
        self._ask_queue()

    @on(SheetView.Opened)
    def action_open(self) -> None:
        """Open the job's run; open or close a partition."""
        row = self._sheet.row
        if row is None or self.focused is None:
            return
        if self._sheet is self._places:
            self._folded = self._folded ^ {row.key}
            self._show_nodes()
        elif row.run is not None:
            self.post_message(OpenRun(row.run))
        else:
            self.say(f"job {row.key} is none of this workspace")

    def chosen(self) -> tuple[Place, ...]:
        """Return the jobs of the line under the cursor of the queue, where that has the focus."""
        return self.group_of(self._jobs.row.key) if self._jobs.has_focus and self._jobs.row is not None else ()

    def group_of(self, key: str) -> tuple[Place, ...]:
        """Return the jobs of a line."""
        groups = self._queue.groups if self._queue is not None else ()
        return next((group for group in groups if group[0].job.job_id == key), ())
