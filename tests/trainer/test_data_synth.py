from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from trainer.data.__main__ import main
from trainer.data.annotations import read_card, read_ucf101
from trainer.data.sprites import (
    ACROSS,
    ANGLE,
    HEIGHT,
    MOTIONS,
    RATE,
    SCALE,
    SIZE,
    TEXTURE,
    TURNS,
    TWINS,
    WIDTH,
    Look,
    Scene,
    Sprite,
    draw_look,
    draw_scene,
    render,
)
from trainer.data.synth import Recipe, write_set
from trainer.errors import DataError, TrainerError

SMALL = Recipe(per_group=1, groups=8)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("synth") / "motions"
    assert write_set(directory, recipe=SMALL, workers=2)
    return directory


@pytest.fixture(scope="module")
def look() -> Look:
    return draw_look(np.random.default_rng(0))


def plain(look: Look) -> Look:
    """The same sprites on a background that is quick to draw."""
    return dataclasses.replace(look, waves=look.waves[:1], tints=look.tints[:, :1])


def test_each_motion_has_its_reverse() -> None:
    assert len(MOTIONS) == 8
    assert all(TWINS[TWINS[name]] == name != TWINS[name] for name in MOTIONS)
    assert {frozenset(pair) for pair in TWINS.items()} == {
        frozenset(pair)
        for pair in (
            ("MoveLeft", "MoveRight"),
            ("MoveUp", "MoveDown"),
            ("RotateClockwise", "RotateCounterClockwise"),
            ("Approach", "Recede"),
        )
    }


def test_no_frame_tells_the_motion(look: Look) -> None:
    """At the first, the middle and the last frame, every phase of every motion is uniform: the same for all classes."""
    quick, count = plain(look), 150
    for number, motion in enumerate(MOTIONS):
        rngs = [np.random.default_rng([5, number, clip]) for clip in range(count)]
        scenes = [draw_scene(motion, look=quick, rng=rng) for rng in rngs]
        for share in (0.0, 0.5, 1.0):
            phases = np.concatenate([scene.phases(round(share * (scene.frames - 1))) for scene in scenes])
            ordered = np.sort(phases, axis=0)
            steps = (np.arange(len(phases)) + 0.5)[:, None] / len(phases)
            distance = np.abs(ordered - steps).max(axis=0)
            assert (distance < 1.95 / len(phases) ** 0.5).all(), f"{motion} at {share}: {distance}"
            assert np.abs(np.corrcoef(phases.T) - np.eye(4)).max() < 0.2


def test_one_phase_moves_and_steadily(look: Look) -> None:
    for motion, (axis, way) in MOTIONS.items():
        scene = draw_scene(motion, look=plain(look), rng=np.random.default_rng(3))
        steps = (scene.phases(1) - scene.phases(0) + 0.5) % 1 - 0.5
        assert (np.sign(steps[:, axis]) == way).all()
        assert np.allclose(np.delete(steps, axis, axis=1), 0)
        assert len(scene.sprites) == len(scene.start) == 3
        assert 2 * RATE <= scene.frames <= 5 * RATE


@pytest.mark.parametrize("frames", [8, 16])
def test_no_motion_is_fast_enough_to_look_like_its_reverse(frames: int) -> None:
    """Between neighbours of `frames` uniform frames, one more frame at most than 1/frames of the clip goes by."""
    most = max(high for _, high in TURNS.values())
    assert most * (1 / frames + 1 / 50) < 0.25


@pytest.mark.parametrize("motion", ["MoveLeft", "MoveDown", "RotateClockwise", "Recede"])
def test_a_motion_backwards_is_its_twin(look: Look, motion: str) -> None:
    scene = draw_scene(motion, look=plain(look), rng=np.random.default_rng([1, 2]))
    twin = draw_scene(TWINS[motion], look=plain(look), rng=np.random.default_rng([1, 2]))
    scene, twin = dataclasses.replace(scene, frames=12), dataclasses.replace(twin, frames=12)
    backwards = scene.reversed()
    assert np.allclose(np.sign(backwards.turns), np.sign(twin.turns))
    forwards = [plane.copy() for plane in render(scene)]
    for there, here in zip(render(backwards), reversed(forwards), strict=True):
        assert np.abs(there.astype(int) - here).mean() < 0.05


