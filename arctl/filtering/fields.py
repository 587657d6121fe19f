"""What a filter can ask of a run, what lists can be sorted by and which columns there are: one table of fields.

A field gives a value for a row, or None where the run has none. `cfg.optim.lr` is a key of the run's configuration,
what has a slash is a metric.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from arctl.errors import UsageError, nearest
from arctl.filtering.haystack import Haystack
from arctl.registry.rows import RunRow, lower_is_better
from arctl.states import State
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.forecast import Outlook

CFG = "cfg."
"""What keys of a run's configuration begin with."""


class Kind(StrEnum):
    """What a field's values are."""

    TEXT = "text"
    WORDS = "words"
    """Several words: tags."""
    STATE = "state"
    NUMBER = "number"
    RUN = "run"
    """The number of a run."""
    SPAN = "span"
    """Seconds."""
    TRUTH = "yes or no"
    VALUE = "value"
    """Whatever a configuration holds."""


@dataclass(frozen=True)
class Context:
    """What is known of runs beside their rows. What is missing here is a missing value in all runs."""

    now: float = field(default_factory=time.time)
    """Unix seconds."""
    configs: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    """Of each run, its configuration by dotted key (`read.configs`)."""
    hours: Mapping[int, float] = field(default_factory=dict)
    """GPU-hours of each run (`forecast.gpu_hours`)."""
    outlooks: Mapping[int, Outlook] = field(default_factory=dict)
    """Of each live run, when it will end (`forecast.outlooks`)."""
    haystack: Haystack = field(default_factory=Haystack, compare=False)
    """Texts for free words, kept from one filtering to the next."""


Reader = Callable[[RunRow], Any]
"""Gives a field's value of a row, None where there is none."""


@dataclass(frozen=True)
class Field:
    """Something that a run has."""

    key: str
    """As it is typed: `model`, `cfg.optim.lr`, `val/top1.best`."""
    kind: Kind
    bind: Callable[[Context], Reader] = field(compare=False)
    """Returns what reads it."""
    about: str = ""
    """One line that says what it is."""
    needs: str = ""
    """What of the context it needs: `configs`, `hours`, `outlooks`, or nothing."""
    metric: str | None = None
    """The metric whose summary it needs."""

    @property
    def config(self) -> str | None:
        """The key of the configuration that it needs."""
        return self.key.removeprefix(CFG) if self.needs == "configs" else None


def lookup(key: str, *, metrics: Collection[str] | None = None, where: str | None = None) -> Field:
    """Return the field of a key. `metrics` are the names that any run has, where they are known.

    Raises UsageError that names the nearest key.
    """
    name = ALIASES.get(key.casefold(), key.casefold())
    if name in FIELDS:
        return FIELDS[name]
    if key.startswith(CFG) and len(key) > len(CFG):
        return _configured(key)
    found = _metric(key, metrics)
    if found is not None:
        return found
    shown = safe_line(key, limit=80)
    if "." in key and "/" not in key:
        raise UsageError(f"no field {shown!r}", where=where, cure=f"a key of the configuration is {CFG + shown!r}")
    if "/" in key or _CALL.fullmatch(key):
        raise UsageError(f"no run has the metric {shown!r}", where=where, cure=nearest(shown, metrics or ()))
    raise UsageError(f"no field {shown!r}", where=where, cure=nearest(shown, [*FIELDS, *ALIASES]))


_CALL = re.compile(r"(best|last|min|max)\(\s*(?:\"([^\"]+)\"|([^)\"]+?))\s*\)")
_MOMENTS = ("best", "last", "min", "max")


def _metric(key: str, known: Collection[str] | None) -> Field | None:
    """Return the field of `val/top1`, `val/top1.best` or `best(val/top1)`; None for what is no metric."""
    call = _CALL.fullmatch(key)
    if call is not None:
        name, moment = call[2] or call[3], call[1]
    elif "/" not in key:
        return None
    else:
        stem, _, end = key.rpartition(".")
        whole = end not in _MOMENTS or (known is not None and key in known)
        name, moment = (key, "last") if whole else (stem, end)
    return _summary(key, name, moment) if known is None or name in known else None


def _summary(key: str, name: str, moment: str) -> Field:
    lower = lower_is_better(name)
    place = {"last": 1, "min": 4, "max": 5, "best": 4 if lower else 5}[moment]  # of the tuple, which is fastest

    def read(row: RunRow) -> float | None:
        summary = row.metrics.get(name)
        return None if summary is None else summary[place]  # type: ignore[return-value]

    return Field(key, Kind.NUMBER, lambda _: read, f"{moment} value of {name}", metric=name)


class Null:
    """Stands for a key whose value is null, which is not the same as a key that is not there."""

    def __str__(self) -> str:
        return "null"


NULL = Null()


