"""What differs between the code that two runs ran, file by file, from the copies that were kept at submission."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arctl import snapshot
from arctl.secrets import lines_hidden
from arctl.settings import Workspace
from arctl.snapshot.store import Stored, read_manifest
from arctl.text import safe_line

LARGEST = 1 << 18
"""Bytes of a file that is still compared line by line."""

_LINES = 6000
_PATCH_LINES = 2000


@dataclass(frozen=True)
class Change:
    """One file that differs."""

    path: str
    """`tree/models/head.py`, or below `trainer-root/` for the bundled trainer; safe to show."""
    kind: str
    """`changed`, `added` or `removed`."""
    added: int | None
    """Lines that only the second has; None for what is no text, and for large files."""
    removed: int | None
    """Lines that only the first has."""


@dataclass(frozen=True)
class CodeDifference:
    """What differs between the code of two runs."""

    first: str | None
    """Hash of the first's snapshot; None for live code."""
    second: str | None
    """The same of the second."""
    commits: tuple[str | None, str | None]
    """What was checked out, `3f2a91c0+` with changes on top; None without git."""
    same: bool | None
    """Whether they ran the same code; None where nobody can say."""
    changes: tuple[Change, ...]
    """Files that differ, by path."""
    patch: tuple[str, ...]
    """The lines that differ, as a unified diff without secrets, up to 2,000 lines."""
    why: str | None
    """Why there is no more to say, where there is not."""


def code_difference(
    workspace: Workspace, first: Mapping[str, object] | None, second: Mapping[str, object] | None
) -> CodeDifference:
    """Return what differs between the code of two runs; `first` and `second` are `code` of their run.yaml."""
    a, b = _hash(first), _hash(second)
    commits = (_commit(first), _commit(second))
    if a is None or b is None:
        return CodeDifference(a, b, commits, None, (), (), _unknown(a, b))
    if a == b:
        return CodeDifference(a, b, commits, True, (), (), None)
    trees = [snapshot.find(workspace, name) for name in (a, b)]
    gone = [name for name, tree in zip((a, b), trees, strict=True) if tree is None]
    if trees[0] is None or trees[1] is None:
        why = f"the copy of the code {', '.join(gone)} is gone or was changed"
        return CodeDifference(a, b, commits, False, (), (), why)
    changes, patch = _compared(trees[0].parent, trees[1].parent)
    return CodeDifference(a, b, commits, False, changes, patch, None)


def _hash(code: Mapping[str, object] | None) -> str | None:
    return str(code["hash"]) if code and code.get("hash") else None


def _commit(code: Mapping[str, object] | None) -> str | None:
    if not code or not code.get("commit"):
        return None
    return safe_line(str(code["commit"]))[:10] + ("+" if code.get("dirty") else "")


def _unknown(a: str | None, b: str | None) -> str:
    which = "both ran" if a is None and b is None else "the first ran" if a is None else "the second ran"
    return f"{which} live code, of which no copy was kept"


def _compared(one: Path, other: Path) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    before, after = (_files(place) for place in (one, other))
    changes: list[Change] = []
    patch: list[str] = []
    for name in sorted({*before, *after}):
        if name in before and name in after and before[name].sha == after[name].sha:
            continue
        kind = "added" if name not in before else "removed" if name not in after else "changed"
        lines = _diff(name, one if name in before else None, other if name in after else None)
        added, removed = _counted(lines) if lines is not None else (None, None)
        changes.append(Change(safe_line(os.fsencode(name).decode("utf-8", "replace")), kind, added, removed))
        patch += lines or ()
    return tuple(changes), tuple(lines_hidden(patch[:_PATCH_LINES]))


def _files(place: Path) -> Mapping[str, Stored]:
    manifest = read_manifest(place)
    return manifest.files if manifest is not None else {}


def _diff(name: str, before: Path | None, after: Path | None) -> list[str] | None:
    texts = [_text(place / name) if place is not None else [] for place in (before, after)]
    if texts[0] is None or texts[1] is None:
        return None
    shown = safe_line(os.fsencode(name).decode("utf-8", "replace"))
    return list(difflib.unified_diff(texts[0], texts[1], f"a/{shown}", f"b/{shown}", lineterm="", n=2))


def _text(path: Path) -> list[str] | None:
    """Return the lines of a text file; None for a link, what is no UTF-8 text, and what is too large."""
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST:
            return None
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines if len(lines) <= _LINES else None


def _counted(lines: list[str]) -> tuple[int, int]:
    body = list(_body(lines))
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def _body(lines: list[str]) -> Iterator[str]:
    yield from lines[2:]
