"""The view of the runs: a list, and the run under the cursor in its tabs."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from arctl.arranging import HeadLine
from arctl.rundir import run_name
from arctl.settings import Workspace
from arctl.text import safe_line
from arctl.tui import keys, palette, wording
from arctl.tui.look import Look
from arctl.tui.screens.run_actions import RunActions
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets.filter_line import FilterLine
from arctl.tui.widgets.run_pane import RunPane
from arctl.tui.widgets.run_table import RunTable

REST_S = 0.12
"""Seconds that the cursor stays on a line before the run is shown beside the list."""


class RunsScreen(RunActions):
    """List beside run on a wide terminal; one of them on a narrow one."""

    TITLE = "Runs"
    KEYS = (*keys.TABLE, *keys.RUN, *keys.PANE)
    FOOTER = ("open", "filter", "mark", "compare", "view-submit", "palette")

    def __init__(self, workspace: Workspace, look: Look) -> None:
        super().__init__(look)
        self._workspace = workspace
        self._counts = ""
        self._resting: Timer | None = None
        self._warned = False
        self._greeting = Text()
        # Held and not looked up: a snapshot may come while the page is being taken down.
        self.table = RunTable(ascii=look.ascii)
        """The list."""
        self.pane = RunPane(look, id="detail")
        """The run."""
        self._welcome = Static(id="welcome", markup=False)
        self.filter_line = FilterLine(workspace)
        """Where a filter is typed."""
        self._list = Vertical(self.table, self._welcome, id="list")
        self._sides = Horizontal(self._list, id="sides")

    def body(self) -> ComposeResult:
        """The list; the rest follows once that is on the screen."""
        yield self._sides

    def on_mount(self) -> None:
        """Name the workspace, and begin with the list."""
        self._list.border_title = Text(f"runs in {safe_line(wording.home_path(self._workspace.root), limit=80)}")
        self.set_up(self._workspace.settings)
        self.table.focus()
        self.call_after_refresh(self._complete)

    async def _complete(self) -> None:
        await self._sides.mount(self.pane)
        await self._list.mount(self.filter_line)

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot."""
        super().show(snapshot)
        self.table.show(snapshot)
        self._show_run()
        self._show_welcome()
        self.show_counts()
        self.ask_more()

    def _show_run(self) -> None:
        self.pane.marked = self.table.marks[-1] if self.table.marks else None
        line = self.table.line
        if line is not None and isinstance(line, HeadLine):
            self.pane.show_head(line)
        else:
            self.pane.show_run(self.table.row, self.snapshot)

    def show_counts(self) -> None:
        """Say how many runs there are, and which are marked."""
        shown, every = len(self.table.shown), len(self.snapshot.runs)
        words = safe_line(self.filter_line.text, limit=40)
        parts = [f"{shown}/{every} match {words}" if words else f"{every}" if self.snapshot.complete else "newest"]
        if self.table.marks:
            more = f" +{len(self.table.marks) - 4}" if len(self.table.marks) > 4 else ""
            parts.append("marked " + " ".join(run_name(number) for number in self.table.marks[:4]) + more)
        if self.table.order.group not in ("auto", None):
            parts.append(f"by {self.table.order.group}")
        line = " | ".join(parts)
        if line != self._counts:
            self._counts = line
            self._list.border_subtitle = Text(line)

    def _show_welcome(self) -> None:
        snapshot = self.snapshot
        empty = not snapshot.runs and (snapshot.complete or snapshot.trouble is not None)
        self.set_class(empty, "-empty")
        if empty and (text := welcome(snapshot)) != self._greeting:
            self._greeting = text
            self._welcome.update(text)

    @property
    def sweep(self) -> str | None:
        """The sweep of the line under the cursor."""
        line = self.table.line
        if line is not None and isinstance(line, HeadLine):
            return line.title if line.kind == "sweep" else None
        return None if self.table.row is None else self.table.row.sweep

    @property
    def on_run(self) -> bool:
        """Whether the run has the screen or the focus, and not the list."""
        return self.has_class("-open") or self.pane.has_focus_within

    @property
    def way_out(self) -> str:
        """From the run to the list; from there out of the dashboard."""
        return "back" if self.on_run else "quit"

    @on(RunPane.TabChanged)
    def _tab_changed(self) -> None:
        if self.on_run:
            self.pane.focus_content()
        self.show_keys()

    @on(RunTable.Moved)
    def _moved(self) -> None:
        # Once the cursor rests: drawing each run that it passes would hold up the next key.
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_S, self._show_run)

    @on(RunTable.Opened)
    def action_open(self) -> None:
        """Give the run the whole screen; open or close a folded line."""
        if self.table.row is not None:
            self.open_run(True)
        elif self.table.line is not None:
            self.table.set_fold(not getattr(self.table.line, "open", False))

    def open_run(self, is_open: bool) -> None:
        """Show the run on the whole screen, or the list again."""
        if is_open and self.one() is not None:
            self._show_run()
            self.add_class("-open")
            self.pane.focus_content()
        elif not is_open:
            self.remove_class("-open")
            self.table.focus()
        self.show_keys()

    def go_to_run(self, number: int) -> bool:
        """Put the cursor on a run; a filter that hides it is dropped."""
        if not self.table.go_to(number) and self.filter_line.text:
            self.filter_line.drop()
            self.table.go_to(number)
        return self.table.cursor == number

    def action_back(self) -> None:
        """From the run to the list; in the list, drop the filter, then the marks."""
        if self.filter_line.has_focus_within:
            self.filter_line.drop()
        elif self.on_run:
            self.open_run(False)
        elif self.filter_line.text:
            self.filter_line.drop()
        elif self.table.marks:
            self.table.unmark()
            self.show_counts()

    def action_filter(self) -> None:
        """Filter as the user types."""
        self.remove_class("-open")
        self.filter_line.open()

    @on(FilterLine.Changed)
    def _filter_changed(self, event: FilterLine.Changed) -> None:
        self.table.order.filter = event.filter
        self.ask_more()
        self.table.rearrange()
        self._moved()
        self.show_counts()

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.table.focus()

    @on(Input.Submitted)
    def _no_further(self, event: Input.Submitted) -> None:
        event.stop()

    def action_mark(self) -> None:
        """Mark the line under the cursor."""
        self.table.toggle_mark()
        self.show_counts()

    def action_mark_to(self) -> None:
        """Mark from the last mark to the cursor."""
        self.table.mark_to()
        self.show_counts()

    def action_mark_all(self) -> None:
        """Mark all runs that the filter shows; none where all are marked."""
        every: Iterable[int] = self.table.shown
        if set(every) <= set(self.table.marks):
            self.table.unmark()
        else:
            self.table.mark(list(every))
        self.show_counts()

    @on(RunTable.Sorted)
    def _heading_clicked(self, event: RunTable.Sorted) -> None:
        order = self.table.order
        self.sort_by(event.column, reverse=event.column == order.column and not order.reverse)

    def action_unfold(self) -> None:
        """Open the folded line."""
        self.table.set_fold(True)

    def action_fold(self) -> None:
        """Close the folded line."""
        self.table.set_fold(False)

    def action_fold_all(self) -> None:
        """Close all folded lines, or open them."""
        self.table.fold_all()

    async def action_tab(self, by: int) -> None:
        """Show the tab that is `by` places to the right."""
        await self.pane.step_tab(by)

    async def action_log(self) -> None:
        """Jump to the log, and on a narrow terminal open the run for it."""
        if self.one() is not None:
            await self.show_tab("Log")

    async def show_tab(self, title: str) -> None:
        """Show a tab of the run under the cursor and go into it."""
        self._show_run()
        await self.pane.show_tab(title)
        if self.has_class("-narrow"):
            self.open_run(True)
        else:
            self.pane.focus_content()

    def action_other_pane(self) -> None:
        """Move between the list and the run; on a narrow terminal, open or close the run."""
        if self.on_run:
            self.open_run(False)
        elif self.has_class("-narrow"):
            self.open_run(True)
        elif self.table.row is not None:
            self.pane.focus_content()

    def action_quit(self) -> None:
        """Leave the run; from the list, the dashboard: at once, whatever the watcher waits for.

        The first time not where a change would be lost.
        """
        if self.has_class("-open"):
            self.open_run(False)
        elif self.dashboard.watcher.undone and not self._warned:
            self._warned = True
            said = "what you changed is not written yet: q again leaves without it"
            self.notify(said, severity="warning", markup=False)
        else:
            self.app.exit()


def welcome(snapshot: Snapshot) -> Text:
    """Return what an empty workspace says: how to submit the first run, or why no runs can be read."""
    if snapshot.trouble is not None:
        return Text.assemble(("The runs cannot be read.\n\n", f"bold {palette.WAIT}"), snapshot.trouble.what)
    text = Text("No runs yet. Press n for a form, or from a shell:\n", style=f"bold {palette.TEXT}")
    for meaning, command in (
        ("Make a small video data set", "arctl data synth data/motions"),
        ("Train a model on it", "arctl submit --model r3d_tiny --data motions"),
        ("Or run a command of your own", "arctl submit -- ./my_training.sh"),
    ):
        text.append(f"\n{meaning}\n", palette.MUTED)
        text.append(f"    {command}\n", palette.ACCENT)
    text.append("\nIt appears here by itself.", palette.MUTED)
    return text
