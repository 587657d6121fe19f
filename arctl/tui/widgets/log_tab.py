"""The Log tab: a run's logs from end to beginning, searched by text, by error and by time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from arctl.errors import UsageError
from arctl.longlog import query_of
from arctl.registry.rows import RunRow
from arctl.text import safe_line
from arctl.tui import keys, palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import Wanted
from arctl.tui.reading.log import FAULT, START, FindPanel, FindWant, TimePanel, TimeWant
from arctl.tui.wants import EmptyPanel, Panel, Want
from arctl.tui.widgets.log_line import LogLine
from arctl.tui.widgets.log_window import LogWindow

KEYS: tuple[Key, ...] = (
    Key("f", "f", "follow", "follow", "follow the log as it grows, or stay"),
    Key("slash", "/", "find", "find", "look for a text, or re:EXPRESSION; without capitals both cases", "log-find"),
    Key("n", "n", "again(1)", "next", "the next line that matches, below", "log-next"),
    Key("N", "N", "again(-1)", "previous", "the line before that matches, above", "log-previous"),
    Key("e", "e", "first_error", "error", "the first error", "log-error"),
    Key("E", "E", "next_error", "next error", "the next error", "log-next-error"),
    Key("t", "t", "time", "time", "jump to a time", "log-time"),
    Key("w", "w", "wrap", "wrap", "break long lines, or cut them", "log-wrap"),
    Key("o", "o", "other", "other log", "the log of another job of this run", "log-other"),
    Key("O", "O", "start", "restart", "the next start of the job within this log", "log-start"),
    Key("right", "→", "sideways(16)", "right", "to the right in long lines", "log-right"),
    Key("left", "←", "sideways(-16)", "left", "to the left in long lines", "log-left"),
    Key("y", "y", "copy", "copy", "copy the line that was found, else the line at the top", "log-copy"),
    Key("escape", "esc", "drop", "drop", "stop looking, take the marks away", "log-drop"),
)
"""What can be done with a log."""

_NAMES = {FAULT: "an error", START: "a later start"}


@dataclass(frozen=True)
class Seeking:
    """What is being looked for."""

    want: FindWant
    """The slice that is looked through."""
    whole: bool = False
    """Whether it began at the first line."""
    round: bool = False
    """Whether it went on from the other end."""

    @property
    def name(self) -> str:
        """What it is, in words."""
        return _NAMES.get(self.want.what) or repr(safe_line(self.want.what, limit=40))


class LogTab(LogWindow):
    """Logs of the run that it was last given."""

    TITLE: ClassVar[str] = "Log"
    KEYS: ClassVar[tuple[Key, ...]] = KEYS
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "follow", "log-find", "log-error", "log-time", "log-wrap", "log-other")
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(keys.MOVE, KEYS)
    DEFAULT_CSS = "LogTab { height: 1fr; } LogTab LogLines { height: 1fr; }"

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._query = ""
        self._seeking: Seeking | None = None
        self._timing: TimeWant | None = None

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run's log; of the run that is shown already, only what was added."""
        if row.number != self.number:
            self.number = row.number
            self.begin_anew()
            self._query, self._seeking, self._timing = "", None, None
            if self.line.kind is not None:
                self.line.close()
                self.lines.focus()
            self.line.say("")
            self.lines.say("reading ...")
            self.lines.mark(None, None)
        self.refresh_log()

    def take(self, panel: Panel) -> None:
        """Draw what was read."""
        if not self.mine(panel.want):
            return
        if isinstance(panel, EmptyPanel) and isinstance(panel.want, FindWant | TimeWant):
            self._seeking = self._timing = None
            self.line.say(panel.why, palette.BAD)
        elif isinstance(panel, FindPanel):
            self._take_found(panel)
        elif isinstance(panel, TimePanel):
            self._timing = None
            self.set_follow(False)
            self.go(panel.place.at)
            self.line.say(time.strftime("written at %Y-%m-%d %H:%M:%S", time.localtime(panel.place.t)))
        else:
            super().take(panel)

    def mine(self, want: Want) -> bool:
        """Tell whether an answer is still of use."""
        if isinstance(want, FindWant):
            return self._seeking is not None and want is self._seeking.want
        if isinstance(want, TimeWant):
            return want is self._timing
        return super().mine(want)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave `escape` to the view where there is nothing to drop here."""
        if action == "drop":
            return bool(self.line.kind or self._seeking or self._timing or self._query or self.lines.hit is not None)
        return True

    def action_sideways(self, by: int) -> None:
        """Go to the right or to the left in long lines."""
        self.lines.sideways(by)

    def action_follow(self) -> None:
        """Keep the end in sight, or stay."""
        self.set_follow(not self.follow)
        if self.follow:
            self.go(None)

    def action_wrap(self) -> None:
        """Break long lines, or cut them."""
        self.lines.toggle_wrap()
        self.settled()

    def action_other(self) -> None:
        """Show the log of the job before; after the oldest that of the newest."""
        if len(self.names) < 2 or self.held not in self.names:
            self.line.say("this run has one log" if self.names else "this run has no log yet", palette.WAIT)
            return
        at = self.names.index(self.held)
        self.pinned = self.names[at - 1] != self.names[-1]
        self._let_go()
        self.go(None, log=self.names[at - 1])

    def action_find(self) -> None:
        """Type what to look for."""
        self.line.ask("find", self._query)

    def action_time(self) -> None:
        """Type a time."""
        self.line.ask("time")

    @on(LogLine.Typed)
    def _typed(self, event: LogLine.Typed) -> None:
        event.stop()
        self.lines.focus()
        text = event.text if event.kind == "find" else event.text.strip()
        if not text or self.number is None or self.held is None:
            return
        if event.kind == "time":
            self._seeking, self._timing = None, TimeWant(self.number, self.held, text)
            self.line.say("looking ...", palette.MUTED)
            self.post_message(Wanted(self._timing, self))
            return
        try:
            self.lines.mark(query_of(text).spans, None)
        except UsageError as error:
            self.line.say(safe_line(str(error)), palette.BAD)
            return
        self._query = text
        self._seek(text, at=self.lines.top_at)

    def action_again(self, by: int) -> None:
        """Go to the next match, or to the one before."""
        if not self._query:
            self.action_find()
            return
        at = self._from()
        if by > 0:
            at = next((line.end for line in self.lines.read.lines if line.at == at), at)
        self._seek(self._query, at=at, backward=by < 0)

    def action_first_error(self) -> None:
        """Go to the first error."""
        self._seek(FAULT, at=0)

    def action_next_error(self) -> None:
        """Go to the next error below."""
        self._seek(FAULT, at=self._from(), behind=True)

    def action_start(self) -> None:
        """Go to the next start of the job below."""
        self._seek(START, at=self._from(), behind=True)

    def action_copy(self) -> None:
        """Copy a line to the terminal's clipboard."""
        at = self._from()
        text = self.lines.text_at(at)
        if text is not None:
            self.app.copy_to_clipboard(text)
            self.line.say(f"copied: {text[:60]}")

    def action_drop(self) -> None:
        """Stop looking, close the line, take the marks away: one of them at a time."""
        if self.line.kind is not None:
            self.line.close()
            self.lines.focus()
        elif self._seeking is not None or self._timing is not None:
            self._seeking = self._timing = None
            self.line.say("stopped", palette.MUTED)
        else:
            self._let_go()

    def _let_go(self) -> None:
        self._query, self._seeking = "", None
        self.lines.mark(None, None)
        self.line.say("")

    def _from(self) -> int:
        """Return the line that was found, if it is seen, else the line at the top."""
        hit = self.lines.hit
        return hit if hit is not None and self.lines.sees(hit) else self.lines.top_at

    def _seek(self, what: str, *, at: int, backward: bool = False, behind: bool = False) -> None:
        if self.number is None or self.held is None:
            return
        self._seeking = Seeking(
            FindWant(self.number, self.held, what, at, backward, behind), whole=at == 0 and not behind
        )
        self.post_message(Wanted(self._seeking.want, self))

    def _take_found(self, panel: FindPanel) -> None:
        seeking, part = self._seeking, panel.part
        assert seeking is not None
        want = seeking.want
        if panel.line is not None:
            self._seeking = None
            self._show_hit(seeking, panel.line)
        elif not part.done:
            self._go_on(seeking, part.at)
            gone = (part.size - part.at if want.backward else part.at) / max(1, part.size)
            self.line.say(f"looking for {seeking.name}: {gone:.0%} (esc stops)", palette.MUTED)
        elif want.what not in _NAMES and not seeking.round:
            self._go_on(replace(seeking, round=True), part.size if want.backward else 0)
        else:
            self._seeking = None
            self.line.say(self._nothing(seeking), palette.WAIT)

    def _go_on(self, seeking: Seeking, at: int) -> None:
        self._seeking = replace(seeking, want=replace(seeking.want, at=at, behind=False))
        self.post_message(Wanted(self._seeking.want, self))

    def _nothing(self, seeking: Seeking) -> str:
        if seeking.want.what == FAULT:
            return "no error in this log" if seeking.whole else "no later error"
        if seeking.want.what == START:
            return "no later start of the job in this log"
        return f"no match for {seeking.name}"

    def _show_hit(self, seeking: Seeking, at: int) -> None:
        spans: Callable[[str], list[tuple[int, int]]] | None = query_of(self._query).spans if self._query else None
        self.set_follow(False)
        self.lines.mark(spans, at)
        word = f"{seeking.name}"
        if seeking.round:
            word += " (from the end on)" if seeking.want.backward else " (from the top on)"
        self.line.say(word)
        if self.lines.sees(at):
            self.settled()
        else:
            self.go(at, above=0 if seeking.want.what == START else self.lines.rows // 3)
