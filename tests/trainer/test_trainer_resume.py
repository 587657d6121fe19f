"""A run that was stopped and goes on is, on a CPU, bit for bit the run that was not stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.videos import events, make_run, make_set, of_kind, run_here
from trainer.errors import DataError, Interrupted

HARD = ["model.dropout=0.3", "optim.accumulate=2", "data.batch_size=2", "train.epochs=2", "optim.clip_grad=1.0"]
"""Four steps in an epoch, the last of fewer clips; dropout draws from the random state."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_set(tmp_path_factory.mktemp("set") / "noise")


def state_of(run_dir: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(run_dir / "checkpoints" / "last.pt", weights_only=True)
    return state


def curve(run_dir: Path, kind: str) -> list[tuple[Any, ...]]:
    """What the events say, without times: of a step that is told twice the later attempt's."""
    timed = ("perf/clips_per_s", "perf/data_wait")
    found = {}
    for event in of_kind(events(run_dir), kind):
        metrics = {name: value for name, value in event["metrics"].items() if name not in timed}
        found[event["step"]] = (event["step"], event["epoch"], metrics)
    return list(found.values())


def assert_same(value: Any, other: Any) -> None:
    if isinstance(value, torch.Tensor):
        assert torch.equal(value, other)
    elif isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value:
            assert_same(value[key], other[key])
    elif isinstance(value, list | tuple):
        assert len(value) == len(other)
        for part, other_part in zip(value, other, strict=True):
            assert_same(part, other_part)
    else:
        assert value == other or value != value


@pytest.fixture(scope="module")
def straight(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make_run(tmp_path_factory.mktemp("straight"), root, *HARD)
    run_here(run_dir, job="1")
    return run_dir


@pytest.mark.parametrize("stop_after", range(8))
def test_stopped_anywhere_and_resumed_is_bit_identical(
    stop_after: int, root: Path, straight: Path, tmp_path: Path
) -> None:
    run_dir = make_run(tmp_path / "run", root, *HARD)
    with pytest.raises(Interrupted, match=rf"SIGUSR2 at step {stop_after}") as caught:
        run_here(run_dir, job="1", stop_after=stop_after)
    assert caught.value.exit_code == 143
    run_here(run_dir, job="2")
    assert of_kind(events(run_dir, "2.0"), "start")[0]["resumed_step"] == stop_after
    assert_same(state_of(run_dir), state_of(straight))
    for kind in ("step", "eval", "epoch"):
        assert curve(run_dir, kind) == curve(straight, kind)
    for epoch in (1, 2):
        name = f"predictions/val-{epoch:04d}.npz"
        with np.load(run_dir / name) as resumed, np.load(straight / name) as whole:
            assert np.array_equal(resumed["scores"], whole["scores"])


def test_stopped_at_every_step_and_with_loader_processes(root: Path, straight: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *HARD, "data.workers=1")
    for job in range(1, 4):
        with pytest.raises(Interrupted):
            run_here(run_dir, job=str(job), stop_after=2)
    run_here(run_dir, job="9")
    assert curve(run_dir, "step") == curve(straight, "step")
    assert_same(state_of(run_dir)["model"], state_of(straight)["model"])
    assert_same(state_of(run_dir)["optimizer"], state_of(straight)["optimizer"])


def test_a_signal_in_the_last_step_goes_on_with_the_evaluation(root: Path, straight: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *HARD)
    with pytest.raises(Interrupted, match="at step 4"):
        run_here(run_dir, job="1", stop_in=4)
    assert state_of(run_dir)["position"]["trained"] is True
    assert not of_kind(events(run_dir), "eval")
    run_here(run_dir, job="2")
    assert of_kind(events(run_dir, "2.0"), "eval")[0]["step"] == 4
    assert curve(run_dir, "eval") == curve(straight, "eval")
    assert_same(state_of(run_dir), state_of(straight))


def test_saves_inside_an_epoch_change_nothing(root: Path, straight: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *HARD, "train.checkpoint_minutes=1e-9")
    run_here(run_dir, job="1")
    assert len(of_kind(events(run_dir), "checkpoint")) > 6
    assert curve(run_dir, "step") == curve(straight, "step")


def test_fp16_resumes_with_its_scale(root: Path, tmp_path: Path) -> None:
    runs = []
    for name, stop_after in (("a", None), ("b", 3)):
        run_dir = make_run(tmp_path / name, root, "train.precision=fp16")
        if stop_after is not None:
            with pytest.raises(Interrupted):
                run_here(run_dir, job="1", stop_after=stop_after)
        run_here(run_dir, job="2")
        runs.append(run_dir)
    assert_same(state_of(runs[0]), state_of(runs[1]))
    assert curve(runs[0], "step") == curve(runs[1], "step")


def test_a_finished_run_has_nothing_left_to_do(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    run_here(run_dir, job="1")
    before = (run_dir / "checkpoints" / "last.pt").read_bytes()
    position = run_here(run_dir, job="2")
    assert [event["kind"] for event in events(run_dir, "2.0")] == ["start"]
    assert (position.reached, (run_dir / "checkpoints" / "last.pt").read_bytes()) == (2, before)
    make_run(run_dir, root, "train.epochs=3")
    assert run_here(run_dir, job="3").reached == 3


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    run_here(run_dir, job="1")
    last = run_dir / "checkpoints" / "last.pt"
    content = last.read_bytes()
    last.unlink()
    last.write_bytes(content[:-7])
    run_here(run_dir, job="2")
    found = events(run_dir, "2.0")
    assert of_kind(found, "start")[0]["resumed_step"] == 4
    assert "last.pt is damaged" in of_kind(found, "warning")[0]["message"]
    assert len(of_kind(found, "step")) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optim.lr=0.02", r"another optim\.lr"),
        ("train.precision=bf16", r"another train\.precision"),
        ("model.dropout=0.5", r"another model\.dropout"),
    ],
)
def test_another_recipe_does_not_go_on_from_it(change: str, message: str, root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, "train.epochs=1")
    run_here(run_dir, job="1")
    make_run(run_dir, root, change)
    with pytest.raises(DataError, match=message):
        run_here(run_dir, job="2")


def test_other_classes_do_not_go_on_from_it(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, "train.epochs=1")
    run_here(run_dir, job="1")
    other = make_set(tmp_path / "other")
    listed = (other / "classInd.txt").read_text()
    (other / "classInd.txt").write_text(listed.replace("Grey", "Gray"))
    (other / "Grey").rename(other / "Gray")
    for name in ("trainlist01.txt", "testlist01.txt"):
        (other / name).write_text((other / name).read_text().replace("Grey/", "Gray/"))
    make_run(run_dir, other)
    with pytest.raises(DataError, match="made with other classes"):
        run_here(run_dir, job="2")


def test_another_batch_size_starts_the_epoch_again_and_says_so(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    with pytest.raises(Interrupted):
        run_here(run_dir, job="1", stop_after=6)
    make_run(run_dir, root, "data.batch_size=8")
    run_here(run_dir, job="2")
    found = events(run_dir, "2.0")
    assert "data.batch_size changed: epoch 2 starts again" in of_kind(found, "warning")[0]["message"]
    assert [event["step"] for event in of_kind(found, "step")] == [7, 8]
