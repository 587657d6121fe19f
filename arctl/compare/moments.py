"""What of each run is compared: the epoch of its logged metrics, and its answers on every sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arctl.compare.measures import chosen_epoch, selected_on
from arctl.errors import ArctlError, DataError, NotFoundError, UsageError
from arctl.protocol import PROBES, view_numbers
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.scores.answers import Answers, load_answers
from arctl.settings import Workspace


@dataclass(frozen=True)
class Asked:
    """What is to be compared of every run."""

    at: str = "best"
    """`best`, `last` or `epoch=N`."""
    split: str = "val"
    """Split on which their answers are compared."""
    views: str | None = None
    """`10x3`, with a probe `10x3-shuffled`; None takes what training wrote."""
    head: str = ""
    """`verb`, `noun` or `action` of models with two heads."""
    level: str = "video"
    """`video`, or `clip`: every view is a sample."""
    aggregation: str = "softmax-mean"
    """How views are averaged."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What of one run is compared."""

    epoch: float | None
    """The epoch that its logged metrics are of."""
    selected_on: str | None
    """The split on which that epoch was found to be the best; None where it was not chosen so."""
    answers: Answers | None
    """What it answered on every sample; None where there are no predictions."""
    why: str | None
    """Why there are none."""


def moments(workspace: Workspace, runs: Sequence[RunRow], asked: Asked, *, force: bool) -> tuple[Moment, ...]:
    """Return what of each run is compared.

    A run without predictions has none; damaged ones raise DataError, or with `force` count as none.
    """
    views, probe = _views(asked.views)
    return tuple(_moment(workspace, row, asked, views, probe, force=force) for row in runs)


def _views(text: str | None) -> tuple[str | None, str | None]:
    """Return views and probe of `10x3-shuffled`. Raises UsageError for another text."""
    if text is None:
        return None, None
    views, _, probe = text.partition("-")
    if view_numbers(views) is None or (probe and probe not in PROBES):
        cure = "write clips x crops, as in 10x3 or 1x1, or with a probe 1x1-shuffled"
        raise UsageError(f"{text!r} are no views", where="--views", cure=cure)
    return views, probe or None


def _moment(
    workspace: Workspace, row: RunRow, asked: Asked, views: str | None, probe: str | None, *, force: bool
) -> Moment:
    epoch = chosen_epoch(row, at=asked.at, split=asked.split)
    selected = selected_on(row, asked.split) if asked.at == "best" else None
    whole = int(epoch) if epoch is not None else None
    try:
        found = load_answers(
            workspace.run_dir(row.number),
            row.number,
            split=asked.split,
            epoch=whole if asked.at.startswith("epoch") else None,
            best=whole if asked.at == "best" else None,
            newest=asked.at == "last",
            views=views,
            probe=probe,
            aggregation=asked.aggregation,
            level=asked.level,
            head=asked.head,
        )
    except NotFoundError as error:
        return Moment(epoch, selected, None, _reason(row, error))
    except DataError as error:
        if not force:
            raise
        return Moment(epoch, selected, None, _reason(row, error))
    return Moment(epoch, selected, found, None)


def _reason(row: RunRow, error: ArctlError) -> str:
    text = str(error)
    return text if run_name(row.number) in text else f"{run_name(row.number)}: {text}"
