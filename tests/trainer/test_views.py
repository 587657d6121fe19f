"""Views of real videos: the very frames and the very crops, known by what is painted on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.trainer.data_videos import read_number, write_video
from trainer.config import Config, resolve
from trainer.data.annotations import Sample
from trainer.data.augment import eval_clips
from trainer.data.cache import open_cache, plan
from trainer.data.decode import uniform_indices
from trainer.errors import ConfigError
from trainer.evaluation.asked import PROBES, Views, parse_views
from trainer.evaluation.views import ViewBatch, corners, frame_order, probed, read_videos, view_batches

RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


def geometry(**data: object) -> Config:
    made = resolve(model="r3d_tiny", data={"name": "set", "root": "/set"})
    return dataclasses.replace(made, data=dataclasses.replace(made.data, **{"workers": 0, **data}))


def samples_of(paths: Sequence[Path]) -> list[Sample]:
    return [Sample(path.name, path, 0, "") for path in paths]


def views_of(paths: Sequence[Path], config: Config, views: Views, *, size: int = 1000) -> list[ViewBatch]:
    samples = samples_of(paths)
    videos = read_videos(samples, range(len(samples)), config=config, views=views, cache=None)
    return list(view_batches(videos, samples, config=config, views=views, size=size))


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("numbered")
    return [write_video(folder / "forty.avi", 40, b_frames=2), write_video(folder / "seven.avi", 7)]


def numbers(part: ViewBatch) -> list[list[int]]:
    return [[read_number(frame) for frame in clip] for clip in part.batch.frames_BTHWC.numpy()]


def test_five_clips_of_forty_frames_are_those_counted_by_hand(numbered: list[Path]) -> None:
    """Four segments of ten frames, five parts of two frames in each, and of each part the second frame."""
    config = geometry(frames=4, resize=(64, 256), crop=64)
    whole = dataclasses.replace(config, data=dataclasses.replace(config.data, resize=(256, 256), crop=256))
    (part,) = views_of(numbered[:1], whole, Views(5, 1))
    assert numbers(part) == [[1, 11, 21, 31], [3, 13, 23, 33], [5, 15, 25, 35], [7, 17, 27, 37], [9, 19, 29, 39]]
    assert part.views_B.tolist() == [0, 1, 2, 3, 4]


def test_one_clip_is_the_clip_that_training_evaluates(numbered: list[Path]) -> None:
    config = geometry(frames=8, resize=(256, 256), crop=256)
    (part,) = views_of(numbered, config, Views())
    assert numbers(part) == [uniform_indices(40, 8).tolist(), uniform_indices(7, 8).tolist()]


@pytest.mark.parametrize("clips", [2, 3, 10])
def test_clips_of_any_number_interleave_and_a_short_video_repeats_frames(numbered: list[Path], clips: int) -> None:
    config = geometry(frames=4, resize=(256, 256), crop=256)
    (part,) = views_of(numbered, config, Views(clips, 1))
    for video, count in enumerate((40, 7)):
        found = np.array(numbers(part)[video * clips : (video + 1) * clips])
        assert found.T.ravel().tolist() == uniform_indices(count, 4 * clips).tolist()


def striped(path: Path, *, size: tuple[int, int], tall: bool) -> Path:
    """Write a video of three stripes, red, green and blue, along its longer side."""
    height, width = size
    picture = np.zeros((height, width, 3), np.uint8)
    for part, colour in enumerate((RED, GREEN, BLUE)):
        third = slice((height if tall else width) * part // 3, (height if tall else width) * (part + 1) // 3)
        picture[(third, slice(None)) if tall else (slice(None), third)] = colour
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("size", "tall"), [((48, 144), False), ((144, 48), True)])
def test_three_crops_lie_along_the_longer_side(tmp_path: Path, size: tuple[int, int], tall: bool) -> None:
    path = striped(tmp_path / "stripes.avi", size=size, tall=tall)
    (part,) = views_of([path], geometry(frames=2, resize=size, crop=48), Views(2, 3))
    assert part.batch.frames_BTHWC.shape == (6, 2, 48, 48, 3)
    means = part.batch.frames_BTHWC.float().mean(dim=(1, 2, 3))
    assert means.argmax(dim=1).tolist() == [0, 1, 2, 0, 1, 2]
    assert bool((means.amax(dim=1) > 150).all()) and bool((means.amin(dim=1) < 60).all())
    (centre,) = views_of([path], geometry(frames=2, resize=size, crop=48), Views(1, 1))
    assert centre.batch.frames_BTHWC.float().mean(dim=(1, 2, 3)).argmax().item() == 1


def test_the_places_of_crops() -> None:
    r3d18 = geometry(resize=(128, 171), crop=112).data
    assert corners(Views(1, 1), r3d18) == [(8, 29)]
    assert corners(Views(10, 3), r3d18) == [(8, 0), (8, 29), (8, 59)]
    assert corners(Views(1, 3), geometry(resize=(171, 128), crop=112).data) == [(0, 8), (29, 8), (59, 8)]
    assert corners(Views(1, 3), geometry(resize=(64, 64), crop=48).data) == [(8, 0), (8, 8), (8, 16)]
    with pytest.raises(ConfigError, match="three crops of 48 pixels are one and the same") as caught:
        corners(Views(10, 3), geometry(resize=(48, 48), crop=48).data)
    assert "10x1" in str(caught.value)


def test_the_centre_crop_is_that_of_training(numbered: list[Path]) -> None:
    config = geometry(frames=4, resize=(61, 90), crop=48)
    (part,) = views_of(numbered, config, Views())
    uncut = dataclasses.replace(config, data=dataclasses.replace(config.data, resize=(61, 90), crop=90))
    frames = torch.stack(
        [
            video.frames_THWC
            for video in read_videos(samples_of(numbered), [0, 1], config=uncut, views=Views(), cache=None)
        ]
    )
    whole = dataclasses.replace(part.batch, frames_BTHWC=frames)
    cut = dataclasses.replace(config, data=dataclasses.replace(config.data, resize=(48, 48)))
    device = torch.device("cpu")
    assert torch.equal(eval_clips(part.batch, cut, device=device), eval_clips(whole, config, device=device))


def test_views_of_several_videos_share_batches_of_bounded_size(numbered: list[Path]) -> None:
    parts = views_of([*numbered, numbered[0]], geometry(frames=4, resize=(24, 40), crop=24), Views(2, 3), size=4)
    assert [len(part.views_B) for part in parts] == [4, 4, 4, 4, 2]
    assert torch.cat([part.views_B for part in parts]).tolist() == [0, 1, 2, 3, 4, 5] * 3
    assert torch.cat([part.batch.indices_B for part in parts]).tolist() == [0] * 6 + [1] * 6 + [2] * 6


def test_an_unreadable_video_has_all_its_views_and_none_is_readable(numbered: list[Path], tmp_path: Path) -> None:
    (tmp_path / "page.avi").write_text("<html>")
    config = geometry(frames=4, resize=(24, 40), crop=24, workers=2)
    (part,) = views_of([tmp_path / "page.avi", numbered[0]], config, Views(2, 3))
    assert part.batch.readable_B.tolist() == [False] * 6 + [True] * 6
    assert not part.batch.frames_BTHWC[:6].any()


def test_the_cache_of_training_holds_the_same_frames(numbered: list[Path], tmp_path: Path) -> None:
    samples = samples_of(numbered)
    config = geometry(frames=4, resize=(24, 40), crop=24)
    cache = open_cache(plan(samples, frames=4, resize=(24, 40)), places=[tmp_path], workers=0)
    for views in (Views(1, 1), Views(1, 3)):
        from_cache = read_videos(samples, [1, 0], config=config, views=views, cache=cache)
        decoded = read_videos(samples, [1, 0], config=config, views=views, cache=None)
        for one, other in zip(from_cache, decoded, strict=True):
            assert one.index == other.index and torch.equal(one.frames_THWC, other.frames_THWC)


def test_probes_change_the_order_of_frames_and_nothing_else(numbered: list[Path]) -> None:
    config = geometry(frames=8, resize=(256, 256), crop=256)
    (part,) = views_of(numbered[:1], config, Views(2, 1))
    samples, straight = samples_of(numbered), numbers(part)

    def seen(probe: str | None) -> list[list[int]]:
        return numbers(ViewBatch(probed(part.batch, probe, samples), part.views_B))

    assert seen(None) == straight
    assert seen("reversed") == [clip[::-1] for clip in straight]
    assert seen("still") == [[clip[4]] * 8 for clip in straight]
    shuffled = seen("shuffled")
    assert [sorted(clip) for clip in shuffled] == straight and all(
        a != b for a, b in zip(shuffled, straight, strict=True)
    )
    order = [straight[0].index(number) for number in shuffled[0]]
    assert [straight[1][place] for place in order] == shuffled[1], "all views of a video are shuffled alike"
    assert seen("shuffled") == shuffled


def test_a_shuffle_is_the_samples_own_and_never_the_order_itself() -> None:
    orders = {id: frame_order("shuffled", 8, id=id) for id in map(str, range(50))}
    assert len({tuple(order) for order in orders.values()}) > 45
    assert all(frame_order("shuffled", 8, id=id) == order for id, order in orders.items())
    assert all(frame_order("shuffled", 2, id=id) == [1, 0] for id in orders)
    assert all(frame_order(probe, 1, id="a") == [0] for probe in PROBES)
    assert frame_order("shuffled", 8, id="v_Red_g01_c01") == [2, 5, 7, 1, 3, 6, 4, 0], "on every machine"


@pytest.mark.parametrize(
    "text", ["0x3", "2x2", "10x", "x3", "10", "10X3", "-1x3", "1x1x1", "01x1", "101x1", "1e1x1", ""]
)
def test_words_that_are_no_views(text: str) -> None:
    with pytest.raises(ConfigError, match="--views"):
        parse_views(text)


def test_views_by_name() -> None:
    assert parse_views("10x3") == Views(10, 3) and str(Views(10, 3)) == "10x3" and Views(10, 3).count == 30
