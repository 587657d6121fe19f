"""Walks a directory that git does not know, leaving out what its ignore files name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from arctl.snapshot.choosing import NEVER, Chooser
from arctl.snapshot.ignorefile import Ignore, parse
from arctl.text import safe_line

_LIMIT = 1 << 20


def walk(root: Path, place: str, chooser: Chooser, notes: list[str]) -> Iterator[str]:
    """Yield the files and links below `place` (empty, or with a slash at its end), relative to `root`.

    .gitignore files are honoured, as git would. Directories that cannot be read are added to `notes`. What is left
    out as a secret is yielded all the same: the caller names it.
    """
    waiting: list[tuple[str, tuple[tuple[str, Ignore], ...]]] = [(place, ())]
    while waiting:
        directory, rules = waiting.pop()
        rules = (*rules, *_rules_of(root, directory))
        try:
            with os.scandir(root / directory) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as error:
            notes.append(f"{safe_line(directory)} was left out: {error.strerror}")
            continue
        for one in entries:
            path = f"{directory}{one.name}"
            is_directory = one.is_dir(follow_symlinks=False)
            if (why := _why_not(path, is_directory, chooser, rules)) is None and is_directory:
                waiting.append((f"{path}/", rules))
            elif why in (None, "secret"):
                yield path


def files_below(directory: Path) -> Iterator[str]:
    """Yield the files of a Python package, relative to it, without what Python compiled."""
    for place, directories, files in os.walk(directory, followlinks=True):
        directories[:] = [name for name in directories if name not in NEVER]
        below = os.path.relpath(place, directory)
        for name in files:
            if not name.endswith(".pyc"):
                yield name if below == "." else f"{below}/{name}"


def _why_not(path: str, directory: bool, chooser: Chooser, rules: tuple[tuple[str, Ignore], ...]) -> str | None:
    """Ask the ignore files about a path, that of the deepest directory first; its directories are known to be in."""
    verdicts = (ignore.verdict(path[len(place) :], directory=directory) for place, ignore in reversed(rules))
    said = next((verdict for verdict in verdicts if verdict is not None), None)
    return chooser.alone(path, directory=directory, said=said)


def _rules_of(root: Path, directory: str) -> tuple[tuple[str, Ignore], ...]:
    try:
        with (root / directory / ".gitignore").open("rb") as file:
            content = file.read(_LIMIT)
    except OSError:
        return ()
    return ((directory, parse(os.fsdecode(content).split("\n"))),)
