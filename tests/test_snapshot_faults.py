"""Snapshots when things go wrong: kills at every step, many takers at once, files that change, damage."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from arctl.errors import ArctlError
from arctl.settings import Workspace
from arctl.snapshot import find, take
from arctl.snapshot.store import STALE_S, read_manifest
from tests.project import lab

ROOT = Path(__file__).parent.parent
STEPS = {"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.chmod", "os.utime", "os.remove", "os.listdir"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return lab(tmp_path / "lab")


def damaged(workspace: Workspace) -> list[str]:
    """Return the snapshots that are in their places but are not, byte for byte, what their manifests say."""
    bad = []
    for place in (workspace.state / "code").glob("?" * 16):
        manifest = read_manifest(place)
        if manifest is None or not manifest.hash.startswith(place.name):
            bad.append(place.name)
            continue
        for name, stored in manifest.files.items():
            link, path = stored.link, place / name
            content = os.fsencode(path.readlink()) if link is not None else path.read_bytes()
            bad += [f"{place.name}/{name}"] if hashlib.sha256(content).hexdigest() != stored.sha else []
    return bad


def left_behind(workspace: Workspace) -> list[str]:
    return [path.name for path in (workspace.state / "code").iterdir() if path.name.startswith(".stage")]


def killed_at(step: int, what: Callable[[], object]) -> bool:
    """Run something in a process that is killed at its n-th step on the file system; say whether it came so far."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _: object) -> None:
            nonlocal seen
            if event in STEPS:
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            what()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_kill_at_any_step_leaves_nothing_half_and_the_next_take_is_right(workspace: Workspace) -> None:
    step, alive = 0, True
    while alive:
        step += 1
        (workspace.root / "train.py").write_text(f"print({step})\n")
        alive = killed_at(step, lambda: take(workspace, trainer=None))
        assert damaged(workspace) == [], step
        snapshot = take(workspace, trainer=None)
        assert (snapshot.path / "train.py").read_text() == (snapshot.path / "again").read_text() == f"print({step})\n"
        assert find(workspace, snapshot.hash) == snapshot.path
    assert step > 40
    assert damaged(workspace) == []
    for stage in (workspace.state / "code").iterdir():
        old = time.time() - STALE_S - 60
        os.utime(stage, (old, old))
    take(workspace, trainer=None)
    assert left_behind(workspace) == []


def test_a_kill_while_mending_leaves_what_can_be_mended(workspace: Workspace) -> None:
    first = take(workspace, trainer=None)
    step, alive = 0, True
    while alive:
        step += 1
        (first.path / "train.py").unlink()
        (first.path / "src" / "net.py").chmod(0o644)
        (first.path / "src" / "net.py").write_text("WIDTH = 17\n")
        alive = killed_at(step, lambda: take(workspace, trainer=None))
        assert take(workspace, trainer=None).path == first.path
        assert damaged(workspace) == [], step
    assert step > 10


def test_many_takers_at_once_share_one_snapshot(workspace: Workspace, tmp_path: Path) -> None:
    count = 8
    for turn in range(5):
        (workspace.root / "train.py").write_text(f"print({turn})\n")
        fork = multiprocessing.get_context("fork")
        barrier: Barrier = fork.Barrier(count)

        def taker(number: int, barrier: Barrier = barrier) -> None:
            barrier.wait()
            (tmp_path / f"hash{number}").write_text(take(workspace, trainer=None).hash)

        takers = [fork.Process(target=taker, args=(number,)) for number in range(count)]
        for process in takers:
            process.start()
        for process in takers:
            process.join(60)
        assert [process.exitcode for process in takers] == [0] * count
        hashes = {(tmp_path / f"hash{number}").read_text() for number in range(count)}
        assert len(hashes) == 1 and find(workspace, hashes.pop()) is not None
        assert len(list((workspace.state / "code").glob("?" * 16))) == turn + 1
    assert damaged(workspace) == [] and left_behind(workspace) == []


