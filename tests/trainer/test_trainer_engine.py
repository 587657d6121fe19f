"""One step: the gradient is the mean over clips however they are cut into batches; unreadable clips do not count."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from trainer.config import Config, resolve
from trainer.data.loaders import Batch
from trainer.distributed import World
from trainer.engine import Engine, StepResult, readable_part
from trainer.events import NoEvents
from trainer.metrics import EpochSums
from trainer.position import Position
from trainer.recorder import StepRecorder

CPU = World(rank=0, size=1, device=torch.device("cpu"))


def small(*overrides: str) -> Config:
    size = ["data.frames=4", "data.resize=[24, 32]", "data.crop=24", "data.brightness=0", "data.random_crop=false"]
    card = {"name": "x", "root": "/x", "flip": False}
    return resolve(model="r3d_tiny", data=card, overrides=[*size, "optim.name=sgd", *overrides])


def clips(count: int, *, unreadable: Sequence[int] = ()) -> Batch:
    generator = torch.Generator().manual_seed(3)
    return Batch(
        torch.randint(0, 255, (count, 4, 24, 32, 3), generator=generator, dtype=torch.uint8),
        torch.arange(count) % 3,
        torch.arange(count),
        torch.tensor([index not in unreadable for index in range(count)]),
    )


def cut(batch: Batch, sizes: Sequence[int]) -> list[Batch]:
    return [Batch(*parts) for parts in zip(*(tensor.split(list(sizes)) for tensor in batch.tensors()), strict=True)]


def one_step(group: list[Batch], config: Config, *, count: int) -> tuple[list[Tensor], StepResult, EpochSums]:
    torch.manual_seed(0)
    engine = Engine(config, classes=3, world=CPU)
    engine.model.eval()  # batch normalisation would tell how the clips are cut
    sums = EpochSums(CPU.device)
    result = engine.step(group, epoch=1, lr=0.1, count=count, sums=sums)
    return [weight.detach().clone() for weight in engine.model.parameters()], result, sums


@pytest.mark.parametrize("sizes", [[6, 6], [5, 5, 2], [1] * 12, [11, 1]])
def test_a_step_does_not_depend_on_how_its_clips_are_cut(sizes: list[int]) -> None:
    whole, result, sums = one_step([clips(12)], small(), count=12)
    parts, other, other_sums = one_step(cut(clips(12), sizes), small(), count=12)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(other.loss, result.loss)
    torch.testing.assert_close(other_sums.sums_4, sums.sums_4)


def test_unreadable_clips_do_not_count() -> None:
    some = clips(8, unreadable=[1, 6])
    with_them, result, sums = one_step([some], small(), count=6)
    alone, other, _ = one_step([readable_part(some)], small(), count=6)
    torch.testing.assert_close(with_them, alone)
    assert torch.equal(result.loss, other.loss)
    assert sums.sums_4[3] == 6
    none = clips(2, unreadable=[0, 1])
    assert readable_part(none) is none
    both, _, _ = one_step([*cut(some, [8]), none], small(), count=6)
    torch.testing.assert_close(both, alone)


def test_the_gradient_norm_is_that_before_clipping() -> None:
    plain = ["optim.momentum=0", "optim.weight_decay=0"]
    torch.manual_seed(0)
    begun = [weight.detach().clone() for weight in Engine(small(*plain), classes=3, world=CPU).model.parameters()]
    _, free, _ = one_step([clips(6)], small(*plain), count=6)
    weights, clipped, _ = one_step([clips(6)], small(*plain, "optim.clip_grad=1e-3"), count=6)
    torch.testing.assert_close(clipped.grad_norm, free.grad_norm)
    moved = torch.stack([(after - before).norm() for after, before in zip(weights, begun, strict=True)]).norm()
    assert float(moved) == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_no_weight_decay_on_biases_and_normalisation() -> None:
    engine = Engine(small("optim.name=adamw", "optim.weight_decay=0.3"), classes=3, world=CPU)
    decayed, free = engine.optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert all(weight.dim() > 1 for weight in decayed["params"]) and all(weight.dim() == 1 for weight in free["params"])
    count = len(decayed["params"]) + len(free["params"])
    assert count == len(list(engine.model.parameters())) and decayed["params"] and free["params"]


def test_label_smoothing_changes_the_step_and_not_the_figures() -> None:
    _, plain, sums = one_step([clips(6)], small(), count=6)
    _, smooth, smooth_sums = one_step([clips(6)], small("optim.label_smoothing=0.3"), count=6)
    assert not torch.equal(plain.loss, smooth.loss)
    assert torch.equal(sums.sums_4, smooth_sums.sums_4)


def test_unreadable_clips_score_nan() -> None:
    torch.manual_seed(0)
    engine = Engine(small(), classes=3, world=CPU)
    engine.model.eval()
    logits_BK = engine.logits(clips(4, unreadable=[2]))
    assert logits_BK.dtype == torch.float32 and logits_BK.shape == (4, 3)
    assert logits_BK.isnan().any(1).tolist() == [False, False, True, False]


def test_slow_steps_are_read_before_there_are_many_of_them() -> None:
    result = StepResult(loss=torch.tensor(1.0), grad_norm=torch.tensor(2.0), scale=None, skipped=False)
    recorder = StepRecorder(NoEvents(), world=CPU, every=10, seconds=0.0)
    read = [recorder.add(result, Position(), epoch=0.1, lr=0.1, clips=2, waited=0.0)]
    assert recorder.late() and not recorder.latest
    recorder.read_next = True
    read.append(recorder.add(result, Position(), epoch=0.2, lr=0.1, clips=2, waited=0.0))
    assert read == [False, True] and recorder.latest["step/loss"] == 1.0
    assert not StepRecorder(NoEvents(), world=CPU, every=10).late()
