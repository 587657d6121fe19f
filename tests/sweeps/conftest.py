"""A lab for sweeps: a workspace whose "Python" is a program that writes the events of a training in no time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, math, os, sys, time
from pathlib import Path
import yaml

place = Path(sys.argv[sys.argv.index("--run-dir") + 1])
config = yaml.safe_load((place / "config.yaml").read_text())
lr, drop, seed = config["optim"]["lr"], config["model"]["dropout"], config["train"]["seed"]
if drop == 0.9 and not (Path(__file__).parent / "mended").exists():
    sys.exit(3)
top = 0.7 - 0.1 * abs(math.log10(lr) + 3) - 0.2 * drop + 0.01 * seed
attempt = place / "attempts" / f"{os.environ['ARCTL_JOB_ID']}.0"
attempt.mkdir(parents=True)
(place / "CURRENT").write_text(attempt.name)
count = 0


def event(kind, **facts):
    global count
    line = json.dumps({"seq": count, "t": time.time(), "kind": kind, **facts})
    with (attempt / "events.jsonl").open("a") as file:
        file.write("\\n" + line + "\\n")
    count += 1


event("start", contract=1, attempt=attempt.name, host="h", pid=1, epochs=2, steps_per_epoch=1, resumed_step=None)
for epoch in (1, 2):
    value = "NaN" if lr > 1 else top * epoch / 2
    metrics = {"val/top1": value, "val/loss": 2 - top}
    event("eval", split="val", epoch=epoch, step=epoch, metrics=metrics, predictions=None, unreadable=0)
    while epoch == 1 and drop == 0.5 and not (Path(__file__).parent / "go").exists():
        time.sleep(0.05)
event("end", status="completed", exit_code=0, message="", epoch=2, step=2)
"""


@pytest.fixture
def lab(tmp_path: Path, desk_in: Any) -> Any:
    """A desk in a workspace on this machine with a small data set; dropout 0.9 fails, 0.5 waits for a file `go`."""
    root = tmp_path / "lab"
    desk_in(tmp_path).arctl("init", str(root))
    data = root / "data" / "motions"
    data.mkdir(parents=True)
    for name, text in (
        ("classInd", "1 Left\n"),
        ("trainlist01", "Left/a_g01_c01.avi 1\n"),
        ("testlist01", "Left/b.avi\n"),
    ):
        (data / f"{name}.txt").write_text(text)
    (data / "Left").mkdir()
    for video in ("a_g01_c01.avi", "b.avi"):
        (data / "Left" / video).touch()
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    (root / "arctl.yaml").write_text(f"python: {program}\nslots: 2\nsnapshot: {{take: false}}\n")
    return desk_in(root)


def sweep_file(root: Path, text: str, *, name: str = "lab") -> str:
    """Write a sweep file and return its name."""
    (root / f"{name}.yaml").write_text(f"name: {name}\nmodel: r3d_tiny\ndata: motions\n{text}")
    return f"{name}.yaml"


@pytest.fixture
def written() -> Any:
    """Writes a sweep file: directory, text -> name of the file."""
    return sweep_file
