"""Two processes train as one: the same step, the same evaluation, one writer."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.videos import environment, events, make_run, make_set, of_kind

ONE_STEP = """
import os, sys, torch
from trainer import config
from trainer.data.loaders import Batch
from trainer.distributed import World, bare, open_world
from trainer.engine import Engine
from trainer.metrics import EpochSums

size = ["data.frames=4", "data.resize=[24, 32]", "data.crop=24", "optim.name=sgd", "optim.lr=0.1", "train.device=cpu"]
made = config.resolve(model="r3d_tiny", data={"name": "x", "root": "/x", "flip": False}, overrides=size)
generator = torch.Generator().manual_seed(3)
frames = torch.randint(0, 255, (10, 4, 24, 32, 3), generator=generator, dtype=torch.uint8)
readable = torch.tensor([True] * 9 + [False])

def part(*indices):
    chosen = torch.tensor(indices)
    return Batch(frames[chosen], chosen % 3, chosen, readable[chosen])

def step(world, group):
    torch.manual_seed(0)
    engine = Engine(made, classes=3, world=world)
    engine.model.eval()
    sums = EpochSums(world.device)
    count, = world.total([float(sum(batch.readable_B.sum() for batch in group))])
    result = engine.step(group, epoch=1, lr=0.1, count=count, sums=sums)
    loss, = world.total([float(result.loss)])
    return [weight.detach() for weight in bare(engine.model).parameters()], loss, world.total(sums.sums_4.tolist())

torch.set_num_threads(1)
with open_world(made.train, env=os.environ) as world:
    mine = [[part(0, 1, 2), part(3)], [part(4, 5, 6, 7), part(8, 9)]][world.rank]
    together = step(world, mine)
    alone = step(World(rank=0, size=1, device=torch.device("cpu")), [part(*range(10))])
    assert world.gather(world.rank) == [0, 1]
torch.testing.assert_close(together[0], alone[0], rtol=1e-5, atol=1e-7)
torch.testing.assert_close(together[1], alone[1])
torch.testing.assert_close(together[2], alone[2])
print("same")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "noise", train=5, val=3)


def two(*command: str, job: str = "7") -> subprocess.CompletedProcess[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    env = environment(ARCTL_JOB_ID=job)
    return subprocess.run([*launcher, *command], env=env, capture_output=True, text=True, timeout=300)


def test_a_step_of_two_is_the_step_of_one_with_all_clips(tmp_path: Path) -> None:
    script = tmp_path / "one_step.py"
    script.write_text(ONE_STEP)
    done = two(str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("same") == 2


def test_two_processes_train_evaluate_and_resume_as_one_run(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, "train.epochs=5", "train.max_steps=3")
    done = two("-m", "trainer", "--run-dir", str(run_dir))
    assert done.returncode == 0, done.stderr
    make_run(run_dir, root, "train.epochs=6", "optim.lr=0.01")
    done = two("-m", "trainer", "--run-dir", str(run_dir), job="8")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in sorted((run_dir / "attempts").iterdir())] == ["7.0", "8.0"]
    first, second = events(run_dir, "7.0"), events(run_dir, "8.0")
    assert (first[0]["device"], first[0]["steps_per_epoch"]) == ("2 x cpu", 2)
    assert [event["step"] for event in of_kind(first, "step")] == [1, 2, 3]
    assert second[0]["resumed_step"] == 3 and second[-1]["status"] == "completed"
    assert not of_kind(second, "warning")
    last = of_kind(second, "eval")[-1]
    with np.load(run_dir / last["predictions"]) as kept:
        assert len(set(kept["ids"].tolist())) == 9
        assert np.isfinite(kept["scores"]).all()
        right = (kept["scores"][:, 0].argmax(1) == kept["targets"]).mean()
    assert last["metrics"]["val/top1"] == pytest.approx(right)
    assert right > 0.6
    assert of_kind(second, "epoch")[-1]["metrics"]["train/top1"] > 0.6
