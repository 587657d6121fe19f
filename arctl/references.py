"""What people type for runs: `run12`, `12`, a name, its beginning, a group or sweep, `@latest`, `run3:run7`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from arctl.errors import NotFoundError, UsageError, nearest
from arctl.registry import read
from arctl.request import EVALUATED
from arctl.rundir import run_name
from arctl.text import safe_line

LATEST = "@latest"
"""The newest run."""

_NUMBER = re.compile(r"(?:run)?(\d{1,18})")


def resolve(db: Path, words: Sequence[str], *, names: Mapping[str, int] | None = None) -> list[int]:
    """Return the numbers of the runs that the words name, in their order, each once.

    A name that several runs have is its newest run's; a range holds the runs that exist in it, a group or a sweep its
    runs but those that another of them repeats; by its beginning alone an evaluation is found only where nothing else
    begins so. `names` (name to number) saves a look where the caller has it. Raises NotFoundError with the nearest for
    a word that names nothing, UsageError for a beginning that several names share.
    """
    numbers = read.numbers(db)
    known = read.names(db) if names is None else names
    found: dict[int, None] = {}
    for word in words:
        # What is not printable, such as bytes that are no UTF-8, names nothing and could not be asked for.
        named = word in known or _number(word) is not None or not word.isprintable()
        together = [] if named else read.group(db, word)
        found.update(dict.fromkeys(together or _resolve(word, numbers, known)))
    return list(found)


def _resolve(word: str, numbers: Sequence[int], names: Mapping[str, int]) -> list[int]:
    first, colon, last = word.partition(":")
    if not colon:
        return [_one(word, numbers, names)]
    ends = [_number(end) for end in (first, last)]
    if None in ends:
        cure = "a range looks like run3:run7"
        raise UsageError(f"{safe_line(word, limit=80)!r} is no range of runs", cure=cure)
    low, high = sorted(end for end in ends if end is not None)
    chosen = [number for number in numbers if low <= number <= high]
    if not chosen:
        raise _unknown(word, numbers, names)
    return chosen


def _one(word: str, numbers: Sequence[int], names: Mapping[str, int]) -> int:
    if word == LATEST and numbers:
        return numbers[-1]
    number = _number(word)
    if number is not None and number in numbers:
        return number
    if word in names:
        return names[word]
    matches = sorted(name for name in names if word and name.startswith(word))
    matches = [name for name in matches if not name.endswith(EVALUATED)] or matches
    if not matches or number is not None:
        raise _unknown(word, numbers, names)
    if len(matches) > 1:
        shown = ", ".join(matches[:8]) + (", ..." if len(matches) > 8 else "")
        raise UsageError(f"{word!r} is the beginning of several names", cure=f"one of {shown}")
    return names[matches[0]]


def _number(word: str) -> int | None:
    match = _NUMBER.fullmatch(word)
    return int(match[1]) if match else None


def _unknown(word: str, numbers: Sequence[int], names: Mapping[str, int]) -> NotFoundError:
    shown = safe_line(word, limit=80)
    if not numbers:
        return NotFoundError(f"no run is called {shown!r}", cure="there are none yet; `arctl submit` makes one")
    number = _number(word.partition(":")[0])
    if number is None:
        return NotFoundError(f"no run is called {shown!r}", cure=nearest(shown, [*names, LATEST]))
    close = sorted(sorted(numbers, key=lambda other: abs(other - number))[:3])
    return NotFoundError(f"there is no {shown!r}", cure="nearest: " + ", ".join(run_name(other) for other in close))
