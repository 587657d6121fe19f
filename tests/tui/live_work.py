"""Real jobs on this machine: a small program of a user's own that writes the run directory's contract, slowly."""

from __future__ import annotations

import sys
from pathlib import Path

from arctl.launch import submit
from arctl.request import Request
from arctl.settings import Workspace, find_workspace, init_workspace

PROGRAM = """
import json, os, sys, time
top, epochs, pause = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
run = os.environ["ARCTL_RUN_DIR"]
job = os.environ["ARCTL_JOB_ID"]
folder = os.path.join(run, "attempts", job + ".0")
os.makedirs(folder)
seq = 0
def event(kind, **fields):
    global seq
    with open(os.path.join(folder, "events.jsonl"), "a") as file:
        file.write(json.dumps({"seq": seq, "t": time.time(), "kind": kind, **fields}) + "\\n")
    seq += 1
event("start", contract=1, attempt=job + ".0", host="here", pid=os.getpid(), epochs=epochs, steps_per_epoch=4)
print("training begins", flush=True)
for epoch in range(1, epochs + 1):
    for step in range(1, 5):
        at = epoch - 1 + step / 4
        event("step", step=4 * (epoch - 1) + step, epoch=at, metrics={"step/loss": 2.0 / (at + 1)})
        time.sleep(pause)
    value = top * epoch / (epoch + 1)
    event("eval", split="val", epoch=epoch, step=4 * epoch, metrics={"val/top1": value, "val/loss": 1 - value / 2})
    print(f"epoch {epoch}: val/top1 {value:.3f}", flush=True)
    if top < 0:
        print("Traceback (most recent call last):\\nValueError: loss is NaN at epoch 1", flush=True)
        event("end", status="failed", exit_code=1, message="loss is NaN: lower optim.lr", epoch=epoch, step=4 * epoch)
        sys.exit(1)
event("end", status="completed", exit_code=0, message="", epoch=epochs, step=4 * epochs)
"""
"""Arguments: the accuracy that it comes near (negative: it fails after an epoch), epochs, seconds a step."""


def workplace(root: Path) -> Workspace:
    """Make a workspace whose machine takes four jobs at a time."""
    init_workspace(root)
    (root / "arctl.yaml").write_text("cluster: local\nslots: 4\nsnapshot:\n  take: false\n", encoding="utf-8")
    (root / "train.py").write_text(PROGRAM, encoding="utf-8")
    return find_workspace(root)


def start(workspace: Workspace, name: str, *, top: float, epochs: int, pause: float = 0.05) -> int:
    """Submit a run; return its number."""
    program = str(workspace.root / "train.py")
    command = (sys.executable, program, str(top), str(epochs), str(pause))
    return submit(workspace, Request(command=command, name=name)).number
