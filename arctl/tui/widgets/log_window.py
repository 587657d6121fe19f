"""A log in sight: asks for the lines around the view before they are needed, follows the end, counts lines.

The view stays where it is, whatever the log does, unless it follows the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from arctl.longlog import Stamp, Tally
from arctl.tui import palette
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.log import LogPanel, LogWant, TallyPanel, TallyWant
from arctl.tui.wants import EmptyPanel, Panel, Want
from arctl.tui.widgets.log_line import LogLine, Standing
from arctl.tui.widgets.log_lines import LogLines

PATIENCE = 2.0
"""Seconds after which an answer that did not come is asked for again."""

_LINES = 400
_SCREENS = 8
Place = Callable[[LogPanel], None]


class LogWindow(Vertical):
    """One log of the run that it was last given."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        self.lines = LogLines(look)
        """The text."""
        self.line = LogLine()
        """The row below it."""
        self.number: int | None = None
        """The run's number."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was shown."""
        self.follow = True
        self.held: str | None = None
        self.names: tuple[str, ...] = ()
        self.pinned = False
        self._tally = Tally()
        self._total: int | None = None
        self._asked: tuple[LogWant, Place, float] | None = None
        self._counting = 0.0
        self._gone = False

    def compose(self) -> ComposeResult:
        """The text, and the row below it."""
        yield self.lines
        yield self.line

    def take(self, panel: Panel) -> None:
        """Draw lines and numbers."""
        if not self.mine(panel.want):
            return
        if isinstance(panel, EmptyPanel) and isinstance(panel.want, LogWant):
            self._asked = None
            if self.lines.read.lines and self.held in (panel.want.log, None):
                self._gone = True
                self.line.say(panel.why, palette.BAD)  # what was read stays in sight
            else:
                self.lines.say(panel.why)
                self.stand()
        elif isinstance(panel, LogPanel):
            self._take_lines(panel)
        elif isinstance(panel, TallyPanel):
            self._take_count(panel)

    def mine(self, want: Want) -> bool:
        """Tell whether an answer is still of use."""
        if isinstance(want, LogWant):
            return self._asked is not None and want is self._asked[0]
        return isinstance(want, TallyWant) and (want.number, want.log) == (self.number, self.held)

    def refresh_log(self) -> None:
        """Read again what is seen, and the end while following; little is read if the log did not change."""
        if self._asked is not None and time.monotonic() - self._asked[2] <= PATIENCE:
            return
        read = self.lines.read
        if self.follow or not read.lines:
            held = read.stamp if read.at_end else None
            self._ask(None, lambda panel: self.put(panel, None), log=self._wanted(), seen=held)
        else:
            self._ask(self.lines.top_at, self._stay, log=self.held, seen=read.stamp)

    def go(self, at: int | None, *, above: int = 0, log: str | None = None) -> None:
        """Show the line at a byte offset some rows below the top; None is the end."""
        same = log is None or log == self.held
        if same and at is not None and self.lines.text_at(at) is not None and self.lines.top - above >= 0:
            self.lines.show(self.lines.read, at, above=above)
            self.settled()
            return
        self._ask(at, lambda panel: self.put(panel, at, above if at is not None else 0), log=log or self._wanted())

    def put(self, panel: LogPanel, at: int | None, above: int = 0) -> None:
        """Show lines that were read, with a byte offset in the top row or some rows below it."""
        if panel.read is not None:
            self.lines.show(panel.read, at, above=above)

    def set_follow(self, follow: bool) -> None:
        """Keep the end in sight, or stay."""
        self.follow = follow
        self.stand()

    def settled(self) -> None:
        """After each move: say where we are, and fetch lines before they are needed."""
        self.stand()
        read, few = self.lines.read, max(_LINES // 2, _SCREENS * self.lines.rows // 2)
        short = (self.lines.top < few and not read.at_top) or (self.lines.below < few and not read.at_end)
        if self._asked is None and read.lines and short:
            self._ask(self.lines.top_at, self._stay, log=self.held)
        self._count()

    def stand(self) -> None:
        """Say where we are."""
        read = self.lines.read
        modes = [word for word, holds in (("following", self.follow), ("wrapped", self.lines.wrap)) if holds]
        several = len(self.names) > 1 and self.held in self.names
        which = f"{self.names.index(self.held or '') + 1}/{len(self.names)}" if several else ""
        number = None if read.first is None else read.first + self.lines.top
        size = read.stamp.size if read.stamp and read.lines else 0
        share = 1.0 if size and self.lines.at_bottom else self.lines.top_at / size if size else None
        self.line.stand(Standing(self.held or "", which, number, self._total, share, tuple(modes)))
        note = "" if share is None or self.follow else f"{share:.0%}"
        if note != self.note:
            self.note = note
            self.post_message(TabNoted())

    def _move(self, by: int) -> None:
        if by < 0:
            self.set_follow(False)
        self.lines.move(by)
        self.settled()

    def action_line_down(self) -> None:
        """Step down."""
        self._move(1)

    def action_line_up(self) -> None:
        """Step up."""
        self._move(-1)

    def action_half_down(self) -> None:
        """Go half a page down."""
        self._move(max(1, self.lines.rows // 2))

    def action_half_up(self) -> None:
        """Go half a page up."""
        self._move(-max(1, self.lines.rows // 2))

    def action_page_down(self) -> None:
        """Go a page down."""
        self._move(max(1, self.lines.rows - 2))

    def action_page_up(self) -> None:
        """Go a page up."""
        self._move(-max(1, self.lines.rows - 2))

    def action_to_top(self) -> None:
        """Go to the first line."""
        self.set_follow(False)
        self.go(0)

    def action_to_bottom(self) -> None:
        """Go to the last line."""
        self.go(None)

    @on(LogLines.Moved)
    def _moved(self, event: LogLines.Moved) -> None:
        event.stop()
        if event.up:
            self.set_follow(False)
        elif self.follow:
            self.lines.show(self.lines.read, None)
        self.settled()

    def _wanted(self) -> str | None:
        """Return the log to read; None for that of the newest job, which is followed wherever it goes."""
        return None if self.follow and not self.pinned else self.held

    def _stay(self, panel: LogPanel) -> None:
        self.put(panel, self.lines.top_at)

    def _ask(self, at: int | None, place: Place, *, log: str | None, seen: Stamp | None = None) -> None:
        if self.number is None:
            return
        lines = max(_LINES, _SCREENS * self.lines.rows)
        want = LogWant(self.number, log, at, lines, seen, self._tally)
        self._asked = (want, place, time.monotonic())
        self.post_message(Wanted(want, self))

    def _take_lines(self, panel: LogPanel) -> None:
        assert self._asked is not None
        place, self._asked = self._asked[1], None
        before = self.lines.read.stamp
        if panel.name != self.held:
            if self.held is not None and self.follow and panel.read is None:
                return  # the newest log changed under us: what was seen is of the one before
            self.held, self._tally, self._total, before = panel.name, Tally(), None, None
            panel = replace(panel, read=replace(panel.read, first=None)) if panel.read else panel
        self.names = panel.names
        if self._gone:
            self._gone = False
            self.line.say("")
        if panel.read is not None:
            if before is not None and panel.read.stamp is not None and panel.read.stamp.begun_anew(before):
                self.line.say("the log was replaced or cut short", palette.WAIT)
                self._tally, self._total = Tally(), None
            place(panel)
        self.settled()

    def _count(self) -> None:
        """Have lines counted on, unless all are."""
        read = self.lines.read
        if self.number is None or self.held is None or read.stamp is None or not read.lines:
            return
        done = self._tally.knows(read.stamp) and read.first is not None and self._total is not None
        if not done and time.monotonic() - self._counting > PATIENCE:
            self._counting = time.monotonic()
            self.post_message(Wanted(TallyWant(self.number, self.held, read.lines[0].at, self._tally), self))

    def _take_count(self, panel: TallyPanel) -> None:
        assert isinstance(panel.want, TallyWant)
        self._counting, self._tally = 0.0, panel.tally
        read = self.lines.read
        if panel.done:
            self._total = panel.total
        if panel.first is not None and read.lines and read.lines[0].at == panel.want.at:
            self.lines.read = replace(read, first=panel.first)
        self.stand()
        self._count()
