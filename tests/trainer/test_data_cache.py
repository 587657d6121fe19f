from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.data_videos import read_number, write_ucf
from trainer.data.annotations import Sample, read_ucf101
from trainer.data.cache import Cache, Plan, default_places, open_cache, plan
from trainer.data.decode import read_clip
from trainer.data.lock import held
from trainer.errors import TrainerError

SIZE = (32, 128)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = write_ucf(tmp_path_factory.mktemp("cache") / "set", groups=3)
    (found / "Run/v_Run_g02_c01.avi").write_bytes(b"")
    return found


def wanted(root: Path, **changes: object) -> Plan:
    found = read_ucf101(root)
    return plan([*found.train, *found.val], **{"frames": 4, "resize": SIZE, **changes})  # type: ignore[arg-type]


def opened(root: Path, place: Path, **more: object) -> tuple[Cache, list[str]]:
    lines: list[str] = []
    cache = open_cache(wanted(root), places=[place], workers=0, report=lines.append, **more)  # type: ignore[arg-type]
    assert cache is not None
    return cache, lines


def test_holds_the_frames_that_decoding_gives(root: Path, tmp_path: Path) -> None:
    cache, lines = opened(root, tmp_path)
    assert cache.frames_NTHWC.shape == (6, 4, *SIZE, 3)
    for sample in wanted(root).samples:
        frames = cache.frames_NTHWC[cache.rows[sample.id]]
        if sample.id in cache.unreadable:
            assert not frames.any()
            continue
        assert (frames == read_clip(sample.path, frames=4, resize=SIZE).frames_THWC).all()
        assert [read_number(frame) for frame in frames] == sorted({read_number(frame) for frame in frames})
    assert cache.unreadable == {"Run/v_Run_g02_c01.avi": "is empty (0 bytes)"}
    assert "decoding 6 videos" in lines[0]
    assert "1 videos unreadable" in lines[-1]


def test_worker_processes_write_the_same_bytes(root: Path, tmp_path: Path) -> None:
    alone, _ = opened(root, tmp_path / "a")
    many = open_cache(wanted(root), places=[tmp_path / "b"], workers=2)
    assert many is not None
    assert (many.frames_NTHWC == alone.frames_NTHWC).all()
    assert many.unreadable == alone.unreadable


def test_is_built_once_and_leaves_nothing_beside(root: Path, tmp_path: Path) -> None:
    first, _ = opened(root, tmp_path)
    stamp = (first.directory / "frames.u8").stat().st_mtime_ns
    again, lines = opened(root, tmp_path)
    assert lines == []
    assert (again.directory / "frames.u8").stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == [first.directory.name]
    rebuilt, lines = opened(root, tmp_path, mode="build")
    assert "decoding" in lines[0]
    assert (rebuilt.directory / "frames.u8").stat().st_mtime_ns != stamp
    assert [path.name for path in tmp_path.iterdir()] == [first.directory.name]
    assert sorted(path.name for path in rebuilt.directory.iterdir()) == ["frames.u8", "manifest.json"]


def test_another_question_has_another_key(root: Path, tmp_path: Path) -> None:
    keys = {wanted(root).key, wanted(root, frames=5).key, wanted(root, resize=(33, 128)).key}
    path = root / "Jump/v_Jump_g01_c01.avi"
    os.utime(path, (1, 1))
    keys.add(wanted(root).key)
    found = read_ucf101(root)
    keys.add(plan(found.train, frames=4, resize=SIZE).key)
    assert len(keys) == 5
    assert plan([*found.val, *found.train, *found.val], frames=4, resize=SIZE).key == wanted(root).key, (
        "order is nothing"
    )


def _cut(directory: Path) -> None:
    with (directory / "frames.u8").open("r+b") as file:
        file.truncate(1000)


def _spoil(directory: Path) -> None:
    with (directory / "frames.u8").open("r+b") as file:
        file.write(bytes(5000))


def _scribble(directory: Path) -> None:
    (directory / "manifest.json").write_bytes(b"\xff{{")


def _forget(directory: Path) -> None:
    (directory / "manifest.json").unlink()


