"""What the scheduler was asked by this user's arctl processes, and what was done in this dashboard, newest first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.look import Look
from arctl.tui.messages import Wanted
from arctl.tui.reading.calls import CallsPanel, CallsWant
from arctl.tui.wants import Deed, EmptyPanel, Panel
from arctl.tui.widgets.text_page import TextPage, heading

_EVERY_S = 2.0
"""Seconds between two looks at the log."""


class CallsScreen(ModalScreen[None]):
    """A page that keeps itself up to date; `arctl queue --calls --each` prints the same."""

    DEFAULT_CSS = """
    CallsScreen { align: center middle; background: $background 60%; }
    CallsScreen #box {
        width: 100%; max-width: 140; height: 100%; max-height: 48; background: $surface; border: round $primary;
        border-title-color: $primary; border-subtitle-color: $muted;
    }
    CallsScreen TextPage { background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,at,enter", "dismiss(None)", "close", show=False)]

    def __init__(self, look: Look, done: Sequence[tuple[float, Deed]]) -> None:
        super().__init__()
        self._look = look
        self._done = done
        self._page = TextPage()

    def compose(self) -> ComposeResult:
        """A box with the log."""
        box = Vertical(id="box")
        box.border_title = "asked and done"
        box.border_subtitle = "j k scroll, esc closes"
        with box:
            yield self._page

    def on_mount(self) -> None:
        """Read the log now and then."""
        self._page.focus()
        self._ask()
        self.set_interval(_EVERY_S, self._ask)

    def _ask(self) -> None:
        self.app.post_message(Wanted(CallsWant(time.time()), self))

    def take(self, panel: Panel) -> None:
        """Draw the log."""
        if isinstance(panel, CallsPanel):
            self._page.show([*self._deeds(), *_calls(panel)], fresh=False)
        elif isinstance(panel, EmptyPanel):
            self._page.show([*self._deeds(), Text(panel.why, style=palette.WAIT)], fresh=False)

    def _deeds(self) -> Iterator[Text]:
        yield heading("Done in this dashboard, as commands")
        for at, deed in reversed(self._done):
            yield Text.assemble(
                (f"{_clock(at)}  ", palette.MUTED), (safe_line(deed.command(), limit=2000), palette.ACCENT)
            )
        if not self._done:
            yield Text("nothing yet", style=palette.MUTED)
        yield Text()


def _calls(panel: CallsPanel) -> Iterator[Text]:
    yield heading("Asked of the scheduler by all arctl processes of yours")
    most = 60.0 / panel.least_s if panel.least_s > 0 else 0.0
    rule = f"; the queue is asked at most {most:.0f} times (slurm.min_poll_s)" if most else ""
    yield Text(f"{panel.minute} in the last minute{rule}", style=palette.MUTED)
    for call in panel.calls:
        ended = "no answer" if call.rc is None else f"exit {call.rc}" if call.rc else "ok"
        yield Text.assemble(
            (f"{_clock(call.at)}  ", palette.MUTED),
            (f"{safe_line(call.program, limit=40)} ", f"bold {palette.TEXT}"),
            (f"{safe_line(call.args, limit=400)}  ", palette.TEXT),
            (f"{ended}  ", palette.MUTED if call.rc == 0 else palette.BAD),
            (f"{call.ms:.0f} ms  {safe_line(call.why, limit=40)}  pid {call.pid}", palette.MUTED),
        )
    if not panel.calls:
        yield Text("nothing in the last day: runs on this machine need no scheduler", style=palette.MUTED)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
