"""Makes a workspace with a sweep in the middle of its life, by writing what trainers and `arctl sweep` write."""

from __future__ import annotations

import math
import time
from pathlib import Path

from arctl.registry import write
from arctl.settings import Workspace, init_workspace
from arctl.sweeps import store
from arctl.sweeps.record import Element, Sweep, named
from arctl.sync import rebuild
from tests.tui.workspace import Written, learned, new_run

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def sweeping(root: Path, *, name: str = "lr", hostile: str = "") -> Workspace:
    """Ten elements: seven completed, one diverged and runs on, one runs, one failed, one never queued."""
    workspace = init_workspace(root)
    points = [{"optim.lr": rate, "model.dropout": drop} for drop in (0.0, 0.2) for rate in RATES]
    elements = named(name, [*points, {"optim.lr": 0.03, "model.dropout": 0.2}])
    sweep = Sweep(
        name=name,
        created=time.time() - 9000,
        model="r3d_tiny",
        data="motions",
        metric="val/top1",
        elements=elements,
        note=f"which rate{hostile}",
    )
    store.keep(workspace, sweep, b"name: lr\n")
    for number, element in enumerate(elements[:-1], start=1):
        _element(workspace, number, element, name=name)
    rebuild(workspace)
    return workspace


def _element(workspace: Workspace, number: int, element: Element, *, name: str) -> Written:
    params = dict(element.params)
    run = new_run(
        workspace, number, element.name, age=9000 - number, sweep=name, group=name, params=params,
        config={"optim": {"name": "adamw", "lr": params["optim.lr"]}},
    )  # fmt: skip
    top = 0.9 - 0.15 * abs(math.log10(float(str(params["optim.lr"]))) + 3) - 0.1 * float(str(params["model.dropout"]))
    if number == 8:
        learned(run, epochs=4, of=12, top=top)
    elif number == 9:
        run.start(12)
        run.epoch(1, top1=0.3)
        run.event("eval", split="val", epoch=2, step=30, metrics={"val/top1": "NaN"}, predictions=None, unreadable=0)
    elif number == 10:
        run.start(12)
        run.end("failed", exit_code=1, message="loss is NaN: lower optim.lr")
    else:
        learned(run, epochs=12, of=12, top=top)
        run.end("completed")
    return run


def more(workspace: Workspace, number: int, name: str) -> None:
    """Enter a run of another sweep, whose record is lost."""
    new_run(workspace, number, f"{name}-000", age=100, sweep=name, params={"optim.lr": 0.5})
    rebuild(workspace)


__all__ = ["RATES", "more", "sweeping", "write"]
