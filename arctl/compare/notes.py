"""What a reader has to know to believe the numbers of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arctl.compare.arms import Arm
from arctl.compare.moments import Asked, Moment
from arctl.compare.significance import Pairing
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.states import LIVE


def notes(
    runs: Sequence[RunRow], moments: Sequence[Moment], asked: Asked, arms: Sequence[Arm], pairings: Sequence[Pairing]
) -> Iterator[str]:
    """Give every doubt in one sentence each."""
    yield from _selection(runs, moments, asked)
    known = sum(moment.answers is not None for moment in moments)
    for row, moment in zip(runs, moments, strict=True):
        yield from _answers(row, moment, alone=known < 2)
    if pairings:
        yield from _samples(pairings[0], arms)
    for row in runs:
        if row.state in LIVE:
            yield f"{run_name(row.number)} is {row.state}: its figures may still change"


def _selection(runs: Sequence[RunRow], moments: Sequence[Moment], asked: Asked) -> Iterator[str]:
    chosen = [run_name(row.number) for row, one in zip(runs, moments, strict=True) if one.selected_on == asked.split]
    if chosen:
        who = "every run" if len(chosen) == len(runs) else ", ".join(chosen)
        yield (
            f"best epoch chosen on {asked.split}, the very split that is compared: its figures flatter {who}; "
            "a test split, or --at last, does not"
        )


def _answers(row: RunRow, moment: Moment, *, alone: bool) -> Iterator[str]:
    """Give what is to be said of one run's answers; `alone` where the verdict says already which have none."""
    found = moment.answers
    if found is None:
        if moment.why is not None and not alone:
            yield moment.why
        return
    if moment.epoch is not None and found.epoch != int(moment.epoch):
        yield (
            f"{run_name(row.number)}: answers after epoch {found.epoch} ({found.chosen}), because there are no "
            f"predictions after epoch {moment.epoch:g}"
        )
    if found.unreadable:
        yield (
            f"{run_name(row.number)}: {found.unreadable} of {len(found.targets)} samples could not be read, and count "
            "as wrong"
        )


def _samples(pair: Pairing, arms: Sequence[Arm]) -> Iterator[str]:
    if len(arms) > 1 and all(arm.size == 1 for arm in arms):
        yield "one seed of each (n=1): what is real here is real of these trained models; other seeds may differ"
    elif len(arms) == 1:
        yield "these runs differ only by their seeds"
    if pair.empty:
        yield f"{pair.empty} of {pair.classes} classes have no samples here: means over classes leave them out"
    if pair.clusters is not None:
        yield (
            f"the samples come from {pair.clusters.count} sources, whose clips stand or fall together; tests within "
            "classes and of single confusions take clips for independent, and so find a little too much"
        )
        if pair.clusters.unknown:
            yield f"{pair.clusters.unknown} samples name no group: each counts as a source of its own"