def spot(phases: tuple[float, float, float, float]) -> np.ndarray:
    """Draw one sprite that is bright on its right side only, on black; return the luma."""
    cover = np.zeros((TEXTURE, TEXTURE), np.int16)
    middle = TEXTURE // 2
    cover[middle - 6 : middle + 6, middle + SCALE // 2 : middle + SCALE // 2 + 12] = 128
    white = np.full((TEXTURE, TEXTURE), 235, np.int16)
    black = (
        np.zeros((HEIGHT, WIDTH), np.uint8),
        *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in range(2)),
    )
    sprite = Sprite(planes=(white, white, white), cover=cover)
    scene = Scene(background=black, sprites=(sprite,), start=np.array([phases]), turns=np.zeros((1, 4)), frames=1)  # type: ignore[arg-type]
    return next(render(scene))[:HEIGHT].astype(float)


def centre(luma: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(luma.shape)
    return float((luma * columns).sum() / luma.sum()), float((luma * rows).sum() / luma.sum())


def test_phases_mean_what_they_say() -> None:
    across, down = centre(spot((0.5, 0.5, 0.0, 0.0)))
    assert across > WIDTH / 2 + 10
    assert abs(down - HEIGHT / 2) < 2
    across, down = centre(spot((0.5, 0.5, 0.25, 0.0)))
    assert down > HEIGHT / 2 + 10, "a quarter turn clockwise takes the right side to the bottom"
    assert abs(across - WIDTH / 2) < 2
    assert spot((0.5, 0.5, 0.0, 0.99)).sum() > 6 * spot((0.5, 0.5, 0.0, 0.0)).sum()
    left, low = centre(spot((0.25, 0.75, 0.0, 0.0)))
    assert left < WIDTH / 2
    assert low > HEIGHT / 2


def test_a_sprite_goes_around_every_edge() -> None:
    inside = spot((0.5, 0.5, 0.125, 0.5))
    for across, down in ((0.0, 0.0), (0.999, 0.5), (0.5, 0.01)):
        moved = spot((across, down, 0.125, 0.5))
        back = np.roll(moved, (round((0.5 - down) * HEIGHT), round((0.5 - across) * WIDTH)), axis=(0, 1))
        assert abs(back.sum() / inside.sum() - 1) < 0.1
        assert np.hypot(*np.subtract(centre(back), centre(inside))) < 1.5


def test_the_layout_is_that_of_ucf101(small: Path) -> None:
    found = read_ucf101(small)
    assert found.classes == tuple(sorted(MOTIONS))
    assert (len(found.train), len(found.val)) == (8, 56)
    assert {sample.group for sample in found.val} == {f"all-g{group:02d}" for group in range(1, 8)}
    assert not found.flip_keeps_labels
    assert read_card(small)["name"] == "motions"
    first = (small / "trainlist01.txt").read_text().splitlines()[0]
    assert first == "Approach/v_Approach_g08_c01.avi 1"
    assert {path.name for path in small.glob("*list*")} == {
        f"{kind}list0{k}.txt" for kind in ("train", "test") for k in (1, 2, 3)
    }
    assert (small / "testlist02.txt").read_text().splitlines()[0] == "Approach/v_Approach_g08_c01.avi"


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def test_the_files_are_video(small: Path) -> None:
    for path in sorted(small.glob("*/*g01*.avi")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (container.format.name, stream.codec_context.name, stream.codec_context.codec_tag) == (
                "avi",
                "mpeg4",
                "XVID",
            )
            assert (stream.width, stream.height, stream.average_rate) == (320, 240, 25)
            assert 50 <= sum(1 for _ in container.decode(stream)) <= 125


def test_a_clip_and_its_twin_hold_the_same_frames(small: Path) -> None:
    for motion in ("MoveLeft", "Approach", "RotateClockwise", "MoveUp"):
        one = frames_of(small / f"{motion}/v_{motion}_g02_c01.avi").astype(int)
        other = frames_of(small / f"{TWINS[motion]}/v_{TWINS[motion]}_g02_c01.avi").astype(int)
        assert np.abs(one - other[::-1]).mean() < 3, "as far as the codec lets them"
        assert np.abs(one[0] - one[-1]).mean() > 3, "something moves"


def test_the_seed_decides_every_byte(small: Path, tmp_path: Path) -> None:
    recipe = Recipe(per_group=1, groups=1, seed=4)
    files = []
    for directory in (tmp_path / "a", tmp_path / "b", small):
        if directory != small:
            write_set(directory, recipe=recipe, workers=1)
        files.append({path.name: path.read_bytes() for path in sorted(directory.rglob("*g01*.avi"))})
    assert len(files[0]) == 8
    assert files[0] == files[1]
    assert all(files[0][name] != files[2][name] for name in files[0]), "another seed, other files"


def test_a_complete_set_is_left_alone(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    assert main(["synth", str(small), "--per-group", "1", "--groups", "8"]) == 0
    assert "64 videos, there already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_what_is_in_the_way_is_never_replaced(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", str(small), "--per-group", "2", "--groups", "8"]) == 5
    assert "another recipe" in capsys.readouterr().err
    (tmp_path / "thesis.tex").write_text("years of work")
    for force in ([], ["--force"]):
        assert main(["synth", str(tmp_path), *force]) == 5
        assert "holds something else already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(TrainerError, match=r"thesis\.tex/set: cannot write the data set"):
        write_set(tmp_path / "thesis.tex" / "set", recipe=SMALL)
    assert isinstance(DataError("x"), TrainerError)


def test_force_makes_it_anew(small: Path, tmp_path: Path) -> None:
    recipe = Recipe(per_group=1, groups=1)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/dataset.yaml").write_bytes((small / "dataset.yaml").read_bytes())
    assert write_set(tmp_path / "set", recipe=recipe, workers=1, force=True)
    assert read_card(tmp_path / "set")["recipe"] == dataclasses.asdict(recipe)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_killed_synth_leaves_no_half_set(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trainer.data", "synth", str(tmp_path / "set"), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not list(tmp_path.glob(".set.synth-*/*/*.avi")) and time.monotonic() < limit:
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".set.synth-*/*/*.avi")), "it was under way"
    assert not (tmp_path / "set").exists()
    assert children
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children), "its workers end too"
    write_set(tmp_path / "set", recipe=Recipe(per_group=1, groups=1), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["set"], "what it left is swept away"


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trainer.data", "synth", str(tmp_path / "set"), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    limit = time.monotonic() + 60
    while not list(tmp_path.glob(".set.synth-*/*/*.avi")) and time.monotonic() < limit:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_check_counts_and_finds_the_unreadable(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in small.rglob("*"):
        target = tmp_path / "copy" / source.relative_to(small)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            os.link(source, target)
    assert main(["check", str(tmp_path / "copy")]) == 0
    out = capsys.readouterr().out
    assert "motions: 8 classes, split 1" in out
    assert "train: 8 videos of 8 classes, 1 groups (all-g08 to all-g08)" in out
    assert "test: 56 videos of 8 classes, 7 groups (all-g01 to all-g07)" in out
    bad = tmp_path / "copy/MoveUp/v_MoveUp_g03_c01.avi"
    data = bad.read_bytes()
    bad.unlink()
    bad.write_bytes(data[: len(data) // 2])
    assert main(["check", str(tmp_path / "copy"), "--decode", "--workers", "2"]) == 5
    out = capsys.readouterr().out
    assert "unreadable: MoveUp/v_MoveUp_g03_c01.avi: cut or damaged" in out
    assert "1 videos unreadable, every frame decoded" in out
    assert main(["check", str(tmp_path / "nothing")]) == 5
    assert "error: " in capsys.readouterr().err


def test_faces_of_phases_are_named() -> None:
    assert {axis for axis, _ in MOTIONS.values()} == {ACROSS, 1, ANGLE, SIZE}
