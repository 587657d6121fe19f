from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.data_videos import read_number, write_ucf
from trainer.config import Config, resolve
from trainer.data.annotations import read_ucf101
from trainer.data.augment import draws, eval_clips, flips, train_clips
from trainer.data.clips import explained_workers
from trainer.data.decode import uniform_indices
from trainer.data.loaders import Batch, Loaders, open_loaders
from trainer.errors import DataError, TrainerError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = write_ucf(tmp_path_factory.mktemp("loaders") / "set", groups=7)
    (found / "Jump/v_Jump_g03_c01.avi").write_bytes(b"<html>")
    (found / "Run/v_Run_g01_c01.avi").write_bytes(b"")
    return found


def config(root: Path, **data: object) -> Config:
    made = resolve(model="r3d_tiny", data={"name": "set", "root": str(root)})
    changes = {"frames": 4, "resize": (32, 128), "crop": 32, "batch_size": 5, "workers": 0, **data}
    return dataclasses.replace(made, data=dataclasses.replace(made.data, **changes))


def loaders(root: Path, *, rank: int = 0, world: int = 1, **data: object) -> Loaders:
    return open_loaders(config(root, **data), rank=rank, world=world, report=lambda line: None)


def indices(batches: list[Batch]) -> list[int]:
    return [index for batch in batches for index in batch.indices_B.tolist()]


@pytest.mark.parametrize("cache", ["off", "auto"])
def test_an_epoch_shows_every_video_once(root: Path, cache: str) -> None:
    loaded = loaders(root, cache=cache)
    assert loaded.classes == ("Jump", "Run")
    batches = list(loaded.train(1))
    assert [len(batch.indices_B) for batch in batches] == [5, 5, 2]
    assert len(batches) == loaded.batches_per_epoch
    assert sorted(indices(batches)) == list(range(12))
    assert indices(list(loaded.val())) == [0, 1]
    for batch in batches:
        assert batch.frames_BTHWC.shape[1:] == (4, 32, 128, 3)
        assert batch.frames_BTHWC.dtype == torch.uint8
        assert batch.targets_B.dtype == batch.indices_B.dtype == torch.int64
        assert batch.readable_B.dtype == torch.bool
        for frames, target, index, readable in zip(*batch.tensors(), strict=True):
            sample = loaded.train_samples[index]
            assert target == sample.target
            if readable:
                count = 12 + int(sample.group[1:])
                assert [read_number(frame.numpy()) for frame in frames] == uniform_indices(count, 4).tolist()
    loaded.close()


def test_the_order_depends_on_seed_and_epoch_alone(root: Path) -> None:
    first = indices(list(loaders(root).train(3)))
    assert indices(list(loaders(root, cache="off").train(3))) == first
    assert indices(list(loaders(root).train(4))) != first
    other = config(root)
    other = dataclasses.replace(other, train=dataclasses.replace(other.train, seed=1))
    assert indices(list(open_loaders(other, report=print).train(3))) != first


@pytest.mark.parametrize("cache", ["off", "auto"])
def test_skipping_resumes_inside_an_epoch(root: Path, cache: str) -> None:
    loaded = loaders(root, cache=cache)
    whole, rest = list(loaded.train(2)), list(loaded.train(2, skip=1))
    assert indices(rest) == indices(whole[1:])
    assert all((a.frames_BTHWC == b.frames_BTHWC).all() for a, b in zip(rest, whole[1:], strict=True))
    assert list(loaded.train(2, skip=3)) == []


@pytest.mark.parametrize("world", [2, 5])
def test_ranks_share_the_work(root: Path, world: int) -> None:
    ranks = [loaders(root, rank=rank, world=world, batch_size=2) for rank in range(world)]
    shares = [list(loaded.train(1)) for loaded in ranks]
    assert {len(share) for share in shares} == {ranks[0].batches_per_epoch}
    assert {len(indices(share)) for share in shares} == {-(-12 // world)}, "every rank takes as many steps"
    assert {index for share in shares for index in indices(share)} == set(range(12))
    assert sorted(index for loaded in ranks for index in indices(list(loaded.val()))) == [0, 1], "and nothing twice"


@pytest.mark.parametrize("cache", ["off", "auto"])
def test_an_unreadable_video_stays_itself(root: Path, cache: str) -> None:
    loaded = loaders(root, cache=cache)
    assert len(loaded.unreadable()) == (2 if cache == "auto" else 0)
    for batches, samples, bad in (
        (list(loaded.train(1)), loaded.train_samples, "Jump/v_Jump_g03_c01.avi"),
        (list(loaded.val()), loaded.val_samples, "Run/v_Run_g01_c01.avi"),
    ):
        unread = [
            (samples[index].id, target.item(), frames.any().item())
            for batch in batches
            for frames, target, index, readable in zip(*batch.tensors(), strict=True)
            if not readable
        ]
        assert unread == [(bad, int(bad.startswith("Run")), False)]
    listed = loaded.unreadable()
    assert [id for id, _, _ in listed] == ["Jump/v_Jump_g03_c01.avi", "Run/v_Run_g01_c01.avi"]
    assert listed[0][1] == root / "Jump/v_Jump_g03_c01.avi"
    assert "is no video" in listed[0][2]
    assert "0 bytes" in listed[1][2]


def test_loader_processes_give_the_same_batches_epoch_after_epoch(root: Path) -> None:
    alone, many = loaders(root, cache="off"), loaders(root, cache="off", workers=1)
    for epoch in (1, 2):
        for a, b in zip(alone.train(epoch), many.train(epoch), strict=True):
            assert all((x == y).all() for x, y in zip(a.tensors(), b.tensors(), strict=True))
    many.close()
    with pytest.raises(TrainerError, match="closed"):
        next(many.train(1))


def test_a_killed_loader_process_is_an_error_not_a_hang(root: Path) -> None:
    # In a process of its own: torch tells of it from a signal handler, which raises wherever this process happens to
    # be, in what runs the tests as well.
    code = f"from pathlib import Path; from {__name__} import kill_a_loader; kill_a_loader(Path({str(root)!r}))"
    folder = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "Connection reset by peer"), EOFError(), FileNotFoundError(2)]
)
def test_a_loader_that_ends_while_it_hands_over_a_batch_is_explained(error: Exception) -> None:
    with pytest.raises(TrainerError, match="a loader process ended: "), explained_workers():
        raise error


