"""Which part of a matrix of classes somebody means: one class by its name or number, or a block of the order shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from arctl.errors import NotFoundError, UsageError
from arctl.seriation import window
from arctl.sparse import Sparse
from arctl.text import safe_line

_SHOWN = 8


def find_class(classes: Sequence[str], word: str, *, option: str) -> int:
    """Return the class (0 to K - 1) that a word names: its name, its number from 1, or a part that no other name has.

    Raises UsageError where several have the part, NotFoundError where none has, each with the names that come near.
    """
    exact = _exact(classes, word)
    if exact is not None:
        return exact
    low = word.casefold()
    tests: tuple[Callable[[str], bool], ...] = (lambda name: name.startswith(low), lambda name: low in name)
    for test in tests:
        found = [k for k, name in enumerate(classes) if test(name.casefold())] if low else []
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{k + 1} {classes[k]}" for k in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            cure = f"use one of {names}{more}"
            raise UsageError(f"{safe_line(word)!r} may be {len(found)} classes", where=option, cure=cure)
    raise NotFoundError(f"no class {safe_line(word)!r}", where=option, cure=_near(classes, word))


def block(order: NDArray[np.intp], classes: Sequence[str], word: str, *, links: Sparse, size: int) -> NDArray[np.intp]:
    """Return the part of `order` that `--zoom WORD` means.

    FROM-TO are the two ends, each a class's number or name; a single class is shown with its `size` - 1 neighbours that
    it is confused with most. Raises UsageError and NotFoundError as `find_class` does.
    """
    ends = _ends(classes, word)
    if ends is None:
        first, last = window(order, links, around=find_class(classes, word, option="--zoom"), size=size)
    else:
        places = [int(np.flatnonzero(order == end)[0]) for end in ends]
        first, last = min(places), max(places) + 1
    return order[first:last]


def _exact(classes: Sequence[str], word: str) -> int | None:
    """Return the class of that very name, else of that name whatever its case, else of that number."""
    if word in classes:
        return list(classes).index(word)
    low = word.strip().casefold()
    same = [k for k, name in enumerate(classes) if name.casefold() == low]
    if len(same) == 1:
        return same[0]
    if low.isascii() and low.isdigit() and len(low) < 10 and 1 <= int(low) <= len(classes):
        return int(low) - 1
    return None


def _ends(classes: Sequence[str], word: str) -> tuple[int, int] | None:
    """Return the classes of FROM-TO, None where the word is no such thing. Names may hold hyphens."""
    if _exact(classes, word) is not None:
        return None
    for at in (at for at, letter in enumerate(word) if letter == "-"):
        one, other = _exact(classes, word[:at]), _exact(classes, word[at + 1 :])
        if one is not None and other is not None:
            return one, other
    return None


def _near(classes: Sequence[str], word: str) -> str:
    from difflib import get_close_matches

    low = {name.casefold(): f"{k + 1} {name}" for k, name in enumerate(classes)}
    near = [low[name] for name in get_close_matches(word.casefold(), low, n=3, cutoff=0.5)]
    return f"near it are {', '.join(near)}" if near else f"classes are named, or numbered from 1 to {len(classes)}"
