"""Evaluations on a real Slurm cluster: sent before there is a checkpoint, run after the training, and failing alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], slurm_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    desk = desk_in(tmp_path_factory.mktemp("study"), dict(slurm_cluster.env))
    desk.arctl("init")
    desk.on_slurm()
    desk.arctl("data", "synth", "data/motions", "--groups", "8", "--per-group", "1")
    return desk


def test_an_evaluation_waits_for_the_training_and_leaves_it_as_it_is(desk: Any) -> None:
    train = ["--model", "r3d_tiny", "--data", "motions", "--gpus", "1", "--cpus", "2", "--mem", "2G"]
    desk.arctl("submit", "--name", "trained", *train, "--set", "train.epochs=1", "--set", "data.workers=0")
    refused = desk.arctl("eval", "trained", status=3)
    assert "--after-ok run1" in refused.stderr
    views = ["--views", "2x3", "--probe", "still"]
    assert desk.arctl("eval", "trained", *views, "--after-ok", "trained").stdout.startswith("run2  job ")
    script = (desk.directory / "runs/run0002/job.sbatch").read_text()
    assert "#SBATCH --gres=gpu:1\n" in script and "#SBATCH --mem=2G\n" in script and "afterok:" in script
    desk.arctl("wait", "trained", "--timeout", "120")
    trained = desk.directory / "runs" / "run0001"
    before = {path: path.read_bytes() for path in trained.glob("attempts/*/*")}
    desk.arctl("wait", "trained-eval", "--timeout", "120")

    run, scored = desk.json("show", "trained"), desk.json("show", "trained-eval")
    assert (scored["state"], scored["evaluates"], scored["code"]) == ("completed", 1, run["code"])
    top1 = scored["metrics"]["val@2x3/top1"]["last"]
    assert 0 <= top1 <= 1 and scored["metrics"]["val@2x3-still/top1"]["last"] <= 1
    assert {one["variant"] for one in run["predictions"]} == {"", "2x3", "2x3-still"}
    assert [(one["run"], one["state"], one["views"]) for one in run["evaluations"]] == [("run2", "completed", "2x3")]
    assert before == {path: path.read_bytes() for path in trained.glob("attempts/*/*")}
    assert (run["attempts"], run["state"]) == (1, "completed")
    assert [line.split()[0] for line in desk.arctl("ls").stdout.splitlines()[1:]] == ["run1"]


def test_one_that_fails_says_why_and_changes_nothing_of_the_run(desk: Any) -> None:
    before = desk.json("show", "trained")
    (desk.directory / "broken.pt").write_bytes(b"PK\x03\x04 no weights")
    desk.arctl("eval", "trained", "--checkpoint", "broken.pt", "--views", "1x1", "--name", "broken")
    desk.arctl("wait", "broken", "--timeout", "120", status=10)
    assert "broken.pt" in desk.json("show", "broken")["message"]
    after = desk.json("show", "trained")
    assert (after["state"], after["predictions"]) == ("completed", before["predictions"])
    assert {one["run"]: one["state"] for one in after["evaluations"]} == {"run3": "failed", "run2": "completed"}
    assert "run3" in desk.arctl("ls").stdout
