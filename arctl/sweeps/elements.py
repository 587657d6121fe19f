"""From a sweep file to its elements, in an order that never changes: the parts of the file multiply.

Each configuration of `list` goes with each point of `grid`, each draw of `random` and each seed; `include` adds to
them, `when` takes keys away where they mean nothing, `exclude` takes elements away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arctl.errors import UsageError
from arctl.sweeps.file import SEED, SweepFile
from arctl.sweeps.values import Params, Value, spelled

MOST = 10_000
"""Elements that one file may make."""


@dataclass(frozen=True)
class Point:
    """One configuration of a sweep, not yet named."""

    params: Params
    """What it sets, in the order of `SweepFile.varied`."""
    idle: frozenset[str] = frozenset()
    """Keys that mean nothing here, because a condition does not hold."""


@dataclass(frozen=True)
class Expansion:
    """All configurations of a sweep."""

    points: tuple[Point, ...]
    """In their order."""
    notes: tuple[str, ...] = ()
    """What was left out, in words."""


def expand(file: SweepFile) -> Expansion:
    """Return the elements of a sweep. Raises UsageError where there are none, or more than MOST."""
    count = _count(file)
    if count > MOST:
        cure = f"a sweep may have {MOST}; take fewer values, or `random:` with a count"
        raise UsageError(f"{_product(file)} makes {count:,} elements", where=str(file.path), cure=cure)
    _can_all_hold(file)
    excluded = 0
    points = []
    used: set[int] = set()
    for params in _combined(file):
        kept = conditioned(params, file)
        point = Point(kept, _idle(params, kept))
        hits = [index for index, pattern in enumerate(file.exclude) if _agrees(point.params, pattern)]
        used.update(hits)
        excluded += bool(hits)
        if not hits:
            points.append(point)
    notes = [f"{excluded} of {count} elements: excluded"] if excluded else []
    unused = [str(index + 1) for index in range(len(file.exclude)) if index not in used]
    if unused:
        notes.append(f"warning: entry {', '.join(unused)} of 'exclude' agrees with no element")
    if not points:
        where = file.places.get("exclude", str(file.path))
        raise UsageError("no element is left", where=where, cure="exclude less")
    return Expansion(tuple(points), tuple(notes))


def _combined(file: SweepFile) -> Iterator[dict[str, Value]]:
    """Yield every combination, the last part fastest, then what `include` adds."""
    grid = [[(key, value) for value in values] for key, values in file.grid.items()]
    draws = _drawn(file)
    seeds: Sequence[Params] = [{SEED: seed} for seed in file.seeds] or [{}]
    order = {key: place for place, key in enumerate(file.varied)}
    listed: Sequence[Params] = file.configurations or [{}]
    parts: Iterable[tuple[Params, ...]] = ()
    if file.configurations or grid or file.random is not None or not file.include:
        parts = itertools.product(listed, (dict(pairs) for pairs in itertools.product(*grid)), draws, seeds)
    for several in itertools.chain(parts, itertools.product(file.include, seeds)):
        pairs = {key: value for params in several for key, value in params.items()}
        yield dict(sorted(pairs.items(), key=lambda pair: order[pair[0]]))


def _drawn(file: SweepFile) -> list[Params]:
    if file.random is None:
        return [{}]
    count, seed = file.random.count, file.random.seed
    columns = {key: distribution.draws(count, seed=seed, key=key) for key, distribution in file.random.keys.items()}
    return [{key: column[index] for key, column in columns.items()} for index in range(count)]


def conditioned(params: Params, file: SweepFile) -> Params:
    """Return parameters without the keys whose conditions do not hold; what is taken away satisfies no further one.

    A condition on a key that is not set here holds: what the key has is not known yet.
    """
    kept = dict(params)
    for key in _condition_order(file):
        if key in kept and not all(
            _holds(other, values, params, kept, file) for other, values in file.when[key].items()
        ):
            del kept[key]
    return kept


def _holds(other: str, values: Sequence[Value], params: Params, kept: Params, file: SweepFile) -> bool:
    if other in _idle(params, kept):
        return False
    settings = {**file.fixed, **kept}
    return other not in settings or spelled(settings[other]) in {spelled(one) for one in values}


def _idle(params: Params, kept: Params) -> frozenset[str]:
    return frozenset(params) - frozenset(kept)


def _condition_order(file: SweepFile) -> list[str]:
    """Return the conditional keys, each after those that it depends on. Raises UsageError for a circle."""
    order: list[str] = []
    left = dict(file.when)
    while left:
        free = [key for key, others in left.items() if not set(others) & set(left)]
        if not free:
            what = f"{' and '.join(sorted(left))} wait for one another"
            raise UsageError(what, where=file.places.get("when"), cure="leave one of these conditions out")
        order += free
        left = {key: others for key, others in left.items() if key not in free}
    return order


def _can_all_hold(file: SweepFile) -> None:
    for key, others in file.when.items():
        for other, values in others.items():
            _can_hold(file, key, other, values)


def _can_hold(file: SweepFile, key: str, other: str, values: Sequence[Value]) -> None:
    """See that each value of a condition occurs in the file. Raises UsageError: it is misspelt, most likely."""
    has = _occurring(file, other)
    for value in values if has is not None else ():
        if spelled(value) not in (has or ()):
            what = f"{key} waits for {other}={spelled(value)}, which no element has"
            cure = f"it has {', '.join(sorted(has or ()))}"
            raise UsageError(what, where=file.places.get("when"), cure=cure)


def _occurring(file: SweepFile, key: str) -> set[str] | None:
    """Return the values that a key has somewhere in a file; None where a distribution has too many to name."""
    if file.random is not None and key in file.random.keys:
        choices = file.random.keys[key].choices
        return {spelled(value) for value in choices} if choices else None
    found: list[Value] = [*file.grid.get(key, ()), *(file.seeds if key == SEED else ())]
    found += [params[key] for params in (*file.configurations, *file.include, file.fixed) if key in params]
    return {spelled(value) for value in found}


def _agrees(params: Params, pattern: Params) -> bool:
    return all(key in params and spelled(params[key]) == spelled(value) for key, value in pattern.items())


def _sizes(file: SweepFile) -> Mapping[str, int]:
    sizes = {"list": len(file.configurations)} if file.configurations else {}
    sizes |= {key: len(values) for key, values in file.grid.items()}
    sizes |= {"random": file.random.count} if file.random is not None else {}
    return sizes


def _count(file: SweepFile) -> int:
    count = 0 if file.include and not _sizes(file) else 1
    for size in _sizes(file).values():
        count *= size
    return (count + len(file.include)) * max(1, len(file.seeds))


def _product(file: SweepFile) -> str:
    sizes = {**_sizes(file), **({"seeds": len(file.seeds)} if file.seeds else {})}
    return " x ".join(f"{size} ({what})" for what, size in sizes.items()) or f"{len(file.include)} in 'include'"
