"""The main job on a real Slurm cluster: submit, pending, running, tail, curves, done; and three ways to end badly."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    desk = desk_in(tmp_path_factory.mktemp("study"), dict(slurm_cluster.env))
    desk.arctl("init")
    desk.on_slurm()
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    return desk


def test_the_whole_story(desk: Any) -> None:
    limited = ["--name", "limited", "--time", "1", "--", "sh", "-c", "trap '' USR2; echo working; sleep 600"]
    desk.arctl("submit", *limited)  # Slurm's shortest limit is a minute: it runs out while the rest happens

    train = ["--model", "r3d_tiny", "--data", "motions", "--gpus", "1", "--cpus", "2", "--mem", "2G"]
    quick = ["--set", "train.epochs=3", "--set", "data.workers=0", "--set", "data.batch_size=16"]
    said = desk.arctl("submit", "--name", "trained", *train, *quick).stdout
    job = said.split()[2]
    script = (desk.directory / "runs/run0002/job.sbatch").read_text()
    assert "#SBATCH --gres=gpu:1\n" in script

    desk.until("trained", lambda run: run["state"] in ("pending", "running"))
    desk.until("trained", lambda run: run["state"] == "running")
    desk.until("trained", lambda run: run["metrics"].get("val/top1"))
    followed = desk.arctl("logs", "trained", "-f").stdout  # follows to the end of the run
    assert "epoch 3/3" in followed
    run = desk.until("trained", lambda run: run["state"] == "completed")
    assert run["job_id"] == job
    assert run["cluster"] == "slurm"
    (curve,) = desk.json("curves", "trained", "--metric", "val/top1")["curves"]
    assert len(curve["value"]) == 3
    desk.arctl("wait", "trained")

    desk.arctl("submit", "--name", "failing", "--", "sh", "-c", "echo about to fail; exit 7")
    desk.arctl("wait", "failing", "--timeout", "90", status=10)
    run = desk.json("show", "failing")
    assert run["state"] == "failed"
    assert run["exit_code"] == 7
    assert "about to fail" in desk.arctl("logs", "failing").stdout

    desk.arctl("submit", "--name", "unwanted", "--", "sh", "-c", "echo begun; sleep 600")
    desk.until("unwanted", lambda run: run["state"] == "running")
    time.sleep(1)
    desk.arctl("cancel", "unwanted")
    desk.arctl("wait", "unwanted", "--timeout", "90", status=11)
    assert desk.json("show", "unwanted")["state"] == "cancelled"
    assert "begun" in desk.arctl("logs", "unwanted").stdout

    desk.arctl("submit", "--name", "never-started", "--gpus", "4", "--nodes", "2", "--", "sleep", "600")
    desk.arctl("submit", "--name", "queued", "--gpus", "4", "--nodes", "2", "--", "sleep", "600")
    waiting = desk.until("queued", lambda run: run["state"] == "pending" and run["reason"])
    assert waiting["reason"] in ("Resources", "Priority")
    desk.arctl("cancel", "queued", "never-started")
    desk.arctl("wait", "queued", "never-started", "--timeout", "90", status=11)

    desk.arctl("wait", "limited", "--timeout", "150", status=12)
    assert desk.json("show", "limited")["state"] == "timeout"
    assert "working" in desk.arctl("logs", "limited").stdout


def test_a_refused_job_keeps_its_script_and_says_why(desk: Any) -> None:
    done = desk.arctl("submit", "--force", "--name", "refused", "--partition", "nowhere", "--", "true", status=4)
    assert "nowhere" in done.stderr
    run = desk.json("show", "refused")
    assert run["state"] == "refused"
    assert "nowhere" in run["message"]
    assert (desk.directory / "runs" / f"run{run['number']:04d}" / "job.sbatch").exists()


def test_two_nodes_train_together(desk: Any) -> None:
    where = ["--template", "ddp", "--nodes", "2", "--gpus", "1", "--cpus", "1", "--mem", "2G"]
    quick = ["--set", "train.epochs=1", "--set", "data.workers=0", "--set", "train.device=cpu"]
    desk.arctl("submit", "--name", "together", "--model", "r3d_tiny", "--data", "motions", *where, *quick)
    desk.arctl("wait", "together", "--timeout", "200")
    run = desk.json("show", "together")
    assert run["state"] == "completed"
    events = next((desk.directory / "runs" / f"run{run['number']:04d}").glob("attempts/*/events.jsonl"))
    assert '"device":"2 x cpu"' in events.read_text().replace(": ", ":")
    assert desk.json("confusion", "together")["total"] == 56  # every validation video once, over both nodes


def test_seeds_make_a_run_each(desk: Any) -> None:
    train = ["--model", "frame_tiny", "--data", "motions", "--mem", "2G", "--set", "data.workers=0"]
    said = desk.arctl("submit", *train, "--set", "train.epochs=2", "--seeds", "1,2,3").stdout
    first, second, unwanted = names = [line.split()[0] for line in said.splitlines()]
    jobs = {name: desk.json("show", name)["job_id"] for name in names}
    array = jobs[first].removesuffix("_0")
    assert list(jobs.values()) == [f"{array}_{index}" for index in range(3)]
    desk.arctl("cancel", unwanted)
    desk.arctl("wait", unwanted, "--timeout", "90", status=11)
    desk.arctl("wait", first, second, "--timeout", "200")
    for name in (first, second):
        run = desk.json("show", name)
        assert run["state"] == "completed"
        assert run["group"] == "frame_tiny-seeds"
        (log,) = (desk.directory / "runs" / f"run{run['number']:04d}").glob("log-*.txt")
        assert log.name == f"log-{jobs[name]}.txt"
        assert "epoch 2/2" in log.read_text()


def test_why_slurm_ended_an_element_stands_in_its_log(desk: Any) -> None:
    greedy = "x = bytearray(600 << 20); import time; time.sleep(60)"
    desk.arctl("submit", "--name", "greedy", "--template", "array", "--mem", "100M", "--", "python3", "-c", greedy)
    desk.arctl("wait", "greedy", "--timeout", "90", status=10)
    assert "memory limit" in desk.arctl("logs", "greedy").stdout
