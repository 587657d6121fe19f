"""Sweeps as they are typed: submitted, shown, sent again, cancelled, on this machine's own queue."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

GRID = """grid:
  optim.lr: [1e-4, 0.001, 1e-2]
  model.dropout: [0.0, 0.1]
seeds: [1, 2]
"""


def done(lab: Any, name: str, *, status: int = 0) -> Any:
    """Wait until a sweep's runs have ended and return what `show` says."""
    runs = [entry["run"] for entry in entries(lab, name)]
    lab.arctl("wait", *[run for run in runs if run], "--timeout", "120", status=status)
    return lab.json("sweep", "show", name)


def entries(lab: Any, name: str) -> list[Any]:
    ranking = lab.json("sweep", "show", name)["ranking"]
    return sorted((entry for one in ranking for entry in one["elements"]), key=lambda entry: str(entry["name"]))


def test_from_file_to_verdict(lab: Any, written: Any) -> None:
    told = lab.arctl("sweep", written(lab.directory, GRID))
    assert told.stdout == "run1:run12  job 1 on local  12 elements\n"
    assert "follow it with `arctl sweep show lab`" in told.stderr
    found = done(lab, "lab")
    assert (found["elements"], found["states"]) == (12, {"completed": 12})
    best = found["best"]
    assert best["params"] == {"optim.lr": 0.001, "model.dropout": 0}
    assert (round(best["mean"], 3), best["n"]) == (0.715, 2)
    assert best["sd"] == pytest.approx(0.00707, abs=1e-4)
    assert [entry["name"] for entry in best["elements"]] == ["lab-004", "lab-005"]
    effects = {effect["key"]: effect for effect in found["effects"]}
    assert effects["optim.lr"]["verdict"] == "matters" and effects["optim.lr"]["best"] == "0.001"
    assert effects["train.seed"]["verdict"] == "no sign"
    shown = lab.arctl("sweep", "show", "lab").stdout
    assert "12 elements: 12 completed" in shown and "which parameter mattered for val/top1" in shown
    assert shown.index("71.5%") < shown.index("69.5%") < shown.index("61.5%")
    assert lab.arctl("sweep", "show", "lab", "--each", "-n", "1").stdout.count("completed") == 2
    config = yaml.safe_load((lab.directory / "runs/run0005/config.yaml").read_text())
    assert (config["optim"]["lr"], config["model"]["dropout"], config["train"]["seed"]) == (0.001, 0.0, 1)
    record = yaml.safe_load((lab.directory / "runs/run0005/run.yaml").read_text())
    assert (record["name"], record["sweep"], record["group"]) == ("lab-004", "lab", "lab")
    assert record["params"] == {"optim.lr": 0.001, "model.dropout": 0, "train.seed": 1}
    assert lab.json("sweep", "show", "lab", "--metric", "val/loss")["lower_is_better"] is True
    (listed,) = lab.json("sweep", "ls")["sweeps"]
    assert (listed["sweep"], listed["elements"], listed["best"]["params"]) == ("lab", 12, best["params"])


def test_a_dry_run_leaves_no_trace(lab: Any, written: Any) -> None:
    told = lab.arctl("sweep", "--dry-run", written(lab.directory, GRID))
    assert told.stdout.count("lab-0") == 12 and "#!/bin/bash" in told.stdout
    plan = lab.json("sweep", "submit", "lab.yaml", "--dry-run", "--max-parallel", "3", "--cluster", "slurm")
    assert (len(plan["elements"]), plan["max_parallel"]) == (12, 3)
    assert "%" in plan["script"].split("--array=")[1].split("\n")[0]
    assert not any((lab.directory / "runs").iterdir()) and not (lab.directory / ".arctl/sweeps").exists()
    assert lab.json("sweep", "ls")["sweeps"] == []


def test_a_name_is_taken_once(lab: Any, written: Any) -> None:
    file = written(lab.directory, "seeds: [1]\n")
    lab.arctl("sweep", file)
    again = lab.arctl("sweep", file, status=2)
    assert "there is a sweep 'lab' already" in again.stderr and again.stdout == ""
    lab.arctl("sweep", file, "--name", "other", "--set", "optim.lr=0.5", "--tag", "x", "--note", "why")
    run = lab.json("show", "run2")
    assert (run["name"], run["tags"], run["note"]) == ("other-000", ["x"], "why")
    assert len(list((lab.directory / "runs").iterdir())) == 2


