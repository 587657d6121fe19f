"""The submission form: all fields in one column that scrolls; what is typed becomes a `Draft`.

It is one widget that draws its lines itself: thirty text fields of their own would take half a second to open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from arctl.tui import keys
from arctl.tui.keys import Key
from arctl.tui.widgets.form_completion import Known
from arctl.tui.widgets.form_fields import FIELDS, OVERRIDES
from arctl.tui.widgets.form_line import Line
from arctl.tui.widgets.form_row import LABEL, Row

if TYPE_CHECKING:
    from arctl.drafting import Draft

MOST_LINES = 40
"""Most lines of overrides."""

KEYS = (
    Key("down", "↓", "step(1)", "next field", "to the next field", "next-field"),
    Key("up,shift+tab", "↑", "step(-1)", "last field", "to the field before (also shift+tab)", "last-field"),
    Key("pagedown", "PgDn", "step(10)", "further down", "ten fields down", "fields-down"),
    Key("pageup", "PgUp", "step(-10)", "further up", "ten fields up", "fields-up"),
    Key(
        "tab,enter", "tab enter", "accept", "complete", "take the marked completion, or go to the next field", "accept"
    ),
    Key("ctrl+n", "ctrl+n", "choose(1)", "choose", "mark the next completion; tab takes it", "choose"),
)
"""Keys of the form."""
_STEPS = {"down": 1, "up": -1, "shift+tab": -1, "pagedown": 10, "pageup": -10}


class Form(ScrollView, can_focus=True):
    """The fields. What is wrong stands beneath each; what may be meant beneath the one that is typed into."""

    DEFAULT_CSS = "Form { background: $background; overflow-x: hidden; }"
    BINDINGS = keys.bindings(KEYS)
    KEYS = KEYS
    TITLE = "The form"
    takes_text = True

    class Edited(Message):
        """Something was typed."""

    class Turned(Message):
        """A bracket was pressed that the field cannot hold: another tab is wanted."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.rows = [Row(one) for one in FIELDS]
        """The fields, from top to bottom."""
        self.at = self.rows[0]
        """The field that is typed into."""
        self._known = Known()
        self._drawn: list[tuple[Row, Text]] = []

    def draft(self, before: Draft) -> Draft:
        """Return what is typed; what no field has is that of `before`."""
        texts: dict[str, Any] = {row.field.name: row.line.text for row in self.rows if row.field.name != OVERRIDES}
        lines = [row.line.text for row in self._lines()]
        while lines and not lines[-1].strip():
            lines.pop()
        return replace(before, **texts, overrides="\n".join(lines))

    def load(self, draft: Draft, *, locked: frozenset[str], usual: Mapping[str, str]) -> None:
        """Put a draft into the fields, and begin at the first; those that it cannot have are hidden."""
        self._set_lines(draft.overrides.split("\n"))
        for row in self.rows:
            name = row.field.name
            text = row.line.text if name == OVERRIDES else str(getattr(draft, name))
            row.line = Line(text, len(text))
            row.locked, row.hidden = name in locked, name in locked and not text
            row.problem = row.gap = ""
            row.usual = "" if name == OVERRIDES else usual.get(name, "")
        self.scroll_to(y=0, animate=False, immediate=True, force=True)
        self._go(next((row for row in self.rows if row.open), self.rows[0]))

    def tell(self, problems: Mapping[str, str], gaps: Mapping[str, str], usual: Mapping[str, str]) -> None:
        """Show what is wrong and what is missing beside each field, and what empty ones stand for."""
        wrong = self._wrong_line(problems.get(OVERRIDES, ""))
        for row in self.rows:
            name = row.field.name
            row.problem = problems.get(name, "") if name != OVERRIDES or row is wrong else ""
            row.gap = gaps.get(name, "")
            row.usual = "" if name == OVERRIDES else usual.get(name, "")
        self._draw()

    def know(self, known: Known) -> None:
        """Take other words to complete with."""
        if known != self._known:
            marked, self._known = self.at.at, known
            self.at.look(known)
            self.at.at = marked if marked is not None and marked < len(self.at.found) else self.at.at
            self._draw()

    def go_to(self, name: str) -> None:
        """Move to a field; of the overrides to the line that is wrong."""
        rows = [row for row in self.rows if row.field.name == name and row.open]
        if rows:
            self._go(next((row for row in rows if row.problem), rows[0]))

    @property
    def problems(self) -> list[str]:
        """The fields in which something is wrong or missing, from the top."""
        return [row.field.name for row in self.rows if row.problem or (row.gap and row.empty)]

    def action_step(self, by: int) -> None:
        """Move to another field."""
        rows = [row for row in self.rows if row.open]
        if rows:
            place = rows.index(self.at) + by if self.at in rows else 0
            self._go(rows[max(0, min(place, len(rows) - 1))])

    def action_choose(self, by: int) -> None:
        """Mark the next completion."""
        self.at.choose(by)
        self._draw()

    def action_accept(self) -> None:
        """Take the marked completion, or go on."""
        if self.at.accept():
            self._changed()
        else:
            self.action_step(1)

    def on_key(self, event: events.Key) -> None:
        """Type: letters go into the field, so that no key of the view is a letter here.

        Keys that move are answered here too: as bindings they would come after letters that were typed behind them.
        """
        if event.key in _STEPS:
            self.action_step(_STEPS[event.key])
        elif event.key in ("tab", "enter"):
            self.action_accept()
        elif event.character in ("[", "]") and not self.at.field.brackets:
            self.post_message(self.Turned(1 if event.character == "]" else -1))
        elif event.is_printable and event.character is not None:
            self._put(self.at.line.insert(event.character))
        elif (line := self.at.line.press(event.key)) is not None:
            self._put(line)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Take all lines of what is pasted as one."""
        event.stop()
        self._put(self.at.line.insert(event.text.strip()))

    def on_click(self, event: events.Click) -> None:
        """Move to the field, or take the completion, under the mouse."""
        place = event.y + round(self.scroll_y)
        row = self._drawn[place][0] if 0 <= place < len(self._drawn) else None
        if row is None or not row.open:
            return
        if row is self.at:
            words = [text.plain[LABEL + 2 :].split(" ")[0] for one, text in self._drawn if one is row]
            chosen = self._drawn[place][1].plain[LABEL + 2 :].split(" ")[0]
            found = next((i for i, one in enumerate(row.found) if one.word == chosen), None)
            if found is not None and chosen in words:
                row.at = found
                self.action_accept()
            return
        self._go(row)

    def on_focus(self) -> None:
        """Show the cursor."""
        self._draw()

    def on_blur(self) -> None:
        """Hide it."""
        self._draw()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._draw()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        place, width = y + round(self.scroll_y), self.size.width
        if place >= len(self._drawn):
            return Strip.blank(width, self.rich_style)
        text = self._drawn[place][1]
        text.end = ""
        return Strip(text.render(self.app.console)).apply_style(self.rich_style).crop_extend(0, width, self.rich_style)

    def _put(self, line: Line) -> None:
        changed, self.at.line = line.text != self.at.line.text, line
        if changed and self.at.open:
            self._changed()
        else:
            self._draw()

    def _changed(self) -> None:
        self.at.look(self._known)
        lines = self._lines()
        if not lines[-1].empty and len(lines) < MOST_LINES:
            self._add_line()
        self._draw()
        self.post_message(self.Edited())

    def _go(self, row: Row) -> None:
        self.at.leave()
        self.at = row
        row.look(self._known)
        self._draw()

    def _draw(self) -> None:
        width, focused = self.size.width, self.has_focus
        self._drawn = []
        top = bottom = 0
        for row in self.rows:
            if row.hidden:
                continue
            here = row is self.at
            first = len(self._drawn)
            self._drawn += [(row, text) for text in row.head()]
            self._drawn.append((row, row.typed(width, here=here and focused)))
            self._drawn += [(row, text) for text in row.below(width, self._known, here=here and focused)]
            if here:
                top, bottom = first, len(self._drawn)
        self.virtual_size = Size(width, len(self._drawn))
        self._keep_in_sight(top, bottom)
        self.refresh()

    def _keep_in_sight(self, top: int, bottom: int) -> None:
        high, now = self.size.height, round(self.scroll_y)
        wanted = min(top, max(now, bottom - high))
        if wanted != now and high:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    def _lines(self) -> list[Row]:
        return [row for row in self.rows if row.field.name == OVERRIDES]

    def _add_line(self) -> None:
        last = self._lines()[-1]
        self.rows.insert(self.rows.index(last) + 1, Row(last.field, index=last.index + 1))

    def _set_lines(self, texts: list[str]) -> None:
        wanted = max(1, min(len(texts) + (1 if texts[-1:] != [""] else 0), MOST_LINES))
        gone = self._lines()[wanted:]
        self.rows = [row for row in self.rows if row not in gone]
        while len(self._lines()) < wanted:
            self._add_line()
        for row, text in zip(self._lines(), [*texts, ""], strict=False):
            row.line = Line(text, len(text))

    def _wrong_line(self, problem: str) -> Row | None:
        """Return the line of overrides that an error is about: the one whose key it names, else the last."""
        from arctl.drafting import override_words

        if not problem:
            return None
        used = [row for row in self._lines() if not row.empty] or self._lines()[:1]
        named = (row for row in used for word in override_words(row.line.text) if word.partition("=")[0] in problem)
        return next(named, used[-1])
