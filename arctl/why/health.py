"""Whether a running run is well: does it go on, will it be done in time, does its GPU wait for data."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arctl import events
from arctl.autopsy.diagnosis import Evidence, Remedy
from arctl.autopsy.remedies import again_with, time_text
from arctl.errors import ArctlError
from arctl.forecast import strides
from arctl.registry.rows import AttemptRow, Point, RunRow
from arctl.rundir import RunDir, run_name
from arctl.tail import read_new
from arctl.why.alarms import STARVED, Tail, alarms
from arctl.why.answer import Answer
from arctl.why.words import clock, span

STALLED_S = 600.0
"""A silence shorter than this is never called one, seconds."""

LONGER = 4.0
"""So many times its longest silence so far, and a run has stalled."""

_EVENT_BYTES = 1 << 19
_STEPS = 20


@dataclass(frozen=True)
class Pulse:
    """What a running run has written of late."""

    source: str | None = None
    """Its event file, relative to the run directory."""
    last: float | None = None
    """Time of the newest event, Unix seconds."""
    longest: float | None = None
    """The longest silence between two of the last events, seconds."""
    waits: float | None = None
    """Share of the time that the last steps waited for data."""
    steps: int = 0
    """How many steps that is the mean of."""
    device: str | None = None
    """What it computes on."""
    pace: float | None = None
    """Seconds an epoch, evaluation included."""
    measured: int = 0
    """Epochs that this is the median of; 0: a part of the first."""
    alarms: tuple[str, ...] = ()
    """Figures out of bounds, but the wait for data, each a sentence."""


@dataclass(frozen=True)
class Life:
    """What else is known of a running run."""

    limit_end: float | None
    """When its time limit ends, Unix seconds; None without one, and where nobody knows."""
    requeues: int = 0
    """How often it may still be queued again at its time limit."""
    config: Mapping[str, object] = field(default_factory=dict)
    """The trainer's configuration by dotted key."""
    cpus: int | None = None
    """Cores that it asked for."""
    resumable: bool = False
    """Whether a checkpoint is there to go on from."""
    log: Evidence | None = None
    """The last line of its log."""


def running(row: RunRow, pulse: Pulse, life: Life, *, now: float) -> Answer:
    """Say how a run does: stalled, late, starved of data, or fine."""
    run = run_name(row.number)
    facts = _facts(row, pulse, life, now=now)
    for judge in (_silent, _late, _starved):
        found = judge(row, pulse, life, now=now)
        if found is not None:
            cause, sentence, told, remedies = found
            return Answer(run, row.state, cause, sentence, told, remedies, tuple(_notes(facts, pulse, cause)), facts)
    sentence = _fine(row, pulse, facts)
    age = f"last event {span(now - pulse.last)} ago" if pulse.last is not None else None
    heard = [Evidence(pulse.source or "", None, age)] if age else []
    return Answer(run, row.state, "fine", sentence, tuple(heard), (), tuple(_notes(facts, pulse, "fine")), facts)


def pulse_of(run_dir: Path, attempts: Sequence[AttemptRow], losses: Sequence[Point]) -> Pulse:
    """Read the end of the newest attempt's events. `losses` is the run's stitched `train/loss`: one point an epoch."""
    if not attempts:
        return Pulse()
    path = RunDir(run_dir).events(attempts[-1].name)
    shown = str(path.relative_to(run_dir))
    try:
        chunk = read_new(path, max(0, path.stat().st_size - _EVENT_BYTES), limit=_EVENT_BYTES)
    except (ArctlError, OSError):
        return Pulse(source=shown)
    found = [event for line in chunk.lines if (event := events.parse(line)) and not isinstance(event, events.Damaged)]
    times = sorted(event.t for event in found)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    steps = [event for event in found if isinstance(event, events.Step)]
    shares = [event.metrics["perf/data_wait"] for event in steps if "perf/data_wait" in event.metrics]
    device = next((event.device for event in reversed(found) if isinstance(event, events.Start)), None)
    pace, measured = _pace(losses, len(attempts), steps)
    recent = [share for share in shares[-10 * _STEPS :] if math.isfinite(share)]
    waits = statistics.fmean(recent) if len(recent) >= _STEPS else None
    last, longest = (times[-1] if times else None), max(gaps, default=None)
    return Pulse(shown, last, longest, waits, len(recent), device, pace, measured, _alarms(steps))


def _alarms(steps: Sequence[events.Step]) -> tuple[str, ...]:
    names = {name for event in steps for name in event.metrics} - {"perf/data_wait"}
    having = {name: [event for event in steps if name in event.metrics] for name in names}
    tails = {name: Tail([e.step for e in found], [e.metrics[name] for e in found]) for name, found in having.items()}
    return tuple(alarm.text for alarm in alarms(tails))


def epoch_seconds(losses: Sequence[Point]) -> float | None:
    """Return how long an epoch takes: the median over the last five of one attempt, seconds; None with none."""
    return _pace(losses, None, ())[0]


def _pace(losses: Sequence[Point], attempt: int | None, steps: Sequence[events.Step]) -> tuple[float | None, int]:
    mine = [point for point in losses if attempt is None or point.attempt == attempt]
    spans = strides([(point.attempt, point.epoch, point.t) for point in mine])
    if spans:
        return statistics.median(spans), len(spans)
    if len(steps) >= _STEPS and steps[-1].epoch > steps[0].epoch:
        return (steps[-1].t - steps[0].t) / (steps[-1].epoch - steps[0].epoch), 0
    return None, 0


_Found = tuple[str, str, tuple[Evidence, ...], tuple[Remedy, ...]]