def _configured(key: str) -> Field:
    inner = key.removeprefix(CFG)

    def bind(context: Context) -> Reader:
        configs, nothing = context.configs, dict[str, object]()

        def read(row: RunRow) -> object:
            known = configs.get(row.number, nothing)
            if inner not in known:
                known = row.params or nothing  # an element of a sweep says itself what it sets
                if inner not in known:
                    return None
            value = known[inner]
            return NULL if value is None else value

        return read

    return Field(key, Kind.VALUE, bind, "of the run's configuration", needs="configs")


def _own(name: str) -> Callable[[Context], Reader]:
    reader: Reader = attrgetter(name)
    return lambda _: reader


def _since(name: str) -> Callable[[Context], Reader]:
    def bind(context: Context) -> Reader:
        get, now = attrgetter(name), context.now
        return lambda row: None if (at := get(row)) is None else now - at

    return bind


def _took(context: Context) -> Reader:
    now = context.now

    def read(row: RunRow) -> float | None:
        if row.started is None or row.state is State.PENDING:
            return None
        return max(0.0, (now if row.ended is None else row.ended) - row.started)

    return read


def _progress(row: RunRow) -> float | None:
    return row.epoch / row.epochs if row.epoch is not None and row.epochs else None


def _outlook(name: str) -> Callable[[Context], Reader]:
    def bind(context: Context) -> Reader:
        outlooks, get = context.outlooks, attrgetter(name)
        return lambda row: None if (found := outlooks.get(row.number)) is None else get(found)

    return bind


def _late(context: Context) -> Reader:
    fits = _outlook("fits")(context)
    return lambda row: None if (known := fits(row)) is None else not known


def _hours(context: Context) -> Reader:
    hours = context.hours
    return lambda row: hours.get(row.number)


_TEXTS = {
    "name": ("name", "its name"),
    "model": ("model", "model"),
    "data": ("data", "data set"),
    "preset": ("preset", "preset"),
    "group": ("group", "group"),
    "sweep": ("sweep", "sweep"),
    "note": ("note", "note"),
    "cluster": ("cluster", "slurm or local"),
    "template": ("template", "job template"),
    "node": ("node", "where it runs or ran"),
    "job": ("job_id", "its newest job, 77 or 77_3"),
    "reason": ("reason", "why it is pending, as Slurm says it"),
    "message": ("message", "why it failed"),
    "code": ("code", "hash of the code that it runs"),
}
_NUMBERS = {
    "epoch": ("epoch", "newest epoch"),
    "epochs": ("epochs", "planned epochs"),
    "step": ("step", "newest step"),
    "gpus": ("gpus", "GPUs of its newest job, over all nodes"),
    "attempts": ("attempts", "how often its trainer was started"),
    "damaged": ("damaged", "event lines that could not be read"),
    "exit": ("exit_code", "exit status"),
}


def _summaries() -> list[Field]:
    """The columns of the table, by their titles."""
    named = {"best": ("val/top1", "best"), "last": ("val/top1", "last"), "gap": ("gap/top1", "last")}
    return [_summary(key, *metric) for key, metric in named.items()]


def _spans() -> list[Field]:
    known = {
        "age": (_since("created"), "", "time since it was made"),
        "started": (_since("started"), "", "time since its job began to run"),
        "ended": (_since("ended"), "", "time since it ended"),
        "took": (_took, "", "how long its newest job ran, or runs so far"),
        "limit": (_own("limit_s"), "", "time limit of its newest job"),
        "eta": (_outlook("eta_s"), "outlooks", "time until it will be done"),
        "silent": (_outlook("stale_s"), "outlooks", "time since its trainer last wrote, while it runs"),
    }
    return [Field(key, Kind.SPAN, bind, about, needs) for key, (bind, needs, about) in known.items()]


FIELDS: Mapping[str, Field] = {
    one.key: one
    for one in (
        Field("run", Kind.RUN, _own("number"), "its number"),
        Field("state", Kind.STATE, _own("state"), "its state; also live and ended"),
        Field("tag", Kind.WORDS, _own("tags"), "a word on it"),
        *(Field(key, Kind.TEXT, _own(name), about) for key, (name, about) in _TEXTS.items()),
        *(Field(key, Kind.NUMBER, _own(name), about) for key, (name, about) in _NUMBERS.items()),
        Field("progress", Kind.NUMBER, lambda _: _progress, "share of its epochs that is done"),
        Field("hours", Kind.NUMBER, _hours, "GPU-hours that it has held", "hours"),
        *_summaries(),
        *_spans(),
        Field("late", Kind.TRUTH, _late, "whether its time limit will end it early", "outlooks"),
        Field("of", Kind.RUN, _own("evaluates"), "the run whose weights it scores"),
        Field("rerun", Kind.RUN, _own("rerun_of"), "the run that it repeats"),
    )
}
"""Every field but metrics and keys of configurations, by key."""

ALIASES = {"tags": "tag", "number": "run", "job_id": "job", "dataset": "data", "gpu_hours": "hours", "status": "state"}
"""Other words for them."""
