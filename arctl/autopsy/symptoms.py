"""Finds the line of a log that tells why a program ended, by the table of `causes`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from arctl.autopsy.causes import CAUSES, CONSEQUENCES, TRACES, Row
from arctl.autopsy.diagnosis import Cause
from arctl.text import safe_line


@dataclass(frozen=True)
class Symptom:
    """A line that tells a cause."""

    cause: Cause
    """What it tells of."""
    sentence: str
    """In plain words, with the line's own values."""
    index: int
    """Which of the lines."""
    rank: int
    """0 tells a cause, 1 a mere trace of one, 2 what follows from another process's end."""
    row: int
    """Which row of the table; the more exact rows of a cause come first."""
    generic: bool = False
    """Whether it is an exception that no row of the table knows."""


_EXCEPTION = re.compile(r"(?:[\w.]+\.)?(\w*(?:Error|Exception|Exit|Interrupt|Iteration))(?:: (.*))?")
_TRAINER = re.compile(r"trainer: error: (.+)")
_PREFIX = re.compile(r"^(?:\[(?:rank|default)\d+\]:\s?|\d{1,4}: (?=\S))")
_CHAIN = ("The above exception was the direct cause", "During handling of the above exception")
_WRAPPER = re.compile(r"[\w.]*(?:ChildFailedError|DistBackendError|SignalException)\b|[\w.]*SystemExit\b")


def symptoms(lines: Sequence[str]) -> list[Symptom]:
    """Return what the lines tell, in their order; a line tells one thing at most."""
    found = []
    for index, line in enumerate(lines):
        text = _PREFIX.sub("", line).rstrip()
        if text and (symptom := _of(text, index)) is not None:
            found.append(symptom)
    return found


def deciding(lines: Sequence[str]) -> Symptom | None:
    """Return the line that tells best why a program ended, or None.

    What tells a cause goes before mere traces, and those before what follows from another process's end. Among equals
    the last one counts, unless it is an unknown exception that was raised from a known one; of lines on the same
    cause the most exact.
    """
    found = symptoms(lines)
    for rank in (0, 1, 2):
        equals = [symptom for symptom in found if symptom.rank == rank]
        if not equals:
            continue
        last = equals[-1]
        known = [symptom for symptom in equals if not symptom.generic]
        if last.generic and known:
            between = lines[known[-1].index : last.index]
            if any(line.lstrip().startswith(_CHAIN) for line in between):
                last = known[-1]
        return min(reversed([symptom for symptom in equals if symptom.cause is last.cause]), key=lambda one: one.row)
    return None


def _of(text: str, index: int) -> Symptom | None:
    for rank, table in enumerate(_tables()):
        for row, (cause, sentence, patterns) in enumerate(table):
            if match := next((found for pattern in patterns if (found := pattern.search(text))), None):
                return Symptom(cause, _filled(sentence, match), index, rank, row)
    exception = _EXCEPTION.fullmatch(text)
    if exception and not _WRAPPER.match(text):
        return Symptom(Cause.PYTHON, safe_line(text, limit=300), index, 0, 0, generic=True)
    told = _TRAINER.search(text)
    return Symptom(Cause.PYTHON, safe_line(told[1], limit=300), index, 0, 0, generic=True) if told else None


@cache
def _tables() -> tuple[tuple[tuple[Cause, str, tuple[re.Pattern[str], ...]], ...], ...]:
    return tuple(tuple(_compiled(row) for row in table) for table in (CAUSES, TRACES, CONSEQUENCES))


def _compiled(row: Row) -> tuple[Cause, str, tuple[re.Pattern[str], ...]]:
    cause, sentence, patterns = row
    return cause, sentence, tuple(re.compile(pattern) for pattern in patterns)


def _filled(sentence: str, match: re.Match[str]) -> str:
    """Put the groups that matched into a sentence; `{0:at}` is left out where its group is empty."""
    groups = [group for group in match.groups() if group is not None]

    def value(found: re.Match[str]) -> str:
        place, form = int(found[1]), found[2]
        text = groups[place] if place < len(groups) else ""
        if form in _LINKS:
            return f" {_LINKS[form].format(text)}" if text else ""
        return _FORMS[form](text) if form else text

    return safe_line(re.sub(r"\{(\d)(?::(\w+))?\}", value, sentence), limit=400)


def size_text(count: float) -> str:
    """Return bytes as people read them: `615 MiB`, `1.5 GiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            amount = count / size
            return f"{amount:.0f} {unit}" if amount >= 100 or unit != "GiB" else f"{amount:.1f} {unit}"
    return f"{count:.0f} bytes"


_LINKS = {"at": "({0})", "of": "{0}", "joined": "({0} joined)"}
_FORMS = {"bytes": lambda text: size_text(int(text)), "ms": lambda text: f"{int(text) / 60000:.0f} min"}
