"""The runs that are to be fused: what each scored on the same videos, in one order. Unlike ones are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from arctl.compare.measures import chosen_epoch, selected_on
from arctl.errors import ArctlError, DataError, NotFoundError
from arctl.protocol import differences, explain
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.scores.picking import pick
from arctl.scores.predictions import Head, Predictions, read_predictions
from arctl.settings import Workspace
from arctl.text import safe_line

USUAL_SPLITS = ("val", "test")
"""What is fused where nobody says: as many of these as all runs have been evaluated on."""


@dataclass(frozen=True, eq=False)
class Member:
    """What one run scored on the videos of a split."""

    number: int
    """12 for `run12`."""
    name: str
    """Its name."""
    epoch: int
    """After which epoch."""
    chosen: str
    """Why this epoch: `asked for`, `best` or `newest`."""
    selected_on: str | None
    """The split on which that epoch was found to be the best; None where it was not chosen so."""
    predictions: Predictions
    """Its scores, videos in the order of the lineup."""

    @property
    def run(self) -> str:
        """What people type: `run12`."""
        return run_name(self.number)


@dataclass(frozen=True, eq=False)
class Lineup:
    """Runs that scored the same videos of a split under one protocol."""

    split: str
    """`val`."""
    variant: str
    """How the files were made: "" by training, `10x3` of that many views."""
    members: tuple[Member, ...]
    """Two or more, in the order in which they were named."""

    @property
    def ids(self) -> tuple[str, ...]:
        """(N,) videos."""
        return self.members[0].predictions.ids

    @property
    def groups(self) -> tuple[str, ...]:
        """(N,) source that videos share; empty where unknown."""
        known = (member.predictions.groups for member in self.members)
        return next((groups for groups in known if any(groups)), self.members[0].predictions.groups)

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the classifiers: one empty name, or `verb` and `noun`."""
        return tuple(self.members[0].predictions.heads)

    def of(self, head: str) -> tuple[Head, ...]:
        """Return the scores of one classifier, run by run."""
        return tuple(member.predictions.heads[head] for member in self.members)


def usual_splits(workspace: Workspace, numbers: Sequence[int]) -> tuple[str, ...]:
    """Return those of `USUAL_SPLITS` that all runs have predictions on; `val` where there is none."""
    known = [{name.split for name in RunDir(workspace.run_dir(number)).prediction_names()} for number in numbers]
    return tuple(split for split in USUAL_SPLITS if all(split in splits for splits in known)) or USUAL_SPLITS[:1]


def gather(workspace: Workspace, rows: Sequence[RunRow], *, split: str, at: str, views: str | None) -> Lineup:
    """Return what runs scored on a split, at their best epochs, their last, or `epoch=N`.

    Raises NotFoundError where a run has no such scores, DataError where they are damaged, or where the runs scored
    other videos, other classes or by another protocol: the difference is named.
    """
    first, *others = (_member(workspace, row, split=split, at=at, views=views) for row in rows)
    variants = {variant for variant, _ in (first, *others)}
    members = [first[1]]
    for _, other in others:
        _refuse_unlike(first[1], other)
        members.append(replace(other, predictions=_reordered(other.predictions, first[1].predictions.ids)))
    protocol = first[1].predictions.protocol
    return Lineup(split, first[0] if len(variants) == 1 else str(protocol.views or ""), tuple(members))


def _member(workspace: Workspace, row: RunRow, *, split: str, at: str, views: str | None) -> tuple[str, Member]:
    epoch = chosen_epoch(row, at=at, split=split)
    whole = int(epoch) if epoch is not None else None
    directory = workspace.run_dir(row.number)
    try:
        picked = pick(
            directory,
            row.number,
            split=split,
            epoch=whole if at.startswith("epoch") else None,
            best=whole if at == "best" else None,
            newest=at == "last",
            views=views,
        )
    except NotFoundError as error:
        if directory.is_dir():
            raise
        what = f"{run_name(row.number)} has no directory any more"
        raise NotFoundError(what, where=str(directory), cure="put it back, or fuse other runs") from error
    chose = at == "best" and picked.chosen == "best" and row.epochs != 1
    chosen_on = selected_on(row, split) if chose else None
    stored = read_predictions(picked.path)
    return picked.variant, Member(row.number, row.name, picked.epoch, picked.chosen, chosen_on, stored)


