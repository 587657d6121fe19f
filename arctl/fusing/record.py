"""A fusion as a run: a number, a directory by the contract that appears whole, an end record, but never a job."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence

from arctl.admission import NAME, Admission
from arctl.errors import ArctlError
from arctl.fusing.fusion import Fusion, Wanted
from arctl.fusing.judgement import Judgement
from arctl.fusing.writing import fill
from arctl.handover import settle_all, submitter, words
from arctl.indexed import leaves
from arctl.launch import draw_token
from arctl.plan import next_number
from arctl.registry import write
from arctl.request import Request
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile
from arctl.settings import Workspace
from arctl.sync import sync

TEMPLATE = "fuse"
"""What stands for a job template in run.yaml: no job was ever submitted."""


def titled(
    workspace: Workspace,
    numbers: Sequence[int],
    wanted: Wanted,
    *,
    name: str | None = None,
    tags: Sequence[str] = (),
    note: str = "",
) -> Request:
    """Return name, tags, note and command of the run that a fusion becomes; usually it is called `fused-run1-run2`.

    Raises UsageError for a name, a tag or a note that no run can have.
    """
    usual = "-".join(("fused", *map(run_name, numbers)))
    called = name or (usual if NAME.fullmatch(usual) else f"fused-{len(numbers)}-runs")
    command = ("arctl", "fuse", *map(run_name, numbers), *_options(wanted))
    asked = Request(name=called, tags=tuple(tags), note=note, command=command, cluster="local", template="single")
    return Admission(workspace).admit(asked).request


def record(workspace: Workspace, fusion: Fusion, judgements: Sequence[Judgement], title: Request) -> int:
    """Make a fusion a run, complete at once, and return its number; `title` is what `titled` says.

    Raises ArctlError or OSError for a full disk: nothing of its directory stays then, and the run is refused.
    """
    run = RunFile(
        number=0,
        token=draw_token(),
        name=str(title.name),
        created=time.time(),
        template=TEMPLATE,
        cluster="local",
        data=fusion.parts[0].stored.protocol.data,
        tags=title.tags,
        note=title.note or fusion.words,
        values=facts(fusion),
        command=title.command,
        submission="submitted",
    )
    told = {name: getattr(run, name) for name in ("name", "token", "created", "cluster", "template", "data", "tags")}
    floor = next_number(workspace, ()) - 1
    more = {"note": run.note, "expects_events": False, "submitter": submitter(), "config": leaves(facts(fusion))}
    number = write.new_run(workspace.db, floor=floor, **told, **more)
    _make(workspace, run, number, fusion, judgements)
    write.set_submission(workspace.db, number, "submitted")
    sync(workspace)
    return number


def _make(workspace: Workspace, run: RunFile, number: int, fusion: Fusion, judgements: Sequence[Judgement]) -> None:
    """Make the directory of a run that has its number; where that fails, nothing of it stays and the run is refused."""
    stage = workspace.runs / f".stage-{run.token}"
    try:
        fill(RunDir(stage), run, number, fusion, judgements)
        final = workspace.run_dir(number)
        if os.path.lexists(final):
            raise ArctlError("a run directory of this number appeared", where=str(final), cure="fuse again")
        stage.rename(final)
    except BaseException as error:
        shutil.rmtree(stage, ignore_errors=True)
        settle_all(workspace, [number], "refused", f"never fused: {words(error)}")
        raise


def facts(fusion: Fusion) -> dict[str, object]:
    """Return what was fused and how, for run.yaml, config.yaml and the predictions file."""
    wanted, searched = fusion.wanted, fusion.searched
    members = fusion.parts[-1].lineup.members
    return {
        "fused": [row.number for row in fusion.runs],
        "epochs": [member.epoch for member in members],
        "how": wanted.how,
        "weights": [round(weight, 6) for weight in fusion.weights],
        "searched_on": wanted.search_on if searched else None,
        "folds": searched.folds if searched else None,
    }


def _options(wanted: Wanted) -> list[str]:
    """Return the options that fuse the same runs the same way again."""
    options = ["--how", wanted.how, "--at", wanted.at]
    if wanted.weights:
        options += ["--weights", ",".join(f"{weight:g}" for weight in wanted.weights)]
    if wanted.searches:
        options += ["--search-on", wanted.search_on]
    options += [word for split in wanted.splits for word in ("--split", split)]
    return [*options, *(["--views", wanted.views] if wanted.views else [])]
