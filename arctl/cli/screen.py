"""The last gate before a terminal: whatever a command prints, no escape sequence but arctl's own colours gets through.

Names, lines and cells pass `arctl.text` where they are put together; this one also holds where that was forgotten.
Into pipes and files everything goes as it is. The dashboard writes to its terminal by itself.
"""

from __future__ import annotations

import io
import sys
from typing import TextIO

from arctl.text import safe_screen


class Screen(io.TextIOWrapper):
    """A text stream to a terminal that passes nothing which the terminal would obey, but colours."""

    def write(self, text: str) -> int:
        """Write what is safe to write; returns the length of the text, as a stream does."""
        super().write(safe_screen(text))
        return len(text)


def guard() -> None:
    """Put the gate in front of stdout and stderr, where they are terminals. Doing it twice is doing it once."""
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def _guarded(stream: TextIO) -> TextIO:
    if isinstance(stream, Screen) or not isinstance(stream, io.TextIOWrapper) or not stream.isatty():
        return stream
    stream.flush()
    # Over the same buffer, not over a detached one: the dashboard's own driver writes to `sys.__stderr__`.
    return Screen(stream.buffer, encoding=stream.encoding, errors="replace", newline="\n", line_buffering=True)
