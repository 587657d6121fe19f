from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import PictureType

from tests.trainer.data_videos import HEIGHT, WIDTH, read_number, write_video
from trainer.data.decode import Unreadable, count_frames, read_clip, uniform_indices

SIZE = (48, 128)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {
        "xvid": write_video(folder / "plain.avi", 75),
        "xvid with B-frames": write_video(folder / "b.avi", 75, b_frames=2),
        "mp4 with B-frames": write_video(folder / "b.mp4", 75, b_frames=2, faststart=True),
        "h264 with B-frames": write_video(folder / "h264.mp4", 75, codec="libx264", b_frames=3),
    }


KINDS = ("xvid", "xvid with B-frames", "mp4 with B-frames", "h264 with B-frames")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 8, 16, 75])
def test_every_frame_is_the_one_asked_for(videos: dict[str, Path], kind: str, frames: int) -> None:
    clip = read_clip(videos[kind], frames=frames, resize=SIZE)
    assert clip.count == 75
    assert clip.frames_THWC.shape == (frames, *SIZE, 3)
    assert clip.frames_THWC.dtype == np.uint8
    assert [read_number(frame) for frame in clip.frames_THWC] == uniform_indices(75, frames).tolist()


def test_the_test_file_really_has_b_frames(videos: dict[str, Path]) -> None:
    with av.open(str(videos["xvid with B-frames"])) as container:
        kinds = {int(frame.pict_type) for frame in container.decode(video=0)}
    assert int(PictureType.B) in kinds


def test_seeking_by_time_is_wrong_where_decoding_in_order_is_right(videos: dict[str, Path]) -> None:
    """Why this module never seeks: frames of an AVI with B-frames carry the time of another."""
    with av.open(str(videos["xvid with B-frames"])) as container:
        stamped = [(frame.pts, read_number(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]
    assert [number for _, number in stamped] == list(range(75))
    assert sum(time != number for time, number in stamped) > 50


def test_a_short_video_repeats_frames(tmp_path: Path) -> None:
    clip = read_clip(write_video(tmp_path / "three.avi", 3), frames=8, resize=SIZE)
    assert [read_number(frame) for frame in clip.frames_THWC] == [0, 0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(("count", "frames"), [(50, 8), (125, 16), (7, 16), (1, 4), (16, 16), (10**6, 3)])
def test_uniform_indices_are_centres_of_equal_segments(count: int, frames: int) -> None:
    indices = uniform_indices(count, frames)
    assert indices.min() >= 0
    assert indices.max() < count
    assert (np.diff(indices) >= 0).all()
    centres = (np.arange(frames) + 0.5) * count / frames
    assert (np.abs(indices + 0.5 - centres) <= 0.5 + 1e-9).all()


def test_the_resize_is_bilinear_without_antialiasing(videos: dict[str, Path]) -> None:
    whole = read_clip(videos["xvid"], frames=4, resize=(HEIGHT, WIDTH)).frames_THWC
    small = read_clip(videos["xvid"], frames=4, resize=(50, 61)).frames_THWC
    floats = torch.from_numpy(whole).permute(0, 3, 1, 2).double()
    expected = torch.nn.functional.interpolate(floats, size=(50, 61), mode="bilinear", antialias=False)
    assert np.abs(small - expected.permute(0, 2, 3, 1).numpy()).max() <= 1.0


def _set_avi_lengths(path: Path, count: int) -> None:
    data = bytearray(path.read_bytes())
    header, stream = data.index(b"avih") + 8, data.index(b"strh") + 8
    struct.pack_into("<I", data, header + 16, count)
    struct.pack_into("<I", data, stream + 32, count)
    path.write_bytes(data)


def test_a_header_that_counts_too_few_frames_is_not_believed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "lies.avi", 40)
    _set_avi_lengths(path, 10)
    clip = read_clip(path, frames=40, resize=SIZE)
    assert clip.count == count_frames(path) == 40
    assert [read_number(frame) for frame in clip.frames_THWC] == list(range(40))


def _truncated(path: Path, source: Path, share: float) -> Path:
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def _audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _unreadable(folder: Path, videos: dict[str, Path]) -> dict[str, tuple[Path, str]]:
    made = {
        name: folder / name
        for name in ("empty.avi", "page.avi", "folder.avi", "pipe.avi", "device.avi", "list.avi", "c.avi")
    }
    made["empty.avi"].touch()
    made["page.avi"].write_text("<!doctype html><html><body>404 Not Found</body></html>\n" * 50)
    made["folder.avi"].mkdir()
    os.mkfifo(made["pipe.avi"])
    made["device.avi"].symlink_to("/dev/zero")
    made["list.avi"].write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{videos['xvid']}\n#EXT-X-ENDLIST\n"
    )
    made["c.avi"].write_text(f"ffconcat version 1.0\nfile {videos['xvid']}\n")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 8, "NONE", ""))
        sound.writeframes(bytes(16))
    return {
        "empty": (made["empty.avi"], "0 bytes"),
        "a web page": (made["page.avi"], "is no video"),
        "a directory": (made["folder.avi"], "no regular file"),
        "a pipe": (made["pipe.avi"], "no regular file"),
        "a device": (made["device.avi"], "no regular file"),
        "a playlist": (made["list.avi"], "is no video"),
        "a concat script": (made["c.avi"], "is no video"),
        "missing": (folder / "nothing.avi", "No such file"),
        "sound alone": (_audio_only(folder / "sound.avi"), "no video stream"),
        "a wav": (folder / "sound.wav", "is no video"),
        "half an AVI": (_truncated(folder / "half.avi", videos["xvid"], 0.5), "cut or damaged"),
        "half a faststart MP4": (_truncated(folder / "half.mp4", videos["mp4 with B-frames"], 0.5), "cut or damaged"),
        "an MP4 without its index": (_truncated(folder / "cut.mp4", videos["h264 with B-frames"], 0.8), "is no video"),
        "a header alone": (_truncated(folder / "head.avi", videos["xvid"], 0.02), "."),
    }


def test_an_unreadable_file_says_why(videos: dict[str, Path], tmp_path: Path) -> None:
    for name, (path, says) in _unreadable(tmp_path, videos).items():
        with pytest.raises(Unreadable, match=says):
            pytest.fail(f"{name} was read: {read_clip(path, frames=4, resize=SIZE).count} frames")
        with pytest.raises(Unreadable):
            count_frames(path)


def test_noise_in_the_middle_never_raises_anything_else(videos: dict[str, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = videos["xvid with B-frames"].read_bytes()
    for trial in range(12):
        spoilt = bytearray(data)
        start = int(rng.integers(0, len(data) - 400))
        spoilt[start : start + 400] = rng.bytes(400)
        path = tmp_path / f"noise{trial}.avi"
        path.write_bytes(spoilt)
        try:
            clip = read_clip(path, frames=8, resize=SIZE)
        except Unreadable as error:
            assert str(error)
        else:
            assert clip.frames_THWC.shape == (8, *SIZE, 3)


def test_names_that_look_like_addresses_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "concat:%03d|x,y.avi", 9)
    monkeypatch.chdir(tmp_path)
    assert read_clip(Path("concat:%03d|x,y.avi"), frames=2, resize=SIZE).count == 9


def test_no_file_stays_open(videos: dict[str, Path], tmp_path: Path) -> None:
    half = _truncated(tmp_path / "half.avi", videos["xvid"], 0.5)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        read_clip(videos["xvid"], frames=2, resize=SIZE)
        with pytest.raises(Unreadable):
            read_clip(half, frames=2, resize=SIZE)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
