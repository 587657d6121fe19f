"""In what the predictions of runs differ so that no number of one says anything about the other's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arctl.errors import DataError
from arctl.protocol import differences
from arctl.rundir import run_name
from arctl.scores.answers import Answers
from arctl.text import safe_line


@dataclass(frozen=True)
class Unlikeness:
    """What makes the predictions of two runs unlike."""

    first: str
    """`run12`."""
    second: str
    """`run15`."""
    what: tuple[str, ...]
    """`views`, `sample set`, ..."""
    words: str
    """`views 10x3 and 1x1; 80 samples and 40, ...`."""
    paired: bool
    """Whether they are still of the same samples and classes, so that sample can be held against sample."""


def unlike(answers: Sequence[Answers]) -> tuple[Unlikeness, ...]:
    """Return in what each run differs from the first; empty where all can be compared."""
    found = (_unlike(answers[0], other) for other in answers[1:])
    return tuple(one for one in found if one is not None)


def refuse(found: Sequence[Unlikeness], answers: Sequence[Answers]) -> None:
    """Raise DataError that names the files and the difference, where there is one."""
    if not found:
        return
    files = " and ".join(str(one.path or run_name(one.number)) for one in answers[:2])
    where = files if len(answers) == 2 else ", ".join(run_name(one.number) for one in answers)
    what = "; ".join(f"{one.first} and {one.second}: {one.words}" for one in found)
    cure = "evaluate them the same way (`arctl eval`), or see them side by side with --force"
    raise DataError(f"their predictions cannot be compared: {what}", where=where, cure=cure)


def _unlike(a: Answers, b: Answers) -> Unlikeness | None:
    told = differences(a.protocol, b.protocol)
    classes, samples = _classes(a, b), _samples(a, b)
    what = [one.what for one in told if one.what not in ("sample set", "class list", "number of videos")]
    words = [f"{one.what} {one.a} and {one.b}" for one in told if one.what in what]
    what += ["class list"] * bool(classes) + ["sample set"] * bool(samples)
    words += [text for text in (classes, samples) if text]
    if not words:
        return None
    pair = (run_name(a.number), run_name(b.number))
    return Unlikeness(*pair, tuple(dict.fromkeys(what)), "; ".join(words), not classes and not samples)


def _classes(a: Answers, b: Answers) -> str | None:
    if a.classes == b.classes:
        return None
    if sorted(a.classes) == sorted(b.classes):
        at = _first_difference(a.classes, b.classes)
        return f"the same classes in another order: class {at + 1} is {a.classes[at]!r} and {b.classes[at]!r}"
    if len(a.classes) != len(b.classes):
        only = sorted(set(a.classes) ^ set(b.classes))
        return f"{len(a.classes)} classes and {len(b.classes)}; only one has {safe_line(only[0])!r}"
    at = _first_difference(a.classes, b.classes)
    return f"class {at + 1} is {a.classes[at]!r} and {b.classes[at]!r}"


def _first_difference(one: Sequence[str], other: Sequence[str]) -> int:
    return next(place for place, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)


def _samples(a: Answers, b: Answers) -> str | None:
    if a.ids == b.ids:
        differ = np.flatnonzero(a.targets != b.targets)
        if not len(differ):
            return None
        return f"{len(differ)} samples have another true class, such as {safe_line(a.ids[int(differ[0])])!r}"
    only_a, only_b = sorted(set(a.ids) - set(b.ids)), sorted(set(b.ids) - set(a.ids))
    example = f", such as {safe_line((only_a or only_b)[0])!r}"
    return (
        f"{len(a.ids)} samples and {len(b.ids)}; {len(only_a)} are only in {run_name(a.number)}, "
        f"{len(only_b)} only in {run_name(b.number)}{example}"
    )
