"""Two hundred submissions, each killed at a random moment: how many jobs are there that no run knows, or twice?

`python -m benchmarks.kill_submits`. On a real Slurm of this machine; the kill is SIGKILL to the whole process group of
arctl, with sbatch in it. Afterwards arctl syncs until nothing is open, and Slurm's own lists are held against runs.db.
"""

from __future__ import annotations

import collections
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arctl.registry import read
from arctl.states import State
from benchmarks.loopback import loopback, workspace_on
from benchmarks.timing import hardware, table

SUBMITS = 200
SEED = 4
TOKEN = re.compile(r"arctl-[0-9a-f]{12}")


def measure(submits: int = SUBMITS) -> str:
    """Return the table."""
    with loopback(MinJobAge=3600, MaxJobCount=20_000) as cluster, tempfile.TemporaryDirectory() as scratch:
        os.environ.update(cluster.env)
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        workspace = workspace_on(Path(scratch) / "lab")
        usual = _usual(workspace)
        draw = random.Random(SEED)
        ends = collections.Counter(_submit(workspace, draw.uniform(0.0, 1.2 * usual)) for _ in range(submits))
        _settle(workspace)
        return _judge(workspace, cluster, ends)


def _argv(workspace: Path) -> list[str]:
    return [sys.executable, "-m", "arctl", "-w", str(workspace), "submit", "--again", "--hold", "--", "true"]


def _usual(workspace: Path) -> float:
    """Return how long a submission takes that nobody kills, seconds."""
    times = []
    for _ in range(5):
        before = time.perf_counter()
        subprocess.run(_argv(workspace), check=True, capture_output=True)
        times.append(time.perf_counter() - before)
    return sorted(times)[2]


def _submit(workspace: Path, after: float) -> str:
    process = subprocess.Popen(
        _argv(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    return "killed" if process.wait() == -signal.SIGKILL else "ended by itself"


def _settle(workspace: Path) -> None:
    """Sync until no hand-over is open; what died before its sbatch is told apart after some minutes."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        argv = [sys.executable, "-m", "arctl", "-w", str(workspace), "sync"]
        subprocess.run(argv, check=True, capture_output=True)
        states = {row.state for row in read.runs(workspace / "runs.db", metrics=())}
        if State.SUBMITTING not in states:
            return
        time.sleep(10)
    raise SystemExit("hand-overs are still open after a quarter of an hour")


def _judge(workspace: Path, cluster: object, ends: collections.Counter[str]) -> str:
    said = subprocess.run(
        ["squeue", "--noheader", "--states=all", "--format=%i|%j"], check=True, capture_output=True, text=True
    ).stdout
    jobs = [(line.partition("|")[0].strip(), TOKEN.search(line)) for line in said.splitlines()]
    tokens = {job: found[0] for job, found in jobs if found}
    rows = read.runs(workspace / "runs.db", metrics=())
    known = {row.token: row.job_id for row in rows if row.job_id}
    orphans = [job for job, token in tokens.items() if known.get(token) != job]
    twice = [token for token, count in collections.Counter(tokens.values()).items() if count > 1]
    unqueued = sum(1 for row in rows if row.job_id is None)
    facts = [
        ["submissions that were killed", str(ends["killed"])],
        ["submissions that ended before the kill", str(ends["ended by itself"])],
        ["runs in the registry", str(len(rows))],
        ["of them never queued, and said to be", str(unqueued)],
        ["jobs in Slurm", str(len(tokens))],
        ["jobs that no run knows (bound 0)", str(len(orphans))],
        ["runs with two jobs (bound 0)", str(len(twice))],
    ]
    return table(["what", "number"], facts)


if __name__ == "__main__":
    print(f"{hardware()}\n")
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SUBMITS))
