"""A sweep on a real cluster that takes eleven elements to an array: cut, throttled, mended, cancelled."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

TRAINER = """#!/bin/sh
dir="$4"
attempt="$ARCTL_JOB_ID.${SLURM_RESTART_COUNT:-0}"
mkdir -p "$dir/attempts/$attempt"
echo "$attempt" > "$dir/CURRENT"
event() { printf '\\n{"seq": %s, "t": %s, %s}\\n' "$1" "$(date +%s)" "$2" >> "$dir/attempts/$attempt/events.jsonl"; }
lr=$(sed -n 's/^  lr: //p' "$dir/config.yaml")
event 0 '"kind": "start", "contract": 1, "epochs": 1, "steps_per_epoch": 1, "resumed_step": null'
event 1 '"kind": "eval", "split": "val", "epoch": 1, "step": 1, "metrics": {"val/top1": '"$lr"'}'
while [ ! -e "$0.go" ]; do sleep 0.1; done
if [ "$lr" = 0.5 ] && [ ! -e "$0.mended" ]; then exit 3; fi
event 2 '"kind": "end", "status": "completed", "exit_code": 0, "message": "", "epoch": 1, "step": 1'
"""
SMALL = ("--cpus", "1", "--mem", "50M", "--time", "10")


@pytest.fixture
def lab(slurm_env: Any, desk_in: Any, tmp_path: Path) -> Any:
    """A desk in a workspace on the cluster; its trainer waits for a file `trainer.go`, and a rate of 0.5 fails."""
    for program in ("sbatch", "squeue", "sacct", "scontrol", "scancel"):
        path = tmp_path / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho {program} "$@" >> {tmp_path}/calls\nexec {shutil.which(program)} "$@"\n')
        path.chmod(0o755)
    root, trainer = tmp_path / "lab", tmp_path / "trainer"
    desk = desk_in(tmp_path, dict(slurm_env.env))
    desk.env["PATH"] = f"{tmp_path}/bin:{desk.env['PATH']}"
    desk.arctl("init", str(root))
    trainer.write_text(TRAINER)
    trainer.chmod(0o755)
    data = root / "data" / "motions"
    (data / "Left").mkdir(parents=True)
    for video in ("a_g01_c01.avi", "b.avi"):
        (data / "Left" / video).touch()
    lists = {"classInd": "1 Left\n", "trainlist01": "Left/a_g01_c01.avi 1\n", "testlist01": "Left/b.avi\n"}
    for name, text in lists.items():
        (data / f"{name}.txt").write_text(text)
    (root / "arctl.yaml").write_text(
        f"cluster: slurm\npython: {trainer}\nslurm: {{poll_s: 1}}\nsnapshot: {{take: false}}\n"
    )
    desk.directory = root
    return desk


def sweep(lab: Any, name: str, rates: str) -> str:
    text = f"name: {name}\nmodel: r3d_tiny\ndata: motions\nlist:\n"
    (lab.directory / f"{name}.yaml").write_text(text + "".join(f"  - {{optim.lr: {rate}}}\n" for rate in rates.split()))
    return f"{name}.yaml"


def states(lab: Any, name: str) -> dict[str, int]:
    lab.arctl("sync")
    return dict(lab.json("sweep", "show", name)["states"])


def until(lab: Any, name: str, wanted: dict[str, int], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (found := states(lab, name)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def throttles(slurm_env: Any, array: str) -> set[str]:
    told = slurm_env.call("scontrol", "--oneliner", "show", "job", array).stdout.splitlines()
    return {match[1] for line in told if "PENDING" in line and (match := re.search(r"ArrayTaskThrottle=(\d+)", line))}


def test_thirteen_elements_where_an_array_takes_eleven(lab: Any, slurm_env: Any, tmp_path: Path) -> None:
    file = sweep(lab, "rates", "0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.1 0.2 0.3 0.5")
    (tmp_path / "calls").unlink(missing_ok=True)
    told = lab.json("sweep", "submit", file, "--max-parallel", "4", *SMALL)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls].count("sbatch") == 2 and len(calls) <= 8, calls
    jobs = [run["job_id"] for run in told["runs"]]
    arrays = list(dict.fromkeys(job.partition("_")[0] for job in jobs))
    assert len(jobs) == len(set(jobs)) == 13 and len(arrays) == 2
    assert [run["run"] for run in told["runs"]] == [f"run{k}" for k in range(1, 14)]
    until(lab, "rates", {"running": 4, "pending": 9})
    assert [throttles(slurm_env, array) for array in arrays] == [{"2"}, {"2"}]

    changed = lab.json("sweep", "throttle", "rates", "3")
    assert changed["arrays"] == {arrays[0]: 2, arrays[1]: 1}
    assert [throttles(slurm_env, array) for array in arrays] == [{"2"}, {"1"}]
    shown = lab.arctl("sweep", "show", "rates")
    assert "at most 3 at a time" in shown.stdout
    lab.arctl("sweep", "throttle", "rates", "0")
    until(lab, "rates", {"running": 13})

    (tmp_path / "trainer.go").touch()
    until(lab, "rates", {"completed": 12, "failed": 1})
    found = lab.json("sweep", "show", "rates")
    assert found["best"]["params"] == {"optim.lr": 0.5}, "a run that fails late has its result"
    for run in told["runs"]:
        assert (Path(run["run_dir"]) / f"log-{run['job_id']}.txt").is_file()

    assert "no element of this sweep waits" in lab.arctl("sweep", "throttle", "rates", "2", status=2).stderr
    (tmp_path / "trainer.mended").touch()
    again = lab.json("sweep", "resubmit", "rates", "--failed")
    assert [run["run"] for run in again["runs"]] == ["run14"]
    until(lab, "rates", {"completed": 13})
    assert lab.json("show", "run14")["name"] == "rates-012"


def test_a_sweep_is_cancelled_and_what_was_cancelled_is_sent_again(lab: Any, tmp_path: Path) -> None:
    lab.arctl("sweep", sweep(lab, "short", "0.1 0.2 0.3"), "--max-parallel", "1", *SMALL)
    until(lab, "short", {"running": 1, "pending": 2})
    assert lab.json("sweep", "resubmit", "short", "--failed", "--state", "cancelled")["runs"] == []
    done = lab.json("sweep", "cancel", "short", "--worst", "3", "--yes")
    assert [run["run"] for run in done["runs"]] == ["run1"], "those without a result are spared"
    until(lab, "short", {"cancelled": 1, "running": 1, "pending": 1})
    lab.arctl("sweep", "cancel", "short", "--all", "--yes")
    until(lab, "short", {"cancelled": 3})
    (tmp_path / "trainer.go").touch()
    told = lab.json("sweep", "resubmit", "short", "--state", "cancelled")
    assert [run["run"] for run in told["runs"]] == ["run4", "run5", "run6"]
    until(lab, "short", {"completed": 3})
