"""What stands above the tabs of a run: how it stands, in one or two lines, and the names of the tabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from arctl.registry.rows import RunRow
from arctl.states import LIVE, State
from arctl.text import safe_line
from arctl.tui import palette, wording

if TYPE_CHECKING:
    from arctl.forecast import Outlook


class Facts(Widget):
    """A run's facts, most telling first, in as many lines as they need; none is broken. And why it failed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: list[Text] = []
        self._why = Text()
        self._each = False

    def show(self, row: RunRow | None, now: float, outlook: Outlook | None = None) -> None:
        """Show a run; what reads the same is not drawn again."""
        items = [] if row is None else _items(row, now, outlook)
        why = Text() if row is None else _trouble(row)
        if (items, why, False) != (self._items, self._why, self._each):
            before = len(self._lines(self.size.width))
            self._items, self._why, self._each = items, why, False
            # A new layout draws the whole screen: only where there are more lines than before, or fewer.
            self.refresh(layout=len(self._lines(self.size.width)) != before)

    def show_text(self, text: Text) -> None:
        """Show some lines of text instead of a run."""
        lines = list(text.split("\n"))
        if (lines, Text()) != (self._items, self._why):
            self._items, self._why = lines, Text()
            self._each = True
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that are needed at a width."""
        return len(self._lines(width))

    def render(self) -> Text:
        """Draw the facts."""
        return Text("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Text]:
        lines = [] if self._each else [Text()]
        for item in self._items:
            if self._each or (lines[-1] and lines[-1].cell_len + 2 + item.cell_len > width):
                lines.append(Text())
            lines[-1].append_text(Text("  " if lines[-1] else "") + item)
        if self._why:
            lines.append(self._why.copy())
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return lines


def _items(row: RunRow, now: float, outlook: Outlook | None) -> list[Text]:
    facts = [Text.assemble((f"{label} ", palette.MUTED), (value, palette.TEXT)) for label, value in _facts(row, now)]
    return [Text.assemble(palette.state_word(row.state)), *_end(outlook), *facts]


def _end(outlook: Outlook | None) -> list[Text]:
    """Say when a run will be done, and whether its time limit lets it."""
    if outlook is None or outlook.eta_s is None:
        return []
    eta = Text.assemble(("eta ", palette.MUTED), (wording.span(outlook.eta_s), palette.TEXT))
    if outlook.fits is False:
        at = f", at epoch {outlook.reached}" if outlook.reached is not None else ""
        eta.append(f" but the time limit comes first{at}", palette.BAD)
    elif outlook.fits:
        eta.append(", within its time limit", palette.MUTED)
    return [eta]


def _trouble(row: RunRow) -> Text:
    return Text.assemble((_why(row), palette.BAD if row.state not in LIVE else palette.WAIT))


def _facts(row: RunRow, now: float) -> list[tuple[str, str]]:
    found = [("epoch", wording.epochs(row))]
    value, epoch = wording.best(row.metrics, "val/top1")
    if value is not None:
        at = "" if epoch is None else f" @{epoch:.0f}"
        found.append(("best", wording.percent(value) + at))
        found.append(("last", wording.percent(wording.last(row.metrics, "val/top1"))))
    gap = wording.last(row.metrics, "gap/top1")
    if gap is not None:
        found.append(("gap", wording.percent(gap)))
    if row.started is not None:
        found.append(("took" if row.ended else "for", wording.span((row.ended or now) - row.started)))
    if row.job_id is not None:
        found.append((safe_line(row.cluster), safe_line(row.job_id)))
    if row.node:
        found.append(("on", safe_line(row.node, limit=40)))
    if row.tags:
        found.append(("tags", safe_line(" ".join(row.tags), limit=60)))
    if row.note:
        found.append(("note", safe_line(row.note, limit=120)))
    return found


def _why(row: RunRow) -> str:
    if row.state is State.PENDING and row.reason:
        return f"waits: {safe_line(row.reason, limit=160)}"
    exit_code = f"exit {row.exit_code}: " if row.exit_code else ""
    problems = [f"{exit_code}{safe_line(row.message, limit=200)}"] if row.message else []
    if row.damaged:
        problems.append(f"{row.damaged} damaged event lines were left out")
    return "; ".join(problems)


class TabStrip(Widget):
    """The names of the tabs in one line, the chosen one always in sight; a click chooses."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = tuple(titles)
        self._tab = self._titles[0]
        self._note = ""

    def show(self, tab: str, note: str = "") -> None:
        """Mark a tab as chosen and say something about it at the right end."""
        if (tab, note) != (self._tab, self._note):
            self._tab, self._note = tab, note
            self.refresh()

    def render(self) -> Text:
        """Draw the names; the chosen one is reversed, so that it shows without colour too."""
        text = Text(no_wrap=True, overflow="ellipsis")
        for tab, label in zip(self._titles, self._labels(), strict=True):
            text.append(label, f"bold reverse {palette.ACCENT}" if tab == self._tab else palette.MUTED)
        room = self.size.width - text.cell_len - 1
        note = Text(safe_line(self._note, limit=200), style=palette.MUTED)
        if room > 3 and note:
            note.truncate(room, overflow="ellipsis")
            text.append(" " * (room - note.cell_len + 1))
            text.append_text(note)
        return text

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        left = 0
        for tab, label in zip(self._titles, self._labels(), strict=True):
            right = left + len(label)
            if left <= event.x < right:
                self.post_message(self.Chosen(tab))
            left = right

    def _labels(self) -> list[str]:
        """Return the names with the blanks around them; where room is short, one blank, and cut but for the chosen."""
        count, every = len(self._titles), sum(map(len, self._titles))
        if every + 2 * count <= self.size.width:
            return [f" {title} " for title in self._titles]
        if every + count <= self.size.width:
            return [f"{title} " for title in self._titles]
        most = max(1, (self.size.width - len(self._tab) - count) // max(1, count - 1))
        return [f"{title if title == self._tab else title[:most]} " for title in self._titles]
