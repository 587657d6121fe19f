"""What free words of a filter are looked for in: of each run one folded text, made once and kept while its row is."""

from __future__ import annotations

from arctl.registry.rows import RunRow


class Haystack:
    """The texts of rows. A row that is another object than before gets a new text; numbers that are gone stay."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[RunRow, str]] = {}

    def text(self, row: RunRow) -> str:
        """Return what words are looked for in, in lower case, its parts on lines of their own."""
        known = self._known.get(row.number)
        if known is not None and known[0] is row:
            return known[1]
        text = folded(row)
        self._known[row.number] = (row, text)
        return text

    def keep(self, numbers: frozenset[int]) -> None:
        """Forget the texts of all runs but these."""
        self._known = {number: known for number, known in self._known.items() if number in numbers}


def folded(row: RunRow) -> str:
    """Return number, name, model, data, state, tags, group, sweep and note of a run, folded."""
    state = row.state.value
    parts = [f"run{row.number}", row.name, row.model or "", row.data or "", state, *row.tags]
    if "_" in state:
        parts.append(state.replace("_", " "))
    if row.group:
        parts.append(row.group)
    if row.sweep and row.sweep != row.group:
        parts.append(row.sweep)
    if row.note:
        parts.append(row.note)
    return "\n".join(parts).casefold()
