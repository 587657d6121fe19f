"""Evaluating a run: a run of its own that scores another one's weights, so that its failure changes nothing there.

The predictions land in the directory of the run that is evaluated, where `compare`, `metrics` and `confusion` look.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from arctl.errors import ArctlError, DataError, NotFoundError, UsageError
from arctl.registry import read
from arctl.request import EVALUATED, Evaluation, Request, Resources, When
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, read_run
from arctl.settings import Workspace
from arctl.states import ENDED
from arctl.tail import read_small
from arctl.text import safe_line

SPLITS = ("val", "test", "train")
"""What can be scored."""

PROBES = ("shuffled", "reversed", "still")
"""How frames can be spoilt."""

KEPT = ("best", "last")
"""Checkpoints that go by a name."""

SEVERAL = ("ddp", "array")
"""Templates that start several processes or runs; an evaluation is one process."""

_VIEWS = re.compile(r"(?:[1-9]\d?|100)x[13]")
_SIZE = re.compile(r"(\d+)([KMGT]?B?)", re.IGNORECASE)
_MARKER = Path("trainer/evaluation/__init__.py")


@dataclass(frozen=True)
class Asked:
    """An evaluation that may be submitted."""

    request: Request
    """What to submit."""
    notes: tuple[str, ...] = ()
    """What the user should know, one sentence each."""


def evaluate(
    workspace: Workspace,
    wanted: Evaluation,
    *,
    resources: Resources | None = None,
    when: When | None = None,
    snapshot: bool | None = None,
) -> Asked:
    """Return the request that evaluates a run, checked as far as that can be done before it queues.

    Without `resources` it asks for one process's share of what the run had, on one node, for the time of arctl.yaml.
    `snapshot=False` runs the live code. Raises NotFoundError for a run or checkpoint that there is not, UsageError for
    one that cannot be evaluated, DataError for a damaged run.yaml or a split that the data lacks.
    """
    when = when or When()
    old = _evaluable(workspace, wanted.run)
    files = RunDir(workspace.run_dir(wanted.run))
    wanted = _checked(wanted)
    told = _found(workspace, wanted, when=when)
    _check_split(files, wanted.split)
    code, notes = _code(workspace, old) if snapshot is None else (None, ())
    request = Request(
        name=old.name[: 64 - len(EVALUATED)] + EVALUATED,
        cluster=old.cluster,
        template="single" if old.template in SEVERAL else old.template,
        resources=_resources(old, resources or Resources()),
        config=files.config,
        when=when,
        snapshot=False if snapshot is False or old.code is None else None,
        code=code,
        evaluation=wanted,
    )
    return Asked(request, (told, *notes))


def again(workspace: Workspace, old: RunFile, *, resources: Resources | None = None) -> Request:
    """Return the request that repeats an evaluation. Raises as `evaluate` does."""
    assert old.evaluates is not None
    asked = evaluate(workspace, Evaluation.read(old.evaluates, old.command)).request
    return replace(
        asked,
        name=old.name,
        tags=tuple(old.tags),
        note=old.note,
        cluster=old.cluster,
        template=old.template,
        resources=(resources or Resources()).over(old.values),
        rerun_of=old.number,
        snapshot=None if old.code else False,
    )


def of_run(workspace: Workspace, number: int) -> Evaluation | None:
    """Return what an evaluation scores, as its run.yaml says; None where that cannot be read, or it is none."""
    try:
        run = read_run(RunDir(workspace.run_dir(number)).run_yaml)
    except ArctlError:
        return None
    return None if run.evaluates is None else Evaluation.read(run.evaluates, run.command)


def _evaluable(workspace: Workspace, number: int) -> RunFile:
    """Return the run that is to be evaluated, if it can be."""
    files, name = RunDir(workspace.run_dir(number)), run_name(number)
    if not files.run_yaml.is_file():
        cure = "a run can be evaluated while its directory is there"
        raise NotFoundError(f"{name} has no run.yaml", where=str(files.path), cure=cure)
    old = read_run(files.run_yaml)
    if old.evaluates is not None:
        other = run_name(old.evaluates)
        raise UsageError(f"it is itself an evaluation of {other}", where=name, cure=f"`arctl eval {other}`")
    if old.model is None or not files.config.is_file():
        what = "it runs a command of its own" if old.model is None else "it has no config.yaml"
        raise UsageError(f"{what}, so the trainer has nothing to score", where=name, cure="evaluate a training run")
    return old


def _checked(wanted: Evaluation) -> Evaluation:
    """Return the evaluation if its words make sense, each probe once, a path made absolute."""
    cure = {
        "--views": "write clips in time x crops in space, as 10x3 or 1x1: 1 to 100 clips, 1 or 3 crops",
        "--split": f"one of {', '.join(SPLITS)}",
        "--probe": f"one of {', '.join(PROBES)}",
        "--batch-size": "give 1 or more",
    }
    wrong = [
        ("--views", wanted.views, not _VIEWS.fullmatch(wanted.views)),
        ("--split", wanted.split, wanted.split not in SPLITS),
        *(("--probe", probe, probe not in PROBES) for probe in wanted.probes),
        ("--batch-size", str(wanted.batch_size), wanted.batch_size is not None and wanted.batch_size < 1),
    ]
    for option, value, bad in wrong:
        if bad:
            raise UsageError(f"{safe_line(value, limit=60)!r} makes no sense", where=option, cure=cure[option])
    checkpoint = wanted.checkpoint
    path = checkpoint if checkpoint in KEPT else str(Path(checkpoint).expanduser().absolute())
    return replace(wanted, probes=tuple(dict.fromkeys(wanted.probes)), checkpoint=path)


def _found(workspace: Workspace, wanted: Evaluation, *, when: When) -> str:
    """See that the checkpoint is there, or may yet come before the job starts; return a sentence about it."""
    files, name = RunDir(workspace.run_dir(wanted.run)), run_name(wanted.run)
    kept = wanted.checkpoint in KEPT
    path = files.checkpoints / f"{wanted.checkpoint}.pt" if kept else Path(wanted.checkpoint)
    about = f"{wanted.split}, {wanted.views} views"
    if path.is_file():
        whose = f"{path.name} of {name}" if kept else f"{path} with the configuration of {name}"
        return f"scores {whose}{_epoch(path)}: {about}"
    row = next(iter(read.runs(workspace.db, numbers=[wanted.run], metrics=())), None)
    live = row is not None and row.state not in ENDED
    if kept and live and wanted.run in (*when.after, *when.after_ok):
        return f"scores {path.name} of {name} once that has ended: {about}"
    there = [f"`{word}`" for word in KEPT if (files.checkpoints / f"{word}.pt").is_file()]
    known = f"{name} has {' and '.join(there)}" if there else f"{name} has saved none"
    wait = f"`arctl wait {name}`" if row is not None and row.cluster == "local" else f"`--after-ok {name}`"
    cure = f"{known}; {wait} waits for its end" if live else known
    what = f"{name} has no checkpoint `{wanted.checkpoint}`" if kept else "there is no such checkpoint"
    raise NotFoundError(what, where=str(path), cure=cure)


def _epoch(path: Path) -> str:
    """Return after which epoch a checkpoint of arctl's was saved, as far as its manifest says."""
    try:
        known = json.loads(read_small(path.with_name("manifest.json"), limit=1 << 20))
        return f" (after epoch {int(known[path.name]['epoch'])})"
    except (DataError, OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _check_split(files: RunDir, split: str) -> None:
    """See that the data have the split: a test list of its own stands beside a validation list."""
    if split != "test":
        return
    from arctl import recipe

    data = recipe.revise(files.config)["data"]
    lists = recipe.DataSet(str(data["name"]), Path(str(data["root"])), "config.yaml", {}).lists
    number = data["split"] if isinstance(data["split"], int) else 1
    path = lists / f"vallist{number:02d}.txt"
    if not path.is_file():
        what = "these data have no split for tests alone: what testlist names is `val`, by which epochs were chosen"
        cure = f"evaluate `--split val`, or take some groups out of trainlist{number:02d}.txt into {path.name}"
        raise DataError(what, where=str(path), cure=cure)


def _code(workspace: Workspace, old: RunFile) -> tuple[dict[str, object] | None, tuple[str, ...]]:
    """Return the run's own copy of the code where its trainer can evaluate, else nothing and why."""
    from arctl.snapshot import find, trainer_of

    if old.code is None:
        return None, ()
    tree = find(workspace, str(old.code.get("hash")))
    if tree is None:
        return None, (f"the code that {run_name(old.number)} ran is gone, so that of now evaluates it",)
    trainer = trainer_of(tree)
    if trainer is None or not (trainer / _MARKER).is_file():
        return None, (f"the trainer of {run_name(old.number)} cannot evaluate yet, so the code of now does",)
    return dict(old.code), ()


def _resources(old: RunFile, asked: Resources) -> Resources:
    """Return what one process of the run had, on one node, where nothing else is asked for; the time is not its."""
    had = dict(old.values)
    gpus = had.get("gpus")
    processes = gpus if isinstance(gpus, int) and gpus > 1 else 1
    cpus, size = had.get("cpus"), _SIZE.fullmatch(str(had.get("mem")))
    if processes > 1:
        had["gpus"] = 1
        had["cpus"] = -(-cpus // processes) if isinstance(cpus, int) else None
        had["mem"] = f"{-(-int(size[1]) // processes)}{size[2]}" if size else had.get("mem")
    had |= {"nodes": 1 if had.get("nodes") else None, "time": None}
    return asked.over(had)
