"""What stands above and below a confusion matrix: of what it is, and the class under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from arctl.registry.rows import RunRow
from arctl.text import safe_part
from arctl.tui import palette

if TYPE_CHECKING:
    from arctl.tui.reading.confusion import ConfusionPanel


def stamp(row: RunRow) -> object:
    """Return what changes where new predictions may have come."""
    return (row.state, int(row.epoch or 0), tuple(name for name in row.metrics if "@" in name))


def head(panel: ConfusionPanel, told: str = "") -> Text:
    """Return of what the matrix is, in two lines: figures, then the protocol's stamp; `told` is said once more."""
    from arctl import confusion_page

    matrix = panel.confusion
    first = Text()
    styles = {"bold": f"bold {palette.ACCENT}", "yellow": palette.WAIT}
    for cell in confusion_page.head(matrix):
        first.append(safe_part(cell.text), styles.get(cell.style, palette.TEXT))
    first.append(f"  {told}" if told else "", f"bold {palette.SECOND}")
    stamp = matrix.protocol.stamp() if matrix.protocol is not None else ""
    return Text("\n").join([first, Text(stamp, palette.MUTED)])


def line(panel: ConfusionPanel, one: int, count: int, total: int) -> Text:
    """Return a class's rates and what it is taken for most."""
    from arctl import confusion_page

    matrix = panel.confusion
    text = Text()
    for cell in confusion_page.class_head(matrix, one):
        text.append(safe_part(cell.text), f"bold {palette.ACCENT}" if cell.style else palette.TEXT)
    row = matrix.cells.where((matrix.cells.rows == one) & (matrix.cells.columns != one))
    pairs = sorted(zip(row.values.tolist(), row.columns.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))
    taken = ", ".join(f"{matrix.classes[k]} {times}" for times, k in pairs[:3])
    text.append(f"; taken for {taken}" if taken else "; never taken for another", palette.MUTED)
    text.append(f"  ({count} of {total} classes, esc: all)" if count < total else "", palette.MUTED)
    return text
