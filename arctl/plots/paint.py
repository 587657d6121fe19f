"""Lines of a drawing: pieces of text with their colours, and how they become a terminal's text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

Piece = tuple[str, str]
"""Text, and the SGR codes that it is drawn with (`38;5;39`, `1`, or nothing)."""

Line = tuple[Piece, ...]
"""A line of a drawing."""

COLOURS = (39, 208, 78, 205, 141, 220, 44, 203)
"""xterm colour numbers of the lines: readable on dark and on light ground."""

FAINTS = (24, 94, 29, 89, 60, 100, 30, 88)
"""The same colours, faint: for what lies behind a line."""

QUIET, FAINT, LOUD = 200, 100, 300
"""Inks that are not a line's own: of marks, of what lies behind line `ink - FAINT`, of the cursor."""

BOLD = "1"
_GREY = "38;5;244"


def code(ink: int) -> str:
    """Return the SGR codes of an ink."""
    if ink == LOUD:
        return BOLD
    if ink == QUIET:
        return _GREY
    if ink >= FAINT:
        return f"38;5;{FAINTS[(ink - FAINT) % len(FAINTS)]}"
    return f"38;5;{COLOURS[ink % len(COLOURS)]}"


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def fitted(line: Line, width: int) -> Line:
    """Return a line cut or padded to `width` cells."""
    pieces: list[Piece] = []
    left = width
    for text, codes in line:
        size = len(text) if text.isascii() else cell_len(text)
        if size > left:
            text, size = set_cell_size(text, left), left
        pieces.append((text, codes))
        left -= size
    return (*pieces, (" " * left, "")) if left else tuple(pieces)


def fill(lines: Sequence[Line], width: int, height: int) -> list[Line]:
    """Return exactly `height` lines of `width` cells."""
    blank = [((" " * width, ""),)] * (height - len(lines))
    return [fitted(line, width) for line in lines[:height]] + list(blank)


def ansi(lines: Iterable[Line], *, colour: bool) -> str:
    """Return lines as text; without `colour` as plain text."""
    if not colour:
        return "\n".join("".join(text for text, _ in line) for line in lines)
    return "\n".join(
        "".join(f"\x1b[{codes}m{text}\x1b[0m" if codes else text for text, codes in line) for line in lines
    )