def test_failed_elements_are_sent_again_once_they_have_ended(lab: Any, written: Any, tmp_path: Path) -> None:
    lab.arctl("sweep", written(lab.directory, "grid:\n  model.dropout: [0.1, 0.9]\n  optim.lr: [1e-3, 1e-2]\n"))
    done(lab, "lab", status=10)
    assert lab.json("sweep", "resubmit", "lab", "--state", "OOM")["runs"] == []
    dry = lab.arctl("sweep", "resubmit", "lab", "--failed", "--dry-run")
    assert "lab-002  model.dropout=0.9 optim.lr=0.001  (run3, failed)" in dry.stdout
    (tmp_path / "mended").touch()
    held = os.open(lab.directory / ".arctl/sweeps/lab", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    said = lab.arctl("sweep", "resubmit", "lab", "--failed", status=2).stderr
    assert "another arctl is sending elements of lab again" in said
    os.close(held)
    told = lab.json("sweep", "resubmit", "lab", "--failed", "--time", "9")
    assert [run["run"] for run in told["runs"]] == ["run5", "run6"]
    found = done(lab, "lab")
    assert found["states"] == {"completed": 4}
    assert [(entry["run"], entry["tries"]) for entry in entries(lab, "lab")] == [
        ("run1", 1),
        ("run2", 1),
        ("run5", 2),
        ("run6", 2),
    ]
    run = lab.json("show", "run5")
    assert (run["name"], run["rerun_of"]) == ("lab-002", 3)
    assert "--time=9" in (lab.directory / "runs/run0005/job.sbatch").read_text()
    assert "nothing to send again" in lab.arctl("sweep", "resubmit", "lab", "--failed", "--missing").stderr


def test_what_was_never_queued_is_missing(lab: Any, written: Any) -> None:
    """A kill between the record and the hand-over leaves elements without runs; the record is enough to send them."""
    lab.arctl("sweep", written(lab.directory, "grid:\n  optim.lr: [1e-3, 1e-2]\n"))
    done(lab, "lab")
    record = lab.directory / ".arctl/sweeps/lab/sweep.json"
    facts = json.loads(record.read_text())
    facts["elements"].append({"name": "lab-002", "params": {"optim.lr": 0.5}})
    record.write_text(json.dumps(facts))
    assert lab.json("sweep", "show", "lab")["states"] == {"completed": 2, "missing": 1}
    assert "lab-002  optim.lr=0.5  (no run)" in lab.arctl("sweep", "resubmit", "lab", "--missing", "--dry-run").stdout
    lab.arctl("sweep", "resubmit", "lab", "--missing")
    assert done(lab, "lab")["states"] == {"completed": 3}


def test_refused_elements_are_missing(lab: Any, written: Any, tmp_path: Path) -> None:
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text("#!/bin/sh\necho 'sbatch: error: Batch job submission failed: Invalid qos' >&2; exit 1\n")
    sbatch.chmod(0o755)
    lab.env["PATH"] = f"{sbatch.parent}:{lab.env['PATH']}"
    file = written(lab.directory, "grid:\n  optim.lr: [1e-3, 1e-2]\n")
    said = lab.arctl("sweep", file, "--cluster", "slurm", status=4)
    assert "Slurm refused the job" in said.stderr
    assert lab.json("sweep", "show", "lab")["states"] == {"refused": 2}
    sbatch.write_text("#!/bin/sh\necho 77\n")
    told = lab.json("sweep", "resubmit", "lab", "--missing")
    assert [run["job_id"] for run in told["runs"]] == ["77_0", "77_1"]
    assert lab.json("sweep", "resubmit", "lab", "--missing")["runs"] == [], "they are under way now"


def test_a_refused_file_records_nothing(lab: Any, written: Any) -> None:
    said = lab.arctl("sweep", written(lab.directory, "grid:\n  optim.lr: [1e-3, -1]\n"), status=2).stderr
    assert said == "error: lab.yaml:5:13: optim.lr is -1.0: it must be above 0 and at most 1e+10\n"
    said = lab.arctl("sweep", written(lab.directory, "resources: {mem: 3Q}\nseeds: [1]\n"), status=2).stderr
    assert said.startswith("error: lab.yaml:4:18: '3Q' is no mem")
    assert not (lab.directory / ".arctl/sweeps/lab").exists()


def test_the_worst_are_cancelled_when_somebody_says_yes(lab: Any, written: Any, tmp_path: Path) -> None:
    settings = lab.directory / "arctl.yaml"
    settings.write_text(settings.read_text().replace("slots: 2", "slots: 4"))
    grid = "grid:\n  model.dropout: [0.5]\n  optim.lr: [1e-4, 1e-3, 1e-2, 5, 2e-3]\n"
    lab.arctl("sweep", written(lab.directory, grid))
    for run in ("run1", "run2", "run3", "run4"):
        lab.until(run, lambda found: found["epoch"] == 1)
    asked = lab.arctl("sweep", "cancel", "lab", "--worst", "2", status=2)
    assert "2 runs would be cancelled" in asked.stderr
    assert "run4 running val/top1 NaN, epoch 1/2" in asked.stderr, "the one that diverged is the worst"
    assert set(lab.json("sweep", "show", "lab")["states"]) == {"running", "pending"}
    told = lab.json("sweep", "cancel", "lab", "--worst", "2", "--yes")
    assert [run["run"] for run in told["runs"]] == ["run4", "run1"]
    assert lab.json("sweep", "cancel", "lab", "--below", "val/top1<20%", "--yes")["runs"] == []
    limited = lab.json("sweep", "cancel", "lab", "--below", "val/loss > 1.45", "--yes")
    assert "run3" in [run["run"] for run in limited["runs"]] and "run2" not in [run["run"] for run in limited["runs"]]
    lab.json("sweep", "cancel", "lab", "--all", "--yes")
    assert done(lab, "lab", status=11)["states"] == {"cancelled": 5}
    assert "all of its elements have ended" in lab.arctl("sweep", "cancel", "lab", "--all").stderr


def test_a_lost_record_still_shows_the_runs(lab: Any, written: Any) -> None:
    lab.arctl("sweep", written(lab.directory, "grid:\n  optim.lr: [1e-3, 1e-2]\n"))
    done(lab, "lab")
    (lab.directory / ".arctl/sweeps/lab/sweep.json").unlink()
    (lab.directory / "runs.db").unlink()
    lab.arctl("rebuild")
    shown = lab.arctl("sweep", "show", "lab")
    assert "2 completed" in shown.stdout and "its record is lost" in shown.stderr
    assert lab.json("sweep", "show", "lab")["best"]["params"] == {"optim.lr": 0.001}
    assert "no sweep 'lab' is recorded" in lab.arctl("sweep", "resubmit", "lab", "--failed", status=3).stderr
    assert "there is a sweep 'lab' already" in lab.arctl("sweep", "lab.yaml", status=2).stderr


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["nothere.yaml"], 3, "nothere.yaml: there is no such file"),
        (["shwo"], 2, "did you mean 'show'"),
        (["show", "nothere"], 3, "no sweep is called 'nothere' (there are none yet"),
        (["resubmit", "x"], 2, "which elements? (say --failed, --missing or --state STATE)"),
        (["resubmit", "x", "--state", "running"], 2, "running runs are under way"),
        (["resubmit", "x", "--state", "oomm"], 2, "no state 'oomm' (did you mean 'oom'?)"),
        (["cancel", "x"], 2, "say one of --worst K"),
        (["cancel", "x", "--worst", "1", "--all"], 2, "say one of --worst K"),
        (["cancel", "x", "--below", "top1=3"], 2, "cannot read 'top1=3'"),
        (["throttle", "x", "-1"], 2, "-1"),
        (["show", "\x1b[31mred"], 3, "no sweep is called 'red'"),
        (["show", "../../etc"], 3, "no sweep is called"),
    ],
)
def test_what_cannot_be_done_is_said(lab: Any, argv: list[str], status: int, said: str) -> None:
    found = lab.arctl("sweep", *argv, status=status)
    assert said in found.stderr and "\x1b" not in found.stderr and found.stderr.count("\n") == 1


def test_help_is_shown_for_nothing_and_for_a_file(lab: Any) -> None:
    assert lab.arctl("sweep").stdout == lab.arctl("sweep", "--help").stdout
    assert "--max-parallel" in lab.arctl("sweep", "x.yaml", "--help").stdout


def test_names_that_would_leave_the_record_are_no_names(lab: Any, tmp_path: Path) -> None:
    for name in ("../x", "/etc", "."):
        lab.arctl("sweep", "resubmit", name, "--missing", status=3)
        lab.arctl("sweep", "throttle", name, "1", status=3)
