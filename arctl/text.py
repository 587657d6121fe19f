"""One gate for every foreign string: log lines, names from the scheduler, error texts, paths.

Terminals obey escape sequences (clipboard, title, cursor), so none may pass from a file to the screen.
"""

from __future__ import annotations

import json
import re
import unicodedata

# CSI, OSC/DCS/SOS/PM/APC with their string (ended by BEL, ST, an escape or the line), and two-byte escapes. What
# follows an introducer is taken in one pass, whether it ends or not: a hostile line costs no more time than another.
_SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# All of Unicode's controls, formats (bidi, zero width, tags), line and paragraph separators but newline and tab.
_HIDDEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_OWN_COLOUR = re.compile(
    r"\x1b\[(?:(?:[0-479]|2[1-9]|[349][0-7]|[34]9|10[0-7]|[34]8;5;\d{1,3}|[34]8;2(?:;\d{1,3}){3})(?:;(?=\d)|(?=m)))*m"
)

_ESCAPES = re.compile(_SEQUENCE)
_CONTROLS = re.compile(_HIDDEN)
_LONE = re.compile(r"[\ud800-\udfff]")
_FLOOD = re.compile(f"({_MARK}{{4}}){_MARK}+")
_COMMANDS = re.compile(f"{_SEQUENCE}|{_HIDDEN}")


def safe(text: str, *, limit: int = 4096) -> str:
    """Return printable text: no escape sequence, control, bidi or zero-width character; tabs and newlines stay.

    Of a line that redraws itself with carriage returns the last state is kept. Of marks that pile up on one letter
    four stay; what is no character (bytes of a file name that are not UTF-8) becomes U+FFFD. Text beyond `limit`
    characters is cut and the cut is said.
    """
    if text.isprintable() and len(text) <= limit and text.isascii():
        return text
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    if not text.isascii():
        text = _FLOOD.sub(r"\1", _LONE.sub("\ufffd", text))
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text) - limit} more characters)"
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def safe_line(text: str, *, limit: int = 512) -> str:
    """Return `safe` text on a single line: newlines and tabs become blanks, and several blanks one."""
    return " ".join(safe(text, limit=limit).split())


def safe_part(text: str) -> str:
    """Return `safe` text for a part of a line: newlines and tabs become blanks, and blanks stay as they are."""
    return safe(text, limit=1 << 16).replace("\n", " ").replace("\t", " ")


def safe_screen(text: str) -> str:
    """Return what may be written to a terminal: colours in the form in which arctl writes them, and no other command.

    It is the last gate, behind those of names and lines: a colour that stands in a file passes it.
    """
    if text.isprintable():
        return text
    return _LONE.sub("\ufffd", _COMMANDS.sub(lambda found: found[0] if _OWN_COLOUR.fullmatch(found[0]) else "", text))


def safe_json(text: str) -> str:
    """Return JSON text that says the same with `\\u....` for each character that a terminal obeys or hides."""
    if text.isascii() and text.isprintable():
        return text
    return _LONE.sub(_escaped, _CONTROLS.sub(_escaped, text))


def is_text(text: str) -> bool:
    """Tell whether a word of the command line, or a path, can be stored: bytes that are no UTF-8 cannot."""
    return _LONE.search(text) is None


def sheet_safe(text: str) -> str:
    """Return `safe_line` text for a cell of a CSV file: a spreadsheet would run one that begins like a formula."""
    line = safe_line(text)
    return f"'{line}" if line[:1] in tuple("=+-@") else line


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _last_state(line: str) -> str:
    parts = [part for part in line.split("\r") if part]
    return parts[-1] if parts else ""
