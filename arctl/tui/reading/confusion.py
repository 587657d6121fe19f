"""What the Confusion tab reads: the matrix of one predictions file, and which files there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from arctl.errors import NotFoundError
from arctl.rundir import RunDir, run_name
from arctl.tui.reading.sources import Source, with_action
from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from arctl.confusion import Confusion
    from arctl.sections import Section
    from arctl.settings import Workspace

LISTED = 20
"""Best and worst classes that are listed."""

PAIRS = 100
"""Confusions that are listed."""

CLIPS = 500
"""Clips of a class or pair that are listed."""


@dataclass(frozen=True)
class ConfusionWant(Want):
    """The confusion matrix of a run."""

    number: int
    """The run."""
    source: Source | None = None
    """Which answers; None as `arctl confusion` chooses."""
    epoch: int | None = None
    """After which epoch; None after the best, or the newest."""
    stamp: object = None
    """Changes where the files may have."""

    lane: ClassVar[str] = "run"

    def read(self, workspace: Workspace) -> Panel:
        """Read the scores and reduce them to a matrix."""
        from arctl import confusion, confusion_page
        from arctl.scores.picking import pick
        from arctl.scores.predictions import read_predictions

        directory = workspace.run_dir(self.number)
        files = RunDir(directory).prediction_names()
        if self.source is None:
            split = "val" if any(one.split == "val" for one in files) or not files else files[0].split
            picked = pick(directory, self.number, split=split, best=_best(workspace, self.number, split))
            source, path, epoch, chosen = Source(split, picked.variant, ""), picked.path, picked.epoch, picked.chosen
        else:
            source, (path, epoch, chosen) = self.source, self._file(directory, workspace)
        stored = read_predictions(path)
        heads = with_action(stored.heads)
        source = source._replace(head=source.head if source.head in heads else heads[0])
        found = confusion.of_predictions(
            stored, number=self.number, epoch=epoch, chosen=chosen, head=source.head, sure=True
        )
        ways = sorted({(one.split, one.variant) for one in files})
        sections = {best: tuple(confusion_page.classes(found, LISTED, best=best)) for best in (True, False)}
        return ConfusionPanel(
            self,
            found,
            source,
            tuple(sorted({one.epoch for one in files if (one.split, one.variant) == source[:2]})),
            tuple(Source(split, variant, head) for split, variant in ways for head in heads),
            found.order("confused"),
            (*sections[True], *sections[False]),
            tuple(confusion_page.pairs(found, PAIRS)),
        )

    def _file(self, directory: Path, workspace: Workspace) -> tuple[Path, int, str]:
        """Return the file after the epoch asked for, else after the best, else the newest."""
        assert self.source is not None
        split, variant, _ = self.source
        found = {epoch: path for name, epoch, path in RunDir(directory).prediction_files(variant) if name == split}
        best = _best(workspace, self.number, split)
        for epoch, chosen in ((self.epoch, "asked for"), (best, "best"), (max(found, default=None), "newest")):
            if epoch is not None and epoch in found:
                return found[epoch], epoch, chosen
        raise NotFoundError(f"no predictions of {self.source.words()}", where=run_name(self.number), cure="press v")


@dataclass(frozen=True, eq=False)
class ConfusionPanel(Panel):
    """A matrix, and what else there is."""

    confusion: Confusion
    """The matrix with its answers."""
    source: Source
    """Which answers they are."""
    epochs: tuple[int, ...]
    """After which epochs there are such answers."""
    sources: tuple[Source, ...]
    """All kinds of answers that the run has."""
    order: NDArray[np.intp]
    """Classes that are confused side by side."""
    classes: tuple[Section, ...]
    """The best and the worst classes."""
    pairs: tuple[Section, ...]
    """The most frequent confusions."""


@dataclass(frozen=True)
class ClipsWant(Want):
    """The clips of a class or of a confused pair."""

    number: int
    """The run."""
    true: int | None
    """The true class."""
    predicted: int | None
    """What it is taken for; None for everything of the class."""
    panel: ConfusionPanel | None = field(default=None, compare=False, repr=False)
    """The matrix that they are of."""

    lane: ClassVar[str] = "run"

    def read(self, workspace: Workspace) -> Panel:
        """List them as `arctl confusion --class` does, or those of one cell."""
        from arctl import confusion_page as page
        from arctl.sections import Cell, Section, measured

        assert self.panel is not None
        matrix = self.panel.confusion
        if self.predicted is None and self.true is not None:
            line = "".join(cell.text for cell in page.class_head(matrix, self.true))
            head = Section("", (Cell(line, "bold"),))
            return ClipsPanel(self, measured((head, *page.one_class(matrix, self.true, clips=CLIPS))))
        assert self.true is not None and self.predicted is not None
        return ClipsPanel(self, measured(page.pair(matrix, self.true, self.predicted, clips=CLIPS)))


@dataclass(frozen=True, eq=False)
class ClipsPanel(Panel):
    """Clips as a page."""

    sections: tuple[Section, ...]
    """The class's rates, what it is taken for, the clips."""


def _best(workspace: Workspace, number: int, split: str) -> int | None:
    """Return the epoch of the best top-1 on a split, as `arctl confusion` takes it."""
    from arctl.registry import read

    row = read.run(workspace.db, number)
    summary = row.metrics.get(f"{split}/top1") if row else None
    return int(summary.best_epoch) if summary and summary.best_epoch is not None else None