def _refuse_unlike(one: Member, other: Member) -> None:
    """Raise DataError where two runs' scores cannot be combined, naming the first difference."""
    a, b = one.predictions, other.predictions
    named = {"sample set", "class list", "number of videos"}
    unlike = [found for found in differences(a.protocol, b.protocol) if found.what not in named]
    if unlike:
        cure = "name files of one kind with --views and --split, or evaluate one of them again: `arctl eval`"
        raise _unlike(one, other, explain(unlike), cure)
    if set(a.heads) != set(b.heads):
        heads = " and ".join("|".join(name or "one" for name in stored.heads) for stored in (a, b))
        raise _unlike(one, other, f"heads {heads}", "fuse runs of one kind of model")
    for name, head in a.heads.items():
        if (what := _classes(head.classes, b.heads[name].classes)) is not None:
            raise _unlike(one, other, what, "fuse runs that were trained on one class list")
        if (head.top is None) != (b.heads[name].top is None):
            what = f"of {len(head.classes)} classes one kept all scores, the other the highest"
            raise _unlike(one, other, what, "evaluate both with one arctl: `arctl eval`")
    if (what := _samples(one, other)) is not None:
        raise _unlike(one, other, what, "evaluate both on one list: `arctl eval`")


def _unlike(one: Member, other: Member, what: str, cure: str) -> ArctlError:
    return DataError(f"{one.run} and {other.run} cannot be fused: {what}", cure=cure)


def _classes(a: Sequence[str], b: Sequence[str]) -> str | None:
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} classes"
    found = next((place for place, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), None)
    if found is None:
        return None
    same = ", the same ones in another order" if sorted(a) == sorted(b) else ""
    return f"class {found} is {safe_line(a[found])!r} and {safe_line(b[found])!r}{same}"


def _samples(one: Member, other: Member) -> str | None:
    """Return in what the videos of two runs, or their true classes, differ."""
    a, b = one.predictions, other.predictions
    for here, there, name in ((a, b, other.run), (b, a, one.run)):
        lacking = sorted(set(here.ids) - set(there.ids))
        if lacking:
            return f"{len(lacking)} of {len(here.ids)} videos are not in {name}, the first {safe_line(lacking[0])!r}"
    rows = _places(b.ids, a.ids)
    for name, head in a.heads.items():
        wrong = np.flatnonzero(head.targets != b.heads[name].targets[rows])
        if len(wrong):
            at = int(wrong[0])
            classes = [head.classes[int(number)] for number in (head.targets[at], b.heads[name].targets[rows[at]])]
            labels = " and ".join(repr(safe_line(label)) for label in classes)
            return f"{len(wrong)} videos have other true classes, the first {safe_line(a.ids[at])!r}: {labels}"
    return None


def _places(ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.intp]:
    """Return the row of `ids` that holds each of `wanted`."""
    at = {name: row for row, name in enumerate(ids)}
    return np.array([at[name] for name in wanted], dtype=np.intp)


def _reordered(stored: Predictions, ids: tuple[str, ...]) -> Predictions:
    """Return predictions with their videos in the order of `ids`."""
    if stored.ids == ids:
        return stored
    rows = _places(stored.ids, ids)
    heads = {name: _rows_of(head, rows) for name, head in stored.heads.items()}
    groups = tuple(stored.groups[row] for row in rows)
    participants = tuple(stored.participants[row] for row in rows) if stored.participants else ()
    return replace(stored, ids=ids, groups=groups, heads=heads, participants=participants)


def _rows_of(head: Head, rows: NDArray[np.intp]) -> Head:
    whole = replace(head, targets=head.targets[rows], scores=head.scores[rows])
    if head.top is None or head.lse is None or head.own is None:
        return whole
    return replace(whole, top=head.top[rows], lse=head.lse[rows], own=head.own[rows])
