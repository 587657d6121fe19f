"""Ends that only seem to be good, and arrays of which one element is cancelled."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

TRAIN = ["--model", "r3d_tiny", "--data", "motions", "--cpus", "1", "--mem", "1500M", "--time", "10"]
ENDLESS = ["--set", "train.epochs=100000", "--set", "train.patience=null", "--set", "data.workers=0"]
HIDES = """#!/bin/bash
{# Ends well whatever becomes of the trainer. Variables: directives, run_dir, workspace, workdir, command, env #}
{{ directives }}

trap '' USR2
export ARCTL_RUN_DIR={{ run_dir }} ARCTL_WORKSPACE={{ workspace }}
{% for name, value in env.items() %}
export {{ name }}={{ value }}
{% endfor %}
cd {{ workdir }} || exit 97
exec /bin/bash {{ workspace }}/hides.sh {{ command }}
"""
SCRIPT = """trap '' USR2
"$@" &
until grep -qs '"kind":"step"' "$ARCTL_RUN_DIR"/attempts/*/events.jsonl; do sleep 0.2; done
kill -9 $!
wait
echo all is well
"""


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    desk = desk_in(tmp_path_factory.mktemp("study"), dict(slurm_cluster.env))
    desk.arctl("init")
    desk.on_slurm()
    desk.change(("min_poll_s: 5", "min_poll_s: 0"))
    (desk.directory / "templates").mkdir(exist_ok=True)
    (desk.directory / "templates" / "hides.sbatch").write_text(HIDES)
    (desk.directory / "hides.sh").write_text(SCRIPT)
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    return desk


def test_a_script_that_ends_well_over_a_dead_trainer_has_failed(slurm_cluster: Any, desk: Any) -> None:
    desk.arctl("submit", "--name", "hidden", "--template", "hides", "--force", *TRAIN, *ENDLESS)
    said = desk.arctl("submit", "--seeds", "1,2,3", "--hold", "--name", "held", *TRAIN, *ENDLESS).stdout
    runs = [line.split()[0] for line in said.splitlines() if line.startswith("run")]
    assert len(runs) == 3
    waiting = [desk.until(run, lambda found: found["state"] == "pending" and found["reason"]) for run in runs]
    assert {run["reason"] for run in waiting} == {"JobHeldUser"}
    assert [run["job_id"].partition("_")[2] for run in waiting] == ["0", "1", "2"]
    desk.arctl("cancel", runs[1])
    array = waiting[0]["job_id"].partition("_")[0]
    left = slurm_cluster.call("squeue", "-h", "--array", "-j", array, "-o", "%i").stdout
    assert sorted(left.split()) == [waiting[0]["job_id"], waiting[2]["job_id"]]
    assert [desk.json("show", run)["state"] for run in (runs[0], runs[2])] == ["pending", "pending"]
    desk.arctl("cancel", runs[0], runs[2])

    run = desk.until("hidden", lambda found: found["jobs"][0]["state"] == "completed")
    assert run["state"] in ("running", "failed"), "its last lines may still be on their way"
    run = desk.until("hidden", lambda found: found["state"] == "failed", seconds=60)
    assert time.time() - run["ended"] > 15
    assert run["exit_code"] == 0 and "wrote no good end record" in run["message"]
    assert "all is well" in (Path(run["path"]) / f"log-{run['job_id']}.txt").read_text()
