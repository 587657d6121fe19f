"""Which predictions file of a run is meant: of a split, after an epoch, of so many views, with or without a probe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import DataError, NotFoundError, UsageError
from arctl.protocol import view_numbers
from arctl.rundir import PredictionName, RunDir, run_name
from arctl.runfile import read_run
from arctl.tail import read_small


@dataclass(frozen=True)
class Picked:
    """A predictions file, and why it is this one."""

    path: Path
    """The file."""
    split: str
    """`val`."""
    epoch: int
    """After which epoch."""
    variant: str
    """How it was made: "" in training, `10x3` of that many views, `1x1-shuffled` with a probe."""
    chosen: str
    """`asked for`, `best` or `newest`."""


def pick(
    run_dir: Path,
    number: int,
    *,
    split: str = "val",
    epoch: int | None = None,
    best: int | None = None,
    newest: bool = False,
    views: str | None = None,
    probe: str | None = None,
) -> Picked:
    """Return the predictions of a run after `epoch`, or after the newest that there are predictions of.

    With neither: after `best`, or the epoch of the best checkpoint, where its predictions exist, else the newest.
    Without `views`, what training wrote; where there is none of that, the only variant there is. `1x1` is what
    `trainer eval` wrote of one view, else what training wrote. Raises NotFoundError where there are none.
    """
    if views is not None and view_numbers(views) is None:
        raise UsageError(f"{views!r} are no views", where="--views", cure="write clips x crops, as in 10x3 or 1x1")
    names = RunDir(run_dir).prediction_names()
    of_split = [name for name in names if name.split == split]
    if not of_split:
        if (of := _evaluated(run_dir)) is not None:
            what = f"it scores {run_name(of)}, beside whose predictions its own lie"
            raise NotFoundError(what, where=run_name(number), cure=f"name {run_name(of)}")
        others = sorted({name.split for name in names})
        cure = f"it has some on {', '.join(others)}: --split" if others else "they appear after its first evaluation"
        raise NotFoundError(f"no predictions on {split}", where=run_name(number), cure=cure)
    found = _of_variant(of_split, number, views=views, probe=probe)
    chosen = "asked for"
    if epoch is None:
        known = () if newest else (best, best_checkpoint(run_dir))
        wanted = next((at for at in known if at in found), None)
        epoch, chosen = (wanted, "best") if wanted is not None else (max(found), "newest")
    if epoch not in found:
        have = ", ".join(str(at) for at in sorted(found)[-12:])
        what = f"no predictions on {split}{_words(views, probe)} after epoch {epoch}"
        raise NotFoundError(what, where=run_name(number), cure=f"there are some after {have}")
    name = found[epoch]
    return Picked(name.path, split, epoch, name.variant, chosen)


def _evaluated(run_dir: Path) -> int | None:
    """Return the number of the run that this one evaluates; None where it is no evaluation."""
    try:
        return read_run(RunDir(run_dir).run_yaml).evaluates
    except DataError:
        return None


def _of_variant(
    names: list[PredictionName], number: int, *, views: str | None, probe: str | None
) -> dict[int, PredictionName]:
    """Return by epoch the files that were made in the way that is meant."""
    have = sorted({name.variant for name in names})
    wanted: tuple[str, ...] = ("",)
    if views is not None or probe is not None:
        whole = "-".join(filter(None, (views or "1x1", probe)))
        wanted = ("", whole) if whole == "1x1" else (whole,)
    elif "" not in have:
        plain = [variant for variant in have if view_numbers(variant) or variant == "fused"]
        if len(plain) != 1:
            cure = f"--views {' or '.join(plain)}" if plain else f"there are {', '.join(have)}"
            raise NotFoundError(f"no predictions on {names[0].split} by training", where=run_name(number), cure=cure)
        wanted = (plain[0],)
    found = {name.epoch: name for variant in wanted for name in names if name.variant == variant}
    if found:
        return found
    there = ", ".join(variant or "1x1 by training" for variant in have)
    what = f"no predictions on {names[0].split}{_words(views, probe)}"
    cure = f"there are {there}; `arctl eval {run_name(number)}{f' --views {views}' if views else ''}` makes them"
    raise NotFoundError(what, where=run_name(number), cure=cure)


def _words(views: str | None, probe: str | None) -> str:
    return (f" of {views} views" if views else "") + (f" with frames {probe}" if probe else "")


def best_checkpoint(run_dir: Path) -> int | None:
    """Return the epoch of best.pt as the manifest has it, None where nothing says so."""
    try:
        manifest = json.loads(read_small(RunDir(run_dir).checkpoints / "manifest.json", limit=1 << 20))
        epoch = manifest["best.pt"]["epoch"]
    except (DataError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return epoch if isinstance(epoch, int) else None
