"""The Job tab: where the run stands with its scheduler, why, what happened so far, and the script as submitted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import keys, palette, wording
from arctl.tui.keys import Key
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.job import JobPanel, JobWant, WhyPanel, WhyWant
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.script_view import script_line
from arctl.tui.widgets.text_page import TextPage, heading, labelled

if TYPE_CHECKING:
    from arctl.registry.rows import JobRow, RunRow
    from arctl.timeline import Moment
    from arctl.tui.look import Look
    from arctl.why import Answer

KEYS = (
    Key("o", "o", "script(-1)", "other script", "the script of the run's job before, around the first", "other-script"),
)
"""The tab's own keys."""

_EVERY_S = 30.0
"""Seconds after which the durations of a run that lives are drawn anew."""


class JobTab(TextPage):
    """Facts, reason, timeline, directives, script."""

    TITLE: ClassVar[str] = "Job"
    KEYS: ClassVar[tuple[Key, ...]] = KEYS
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "next-tab", "why", "copy")
    BINDINGS = keys.bindings(KEYS)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        """A short text for the tab strip."""
        self._look = look
        self._row: RunRow | None = None
        self._panel: JobPanel | None = None
        self._answer: Answer | None = None
        self._asking = ""
        self._script: int | None = None
        self._drawn = 0.0

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run; its jobs are read again where it has changed."""
        if fresh:
            self._panel, self._answer, self._asking, self._script = None, None, "", None
            self.show([], fresh=True)
            self._set_note("")
        if fresh or row != self._row or (row.ended is None and now - self._drawn > _EVERY_S):
            self._drawn = now
            self.app.post_message(Wanted(JobWant(row.number, self._script), self))
        self._row = row

    def explain(self) -> None:
        """Ask why the run is as it is; the scheduler may take its time."""
        if self._row is not None:
            self._asking = "asking ..."
            self._draw(fresh=False)
            self.app.post_message(Wanted(WhyWant(self._row.number, time.time()), self))

    def action_script(self, by: int) -> None:
        """Show the script of another of the run's jobs."""
        if self._panel is not None and self._row is not None and self._panel.scripts > 1:
            count = self._panel.scripts
            self._script = ((self._script or count) - 1 + by) % count + 1
            self.app.post_message(Wanted(JobWant(self._row.number, self._script), self))

    def take(self, panel: Panel) -> None:
        """Draw what was read."""
        number = None if self._row is None else self._row.number
        if isinstance(panel, JobPanel) and panel.row.number == number:
            fresh = self._panel is None
            self._panel = panel
            self._set_note(f"{len(panel.jobs)} jobs" if len(panel.jobs) > 1 else "")
            self._draw(fresh=fresh)
        elif isinstance(panel, WhyPanel) and panel.answer.run == run_name(number or 0):
            self._answer, self._asking = panel.answer, ""
            self._draw(fresh=True)
        elif isinstance(panel, EmptyPanel) and isinstance(panel.want, WhyWant):
            self._asking = panel.why
            self._draw(fresh=False)
        elif isinstance(panel, EmptyPanel):
            self.show([Text(panel.why, style=palette.WAIT)], fresh=True)

    def _set_note(self, note: str) -> None:
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def _draw(self, *, fresh: bool) -> None:
        if self._panel is not None:
            self.show([*_facts(self._panel), *self._why(), *_rest(self._panel)], fresh=fresh)

    def _why(self) -> Iterator[Text]:
        yield Text()
        answer = self._answer
        if self._asking or answer is None:
            yield labelled("why", self._asking or "w says why (it may ask Slurm)", palette.MUTED)
            return
        yield labelled("why", safe_line(answer.sentence), f"bold {palette.TEXT}")
        for note in answer.notes:
            yield labelled("", safe_line(note))
        for one in answer.evidence:
            yield labelled("", f"{safe_line(one.where)}: {safe_line(one.text, limit=300)}", palette.MUTED)
        for remedy in answer.remedies:
            yield labelled("", f"{safe_line(remedy.why)}:", palette.MUTED)
            yield labelled("", f"  {safe_line(remedy.command, limit=2000)}", palette.ACCENT)


def _facts(panel: JobPanel) -> Iterator[Text]:
    row, job = panel.row, panel.jobs[-1] if panel.jobs else None
    word, style = palette.state_word(row.state)
    yield labelled("state", word, style)
    yield labelled("job", _job(row, job))
    if row.node:
        yield labelled("node", safe_line(row.node))
    if row.reason and row.ended is None:
        from arctl.pending import plain

        yield labelled("waits", f"{plain(row.reason)} ({safe_line(row.reason, limit=120)})", palette.WAIT)
    if row.message:
        yield labelled("message", safe_line(row.message), palette.BAD)
    if job is not None and job.state is not None:
        said = f" {wording.age(job.asked_at, time.time())} ago" if job.asked_at else ""
        yield labelled(
            "heard", f"{str(job.state).replace('_', ' ')}, by {safe_line(job.source or '')}{said}", palette.MUTED
        )


def _job(row: RunRow, job: JobRow | None) -> str:
    if job is None:
        return f"none: {row.submission}"
    return f"{safe_line(job.job_id)} on {safe_line(job.cluster)}, template {safe_line(row.template, limit=80)}"


def _rest(panel: JobPanel) -> Iterator[Text]:
    yield Text()
    yield heading("What happened")
    day = ""
    for moment in panel.moments:
        date = time.strftime("%a %d %b", time.localtime(moment.at))
        yield _moment(moment, date if date != day else "")
        day = date
    if len(panel.jobs) > 1:
        yield Text()
        yield heading(f"Its {len(panel.jobs)} jobs")
        for job in panel.jobs:
            state = "not heard of yet" if job.state is None else str(job.state).replace("_", " ")
            place = f" on {safe_line(job.node)}" if job.node else ""
            yield labelled(safe_line(job.job_id), f"{state}{place}, submitted {_when(job.submitted)}")
    yield Text()
    yield heading(f"Asked of {safe_line(panel.row.cluster)}, as {panel.script_name} has it")
    for key, value in sorted(panel.options.items()):
        yield labelled(f"--{safe_line(key, limit=60)}", safe_line(value) or "yes", width=18)
    if panel.row.cluster == "slurm" and panel.options:
        yield Text("nothing else: SBATCH_* variables of the shell are kept from sbatch", style=palette.MUTED)
    yield Text()
    yield heading(
        f"{panel.script_name}, as it was submitted" + (f" ({panel.scripts} scripts: o)" if panel.scripts > 1 else "")
    )
    if panel.trouble:
        yield Text(safe_line(panel.trouble), style=palette.WAIT)
    for line in panel.script:
        yield script_line(line.expandtabs(8))


def _moment(moment: Moment, day: str) -> Text:
    clock = "now  " if moment.kind == "now" else time.strftime("%H:%M", time.localtime(moment.at))
    style = palette.TEXT if moment.good else palette.BAD
    return Text.assemble((f"{day:<11}{clock}  ", palette.MUTED), (safe_line(moment.what), style))


def _when(at: float) -> str:
    return time.strftime("%a %d %b %H:%M", time.localtime(at))
