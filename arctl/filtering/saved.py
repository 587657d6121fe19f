"""Filters with a name, `@good`: kept in `.arctl/filters.yaml` of the workspace, a mapping of names to filters.

People may edit the file. It is replaced as a whole, and never where it cannot be read: what stands in it is not lost.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from arctl.errors import ArctlError, NotFoundError, UsageError, nearest
from arctl.filtering.parsing import parse
from arctl.settings import Workspace
from arctl.text import is_text, safe_line

MOST = 200
"""How many filters can be kept."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_TAKEN = frozenset({"latest"})
_TOP = "# Filters by name, used as @name: `arctl ls --save-filter NAME --where EXPR`.\n"


def place(workspace: Workspace) -> Path:
    """Return the file."""
    return workspace.state / "filters.yaml"


def saved(workspace: Workspace) -> Mapping[str, str]:
    """Return the saved filters by name, sorted. Raises UsageError with line and column for a file that is broken."""
    path = place(workspace)
    if not path.exists():
        return {}
    from arctl.strictyaml import read_block

    block = read_block(path)
    found: dict[str, str] = {}
    for name in sorted(block):
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise block.error(name, "no name of a filter: a letter, then letters, digits and ._-, 40 at most")
        text = block.text(name)
        if text is None:
            raise block.error(name, "a filter is missing")
        found[name] = text
    return found


def save(workspace: Workspace, name: str, text: str) -> None:
    """Keep a filter under a name, in the place of one that it had. Raises UsageError for a bad name or filter."""
    if not _NAME.fullmatch(name) or name in _TAKEN:
        why = "it is the newest run" if name in _TAKEN else "a letter, then letters, digits and ._-, 40 at most"
        raise UsageError(f"{safe_line(name, limit=80)!r} cannot name a filter", cure=why)
    text = " ".join(text.split("\n")).strip()
    if not text or not is_text(text):
        raise UsageError("an empty filter cannot be saved", cure="say what to keep: --where EXPR")
    with _turn(workspace):
        known = {**saved(workspace), name: text}
        if len(known) > MOST:
            raise UsageError(f"{MOST} filters are saved already", cure="`arctl ls --forget-filter NAME` drops one")
        for one in known if name in saved(workspace) else (name,):
            parse(known[one], saved=known, where=f"@{one}")
        _replace(workspace, known)


def forget(workspace: Workspace, name: str) -> None:
    """Drop a filter. Raises NotFoundError where there is none of that name, UsageError where another one needs it."""
    with _turn(workspace):
        known = dict(saved(workspace))
        if name not in known:
            shown = safe_line(name, limit=80)
            raise NotFoundError(f"no saved filter {shown!r}", cure=nearest(name, known))
        del known[name]
        for one, text in known.items():
            if re.search(rf"(?:^|\s)-?@{re.escape(name)}(?=\s|$)", text):
                raise UsageError(f"@{one} needs @{name}", cure=f"`arctl ls --forget-filter {one}` first")
        _replace(workspace, known)


def _replace(workspace: Workspace, known: Mapping[str, str]) -> None:
    import yaml

    path = place(workspace)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    lines = yaml.safe_dump(dict(sorted(known.items())), allow_unicode=True, width=10_000) if known else ""
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(_TOP + lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        what = f"the filter cannot be saved: {error.strerror}"
        raise ArctlError(what, where=str(path), cure="check space and rights; the old file is as it was") from error


@contextmanager
def _turn(workspace: Workspace) -> Iterator[None]:
    """Hold the directory while the file is changed: two arctl on one machine take turns."""
    try:
        workspace.state.mkdir(parents=True, exist_ok=True)
        number = os.open(workspace.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        what = f"the filter cannot be saved: {error.strerror}"
        raise ArctlError(what, where=str(workspace.state), cure="check space and rights") from error
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
