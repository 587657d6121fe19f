"""What stands beside the submission form: the script or the configuration, and below it what the preflight says."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from arctl.tui.widgets.findings import FindingsView
from arctl.tui.widgets.line_view import LineView
from arctl.tui.widgets.script_view import ScriptView
from arctl.tui.widgets.styles import config_line

TABS = ("Form", "Script", "Preflight", "Config")
"""The tabs of the Submit view. On a wide screen the form and the preflight are always seen."""


CSS = """
SubmitScreen TabStrip { margin: 0; }
SubmitScreen #submit { height: 1fr; }
SubmitScreen Form, SubmitScreen Side { width: 1fr; height: 1fr; }
SubmitScreen ScriptView, SubmitScreen #settings { height: 1fr; }
"""
"""How the Submit view is laid out."""


class Side(Vertical):
    """Script, configuration and preflight."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.script = ScriptView()
        self.config = LineView(config_line, id="settings")
        self.findings = FindingsView()

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.script
        yield self.config
        yield self.findings

    def show_script(self, script: tuple[str, ...], config: tuple[str, ...]) -> None:
        """Show what a whole form comes to; of one that is not whole, what it came to before stays."""
        if script and script != self.script.lines:
            self.script.show(script, fresh=False)
        if script and config != self.config.lines:
            self.config.show(config, fresh=False)

    def clear(self) -> None:
        """Forget the script of a run that has been submitted."""
        self.script.show((), fresh=True)
        self.config.show((), fresh=True)

    def say(self, text: Text) -> None:
        """Show what the preflight says."""
        self.findings.say(text)

    def show_tab(self, tab: str, *, wide: bool) -> None:
        """Show what belongs to a tab; on a wide screen the preflight is always seen, below script or configuration.

        Nothing here is done by classes: those of a screen restyle all that is on it, which takes longer than a key may.
        """
        self.script.display = tab == "Script" if not wide else tab != "Config"
        self.config.display = tab == "Config"
        self.findings.display = wide or tab == "Preflight"
        self.findings.styles.height = "auto" if wide else "1fr"
        self.findings.styles.max_height = "40%" if wide else "100%"
        self.findings.styles.border_top = ("solid", "#2b3548") if wide else None

    def of_tab(self, tab: str) -> Widget | None:
        """Return what a tab shows; None for the form."""
        return {"Script": self.script, "Config": self.config, "Preflight": self.findings}.get(tab)