@pytest.mark.parametrize("damage", [_cut, _spoil, _scribble, _forget])
def test_a_damaged_cache_is_seen_and_built_again(root: Path, tmp_path: Path, damage: object) -> None:
    whole, _ = opened(root, tmp_path)
    before = whole.frames_NTHWC.copy()
    damage(whole.directory)  # type: ignore[operator]
    mended, lines = opened(root, tmp_path)
    assert any("decoding 6 videos" in line for line in lines)
    assert (mended.frames_NTHWC == before).all()
    assert json.loads((mended.directory / "manifest.json").read_text())["key"] == wanted(root).key


SCRIPT = """
import sys
from pathlib import Path
from trainer.data.annotations import read_ucf101
from trainer.data.cache import open_cache, plan
found = read_ucf101(Path(sys.argv[1]))
wanted = plan([*found.train, *found.val], frames=4, resize=(32, 128))
cache = open_cache(wanted, places=[Path(sys.argv[2])], workers=0, report=lambda line: print(line, flush=True))
print("sum", int(cache.frames_NTHWC.sum()))
"""


def test_two_runs_share_one_build(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(root), str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("decoding 6 videos" in text for text in outputs) == 1
    assert len({text.splitlines()[-1] for text in outputs}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_lock_of_a_dead_process_is_broken_at_once(root: Path, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom trainer.data.lock import held\n"
        "with held(Path(sys.argv[1]), done=lambda: False, waiting=lambda: None):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    lock = tmp_path / f"{wanted(root).key}.lock"
    subprocess.run([sys.executable, "-c", script, str(lock)], check=False)
    assert lock.exists()
    began = time.monotonic()
    opened(root, tmp_path)
    assert time.monotonic() - began < 20
    assert not lock.exists()


def test_a_silent_owner_elsewhere_is_given_up_on(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.mkdir()
    (lock / "owner.json").write_text(json.dumps({"place": "another host", "pid": 1}))
    told = []
    began = time.monotonic()
    with held(lock, done=lambda: False, waiting=lambda: told.append(1), stale_s=0.6) as mine:
        assert mine
        assert time.monotonic() - began >= 0.6
    assert told == [1]
    assert not lock.exists()


def test_an_owner_with_a_beating_heart_is_waited_for(tmp_path: Path) -> None:
    lock, finished = tmp_path / "x.lock", threading.Event()
    lock.mkdir()
    owner = lock / "owner.json"
    owner.write_text(json.dumps({"place": "another host", "pid": 1}))

    def beat() -> None:
        for beats in range(12):
            os.utime(owner, (beats, beats))
            time.sleep(0.1)
        finished.set()

    heart = threading.Thread(target=beat)
    heart.start()
    with held(lock, done=finished.is_set, waiting=lambda: None, stale_s=0.6) as mine:
        assert not mine
        assert finished.is_set()
    heart.join()


def test_a_place_that_cannot_be_written_is_passed_over(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = open_cache(wanted(root), places=[tmp_path / "file" / "x", tmp_path / "good"], workers=0)
    assert cache is not None
    assert cache.directory.parent == tmp_path / "good"
    lines: list[str] = []
    assert open_cache(wanted(root), places=[tmp_path / "file" / "x"], report=lines.append) is None
    assert "no cache, decoding as needed" in lines[0]
    with pytest.raises(TrainerError, match=r"no room for a cache: .*Not a directory"):
        open_cache(wanted(root), places=[tmp_path / "file" / "x"], mode="build")


def test_a_cache_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    sample = Sample("a/b.avi", tmp_path / "a/b.avi", 0, "")
    lines: list[str] = []
    huge = plan([sample], frames=10**9, resize=(2048, 2048))
    assert open_cache(huge, places=[tmp_path], report=lines.append) is None
    assert "are free" in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_places(tmp_path, None) == (tmp_path / ".cache", tmp_path / "xdg/arctl/clips")
    assert default_places(tmp_path, "/scratch/me") == (Path("/scratch/me"),)


def test_rows_do_not_depend_on_the_order_of_the_lists(root: Path) -> None:
    ids = [sample.id for sample in wanted(root).samples]
    assert ids == sorted(ids)
    assert np.prod(wanted(root).shape) == wanted(root).bytes
