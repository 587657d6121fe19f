"""A list of all metrics of a run, from which those to be drawn are taken: space takes, `/` narrows, enter draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.reading.curves import chart_groups


class MetricPicker(ModalScreen[tuple[str, ...] | None]):
    """Dismissed with the metrics that were taken; with None where nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "leave", show=False),
        Binding("enter", "apply", "draw", show=False),
        Binding("space", "take", "take", show=False),
        Binding("slash", "narrow", "narrow", show=False),
        Binding("j,down", "step(1)", "down", show=False),
        Binding("k,up", "step(-1)", "up", show=False),
        Binding("pagedown", "step(10)", "page down", show=False),
        Binding("pageup", "step(-10)", "page up", show=False),
    ]
    DEFAULT_CSS = """
    MetricPicker { align: center middle; background: $background 60%; }
    MetricPicker > Vertical { width: 56; max-width: 100%; height: auto; max-height: 90%; padding: 0 1;
        background: $surface; border: round $primary; border-title-color: $primary; border-subtitle-color: $muted; }
    MetricPicker VerticalScroll { height: auto; max-height: 24; }
    MetricPicker Static, MetricPicker Input { height: auto; }
    MetricPicker Input { display: none; }
    """

    def __init__(self, names: Sequence[str], chosen: Sequence[str], *, ascii: bool = False) -> None:
        super().__init__()
        self._names = [name for _, members in chart_groups(names) for name in members]
        self._chosen = dict.fromkeys(chosen)
        self._marks = ("[x]", "[ ]") if ascii else ("●", " ")
        self._at = 0
        self._list = Static(markup=False)
        self._input = Input(placeholder="part of a name", compact=True)
        self._scroll = VerticalScroll(self._list, can_focus=True)

    def compose(self) -> ComposeResult:
        """A box with the list, and a line that narrows it."""
        box = Vertical()
        box.border_title = "Metrics on the canvas"
        box.border_subtitle = "space take  / narrow  enter draw  esc leave"
        with box:
            yield self._input
            yield self._scroll

    def on_mount(self) -> None:
        """Show the list."""
        self._scroll.focus()
        self._show()

    def _seen(self) -> list[str]:
        part = self._input.value.strip().lower()
        return [name for name in self._names if part in name.lower()]

    def _show(self) -> None:
        seen = self._seen()
        self._at = max(0, min(self._at, len(seen) - 1))
        lines = Text(no_wrap=True, overflow="ellipsis")
        for place, name in enumerate(seen):
            here = place == self._at
            mark = self._marks[0] if name in self._chosen else self._marks[1]
            style = f"bold {palette.ACCENT}" if name in self._chosen else palette.TEXT
            lines.append(f"{'>' if here else ' '} {mark} ", style=palette.ACCENT if here else palette.MUTED)
            lines.append(safe_line(name, limit=200) + "\n", style=f"{style} reverse" if here else style)
        self._list.update(lines if seen else Text("no metric has this in its name", style=palette.MUTED))
        top, rows = round(self._scroll.scroll_y), max(1, self._scroll.size.height)
        if not top <= self._at < top + rows:
            self._scroll.scroll_to(y=max(0, self._at - rows // 2), animate=False)

    def action_step(self, by: int) -> None:
        """Move the cursor."""
        self._at += by
        self._show()

    def action_take(self) -> None:
        """Take the metric under the cursor, or leave it."""
        seen = self._seen()
        if seen:
            name = seen[self._at]
            if name in self._chosen:
                del self._chosen[name]
            else:
                self._chosen[name] = None
            self._show()

    def action_narrow(self) -> None:
        """Type a part of a name."""
        self._input.display = True
        self._input.focus()

    @on(Input.Changed)
    def _narrowed(self) -> None:
        self._at = 0
        self._show()

    @on(Input.Submitted)
    def _typed(self) -> None:
        self._scroll.focus()

    def action_leave(self) -> None:
        """Take the narrowing back, else leave things as they are."""
        if self._input.has_focus or self._input.value:
            self._input.value = ""
            self._input.display = False
            self._scroll.focus()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        """Draw what was taken; the metric under the cursor where nothing was."""
        seen = self._seen()
        self.dismiss(tuple(self._chosen) or tuple(seen[self._at : self._at + 1]))
