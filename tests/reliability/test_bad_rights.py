"""What arctl makes, and what its jobs make, is for nobody else to read: files 0600, directories 0700."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest


@pytest.fixture
def lax() -> object:
    before = os.umask(0o000)
    yield None
    os.umask(before)


def open_to_others(root: Path) -> list[str]:
    """Return what the group or others may read, write or enter below a directory, and could reach."""
    found = []
    for path in [root, *root.rglob("*")]:
        if path.is_symlink() or not path.exists():
            continue
        closed = any(
            not stat.S_IMODE(above.stat().st_mode) & 0o077 for above in path.parents if above.is_relative_to(root)
        )
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and not closed:
            found.append(f"{stat.S_IMODE(path.stat().st_mode):o} {path.relative_to(root)}")
    return found


def test_nothing_that_arctl_makes_is_open_to_others(tmp_path: Path, desk_in, lax: object) -> None:
    desk = desk_in(tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "ws" / "cache")})
    desk.arctl("init", "ws")
    desk.directory = tmp_path / "ws"
    program = "open('made.txt', 'w').close(); print('hello')"
    desk.arctl("submit", "--name", "n", "--", sys.executable, "-c", program)
    desk.arctl("wait", "n", "--timeout", "60")
    desk.arctl("rebuild")
    assert (tmp_path / "ws" / "runs" / "run0001" / "log-1.txt").read_text() == "hello\n"
    assert list((tmp_path / "ws").rglob("made.txt"))
    assert open_to_others(tmp_path / "ws") == []


def test_a_workspace_of_a_group_is_open_to_it_and_to_nobody_else(tmp_path: Path, desk_in, lax: object) -> None:
    desk = desk_in(tmp_path)
    desk.arctl("init")
    settings = tmp_path / "arctl.yaml"
    settings.write_text(settings.read_text().replace("share: nobody", "share: group"))
    desk.arctl("submit", "--name", "n", "--", "sh", "-c", "echo hello")
    desk.arctl("wait", "n", "--timeout", "60")
    for name in ("runs.db", "runs/run0001", "runs/run0001/run.yaml", "runs/run0001/log-1.txt"):
        mode = stat.S_IMODE((tmp_path / name).stat().st_mode)
        assert mode & 0o060 == 0o060 and not mode & 0o007, f"{name} is {mode:o}"
