"""The last row of the Log tab: where one is in the log and what is looked for; or the line in which that is typed."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from arctl.tui import palette

PROMPTS = {
    "find": ("find ", "a text, or re:loss=(nan|inf)"),
    "time": ("time ", "14:02, 2026-11-21 14:02, or -10m before the end"),
}
"""What can be typed: the word before it, and what the empty line says."""


@dataclass(frozen=True)
class Standing:
    """Where one is."""

    name: str = ""
    """File name of the log."""
    which: str = ""
    """`2/3` where the run has several."""
    number: int | None = None
    """Number of the line at the top."""
    total: int | None = None
    """How many lines there are; None while they are counted."""
    share: float | None = None
    """How far down it is, from 0 to 1."""
    modes: tuple[str, ...] = ()
    """`following`, `wrapped`."""

    def place(self) -> str:
        """Return `line 12,345 of 1,234,567`, as far as it is known, else the share."""
        if self.number is None:
            return "" if self.share is None else f"{self.share:.0%}"
        return f"line {self.number:,}" + (f" of {self.total:,}" if self.total is not None else "")


class _Said(Widget):
    """The row as it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.word = Text()

    def render(self) -> Text:
        """Draw place and modes, and what there is to say."""
        standing = self.standing
        parts = [standing.name, standing.which, standing.place(), *standing.modes]
        right = Text("  ".join(part for part in parts if part), palette.MUTED)
        left = self.word.copy()
        blanks = self.size.width - left.cell_len - right.cell_len
        if blanks >= 2 or not left:
            return Text.assemble(left, " " * max(0, blanks), right, no_wrap=True, overflow="ellipsis")
        short = Text(standing.place(), palette.MUTED)
        left.truncate(max(1, self.size.width - short.cell_len - 2), overflow="ellipsis")
        return Text.assemble(left, " " * max(1, self.size.width - left.cell_len - short.cell_len), short)


class LogLine(Container):
    """One row."""

    DEFAULT_CSS = """
    LogLine { height: 1; layout: horizontal; }
    LogLine _Said { width: 1fr; height: 1; }
    LogLine Input { display: none; width: 1fr; height: 1; border: none; padding: 0; }
    LogLine Input:focus { border: none; }
    LogLine #log-ask { display: none; width: auto; height: 1; color: $accent; }
    """

    class Typed(Message):
        """Something was typed: `kind` is a key of PROMPTS."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self.kind: str | None = None
        """What is being typed."""
        self._said = _Said()
        self._input = Input(compact=True, select_on_focus=True)
        self._lead = _Lead()

    def compose(self) -> ComposeResult:
        """The row, or what is typed."""
        yield self._said
        yield self._lead
        yield self._input

    def stand(self, standing: Standing) -> None:
        """Say where one is."""
        if standing != self._said.standing:
            self._said.standing = standing
            self._said.refresh()

    def say(self, word: str, style: str = palette.TEXT) -> None:
        """Say something on the left; empty for nothing."""
        text = Text(word, style)
        if text != self._said.word:
            self._said.word = text
            self._said.refresh()

    @property
    def said(self) -> str:
        """What it says on the left."""
        return self._said.word.plain

    def ask(self, kind: str, text: str = "") -> None:
        """Let something be typed."""
        self.kind = kind
        lead, self._input.placeholder = PROMPTS[kind]
        self._lead.lead = lead
        self._input.value = text
        self._input.disabled = False
        self._see(typing=True)
        self._input.focus()

    def close(self) -> None:
        """Take the input away."""
        self.kind = None
        self._see(typing=False)
        self._input.disabled = True

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over what was typed."""
        event.stop()
        kind = self.kind
        self.close()
        if kind is not None:
            self.post_message(self.Typed(kind, event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep each letter to ourselves."""
        event.stop()

    def _see(self, *, typing: bool) -> None:
        self._said.display = not typing
        self._lead.display = self._input.display = typing


class _Lead(Widget):
    """The word before what is typed."""

    def __init__(self) -> None:
        super().__init__(id="log-ask")
        self.lead = ""

    def render(self) -> Text:
        """Draw it."""
        return Text(self.lead, palette.ACCENT)
