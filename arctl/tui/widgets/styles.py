"""How a line of a log or of a configuration is coloured; text in, `rich.text.Text` out, never markup."""

from __future__ import annotations

import re

from rich.text import Text

from arctl.tui import palette

_BAD = re.compile(r"(error|exception)\b|\b(traceback|fatal|killed|oom|failed|segfault)\b", re.IGNORECASE)
_WARN = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
_PAIR = re.compile(r"^(\s*(?:- )?)([\w./-]+)(:)(?=\s|$)(.*)$")


def log_style(line: str) -> str:
    """Return the colour of a log line, by what it seems to say."""
    return palette.BAD if _BAD.search(line) else palette.WAIT if _WARN.search(line) else palette.TEXT


def log_line(line: str) -> Text:
    """Colour a log line by what it seems to say."""
    return Text.assemble((line, log_style(line)))


def config_line(line: str) -> Text:
    """Colour a line of YAML: comments, keys, values."""
    if line.startswith("#"):
        return Text.assemble((line, f"bold {palette.SECOND}"))
    match = _PAIR.match(line)
    if match is None:
        return Text.assemble((line, palette.TEXT))
    lead, key, colon, value = match.groups()
    return Text.assemble(lead, (key, palette.ACCENT), (colon, palette.MUTED), (value, palette.TEXT))
