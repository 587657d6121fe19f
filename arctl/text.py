"""One gate for every foreign string: log lines, names from the scheduler, error texts, paths.

Terminals obey escape sequences (clipboard, title, cursor), so none may pass from a file to the screen.
"""

from __future__ import annotations

import re
import unicodedata

# CSI, OSC/DCS/SOS/PM/APC with their string (ended by BEL, ST, or the end of the text), and two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def safe(text: str, *, limit: int = 4096) -> str:
    """Return printable text: no escape sequence, control, bidi or zero-width character; tabs and newlines stay.

    Of a line that redraws itself with carriage returns the last state is kept. Text beyond `limit`
    characters is cut and the cut is said.
    """
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text) - limit} more characters)"
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def safe_line(text: str, *, limit: int = 512) -> str:
    """Return `safe` text on a single line: newlines and tabs become blanks."""
    return " ".join(safe(text, limit=limit).split())


def _last_state(line: str) -> str:
    parts = [part for part in line.split("\r") if part]
    return parts[-1] if parts else ""