def test_a_missing_file_is_no_loader_that_ended(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explained_workers():
        (tmp_path / "gone").read_bytes()


def kill_a_loader(root: Path) -> None:
    """Kill the process that loads, and expect to be told."""
    loaded = loaders(root, cache="off", workers=1, batch_size=1)
    batches = loaded.train(1)
    next(batches)
    with pytest.raises((TrainerError, RuntimeError), match=r"a loader process ended|DataLoader worker"):
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        list(batches)
    os._exit(0)  # whatever the handler still has to say


def test_an_abandoned_epoch_ends_its_thread(root: Path) -> None:
    before = threading.active_count()
    loaded = loaders(root, batch_size=1)
    batches = loaded.train(1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before


def test_limits_spread_over_the_classes(root: Path) -> None:
    loaded = loaders(root, limit_train=4, limit_val=1)
    assert [sample.target for sample in loaded.train_samples] == [0, 0, 1, 1]
    assert len(loaded.val_samples) == 1


def test_a_wrong_data_set_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such directory"):
        loaders(tmp_path / "nowhere")


def batch_of(root: Path, places: list[int]) -> Batch:
    rng = np.random.default_rng(0)
    frames = torch.from_numpy(rng.integers(0, 256, (12, 4, 32, 128, 3), dtype=np.uint8))
    chosen = torch.tensor(places)
    return Batch(
        frames[chosen], torch.zeros(len(places), dtype=torch.int64), chosen, torch.ones(len(places), dtype=torch.bool)
    )


def test_augmentation_knows_nothing_of_the_batch(root: Path) -> None:
    settings = config(root, flip=True)
    together = train_clips(batch_of(root, [3, 1, 7, 5]), settings, epoch=2, device=CPU)
    for place, index in enumerate([3, 1, 7, 5]):
        alone = train_clips(batch_of(root, [index]), settings, epoch=2, device=CPU)
        assert torch.equal(together[place], alone[0])
    assert not torch.equal(together, train_clips(batch_of(root, [3, 1, 7, 5]), settings, epoch=3, device=CPU))


def test_a_training_clip_is_a_mirrored_brighter_crop(root: Path) -> None:
    """Undo the normalisation, and find each clip again in its frames."""
    settings = config(root, flip=True, brightness=0.3, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    batch = batch_of(root, list(range(12)))
    clips = train_clips(batch, settings, epoch=1, device=CPU)
    assert clips.shape == (12, 3, 4, 32, 32)
    assert clips.dtype == torch.float32
    chosen = draws(settings.train.seed, epoch=1, indices=batch.indices_B.numpy())
    mirrored = 0
    for place, (_, across, flip, gain) in enumerate(chosen):
        left = int(across * 97)
        part = batch.frames_BTHWC[place, :, :, left : left + 32].float() / 255
        part = part.flip(2) if flip < 0.5 else part
        mirrored += flip < 0.5
        expected = (part * (0.7 + 0.6 * gain)).clamp(max=1).permute(3, 0, 1, 2)
        assert torch.allclose(clips[place], expected, atol=1e-5)
    assert 0 < mirrored < 12


def test_flip_follows_the_card(root: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("flip_keeps_labels: false\n")
    assert flips(config(root)), "UCF101 without a card"
    assert not flips(config(tmp_path))
    assert flips(config(tmp_path, flip=True)), "asked for"
    assert not flips(config(root, flip=False))


def test_evaluation_takes_the_centre(root: Path) -> None:
    settings = config(root, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))
    batch = batch_of(root, [0, 1])
    clips = eval_clips(batch, settings, device=CPU)
    centre = batch.frames_BTHWC[:, :, :, 48:80].float().permute(0, 4, 1, 2, 3) / 255
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.1, 0.2, 0.3])
    expected = (centre - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    assert torch.allclose(clips, expected, atol=1e-5)
    assert clips.is_contiguous()
    still = config(root, random_crop=False, flip=False, brightness=0.0, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))
    assert torch.allclose(train_clips(batch, still, epoch=1, device=CPU), clips)


def test_draws_are_uniform_and_unlike() -> None:
    values = draws(7, epoch=3, indices=np.arange(20000))
    assert values.shape == (20000, 4)
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.stack([np.histogram(column, bins=20, range=(0, 1))[0] for column in values.T])
    assert np.abs(counts - 1000).max() < 5 * 1000**0.5
    assert np.abs(np.corrcoef(values.T) - np.eye(4)).max() < 0.05
    others = [draws(8, epoch=3, indices=np.arange(100)), draws(7, epoch=4, indices=np.arange(100)), values[1:101]]
    assert all((other != values[:100]).all() for other in others)
    assert (draws(7, epoch=3, indices=np.array([11, 5])) == values[[11, 5]]).all()


def test_the_set_is_read_as_the_annotations_say(root: Path) -> None:
    assert loaders(root).val_samples == read_ucf101(root).val
