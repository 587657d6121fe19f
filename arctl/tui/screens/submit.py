"""The Submit view: a form, the script that it makes, what the preflight says of it; each as fresh as the last key."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import Do, OpenRun, Wanted
from arctl.tui.reading.submit import FormPanel, FormWanted, ScriptPanel, VerdictPanel, VerdictWanted
from arctl.tui.screens.submit_page import HELP, KEYS, Page
from arctl.tui.screens.submit_question import SubmitQuestion
from arctl.tui.screens.view import View
from arctl.tui.snapshot import Snapshot
from arctl.tui.submit_deeds import Sent, SubmitDraft
from arctl.tui.wants import EmptyPanel, Panel, Want
from arctl.tui.widgets.findings import verdict
from arctl.tui.widgets.form import Form
from arctl.tui.widgets.form_side import CSS, TABS, Side
from arctl.tui.widgets.heading import TabStrip

SCRIPT_AFTER = 0.08
"""Seconds after the last key at which the script is made anew."""

VERDICT_AFTER = 0.5
"""Seconds after the last key at which the preflight is asked."""


class SubmitScreen(View):
    """Fills, checks and submits. What is typed stays until it is submitted, whatever else is looked at."""

    TITLE = "Submit"
    KEYS = KEYS
    FOOTER = ("send", "examine", "next-page", "choose", "clear", "back")
    DEFAULT_CSS = CSS
    SCOPED_CSS = False

    class Ended(Message):
        """A submission ended."""

        def __init__(self, sent: Sent) -> None:
            super().__init__()
            self.sent = sent

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.number: int | None = None
        """The run that is repeated; None for a new one."""
        self._pages: dict[int | None, Page] = {}
        self._tab = TABS[0]
        self._clocks: list[Timer] = []
        self._stage = ""
        self._strip = TabStrip(TABS)
        self._form = Form()
        self._side = Side()

    def body(self) -> ComposeResult:
        """Names of the tabs, the form, and beside it what it comes to."""
        with Vertical():
            yield self._strip
            yield Horizontal(self._form, self._side, id="submit")

    def on_mount(self) -> None:
        """Ask what can be chosen."""
        self._show_tab(TABS[0])
        self._ask(FormWanted(self.number))

    def on_resize(self) -> None:
        """On a wide screen the form is always seen."""
        self.call_after_refresh(self._show_tab, self._tab)

    def hints(self) -> tuple[Key, ...]:
        """Return the keys of the last line: letters are typed while a field has the focus."""
        found = super().hints()
        return (*found[:-2], HELP, found[-1]) if isinstance(self.focused, Form) else found

    def rerun_of(self, number: int | None) -> None:
        """Turn to the form that repeats a run, with what was typed there before; None: to that of a new run."""
        if number != self.number:
            self._keep()
            self.number = number
            if self.is_mounted:
                self._ask(FormWanted(number))

    def show(self, snapshot: Snapshot) -> None:
        """Offer the newest runs and tags."""
        super().show(snapshot)
        self._know()

    def take(self, panel: Panel) -> None:
        """Draw what was read."""
        page = self._page
        if isinstance(panel, FormPanel):
            if panel.want == FormWanted(self.number):
                self._begin(panel)
        elif isinstance(panel, EmptyPanel):
            self._fail(panel)
        elif page is None or not isinstance(panel, ScriptPanel | VerdictPanel) or not page.is_answered_by(panel):
            return  # the form has changed since: another answer is under way
        elif isinstance(panel, ScriptPanel):
            page.script = panel
            page.values = panel.values or page.values
            self._side.show_script(panel.script, panel.config)
            self._tell(panel)
        else:
            page.verdict = panel
            self._tell(panel)
            self._side.say(page.verdict_text(busy=False))
            if self._stage == "checking" and panel.want == page.verdict_wanted(expect=True):
                self._ask_person(page, panel)

    @property
    def _page(self) -> Page | None:
        return self._pages.get(self.number)

    def _ask(self, want: Want) -> None:
        self.post_message(Wanted(want, self))

    def _begin(self, panel: FormPanel) -> None:
        page = self._pages.setdefault(self.number, Page(panel, panel.start))
        page.form = panel
        self._load(page)

    def _load(self, page: Page) -> None:
        usual = page.script.sketch.usual if page.script is not None else {}
        self._form.load(page.draft, locked=page.form.locked, usual=usual)
        self._know()
        self._show_title()
        self._later()

    def _fail(self, panel: EmptyPanel) -> None:
        self._stage = ""
        self._side.say(verdict((), told="", problems={"": panel.why}, busy=False))
        self.app.notify(panel.why, severity="error", markup=False)
        self._show_title()
        if isinstance(panel.want, FormWanted) and self.number is not None:
            self.rerun_of(None)

    @on(Form.Edited)
    def _edited(self, event: Form.Edited) -> None:
        event.stop()
        self._stage = "" if self._stage == "checking" else self._stage
        self._keep()
        self._know()
        self._later()

    def _keep(self) -> None:
        if (page := self._page) is not None:
            page.draft = self._form.draft(page.draft)

    def _later(self) -> None:
        """Look at the form as soon as the keys rest."""
        self._stop_clocks()
        self._clocks = [self.set_timer(SCRIPT_AFTER, self._sketch), self.set_timer(VERDICT_AFTER, self._examine)]

    def _stop_clocks(self) -> None:
        for clock in self._clocks:
            clock.stop()

    def _sketch(self) -> None:
        if (page := self._page) is not None:
            self._ask(page.script_wanted())

    def _examine(self, *, expect: bool = False) -> None:
        if (page := self._page) is not None:
            self._side.say(page.verdict_text(busy=True))
            self._ask(page.verdict_wanted(expect=expect))

    def _tell(self, panel: ScriptPanel | VerdictPanel) -> None:
        self._form.tell(panel.sketch.problems, panel.sketch.gaps, panel.sketch.usual)
        self._know()
        self._show_title()

    def _know(self) -> None:
        if (page := self._page) is not None:
            self._form.know(page.known(self.snapshot))

    def _show_title(self) -> None:
        name = "a new run" if self.number is None else f"rerun of {run_name(self.number)}"
        wrong = len(self._form.problems)
        mend = f"{wrong} field{'' if wrong == 1 else 's'} to mend" if wrong else ""
        state = f"{self._stage} ..." if self._stage else mend
        self._strip.show(self._tab, " | ".join(filter(None, (name, state, "read-only" if self.look.readonly else ""))))

    @on(TabStrip.Chosen)
    def _chosen(self, event: TabStrip.Chosen) -> None:
        self._show_tab(event.tab)

    @on(Form.Turned)
    def _turned(self, event: Form.Turned) -> None:
        self.action_tab(event.by)

    def action_tab(self, by: int) -> None:
        """Show the tab that is `by` places to the right."""
        self._show_tab(TABS[(TABS.index(self._tab) + by) % len(TABS)])

    def _show_tab(self, tab: str) -> None:
        self._tab = tab
        wide = not self.has_class("-narrow")
        self._form.display = wide or tab == "Form"
        self._form.styles.max_width = 74 if wide else None
        self._side.display = wide or tab != "Form"
        self._side.show_tab(tab, wide=wide)
        self._show_title()
        view = self._side.of_tab(tab)
        if view is not None:
            view.focus()
        else:
            self._form.focus()

    def action_back(self) -> None:
        """From a tab to the form, from the form to the runs; what is typed stays."""
        if self._tab != "Form":
            self._show_tab("Form")
        else:
            super().action_back()

    def action_clear(self) -> None:
        """Begin anew."""
        page = self._page
        if page is None:
            return
        if page.draft == page.form.start and self.number is not None:
            self.rerun_of(None)
            return
        page.draft, page.failed = page.form.start, ""
        self._load(page)

    def action_examine(self) -> None:
        """Ask the preflight, and Slurm when the job would start."""
        self._stop_clocks()
        self._examine(expect=True)
        self._show_tab("Preflight")

    def action_send(self) -> None:
        """Look at everything once more, then ask; nothing while a submission is under way."""
        page = self._page
        if page is None or self._stage:
            return
        if self.look.readonly:
            self.app.notify("this dashboard only reads: nothing is submitted from it", severity="error", markup=False)
            return
        self._stage, page.failed = "checking", ""
        self._show_title()
        self._stop_clocks()
        self._examine(expect=True)

    def _ask_person(self, page: Page, panel: VerdictPanel) -> None:
        self._stage = ""
        self._show_title()
        errors = [finding for finding in panel.findings if finding.level == "error"]
        if errors or not panel.sketch.plans:
            self._refuse(panel, [safe_line(str(error)) for error in errors])
            return
        runs, again = len(panel.sketch.plans), self.number
        what = f"these {runs} runs" if runs > 1 else "this run" if again is None else f"{run_name(again)} again"
        warnings = sum(finding.level == "warning" for finding in panel.findings)
        question = SubmitQuestion(f"Submit {what}?", told=panel.told, command=panel.command, warnings=warnings)
        self.app.push_screen(question, lambda yes: self._send(page, panel) if yes else None)

    def _refuse(self, panel: VerdictPanel, errors: list[str]) -> None:
        """Lead to what must be mended first."""
        wrong = {**panel.sketch.problems, **panel.sketch.gaps}
        name = next((name for name in self._form.problems if name in wrong), None)
        self._show_tab("Form" if name is not None else "Preflight")
        if name is not None:
            self._form.go_to(name)
        why = next(iter((*wrong.values(), *errors)), "the form is not whole")
        self.app.notify(f"not submitted: {why}", severity="error", markup=False)

    def _send(self, page: Page, panel: VerdictPanel) -> None:
        self._stage = "submitting"
        self._show_title()
        asked = panel.want
        assert isinstance(asked, VerdictWanted)
        self.post_message(Do(SubmitDraft(asked.draft, asked.base, lambda sent: self.post_message(self.Ended(sent)))))

    @on(Ended)
    def _ended(self, event: Ended) -> None:
        self._stage = ""
        page = self._page
        if not event.sent.why:
            self._pages.pop(self.number, None)
            self.number = None
            self._side.clear()
            self._show_tab("Form")
            self._ask(FormWanted(None))
            self.app.post_message(OpenRun(event.sent.numbers[-1]))
        elif page is not None:
            page.failed = event.sent.why
            self._side.say(page.verdict_text(busy=False))
        self._show_title()
