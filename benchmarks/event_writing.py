"""Writing a record of ten metrics, flushed, against a bare JSON line with a flush; and what a SIGKILL loses of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.timing import table
from trainer.events import EventLog

NAMES = [f"family/metric{i}" for i in range(10)]
RECORDS = 20_000
KILLS = 10

_WRITER = """
import sys
from pathlib import Path
from trainer.events import EventLog
log, acknowledged = EventLog(Path(sys.argv[1])), open(sys.argv[2], "wb", buffering=0)
step = 0
while True:
    log.write("step", step=step, epoch=0.0, metrics={f"family/metric{i}": step * 0.1 for i in range(10)})
    acknowledged.write(b".")
    step += 1
"""


def measure() -> str:
    """Return the table: medians of 20,000 records each, taking turns, and the records lost over ten kills."""
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as scratch:
        log = EventLog(Path(scratch) / "events.jsonl")
        with (Path(scratch) / "bare.jsonl").open("w", encoding="utf-8") as file:
            for step in range(RECORDS):
                metrics = dict.fromkeys(NAMES, step * 0.1)
                begin = time.perf_counter()
                file.write(json.dumps({"step": step, **metrics}) + "\n")
                file.flush()
                between = time.perf_counter()
                log.write("step", step=step, epoch=step / 100, metrics=metrics)
                ours.append(time.perf_counter() - between)
                bare.append(between - begin)
        log.close()
        lost, logged = killed(Path(scratch))
    base, mine = median(bare) * 1000, median(ours) * 1000
    rows = [
        ["a bare JSON line with a flush", f"{base:.4f}", "1.0x", ""],
        ["the trainer's event of ten metrics, flushed", f"{mine:.4f}", f"{mine / base:.1f}x", "0.05"],
        [f"records lost of {logged:,} logged, {KILLS} times SIGKILL", f"{lost}", "", "0"],
    ]
    return table(["record", "ms", "against bare", "bound"], rows)


def killed(scratch: Path) -> tuple[int, int]:
    """Kill a process group that logs as fast as it can, several times; return (records lost, records logged)."""
    lost = logged = 0
    for turn in range(KILLS):
        events, acknowledged = scratch / f"{turn}.jsonl", scratch / f"{turn}.count"
        argv = [sys.executable, "-c", _WRITER, str(events), str(acknowledged)]
        child = subprocess.Popen(argv, start_new_session=True)
        while not acknowledged.exists() or acknowledged.stat().st_size < 1000 * (turn + 1):
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        lines = [line for line in events.read_bytes().split(b"\n") if line]
        whole = sum(line.endswith(b"}") and json.loads(line)["kind"] == "step" for line in lines)
        logged += acknowledged.stat().st_size
        lost += max(acknowledged.stat().st_size - whole, 0)
    return lost, logged