@contextmanager
def writing(path: Path, *, seconds: float) -> Iterator[None]:
    """Append to a file without a pause, from another process."""
    code = (
        "import sys, time\nend = time.monotonic() + float(sys.argv[2])\n"
        "with open(sys.argv[1], 'ab', buffering=0) as file:\n"
        "    while time.monotonic() < end: file.write(b'# line\\n' * 5)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path), str(seconds)])
    size = path.stat().st_size
    while path.stat().st_size == size:
        time.sleep(0.01)
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def test_a_file_that_is_written_all_the_time_is_named(workspace: Workspace) -> None:
    with writing(workspace.root / "train.py", seconds=60), pytest.raises(ArctlError) as caught:
        take(workspace, trainer=None)
    assert caught.value.where == str(workspace.root / "train.py")
    assert ".arctlignore" in str(caught.value.cure)
    assert damaged(workspace) == [] and left_behind(workspace) == []


def test_a_file_that_is_written_for_a_moment_is_waited_for(workspace: Workspace) -> None:
    with writing(workspace.root / "train.py", seconds=0.6):
        snapshot = take(workspace, trainer=None)
    assert (snapshot.path / "train.py").read_bytes() == (workspace.root / "train.py").read_bytes()
    assert damaged(workspace) == []


def test_an_edit_that_keeps_size_and_time_is_seen(workspace: Workspace) -> None:
    file = workspace.root / "train.py"
    old = time.time_ns() - 10**10
    os.utime(file, ns=(old, old))
    time.sleep(2.1)
    first = take(workspace, trainer=None)
    file.write_text("print(7)\n")
    os.utime(file, ns=(old, old))
    second = take(workspace, trainer=None)
    assert first.hash != second.hash and (second.path / "train.py").read_text() == "print(7)\n"


def test_a_file_younger_than_two_seconds_is_read_again_the_next_time(workspace: Workspace) -> None:
    index = workspace.state / "code" / "index.json"
    take(workspace, trainer=None)
    assert "tree/train.py" not in json.loads(index.read_text())["files"]
    time.sleep(2.1)
    (workspace.root / "new.py").write_text("1\n")
    take(workspace, trainer=None)
    remembered = json.loads(index.read_text())["files"]
    assert "tree/train.py" in remembered and "tree/new.py" not in remembered


def test_edits_right_after_a_submission_are_never_missed(workspace: Workspace) -> None:
    file = workspace.root / "train.py"
    for turn in range(40):
        with file.open("r+") as opened:
            opened.write(f"print({turn % 10})\n")
        assert (take(workspace, trainer=None).path / "train.py").read_text() == f"print({turn % 10})\n"


def test_what_is_deleted_or_changed_in_a_snapshot_is_put_back(workspace: Workspace) -> None:
    first = take(workspace, trainer=ROOT / "trainer")
    kept = (first.path / "src" / "net.py").open()
    assert first.trainer is not None
    (first.path / "train.py").unlink()
    (first.path / "again").unlink()
    shutil.rmtree(first.trainer)
    assert find(workspace, first.hash) is None
    second = take(workspace, trainer=ROOT / "trainer")
    assert (second.path, second.new) == (first.path, False)
    assert find(workspace, first.hash) == first.path and damaged(workspace) == []
    assert os.fstat(kept.fileno()).st_ino == (first.path / "src" / "net.py").stat().st_ino
    kept.close()


def test_a_file_that_was_changed_in_a_snapshot_is_not_passed_on_to_the_next(workspace: Workspace) -> None:
    first = take(workspace, trainer=None)
    altered = first.path / "src" / "net.py"
    altered.chmod(0o644)
    altered.write_text("WIDTH = 99\n")
    (workspace.root / "train.py").write_text("print(2)\n")
    second = take(workspace, trainer=None)
    assert (second.path / "src" / "net.py").read_text() == "WIDTH = 16\n"
    assert find(workspace, second.hash) == second.path


def test_a_file_that_is_more_open_now_is_so_in_the_next_snapshot(workspace: Workspace) -> None:
    (workspace.root / "src" / "net.py").chmod(0o600)
    take(workspace, trainer=None)
    (workspace.root / "src" / "net.py").chmod(0o644)
    (workspace.root / "train.py").write_text("print(2)\n")
    assert (take(workspace, trainer=None).path / "src" / "net.py").stat().st_mode & 0o777 == 0o444


def test_an_edit_while_git_compares_is_in_the_snapshot_and_in_the_patch(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for args in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=n@e", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(workspace.root), *args], check=True)
    (workspace.root / "train.py").write_text("print(2)\n")
    program, train = tmp_path / "bin" / "git", workspace.root / "train.py"
    once = f'[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; echo "print(3)" >{train}; }}'
    edit = f'case "$*" in *--binary*) {once};; esac'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{edit}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    snapshot = take(workspace, trainer=None)
    assert (snapshot.path / "train.py").read_text() == "print(3)\n"
    assert snapshot.diff is not None and "+print(3)" in (workspace.root / snapshot.diff).read_text()
    patches = list((workspace.state / "code").rglob("*.patch"))
    assert patches == [workspace.root / snapshot.diff]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"hash": 5, "files": {"tree/a": 3}}', b"\xff\x00"])
def test_a_damaged_manifest_or_index_is_written_again(workspace: Workspace, content: bytes) -> None:
    first = take(workspace, trainer=None)
    (first.path.parent / "manifest.json").write_bytes(content)
    (workspace.state / "code" / "index.json").write_bytes(content)
    assert find(workspace, first.hash) is None
    assert take(workspace, trainer=None).hash == first.hash
    assert find(workspace, first.hash) == first.path and damaged(workspace) == []


def test_an_index_of_nonsense_is_not_believed(workspace: Workspace) -> None:
    first = take(workspace, trainer=None)
    index = '{"last": "../../../etc", "files": {"tree/train.py": [1, 2, 3, 4, "x"], "tree/src/net.py": 5}}'
    (workspace.state / "code" / "index.json").write_text(index)
    assert take(workspace, trainer=None).hash == first.hash
