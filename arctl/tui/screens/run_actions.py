"""What can be done in the list of runs: with runs, through deeds that are asked about first, and with the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arctl.registry.rows import RunRow
from arctl.text import safe_line
from arctl.tui.messages import Do, Wanted
from arctl.tui.screens.view import View
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets import columns

if TYPE_CHECKING:
    from arctl.settings import Settings
    from arctl.tui.reading.configs import ConfigsWant
    from arctl.tui.widgets.filter_line import FilterLine
    from arctl.tui.widgets.run_pane import RunPane
    from arctl.tui.widgets.run_table import RunTable


class RunActions(View):
    """The actions of the view of the runs."""

    table: RunTable
    pane: RunPane
    filter_line: FilterLine
    _configs_asked: ConfigsWant | None = None

    def set_up(self, settings: Settings) -> None:
        """Take columns and order from the workspace's settings."""
        wanted = settings.dashboard
        if wanted.columns:
            self.show_columns(wanted.columns)
        if wanted.sort:
            self.table.order.column = wanted.sort.removeprefix("-")
            self.table.order.reverse = wanted.sort.startswith("-")

    def chosen(self) -> list[RunRow]:
        """Return the marked runs, else the one under the cursor, else those of the folded line."""
        from arctl.tui.widgets import heads

        line = self.table.line
        numbers = self.table.marks or (tuple(heads.members(line)) if line is not None else ())
        known = {row.number: row for row in self.snapshot.runs}
        return [known[number] for number in numbers if number in known]

    def one(self) -> RunRow | None:
        """Return the run under the cursor; on a folded line, None, and say how to come to its runs."""
        if self.table.row is None and self.table.line is not None:
            self.notify("this line stands for several runs: enter opens it, then choose one", timeout=3, markup=False)
        return self.table.row

    def action_cancel(self) -> None:
        """Ask, then cancel what is marked or under the cursor."""
        from arctl.tui import asking

        asking.cancel(self, self.chosen())

    def action_compare(self) -> None:
        """Compare the marked runs."""
        marks = self.table.marks
        if len(marks) < 2:
            self.notify(f"mark two runs or more with space, then press c ({len(marks)} marked)", markup=False)
            return
        self.dashboard.compare(marks)

    def action_rerun(self) -> None:
        """Open the form with the run's set-up."""
        if (row := self.one()) is not None:
            self.dashboard.rerun(row.number)

    def action_resume(self) -> None:
        """Ask, then go on with the run."""
        from arctl.tui import asking
        from arctl.tui.screens.confirm import Confirm
        from arctl.tui.submit_deeds import ResumeRun

        row = self.one()
        if row is None:
            return
        deed = ResumeRun(row.number)

        def decided(yes: bool | None) -> None:
            if yes:
                self.post_message(Do(deed))

        question = f"Go on with {asking.names([row])} from its checkpoint?"
        self.app.push_screen(Confirm(question, runs=[asking.told(row)], command=deed.command(), verb="resume"), decided)

    async def action_why(self) -> None:
        """Show the run's job and say why it waits, is slow or ended."""
        if self.one() is None:
            return
        await self.show_tab("Job")
        explain = getattr(self.pane.content, "explain", None)
        if explain is not None:
            explain()

    async def action_note(self) -> None:
        """Write the run's note."""
        if self.one() is not None:
            await self.show_tab("Notes")
            edit = getattr(self.pane.content, "edit", None)
            if edit is not None:
                edit()

    def action_tags(self) -> None:
        """Change the tags of the marked runs, or of the one under the cursor."""
        from arctl.tui import asking
        from arctl.tui.note_deeds import retag
        from arctl.tui.screens.prompt import Prompt

        rows = self.chosen()
        if not rows:
            return

        def told(text: str | None) -> None:
            for deed in retag(tuple(row.number for row in rows), text or ""):
                self.post_message(Do(deed))

        has = " ".join(rows[0].tags) if len(rows) == 1 else ""
        explained = f"{safe_line(has)}  (word adds a tag, -word takes one away)" if has else "word -word"
        self.app.push_screen(Prompt(f"tags of {asking.names(rows)}", hint=explained), told)

    def action_export(self) -> None:
        """Write a report on the marked runs, or on the one under the cursor."""
        from arctl.tui.export_deeds import ExportReport
        from arctl.tui.reading.compare import CompareWant

        rows = self.chosen()
        if rows:
            self.post_message(Do(ExportReport(CompareWant(tuple(row.number for row in rows)))))

    def action_copy(self) -> None:
        """Copy the path of the run's directory through the terminal."""
        if (row := self.one()) is not None:
            path = str(self.dashboard.workspace.run_dir(row.number))
            self.app.copy_to_clipboard(path)
            self.notify(f"copied {safe_line(path)}", markup=False)

    async def show_tab(self, title: str) -> None:
        """Show a tab of the run under the cursor and go into it."""
        raise NotImplementedError

    def show_counts(self) -> None:
        """Say how many runs there are, and which are marked."""
        raise NotImplementedError

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        names = [column.key for column in self.table.chosen]
        here = names.index(self.table.order.column) if self.table.order.column in names else 0
        self.sort_by(names[(here + by) % len(names)])

    def sort_by(self, name: str, *, reverse: bool = False) -> None:
        """Sort by a column."""
        self.table.order.column, self.table.order.reverse = name, reverse
        self.ask_more()
        self.table.rearrange()
        self.table.refresh()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.sort_by(self.table.order.column, reverse=not self.table.order.reverse)

    def action_group(self) -> None:
        """Fold by the next thing."""
        by = self.table.order.next_group()
        self.table.rearrange()
        self.show_counts()
        said = {"auto": "sweeps and arrays are folded", None: "nothing is folded"}.get(by, f"by {by}")
        self.notify(said, timeout=2, markup=False)

    def action_columns(self) -> None:
        """Choose the columns."""
        from arctl.tui.screens.choose import Choose

        now = [column.key for column in self.table.chosen]

        def chosen(names: Sequence[str] | None) -> None:
            if names:
                self.show_columns(names)

        extra = "a metric (val/loss) or a setting (cfg.optim.lr)"
        known = lambda name: columns.named(name) is not None  # noqa: E731
        self.app.push_screen(Choose("columns", list(columns.NAMED), now, more=extra, known=known), chosen)

    def show_columns(self, names: Sequence[str]) -> None:
        """Show columns by name; what no column is called is left out."""
        found = [column for name in names if (column := columns.named(name)) is not None]
        self.table.show_columns(found)
        self.ask_more()

    def action_filters(self) -> None:
        """Choose a saved filter, or save the present one."""
        from arctl.tui.screens.saved_filters import SavedFilters

        def chosen(text: str | None) -> None:
            if text is not None:
                self.filter_line.put(text)

        self.app.push_screen(SavedFilters(self.filter_line.text), chosen)

    def ask_more(self) -> None:
        """Ask for the metrics and settings that columns, order and filter need beside the usual ones."""
        from arctl.tui.reading.configs import ConfigsWant

        used = {column.key for column in self.table.chosen} | {self.table.order.column}
        held = self.table.order.filter
        metrics = {key.partition(".")[0] for key in used if "/" in key and not key.startswith("cfg.")}
        settings = {key.removeprefix("cfg.") for key in used if key.startswith("cfg.")}
        if held is not None:
            metrics |= held.metrics
            settings |= held.config_keys
        self.dashboard.watcher.show_metrics(sorted(metrics))
        want = ConfigsWant(tuple(sorted(settings)), len(self.snapshot.runs))
        if settings and want != self._configs_asked:
            self._configs_asked = want
            self.post_message(Wanted(want, self))

    def take(self, panel: Panel) -> None:
        """Take the settings of the runs."""
        from arctl.tui.reading.configs import ConfigsPanel

        if isinstance(panel, ConfigsPanel):
            self.table.show_configs(panel.configs)
            self.show_counts()
        elif isinstance(panel, EmptyPanel):
            self.notify(panel.why, severity="warning", markup=False)
