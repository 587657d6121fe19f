"""The page of a workspace: its runs, and the run under the cursor in four tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from arctl.rundir import run_name
from arctl.states import LIVE
from arctl.text import safe_line
from arctl.tui import keys, palette, wording
from arctl.tui.screens.confirm import Confirm
from arctl.tui.snapshot import Snapshot, Tab
from arctl.tui.widgets.detail import DetailPane
from arctl.tui.widgets.run_table import RunTable
from arctl.tui.widgets.status import KeyBar, StatusLine

if TYPE_CHECKING:
    from arctl.settings import Workspace
    from arctl.tui.watcher import Watcher


class RunsScreen(Screen[None]):
    """List beside detail on a wide terminal; one of them on a narrow one."""

    BINDINGS = keys.bindings(keys.RUNS, keys.DETAIL, keys.APP)

    def __init__(self, workspace: Workspace, watcher: Watcher, *, ascii: bool, tick: int) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self._workspace = workspace
        self._watcher = watcher
        self._ascii = ascii
        self._tick = tick
        self._snapshot = Snapshot()
        self._counts = ""
        self._greeting = Text()
        # Held and not looked up: a snapshot may come while the page is being taken down.
        self.table = RunTable(ascii=ascii)
        self.detail = DetailPane(ascii=ascii, id="detail")
        self._welcome = Static(id="welcome", markup=False)
        self._filter = Input(placeholder="number, name, model, state or tag", id="filter", compact=True)
        self._list = Vertical(self.table, self._welcome, self._filter, id="list")
        self._status = StatusLine(step=tick)
        self._keys = KeyBar()

    def compose(self) -> ComposeResult:
        """List, detail, status, keys."""
        yield Horizontal(self._list, self.detail, id="body")
        yield self._status
        yield self._keys

    def on_mount(self) -> None:
        """Begin to keep the status line true."""
        self._list.border_title = Text(f"runs in {safe_line(wording.home_path(self._workspace.root), limit=80)}")
        self.table.focus()
        self.set_interval(self._tick, self._show_status)
        self.call_after_refresh(self._watcher.start)

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot."""
        self._snapshot = snapshot
        self.table.show(snapshot)
        self.detail.show_run(self.table.row, snapshot.at)
        self._show_welcome()
        self._show_counts()
        self._show_status()

    def _show_status(self) -> None:
        self._status.show(self._snapshot, self._watcher.busy_since)

    def _show_counts(self) -> None:
        shown, every = self.table.shown, len(self._snapshot.runs)
        words = safe_line(self._filter.value, limit=40)
        parts = [f"{shown}/{every} match {words}" if words else f"{every}"]
        if self.table.marks:
            parts.append("marked " + " ".join(run_name(number) for number in self.table.marks[:4]))
        line = " | ".join(parts)
        if line != self._counts:
            self._counts = line
            self._list.border_subtitle = Text(line)

    def _show_welcome(self) -> None:
        empty = not self._snapshot.runs and (self._snapshot.at > 0 or self._snapshot.trouble is not None)
        self.set_class(empty, "-empty")
        if empty and (text := welcome(self._snapshot)) != self._greeting:
            self._greeting = text
            self._welcome.update(text)

    def _show_keys(self) -> None:
        on_run = self.has_class("-open") or self.detail.has_focus_within
        self._keys.show(keys.TAB_FOOTER[self.detail.tab] if on_run else keys.LIST_FOOTER)

    def on_descendant_focus(self) -> None:
        """Show the keys of what has the focus."""
        self._show_keys()

    @on(DetailPane.TabChanged)
    def _tab_changed(self) -> None:
        if self.has_class("-open") or self.detail.has_focus_within:
            self.detail.content.focus()
        self._show_keys()

    @on(DetailPane.Wanted)
    def _wanted(self, event: DetailPane.Wanted) -> None:
        self._watcher.want(event.want)

    @on(RunTable.Moved)
    def _moved(self) -> None:
        self.detail.show_run(self.table.row, self._snapshot.at)

    @on(RunTable.Opened)
    def action_open(self) -> None:
        """Give the run the whole screen."""
        if self.table.row is not None:
            self.add_class("-open")
            self.detail.content.focus()
            self._show_keys()

    def action_back(self) -> None:
        """From the run to the list; in the list, drop the filter."""
        if self._filter.display and self._filter.has_focus:
            self._close_filter(keep=False)
        elif self.has_class("-open") or self.detail.has_focus_within:
            self.remove_class("-open")
            self.table.focus()
        elif self._filter.value:
            self._close_filter(keep=False)

    def action_filter(self) -> None:
        """Filter as the user types."""
        self.remove_class("-open")
        self._filter.display = True
        self._filter.focus()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        self.table.filter(event.value)
        self.detail.show_run(self.table.row, self._snapshot.at)
        self._show_counts()

    @on(Input.Submitted)
    def _filter_kept(self) -> None:
        self._close_filter(keep=True)

    def _close_filter(self, *, keep: bool) -> None:
        if not keep:
            self._filter.value = ""
        self._filter.display = False
        self.table.focus()

    def action_mark(self) -> None:
        """Mark the run under the cursor."""
        self.table.toggle_mark()
        self._show_counts()

    def action_compare(self) -> None:
        """Compare the two marked runs."""
        from arctl.tui.screens.compare import CompareScreen

        marks = self.table.marks
        if len(marks) != 2:
            self.app.notify(f"mark two runs with space, then press c ({len(marks)} marked)", markup=False)
            return
        self.app.push_screen(CompareScreen(*marks, ascii=self._ascii))
        self._watcher.compare(*marks)

    def action_cancel(self) -> None:
        """Ask, then cancel the run under the cursor."""
        row = self.table.row
        if row is None:
            return
        name = f"{run_name(row.number)} {safe_line(row.name, limit=60)}"
        if row.state not in LIVE:
            self.app.notify(f"{name} has ended: there is nothing to cancel", markup=False)
            return
        word, _style = palette.state_word(row.state)
        job = f", job {safe_line(row.job_id, limit=40)}" if row.job_id else ""

        def decided(yes: bool | None) -> None:
            if yes:
                self._watcher.cancel(row.number)

        self.app.push_screen(Confirm(f"Cancel {name}?", f"It is {word}{job}, on {safe_line(row.cluster)}."), decided)

    def action_copy(self) -> None:
        """Copy the path of the run's directory through the terminal."""
        if self.table.row is not None:
            path = str(self._workspace.run_dir(self.table.row.number))
            self.app.copy_to_clipboard(path)
            self.app.notify(f"copied {safe_line(path)}", markup=False)

    def action_refresh(self) -> None:
        """Look at disk and scheduler now."""
        self._watcher.refresh()

    def action_tab(self, by: int) -> None:
        """Show the tab that is `by` places to the right."""
        self.detail.show_tab(self.detail.tab.step(by))

    def action_log(self) -> None:
        """Jump to the log, and on a narrow terminal open the run for it."""
        if self.table.row is None:
            return
        self.detail.show_tab(Tab.LOG)
        if self.has_class("-narrow"):
            self.action_open()
        else:
            self.detail.content.focus()

    def action_follow(self) -> None:
        """Follow the log, or stop."""
        if self.detail.tab is Tab.LOG:
            self.detail.log_view.toggle_follow()

    def action_metric(self, by: int) -> None:
        """Draw other metrics."""
        self.detail.next_chart(by)

    def action_other_pane(self) -> None:
        """Move between the list and the run; on a narrow terminal, open or close the run."""
        if self.detail.has_focus_within:
            self.action_back()
        elif self.has_class("-narrow"):
            self.action_open()
        elif self.table.row is not None:
            self.detail.content.focus()

    def action_help(self) -> None:
        """Show all keys."""
        from arctl.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_quit(self) -> None:
        """Leave at once, whatever the watcher waits for."""
        self.app.exit()


def welcome(snapshot: Snapshot) -> Text:
    """Return what an empty workspace says: how to submit the first run, or why no runs can be read."""
    if snapshot.trouble is not None:
        return Text.assemble(("The runs cannot be read.\n\n", f"bold {palette.WAIT}"), snapshot.trouble.what)
    text = Text("No runs yet. From a shell:\n", style=f"bold {palette.TEXT}")
    for meaning, command in (
        ("Make a small video data set", "arctl data synth data/motions"),
        ("Train a model on it", "arctl submit --model r3d_tiny --data motions"),
        ("Or run a command of your own", "arctl submit -- ./my_training.sh"),
    ):
        text.append(f"\n{meaning}\n", palette.MUTED)
        text.append(f"    {command}\n", palette.ACCENT)
    text.append("\nIt appears here by itself.", palette.MUTED)
    return text
