"""Workspaces whose names of all kinds are long, wide, turned round, piled up or of no width; and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from tests.tui.workspace import Written, curve, learned, new_run

NAMES = (
    "n" * 300,
    "名前は長い" * 60,
    "שלום\u202e עולם\u2066" * 20,
    "e\u0301\u0302\u0303\u0304\u0305" * 50,
    "a\u200b\u200d\ufeff\u2060" * 60,
    "👩‍👩‍👧‍👦🏳️‍🌈" * 20,
    "\u0000\x1b[31m[/red]\\[bold]\t\r\n",
    "   ",
)
"""Names as no arctl would give them, but a file may."""


def nasty(root: Path) -> Workspace:
    """A run for each name, which stands wherever a name can stand; every second one is of a sweep."""
    workspace = init_workspace(root)
    for number, name in enumerate(NAMES, start=1):
        sweep = name if number % 2 else None
        run = new_run(
            workspace, number, name, age=9000.0 / number, model=name, data=name, preset=name, template=name,
            sweep=sweep, group=name, tags=[name, f"x{name}"], note=name * 3,
            params={name: name, "lr": 0.1 * number}, values={name: name},
            config={name: {name: name}, "optim": {"lr": 0.1 * number, name: [name]}},
        )  # fmt: skip
        run.start(3)
        for epoch in (1, 2):
            run.epoch(epoch, top1=curve(epoch, top=0.9))
            metrics = {f"val/{name}": 0.5 * epoch, name: 1e300, "val/top1": float(epoch) / 3}
            run.event("eval", split=name, epoch=epoch, step=run.step, metrics=metrics, predictions=None, unreadable=0)
        run.event("warning", message=name, code=name)
        run.log(f"{name}\nTraceback (most recent call last):\nValueError: {name}")
        _predictions(run, name)
        if number % 3:
            run.end("failed", exit_code=1, message=name)
    rebuild(workspace)
    return workspace


def _predictions(run: Written, name: str) -> None:
    run.files.predictions.mkdir(exist_ok=True)
    targets = np.repeat(np.arange(3), 20)
    scores = np.random.default_rng(run.number).normal(0, 1, size=(60, 1, 3))
    scores[np.arange(60), 0, targets] += 1
    meta = {"contract": 1, "split": "val", "epoch": 2, "step": run.step, "views": 1, "aggregation": "softmax-mean"}
    np.savez(
        run.files.prediction_file("val", 2),
        ids=np.array([f"{name}{index}" for index in range(60)]),
        groups=np.array([name] * 60),
        targets=targets.astype(np.int64),
        scores=scores.astype(np.float16),
        classes=np.array([f"{name}{index}" for index in range(3)]),
        meta=np.array(json.dumps({**meta, "level": "clip", "data": "motions"})),
    )


def damaged(root: Path) -> Workspace:
    """Runs with holes: noise among events, files that are cut, empty, of another kind or not there."""
    workspace = init_workspace(root)
    for number in range(1, 10):
        run = new_run(workspace, number, f"hurt{number}", age=5000.0 / number)
        learned(run, epochs=3, of=12, top=0.8)
        run.predictions(3, mixed=True)
        _hurt(run)
    rebuild(workspace)
    return workspace


def _hurt(run: Written) -> None:
    events, predictions = run.files.events(f"{run.job}.0"), run.files.prediction_file("val", 3)
    match run.number:
        case 1:
            events.write_bytes(b"\xff\n{\n[]\nnull\n{}\n" * 50 + events.read_bytes()[:-30])
        case 2:
            predictions.write_bytes(predictions.read_bytes()[:500])
        case 3:
            run.files.config.write_text("a: [1, 2\n  b: }\n")
        case 4:
            run.files.log(run.job).write_bytes(bytes(range(256)) * 500)
        case 5:
            run.files.log(run.job).unlink()
            run.files.log(run.job).mkdir()
        case 6:
            odd = {"val/top1": "NaN", "x": None, "y": "Infinity"}
            run.event("eval", split="val", epoch=-3, step=10**30, metrics=odd)
            run.event("step", step=-1, epoch="two", metrics={"step/loss": [1]})
            run.event("end", status=7, exit_code="x", message=["no"])
        case 7:
            events.unlink()
        case 8:
            predictions.write_bytes(b"")
            run.files.config.unlink()
        case _:
            run.event("start", contract=99, attempt="", host=None, pid=-1, epochs=0, steps_per_epoch=0)
