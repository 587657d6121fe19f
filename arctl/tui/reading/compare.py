"""What the Compare view reads: the comparison of `arctl compare`, curves of the same runs, single samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from arctl.errors import ArctlError
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.tui.reading import trouble
from arctl.tui.reading.sources import TRAINING, Source, shared
from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from arctl.compare import Asked, Comparison
    from arctl.raster import Curve
    from arctl.sections import Section
    from arctl.settings import Workspace

POINTS = 400
"""Points of a curve that reach the screen; minima and maxima of what lies between are kept."""

CLIPS = 500
"""Samples of a kind that are listed."""

_PAIRS = 10
"""Changed confusions that are listed, as `arctl compare` does."""

_CHARTS = 2


@dataclass(frozen=True)
class CompareWant(Want):
    """Compare runs, the first against the others."""

    numbers: tuple[int, ...]
    """Two or more; for a report, one or more."""
    at: str = "best"
    """`best` or `last`."""
    force: bool = False
    """Compare what was evaluated in unlike ways too."""
    source: Source | None = None
    """Which answers; None for the first that all the runs have."""

    lane: ClassVar[str] = "compare"

    def read(self, workspace: Workspace) -> Panel:
        """Compare, or say why that is refused."""
        try:
            return self.compared(workspace)
        except ArctlError as error:
            why = trouble(error).replace(f"{workspace.root}/", "")
            return RefusedPanel(self, why, *self.sources(workspace))

    def compared(self, workspace: Workspace) -> ComparePanel:
        """Compare, or find that nothing has changed since. Raises what `compare.compare` does."""
        return _compared(_Question(self, workspace.root, _stamp(workspace, self.numbers), workspace))

    def asked(self) -> Asked:
        """Return what is asked of every run."""
        from arctl.compare import Asked

        of = self.source or TRAINING
        return Asked(at=self.at, split=of.split, views=of.variant or None, head=of.head)

    def sources(self, workspace: Workspace) -> tuple[Source, tuple[Source, ...]]:
        """Return which answers are compared, and all kinds that all the runs have."""
        known = shared([workspace.run_dir(number) for number in self.numbers])
        return self.source or (known[0] if known else TRAINING), known


@dataclass(frozen=True, eq=False)
class RefusedPanel(EmptyPanel):
    """Why runs cannot be compared so."""

    source: Source
    """Which answers were to be compared."""
    sources: tuple[Source, ...]
    """All kinds of answers that all the runs have."""

    @property
    def overruled(self) -> bool:
        """Whether they can be compared nevertheless: only such refusals name the option."""
        return "--force" in self.why


@dataclass(frozen=True, eq=False)
class ComparePanel(Panel):
    """A comparison as its page has it."""

    comparison: Comparison
    """Every number."""
    verdict: tuple[Section, ...]
    """What is compared, figures, tests, cost."""
    setup: tuple[Section, ...]
    """Settings and code."""
    classes: tuple[Section, ...]
    """Classes and confusions, the first of each."""
    every: tuple[Section, ...]
    """The same with every class."""
    source: Source
    """Which answers are compared."""
    sources: tuple[Source, ...]
    """All kinds of answers that all the runs have."""
    order: NDArray[np.intp] | None
    """Classes that are confused side by side; None where there are no confusions."""


@dataclass(frozen=True)
class OverlayWant(Want):
    """The curves of runs on one canvas."""

    numbers: tuple[int, ...]
    """Two or more."""
    chart: int = 0
    """Which metrics: counts through those that there are."""

    lane: ClassVar[str] = "compare-curves"

    def read(self, workspace: Workspace) -> Panel:
        """Read the curves of two metrics."""
        from arctl import curves
        from arctl.registry import read

        names = _metrics(read.metric_names(workspace.db, list(self.numbers)))
        chosen = [names[(self.chart + place) % len(names)] for place in range(min(_CHARTS, len(names)))]
        charts = []
        for name in chosen:
            having = [number for number in self.numbers if name in read.metric_names(workspace.db, [number])]
            loaded = (curves.load(workspace.db, number, name, label=run_name(number)) for number in having)
            charts.append((name, tuple(curves.reduce(one, columns=POINTS) for one in loaded)))
        return OverlayPanel(self, tuple(charts), tuple(names))


@dataclass(frozen=True, eq=False)
class OverlayPanel(Panel):
    """Charts above each other: the name of the metric, and a curve of each run that has it."""

    charts: tuple[tuple[str, tuple[Curve, ...]], ...]
    """At most two."""
    names: tuple[str, ...]
    """All metrics that there are."""


@dataclass(frozen=True)
class SamplesWant(Want):
    """Samples to which two runs gave unlike answers."""

    numbers: tuple[int, ...]
    """The two runs."""
    true: int | None = None
    """Only of this class."""
    predicted: int | None = None
    """Only those that either run took for this class."""
    comparison: Comparison | None = field(default=None, compare=False, repr=False)
    """The comparison that they are of."""

    lane: ClassVar[str] = "compare-samples"

    def read(self, workspace: Workspace) -> Panel:
        """Pick the samples."""
        from arctl.compare.page_samples import samples
        from arctl.compare.samples import pairs
        from arctl.sections import measured

        assert self.comparison is not None
        found = pairs(self.comparison, true=self.true, predicted=self.predicted)
        about = class_words(found.a.classes, self.true, self.predicted)
        return SamplesPanel(self, measured(samples(self.comparison, found, count=CLIPS, about=about)), about)


@dataclass(frozen=True, eq=False)
class SamplesPanel(Panel):
    """Samples as a page."""

    sections: tuple[Section, ...]
    """Only one right, only the other right, both wrong but not alike."""
    about: str
    """Of which class or pair; empty for all."""


def class_words(classes: tuple[str, ...], true: int | None, predicted: int | None) -> str:
    """Return a class or a pair in words: `Recede`, `Recede taken for Approach`."""
    if true is None or true < 0:
        return ""
    return classes[true] + (f" taken for {classes[predicted]}" if predicted is not None and predicted >= 0 else "")


@dataclass(frozen=True)
class _Question:
    """What is compared, and the state of the files that it depends on."""

    want: CompareWant
    root: Path
    stamp: tuple[object, ...]
    workspace: Workspace = field(compare=False, hash=False, repr=False)


@lru_cache(maxsize=2)
def _compared(question: _Question) -> ComparePanel:
    from arctl import compare
    from arctl.compare import page
    from arctl.compare.page_tests import second_half
    from arctl.compare.page_where import places
    from arctl.sections import measured, warned

    want = question.want
    source, known = want.sources(question.workspace)
    asked = replace(want, source=source).asked()
    found = compare.compare(question.workspace, *want.numbers, asked=asked, force=want.force)
    parts: list[tuple[Section, ...]] = [
        (page.head(found), *page.metrics(found), *second_half(found), page.cost(found)),
        tuple(page.setup(found, patch=True)),
        tuple(places(found, pairs=_PAIRS, everything=False)),
        tuple(places(found, pairs=20 * _PAIRS, everything=True)),
    ]
    if found.warning:
        parts = [tuple(warned(part, found.warning)) for part in parts]
    verdict, setup, classes, every = map(measured, parts)
    order = None if found.confusion is None else found.confusion.order("confused")
    return ComparePanel(want, found, verdict, setup, classes, every, source, known, order)


def _stamp(workspace: Workspace, numbers: tuple[int, ...]) -> tuple[object, ...]:
    """Return what says whether anything that a comparison reads has changed: rows by epoch, files by time and size."""
    from arctl.registry import read

    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers)}
    return tuple((number, _row(rows.get(number)), _files(workspace.run_dir(number))) for number in numbers)


def _row(row: RunRow | None) -> object:
    if row is None:
        return None
    told = tuple((name, one.last_epoch, one.best) for name, one in sorted(row.metrics.items()) if "/" in name)
    slow = tuple(one for one in told if not one[0].startswith(("step/", "optim/", "perf/", "sys/")))
    return (row.name, row.state, row.group, int(row.epoch or 0), slow)


def _files(directory: Path) -> object:
    files = RunDir(directory)
    told = [files.run_yaml, files.config, files.script, files.checkpoints / "manifest.json"]
    told += [one.path for one in files.prediction_names()]
    return tuple(_state(path) for path in told)


def _state(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (path.name, 0, 0)
    return (path.name, found.st_mtime_ns, found.st_size)


def _metrics(names: list[str]) -> list[str]:
    """Return the metrics to draw, those that judge a run first."""
    first = [name for name in ("val/top1", "val/loss", "train/top1", "train/loss") if name in names]
    return [*first, *sorted(name for name in names if name not in first)]
