"""Lines of a log that tell of an error, by the table that says what runs die of; and where a job was started again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from arctl.longlog.queries import Telling
from arctl.longlog.scan import Hit, find
from arctl.longlog.window import window

_WORDS = (
    "error",
    "exception",
    "traceback",
    "killed",
    "out of memory",
    "fatal",
    "critical",
    "core dumped",
    "segmentation fault",
    "aborted",
    "bad_alloc",
    "no such file",
    "not found",
    "cannot ",
    "denied",
    "quota exceeded",
    "arctl: ",
)
"""One of them is in every line that counts; each costs half a millisecond a megabyte."""

_SAID = re.compile(
    r"^(?:\[[^\]]*\]:?\s*)*Traceback \(most recent call last\)"
    r"|(?i:\berror\b\]?:)(?!\s*[-+]?(?:\d|nan\b|inf\b))"
    r"|\b(?:ERROR|FATAL|CRITICAL)\b(?!\s*[=:]?\s*[-+]?\d)"
    r"|\bCANCELLED AT \S+ DUE TO\b|\(core dumped\)"
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
_PREFIX = re.compile(r"^(?:\[(?:rank|default)\d+\]:\s?|\d{1,4}: (?=\S))")
_TRACE_LINES = 400

_ANNOUNCED = re.compile(r"^\S+ on .+, (?:fp32|fp16|bf16): \d+ training, \d+ validation videos$")
_REQUEUED = re.compile(
    r"\*\*\* (?:JOB|STEP) \S+ ON \S+ CANCELLED AT \S+ DUE TO (?:JOB REQUEUE|PREEMPTION|NODE FAILURE)"
)
_NEAR_LINES = 30


def faults() -> Telling:
    """Return the query for lines that tell of an error; figures that are called an error are none."""
    return Telling(_WORDS, is_fault)


def is_fault(line: str) -> bool:
    """Tell whether a line of a log tells of an error."""
    from arctl.autopsy.symptoms import symptoms

    return _SAID.search(line) is not None or bool(symptoms([line.rstrip()]))


def next_fault(path: Path, *, after: int | None, stop: Callable[[], bool] = lambda: False) -> Hit | None:
    """Return the first error of a log, or the one after the error in the line at `after`: of a traceback only one."""
    return find(path, faults(), at=0 if after is None else behind(path, after), stop=stop)


def behind(path: Path, at: int) -> int:
    """Return where to look for the next error: after the line at `at`, or after the traceback that begins there."""
    lines = window(path, at, after=_TRACE_LINES).lines
    if not lines:
        return at
    if _TRACEBACK.search(lines[0].text):
        for line in lines[1:]:
            text = _PREFIX.sub("", line.text)
            if text and not text[0].isspace():
                return line.end
    return lines[0].end


def starts() -> Telling:
    """Return the query for the trainer's first line, and for Slurm's last word before it starts a job again."""
    return Telling(("validation videos", "cancelled at"), lambda line: bool(_announced(line) or _REQUEUED.search(line)))


def behind_start(path: Path, at: int) -> int:
    """Return where to look for the start of the job after the one that begins with the line at `at`."""
    seen = window(path, at, before=1, after=_NEAR_LINES)
    here = seen.lines[seen.anchor :]
    if not here or _REQUEUED.search(here[0].text):
        return at
    after_requeue = seen.anchor > 0 and _REQUEUED.search(seen.lines[0].text)
    told = [line.end for line in here if _announced(line.text)] if after_requeue else []
    return told[0] if told else here[0].end


def start_of(path: Path, hit: Hit) -> int:
    """Return where a start begins that was found by `starts`: the line behind Slurm's word, or the trainer's first."""
    line = window(path, hit.line).lines[0]
    return line.end if _REQUEUED.search(line.text) else line.at


def next_start(path: Path, *, after: int, stop: Callable[[], bool] = lambda: False) -> int | None:
    """Return the byte offset at which the job's next start begins after the line at `after`; None for none."""
    hit = find(path, starts(), at=behind_start(path, after), stop=stop)
    return start_of(path, hit) if hit else None


def _announced(line: str) -> bool:
    return _ANNOUNCED.match(line.rstrip()) is not None
