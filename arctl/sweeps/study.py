"""From a sweep file to a settled sweep: the trainer's keys checked, gaps filled, what would be run twice taken out.

Only elements that leave a key to others are resolved here: submitting checks every single one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from arctl import recipe
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.settings import Workspace
from arctl.sweeps.elements import Point, conditioned, expand
from arctl.sweeps.file import SweepFile
from arctl.sweeps.record import Sweep, named
from arctl.sweeps.values import Params, Value, identity, spelled, value_of


def settle(workspace: Workspace, file: SweepFile) -> tuple[Sweep, tuple[str, ...]]:
    """Return the sweep of a file, and what there is to say of it.

    Raises UsageError with the place in the file, NotFoundError for a model or data set that is not there.
    """
    data = _named(workspace, file)
    _check_keys(file)
    expansion = expand(file)
    points = _filled(file, data, expansion.points)
    first: dict[str, Params] = {}
    for params in points:
        first.setdefault(identity(params), params)
    kept = list(first.values())
    notes = list(expansion.notes)
    if len(kept) < len(points):
        doubles = len(points) - len(kept)
        notes.append(f"{doubles} element{'' if doubles == 1 else 's'} that would repeat others: left out")
    sweep = Sweep(
        name=file.name,
        created=time.time(),
        model=file.model,
        data=str(data.root) if data.source == "path" else file.data,
        metric=file.metric,
        elements=named(file.name, kept),
        preset=file.preset,
        fixed=file.fixed,
        note=file.note,
        tags=file.tags,
        cluster=file.cluster,
        template=file.template,
        max_parallel=file.max_parallel,
        resources=file.resources,
    )
    return sweep, tuple(notes)


@contextmanager
def placed(file: SweepFile) -> Iterator[None]:
    """Turn a complaint about `--set optim.lr=7` or `--mem` into one about the line of the sweep file that says so."""
    try:
        yield
    except UsageError as error:
        where = error.where or ""
        option = where.removeprefix("--set ").partition("=")[0].removeprefix("--").replace("-", "_")
        names = (option, f"resources.{option}", "tags" if option == "tag" else option)
        place = next((file.places[name] for name in names if name in file.places), None)
        if place is None or not where.startswith("--"):
            raise
        raise UsageError(error.what, where=place, cure=error.cure) from error


def _named(workspace: Workspace, file: SweepFile) -> recipe.DataSet:
    """Return the data set of a file. Raises NotFoundError with its line where that or the model is not there."""
    key = "model"
    try:
        recipe.model(file.model)
        key = "data"
        return recipe.find_data(workspace, file.data)
    except NotFoundError as error:
        raise NotFoundError(error.what, where=file.places.get(key), cure=error.cure) from error


def _check_keys(file: SweepFile) -> None:
    """See that the trainer has every key that the file sets. Raises UsageError naming the nearest."""
    sections = recipe.defaults(file.model)
    known = {f"{section}.{key}" for section, keys in sections.items() for key in keys}
    for key in (*file.fixed, *file.varied):
        if key not in known:
            inside = {name for name in known if name.startswith(f"{key.partition('.')[0]}.")}
            cure = nearest(key, known)
            cure = cure if cure.startswith("did you mean") else nearest(key, inside or known)
            raise UsageError(f"the trainer has no key {key!r}", where=file.places.get(key), cure=cure)


def _filled(file: SweepFile, data: recipe.DataSet, points: Sequence[Point]) -> list[Params]:
    """Return what each point sets, with what it leaves to `set`, preset or model where others vary it."""
    varied = file.varied
    found: list[Params] = []
    for point in points:
        params = dict(point.params)
        missing = [key for key in varied if key not in params and key not in point.idle]
        if missing:
            settings = _resolved(file, data, point)
            params |= {key: _setting(settings, key) for key in missing}
        found.append(conditioned({key: params[key] for key in varied if key in params}, file))
    return found


def _resolved(file: SweepFile, data: recipe.DataSet, point: Point) -> recipe.Settings:
    overrides = [f"{key}={spelled(value)}" for key, value in {**file.fixed, **point.params}.items()]
    with placed(file):
        return recipe.resolve(data, model=file.model, preset=file.preset, overrides=overrides)


def _setting(settings: Mapping[str, Mapping[str, object]], key: str) -> Value:
    section, _, name = key.partition(".")
    return value_of(settings[section][name])
