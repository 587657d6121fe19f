"""What tags and notes may look like: the same when a run is submitted and when it is labelled later."""

from __future__ import annotations

import re

from arctl.errors import UsageError
from arctl.text import safe, safe_line

LONGEST_NOTE = 4096
"""Characters that a note may have."""

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,63}")


def check_tag(tag: str, *, where: str) -> None:
    """Raise UsageError for a word that cannot be a tag."""
    if not _TAG.fullmatch(tag):
        cure = "use letters, digits and ._:/=+- only, 64 at most"
        raise UsageError(f"{safe_line(tag, limit=80)!r} is no tag", where=where, cure=cure)


def check_note(text: str, *, where: str) -> None:
    """Raise UsageError for a text that cannot be a note."""
    if len(text) > LONGEST_NOTE or safe(text) != text:
        what = f"the note has control characters or is longer than {LONGEST_NOTE}"
        raise UsageError(what, where=where, cure="shorten it")
