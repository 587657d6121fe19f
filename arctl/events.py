"""One line of events.jsonl -> one typed event, or why it is damaged. The fields are those of docs/run-directory.md.

Lines come from other programs and from disks that failed, so nothing about them is believed: not their size, their
depth, their types, their ranges, nor their text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from arctl.text import safe_line

LINE_LIMIT = 1 << 16
"""Bytes that a line may have."""

_NAME = re.compile(r"[A-Za-z0-9_.@-]+(?:/[A-Za-z0-9_.@-]+)+")
_NAME_LIMIT = 200
_WHOLE_LIMIT = 1 << 53
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Start:
    """The trainer began, or went on from a checkpoint."""

    seq: int
    t: float
    attempt: str | None
    host: str | None
    pid: int | None
    epochs: int | None
    steps_per_epoch: int | None
    resumed_step: int | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """An optimizer step; `epoch` 3.25 is a quarter through the fourth."""

    seq: int
    t: float
    step: int
    epoch: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch ended; `seconds` is how long it took."""

    seq: int
    t: float
    step: int
    epoch: float
    metrics: Mapping[str, float]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Eval:
    """An evaluation ended; `predictions` is relative to the run directory."""

    seq: int
    t: float
    step: int
    epoch: float
    metrics: Mapping[str, float]
    split: str | None
    predictions: str | None
    unreadable: int | None


@dataclass(frozen=True, slots=True)
class System:
    """Memory and the like."""

    seq: int
    t: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint was written; `path` is relative to the run directory."""

    seq: int
    t: float
    step: int
    epoch: float
    path: str | None
    best: bool


@dataclass(frozen=True, slots=True)
class Caution:
    """A `warning` event."""

    seq: int
    t: float
    code: str
    message: str
    sample: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class End:
    """The trainer ended: `completed`, `failed` or `interrupted`."""

    seq: int
    t: float
    status: str
    exit_code: int | None
    message: str | None
    step: int | None
    epoch: float | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of event that this arctl does not know."""

    seq: int
    t: float
    kind: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that could not be read."""

    why: str


Event = Start | Step | Epoch | Eval | System | Checkpoint | Caution | End | Unknown
"""What a line can say."""


class _Wrong(Exception):
    """A field that breaks the contract."""


def parse(line: bytes) -> Event | Damaged | None:
    """Return the event on a line (without its line end), None for a blank line; never raises."""
    if not line.strip():
        return None
    if len(line) > LINE_LIMIT:
        return Damaged(f"longer than {LINE_LIMIT} bytes")
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Damaged("not UTF-8" if isinstance(error, UnicodeDecodeError) else "no JSON")
    if not isinstance(found, dict):
        return Damaged("no JSON object")
    try:
        seq, t = _whole(found, "seq"), _number(found, "t")
        kind = found.get("kind")
        if not isinstance(kind, str):
            raise _Wrong("kind: a name is wanted")
        make = _KINDS.get(kind)
        return make(seq, t, found) if make is not None else Unknown(seq, t, safe_line(kind, limit=80))
    except _Wrong as wrong:
        return Damaged(safe_line(str(wrong), limit=200))


def _start(seq: int, t: float, found: Mapping[str, Any]) -> Start:
    whole = {name: _maybe_whole(found, name) for name in ("pid", "epochs", "steps_per_epoch", "resumed_step")}
    return Start(seq, t, _text(found, "attempt"), _text(found, "host"), **whole, device=_text(found, "device"))


def _step(seq: int, t: float, found: Mapping[str, Any]) -> Step:
    return Step(seq, t, _whole(found, "step"), _number(found, "epoch"), _metrics(found))


def _epoch(seq: int, t: float, found: Mapping[str, Any]) -> Epoch:
    step, epoch, seconds = _whole(found, "step"), _number(found, "epoch"), _maybe_number(found, "seconds")
    return Epoch(seq, t, step, epoch, _metrics(found), seconds)


def _eval(seq: int, t: float, found: Mapping[str, Any]) -> Eval:
    split, predictions = _text(found, "split"), _text(found, "predictions")
    step, epoch, unreadable = _whole(found, "step"), _number(found, "epoch"), _maybe_whole(found, "unreadable")
    return Eval(seq, t, step, epoch, _metrics(found), split, predictions, unreadable)


def _system(seq: int, t: float, found: Mapping[str, Any]) -> System:
    return System(seq, t, _metrics(found))


def _checkpoint(seq: int, t: float, found: Mapping[str, Any]) -> Checkpoint:
    step, epoch = _whole(found, "step"), _number(found, "epoch")
    return Checkpoint(seq, t, step, epoch, _text(found, "path"), found.get("best") is True)


def _caution(seq: int, t: float, found: Mapping[str, Any]) -> Caution:
    code, message = _text(found, "code") or "", _text(found, "message") or ""
    return Caution(seq, t, code, message, _text(found, "sample"), _text(found, "path"))


def _end(seq: int, t: float, found: Mapping[str, Any]) -> End:
    status = found.get("status")
    if status not in ("completed", "failed", "interrupted"):
        raise _Wrong("status: completed, failed or interrupted is wanted")
    exit_code = _maybe_whole(found, "exit_code", least=-_WHOLE_LIMIT)
    step, epoch = _maybe_whole(found, "step"), _maybe_number(found, "epoch")
    return End(seq, t, status, exit_code, _text(found, "message"), step, epoch)


_KINDS: Mapping[str, Callable[[int, float, Mapping[str, Any]], Event]] = {
    "start": _start,
    "step": _step,
    "epoch": _epoch,
    "eval": _eval,
    "system": _system,
    "checkpoint": _checkpoint,
    "warning": _caution,
    "end": _end,
}


def _whole(found: Mapping[str, Any], name: str, *, least: int = 0) -> int:
    value = found.get(name)
    if type(value) is not int or not least <= value < _WHOLE_LIMIT:
        raise _Wrong(f"{name}: a whole number is wanted")
    return value


def _maybe_whole(found: Mapping[str, Any], name: str, *, least: int = 0) -> int | None:
    return None if found.get(name) is None else _whole(found, name, least=least)


def _number(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    if type(value) is int and 0 <= value < _WHOLE_LIMIT:
        return float(value)
    if type(value) is not float or not 0 <= value < _WHOLE_LIMIT:
        raise _Wrong(f"{name}: a number is wanted")
    return value


def _maybe_number(found: Mapping[str, Any], name: str) -> float | None:
    return None if found.get(name) is None else _number(found, name)


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Wrong(f"{name}: text is wanted")
    return safe_line(value.encode("utf-8", "replace").decode("utf-8"))


def _metrics(found: Mapping[str, Any]) -> dict[str, float]:
    metrics = found.get("metrics")
    if not isinstance(metrics, dict):
        raise _Wrong("metrics: a mapping is wanted")
    return {_name(name): _value(name, value) for name, value in metrics.items()}


def _name(name: str) -> str:
    if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        raise _Wrong(f"metric {name[:80]!r}: a name like family/name is wanted")
    return name


def _value(name: str, value: object) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    elif isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    raise _Wrong(f"metric {name[:80]!r}: a number is wanted")
