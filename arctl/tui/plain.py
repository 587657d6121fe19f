"""For terminals that do not speak UTF-8: whatever is drawn, borders and other people's names too, leaves as ASCII."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_KNOWN = {
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    **dict.fromkeys("─━╍–", "-"),
    **dict.fromkeys("│┃▌", "|"),
    # The ends of a scrollbar are parts of blocks; its middle is a coloured blank.
    **dict.fromkeys("▁▂▃▄▅▆▇█▉▊▋▍▎▏▐", " "),
    "●": "*",
    "·": ".",
    "…": "~",
    "↓": "v",
    "↑": "^",
    "\xa0": " ",
}


class AsciiOnly(LineFilter):
    """Replaces each character beyond ASCII by one that resembles it, or by `?`, over as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line in ASCII."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(1024)
def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else _KNOWN.get(char, "?" * cell_len(char)) for char in text)
