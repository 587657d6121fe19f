"""Everything that the dashboard reads, on threads: a module for each view or tab, with its wants and its panels.

Nothing here knows the screen; nothing on the screen opens a file.
"""

from __future__ import annotations

from arctl.errors import ArctlError
from arctl.text import safe_line


def trouble(error: Exception) -> str:
    """Return what went wrong as a line that is safe to show; what should not happen says so, and the screen stays."""
    if isinstance(error, ArctlError):
        return safe_line(str(error))
    if isinstance(error, OSError):
        return safe_line(f"{error} (is the file system there?)")
    return safe_line(f"{type(error).__name__}: {error} (this is a fault of arctl: please report it)")
