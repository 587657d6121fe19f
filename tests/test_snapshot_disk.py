"""Snapshots on disks that are full or read-only, for users without rights, and how they go once no run names them."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arctl.errors import ArctlError, UsageError
from arctl.settings import Workspace
from arctl.snapshot import find, prune, take
from arctl.snapshot.store import STALE_S
from tests.project import lab

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return lab(tmp_path / "lab")


def left_behind(workspace: Workspace) -> list[str]:
    return [path.name for path in (workspace.state / "code").iterdir() if path.name.startswith(".stage")]


def snapshots(workspace: Workspace) -> set[str]:
    return {path.name for path in (workspace.state / "code").glob("?" * 16)}


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="arctl-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


@root_only
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with mounted("1m") as place:
        workspace = lab(place / "lab")
        (workspace.root / "table.bin").write_bytes(os.urandom(600_000))
        with pytest.raises(ArctlError, match="cannot keep a copy of the code: No space left on device") as caught:
            take(workspace, trainer=None)
        assert caught.value.where == str(workspace.state / "code") and "--no-snapshot" in str(caught.value.cure)
        assert left_behind(workspace) == [] and snapshots(workspace) == set()
        (workspace.root / "table.bin").write_bytes(os.urandom(200_000))
        assert find(workspace, take(workspace, trainer=None).hash) is not None


@root_only
def test_a_read_only_disk_is_said(tmp_path: Path) -> None:
    with mounted("4m") as place:
        workspace = lab(place / "lab")
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with pytest.raises(ArctlError, match="Read-only file system"):
            take(workspace, trainer=None)


@contextmanager
def as_nobody() -> Iterator[Workspace]:
    """Yield a workspace of a user without rights, as that user where the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="arctl-nobody-") as scratch:
        Path(scratch).chmod(0o755)
        made = lab(Path(scratch) / "lab")
        for path in [made.root, *made.root.rglob("*")]:
            os.chown(path, 65534 if os.geteuid() == 0 else -1, -1, follow_symlinks=False)
        before = os.geteuid()
        os.seteuid(65534 if before == 0 else before)
        try:
            yield made
        finally:
            os.seteuid(before)
            made.root.chmod(0o755)


def test_a_file_that_cannot_be_read_is_named() -> None:
    with as_nobody() as workspace:
        (workspace.root / "src" / "net.py").chmod(0)
        with pytest.raises(UsageError, match="cannot be read: Permission denied") as caught:
            take(workspace, trainer=None)
        assert caught.value.where == str(workspace.root / "src" / "net.py")
        assert "`/src/net.py`" in str(caught.value.cure)
        (workspace.root / ".arctlignore").write_text("/src/net.py\n")
        assert find(workspace, take(workspace, trainer=None).hash) is not None


def test_a_directory_that_cannot_be_read_is_left_out_and_named() -> None:
    with as_nobody() as workspace:
        (workspace.root / "src").chmod(0)
        snapshot = take(workspace, trainer=None)
        assert snapshot.notes == ("src/ was left out: Permission denied",)
        (workspace.root / "src").chmod(0o755)


def test_a_workspace_that_cannot_be_written_is_said() -> None:
    with as_nobody() as workspace:
        workspace.root.chmod(0o555)
        with pytest.raises(ArctlError, match="cannot keep a copy of the code: Permission denied"):
            take(workspace, trainer=None)


def test_a_job_cannot_change_what_another_one_runs() -> None:
    with as_nobody() as workspace:
        snapshot = take(workspace, trainer=None)
        with pytest.raises(PermissionError):
            (snapshot.path / "train.py").write_text("print('changed by a job')\n")
        (snapshot.path / "made-by-a-job.txt").write_text("1")
        take(workspace, trainer=None)


def aged(workspace: Workspace, *hashes: str) -> None:
    old = time.time() - STALE_S - 60
    for name in hashes:
        os.utime(workspace.state / "code" / name, (old, old))


def test_snapshots_that_no_run_names_are_pruned_but_none_that_may_be_in_use(workspace: Workspace) -> None:
    hashes = []
    for turn in range(4):
        (workspace.root / "train.py").write_text(f"print({turn})\n")
        hashes.append(take(workspace, trainer=None).hash)
    kept, unused, fresh, written = hashes
    (workspace.state / "code" / written / "tree" / "result.csv").write_text("1,2\n")
    (workspace.state / "code" / unused / "tree" / "src" / "__pycache__").mkdir()
    (workspace.state / "code" / unused / "tree" / "src" / "__pycache__" / "net.pyc").write_text("compiled")
    aged(workspace, kept, unused, written)
    done = prune(workspace, {kept})
    assert (done.removed, done.spared) == ((unused,), (written,))
    assert snapshots(workspace) == {kept, fresh, written}
    assert find(workspace, kept) is not None
    assert left_behind(workspace) == []


def test_prune_and_take_at_once_never_leave_a_taker_without_its_code(workspace: Workspace) -> None:
    snapshot = take(workspace, trainer=None)
    for _ in range(60):
        aged(workspace, snapshot.hash)
        child = os.fork()
        if child == 0:
            prune(workspace, ())
            os._exit(0)
        taken = take(workspace, trainer=None)
        os.waitpid(child, 0)
        assert find(workspace, taken.hash) == taken.path


def test_nothing_is_pruned_where_nothing_was_taken(workspace: Workspace) -> None:
    assert prune(workspace, ()).removed == ()
