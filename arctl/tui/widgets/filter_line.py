"""The line in which a filter is typed: it filters with each letter, and says what is wrong beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from arctl.errors import ArctlError
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.keys import Key

if TYPE_CHECKING:
    from arctl.filtering import Filter
    from arctl.settings import Workspace


class FilterLine(Horizontal):
    """Hidden until it is opened; what was kept with enter stays in force."""

    TITLE = "The filter"
    KEYS = (
        Key("enter", "enter", "keep", "keep", "keep the filter and go back to the list", "keep-filter"),
        Key("escape", "esc", "drop", "drop", "drop the filter", "drop-filter"),
    )
    """What the line itself does with these keys; for the footer."""
    FOOTER = ("keep-filter", "drop-filter")

    class Changed(Message):
        """Another filter holds; None for none."""

        def __init__(self, filter: Filter | None) -> None:
            super().__init__()
            self.filter = filter

    class Left(Message):
        """The user went back to the list."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(id="filter")
        self._workspace = workspace
        self._input = Input(
            placeholder="words, state:running model:r3d18 tag:base val/top1>80% cfg.optim.lr<=1e-4 age<2d -note:debug",
            id="filter-text",
            compact=True,
        )
        self._problem = Static(id="filter-problem", markup=False)
        self._saved: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Text and trouble."""
        yield self._input
        yield self._problem

    @property
    def text(self) -> str:
        """What is typed."""
        return self._input.value

    def open(self) -> None:
        """Show it and type into it."""
        self._saved = {}
        self.display = True
        # At once, and not when the loop comes to it: the next letter may be on its way.
        self.screen.set_focus(self._input)

    def drop(self) -> None:
        """Take the filter away and go back to the list."""
        self._input.value = ""
        self._leave()

    def put(self, text: str) -> None:
        """Filter by a text, as if it had been typed."""
        self._input.value = text

    def _leave(self) -> None:
        self.display = False
        self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        from arctl.filtering import parse

        found: Filter | None = None
        if event.value.strip():
            found = parse(event.value, saved=self._kept_filters(event.value), typing=True)
        problem = "" if found is None or found.problem is None else safe_line(found.problem, limit=160)
        self._problem.update(Text(problem, style=palette.WAIT))
        self.post_message(self.Changed(found))

    def _kept_filters(self, text: str) -> Mapping[str, str]:
        """Return the saved filters, read where one is used for the first time."""
        from arctl.filtering.saved import saved

        if "@" in text and not self._saved:
            try:
                self._saved = dict(saved(self._workspace))
            except ArctlError as error:
                self.notify(safe_line(str(error)), severity="warning", markup=False)
        return self._saved

    @on(Input.Submitted)
    def _kept(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()