def _silent(row: RunRow, pulse: Pulse, life: Life, *, now: float) -> _Found | None:
    if not row.expects_events:
        return None
    since = pulse.last if pulse.last is not None else row.started
    if since is None or (pulse.longest is None and pulse.last is not None):
        return None
    silence = now - since
    if silence < max(STALLED_S, LONGER * (pulse.longest or 0.0)):
        return None
    told = [Evidence(pulse.source, None, f"last event at {clock(since)}")] if pulse.source and pulse.last else []
    told += [life.log] if life.log else []
    run = run_name(row.number)
    what = f"it has written nothing for {span(silence)}"
    usual = f", and was never silent for longer than {span(pulse.longest)}" if pulse.longest else " since it started"
    other = f" --exclude {row.node}" if row.node and row.cluster != "local" else ""
    again = f"arctl cancel {run} && arctl wait {run}; {again_with(run, resumable=life.resumable)}{other}"
    remedies = (
        Remedy(f"arctl logs {run} -n 50", "what it did last"),
        Remedy(
            again,
            ("from its last checkpoint" if life.resumable else "once more")
            + (f", on another node than {row.node}" if other else ""),
        ),
    )
    return "stalled", what + usual, tuple(told), remedies


def _late(row: RunRow, pulse: Pulse, life: Life, *, now: float) -> _Found | None:
    need = _need(row, pulse)
    if need is None or pulse.pace is None or life.limit_end is None or now + need <= life.limit_end:
        return None
    left = max(0.0, life.limit_end - now)
    reached = math.floor((row.epoch or 0.0) + left / pulse.pace)
    run = run_name(row.number)
    what = (
        f"it will not be done in time: {_left(row)} epochs need about {span(need)}, and {span(left)} are left: it "
        f"will stop at epoch {reached} of {row.epochs}"
    )
    if life.requeues:
        return "late", f"{what}, be queued again and go on from there", _pace_evidence(pulse), ()
    rest = ((row.epochs or 0) - reached) * pulse.pace * 1.2 + 300
    remedy = Remedy(f"arctl resume {run} --time {time_text(rest)}", "once it has stopped: goes on from its checkpoint")
    return "late", what, _pace_evidence(pulse), (remedy,)


def _starved(row: RunRow, pulse: Pulse, life: Life, *, now: float) -> _Found | None:
    if pulse.waits is None or pulse.waits < STARVED:
        return None
    who = "the GPU" if pulse.device and not pulse.device.endswith("cpu") else "the model"
    sentence = f"{who} waits for data {pulse.waits:.0%} of the time"
    told = (Evidence(pulse.source or "", None, f"perf/data_wait, mean of the last {pulse.steps} steps"),)
    workers, run = life.config.get("data.workers"), run_name(row.number)
    if not isinstance(workers, int):
        return "starved", sentence, told, ()
    sentence += f", with {workers} data worker{'s' if workers != 1 else ''}"
    cores = max(2 * workers, 4)
    ask = f" --cpus {cores}" if row.cluster != "local" and (life.cpus or 1) < cores else ""
    made = [Remedy(f"arctl rerun {run} --set data.workers={cores}{ask}", "decodes more videos at a time")]
    if life.config.get("data.cache") == "off":
        made.insert(0, Remedy(f"arctl rerun {run} --set data.cache=auto", "decodes each video once, and keeps it"))
    return "starved", sentence, told, tuple(made)


def _fine(row: RunRow, pulse: Pulse, facts: dict[str, object]) -> str:
    if not row.expects_events:
        return "it runs; it is a program of your own, of which arctl sees only its log"
    if pulse.last is None:
        return "it has started, and its trainer has written nothing yet"
    need = facts.get("seconds_left")
    if not isinstance(need, float):
        return "it runs and writes; how long an epoch takes is not known yet"
    return f"all is well: it will be done in about {span(need)}"


def _facts(row: RunRow, pulse: Pulse, life: Life, *, now: float) -> dict[str, object]:
    need = _need(row, pulse)
    return {
        "epoch": row.epoch,
        "epochs": row.epochs,
        "seconds_per_epoch": pulse.pace,
        "seconds_left": need,
        "limit_seconds_left": None if life.limit_end is None else life.limit_end - now,
        "data_wait": pulse.waits,
        "last_event": pulse.last,
    }


def _notes(facts: dict[str, object], pulse: Pulse, cause: str) -> list[str]:
    notes = []
    need, left = facts["seconds_left"], facts["limit_seconds_left"]
    if pulse.pace is not None and facts["epochs"] and cause != "late":
        over = f"median of {pulse.measured} epochs" if pulse.measured else "by its first steps, without evaluation"
        done = math.floor(float(facts["epoch"] or 0.0))  # type: ignore[arg-type]
        notes.append(f"epoch {done} of {facts['epochs']}, {span(pulse.pace)} an epoch ({over})")
    if isinstance(need, float) and isinstance(left, float) and need <= left:
        notes.append(f"its time limit leaves {span(left - need)} to spare")
    if isinstance(pulse.waits, float) and cause == "fine":
        notes.append(f"it waits for data {pulse.waits:.0%} of the time")
    return [*notes, *pulse.alarms]


def _pace_evidence(pulse: Pulse) -> tuple[Evidence, ...]:
    over = f"median of {pulse.measured} epochs" if pulse.measured else "its first steps"
    return (Evidence(pulse.source or "", None, f"{span(pulse.pace or 0.0)} an epoch ({over})"),)


def _left(row: RunRow) -> str:
    left = (row.epochs or 0) - (row.epoch or 0.0)
    return f"{left:.1f}".removesuffix(".0")


def _need(row: RunRow, pulse: Pulse) -> float | None:
    if pulse.pace is None or row.epochs is None:
        return None
    return max(0.0, row.epochs - (row.epoch or 0.0)) * pulse.pace
