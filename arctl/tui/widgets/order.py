"""In which order the run table shows its runs, which of them, and which lines are folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arctl.arranging import HeadLine, Line, arrange
from arctl.filtering import Context, Filter, Haystack
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets import columns

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow

GROUPS = ("auto", "model", "tag", "state", "data", None)
"""What runs are folded by, in the order in which the key goes through it: sweeps and arrays, ..., nothing."""


FIELDS = {"trend": "last", "why": "message"}
"""The filter's word for a column, where it is another one."""


class Order:
    """The user's choices, and the lines that they make of a snapshot."""

    def __init__(self) -> None:
        self.column = "run"
        """The column that is sorted by."""
        self.reverse = False
        """Whether the column's usual order is turned round."""
        self.group: str | None = "auto"
        """What runs are folded by."""
        self.filter: Filter | None = None
        """Which runs are shown; None for all."""
        self.passed: list[int] = []
        """The runs that pass the filter, as they stand."""
        self._open: frozenset[str] = frozenset()
        self._haystack = Haystack()

    def arrange(self, snapshot: Snapshot, configs: Mapping[int, Mapping[str, object]]) -> Sequence[Line]:
        """Return the lines of the table."""
        known = Context(snapshot.at, configs, snapshot.hours, snapshot.outlooks, self._haystack)
        chosen: Sequence[RunRow] = snapshot.runs
        if self.filter is not None:
            chosen = self.filter.chosen(chosen, known)
        column = columns.named(self.column)
        falling = (column is not None and column.falling) != self.reverse
        # Newest first is how they come.
        sort = None if self.column == "run" and falling else FIELDS.get(self.column, self.column)
        self.passed = [row.number for row in chosen]
        return arrange(chosen, sort=sort, reverse=falling, group=self.group, open=self._open, context=known)

    def next_group(self) -> str | None:
        """Fold by the next thing; return what that is."""
        self.group = GROUPS[(GROUPS.index(self.group) + 1) % len(GROUPS)]
        self._open = frozenset()
        return self.group

    def fold(self, key: str, is_open: bool) -> bool:
        """Open or close a folded line; False where it is so already."""
        if (key in self._open) == is_open:
            return False
        self._open = self._open | {key} if is_open else self._open - {key}
        return True

    def fold_all(self, heads: Sequence[HeadLine]) -> None:
        """Close all, or open all where none is open."""
        self._open = frozenset() if self._open else frozenset(head.key for head in heads)

    def reveal(self, number: int, runs: Sequence[RunRow]) -> bool:
        """Open the folded line that holds a run; False where none does."""
        for line in arrange(runs, group=self.group):
            if isinstance(line, HeadLine) and any(row.number == number for row in line.rows):
                return self.fold(line.key, True)
        return False
