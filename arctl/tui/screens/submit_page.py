"""What the Submit view knows of one form: that of a new run, or of the run that is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui.keys import Key
from arctl.tui.reading.submit import FormPanel, ScriptPanel, ScriptWanted, VerdictPanel, VerdictWanted
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets.findings import verdict
from arctl.tui.widgets.form_completion import Known

if TYPE_CHECKING:
    from arctl.drafting import Draft

HELP = Key("f1", "F1", "help", "help", "this page")
"""Help while letters are typed into a field."""

KEYS = (
    Key("ctrl+s", "ctrl+s", "send", "submit", "submit what the form says (asks first)", "send"),
    Key("ctrl+e", "ctrl+e", "examine", "preflight", "ask the preflight, and Slurm when the job would start", "examine"),
    Key("ctrl+t", "ctrl+t", "tab(1)", "next tab", "next tab: form, script, preflight, configuration", "next-page"),
    Key("right_square_bracket", "]", "tab(1)", "next tab", "the same, but in fields that take brackets", "next-tab"),
    Key("left_square_bracket", "[", "tab(-1)", "last tab", "previous tab, likewise", "last-tab"),
    Key("ctrl+l", "ctrl+l", "clear", "clear", "begin anew: as the repeated run was, then for a new run", "clear"),
)
"""The keys of the Submit view."""

OFFERED = 1000
"""Runs that are offered to wait for, and whose tags are offered, newest first."""


@dataclass
class Page:
    """A form while it is filled."""

    form: FormPanel
    """How it began, and what its fields can hold."""
    draft: Draft
    """What is typed."""
    script: ScriptPanel | None = None
    """What it came to when the keys last rested."""
    verdict: VerdictPanel | None = None
    """What the preflight last said."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The values of the configuration when the form was last whole."""
    failed: str = ""
    """Why it was not submitted when that was last tried."""

    def script_wanted(self) -> ScriptWanted:
        """Return the question what the form comes to."""
        return ScriptWanted(self.draft, self.form.base)

    def verdict_wanted(self, *, expect: bool) -> VerdictWanted:
        """Return the question to the preflight."""
        return VerdictWanted(self.draft, self.form.base, expect)

    def is_answered_by(self, panel: ScriptPanel | VerdictPanel) -> bool:
        """Tell whether an answer is about what is typed now."""
        return panel.sketch.draft == self.draft

    def verdict_text(self, *, busy: bool) -> Text:
        """Return the preflight's page."""
        found = next((one for one in (self.verdict, self.script) if one and self.is_answered_by(one)), None)
        if found is None:
            return verdict((), told="", problems={}, busy=True)
        wrong = {**found.sketch.problems, **found.sketch.gaps}
        if self.failed:
            wrong["not submitted"] = self.failed
        findings = found.findings if isinstance(found, VerdictPanel) else ()
        return verdict(findings, told=found.told, problems=wrong, busy=busy or not isinstance(found, VerdictPanel))

    def known(self, snapshot: Snapshot) -> Known:
        """Return what words are completed with."""
        runs = snapshot.runs[:OFFERED]
        tags = dict.fromkeys(tag for row in runs for tag in row.tags)
        return Known(
            choices=self.form.choices,
            site=self.verdict.site.fields if self.verdict is not None else {},
            runs=tuple((run_name(row.number), f"{safe_line(row.name, limit=60)}, {row.state}") for row in runs),
            tags=tuple((safe_line(tag), "") for tag in tags),
            values=self.values,
            model=self.draft.model.strip(),
        )
