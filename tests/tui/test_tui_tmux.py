"""The dashboard on a real terminal: tmux types as a person would, and every byte that is written is looked at."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from arctl.settings import Workspace
from arctl.sync import rebuild
from tests.tui import workspace as workspaces

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

_ROOT = Path(__file__).parents[2]


class Terminal:
    """A tmux window with the dashboard in it."""

    def __init__(self, workspace: Workspace, folder: Path, *, size: tuple[int, int], env: Mapping[str, str]) -> None:
        # Not in the test's own folder: the path of a socket has at most 107 characters.
        self.place = Path(tempfile.mkdtemp(prefix="arctl-tmux-"))
        self.raw = folder / "raw"
        width, height = size
        given = {"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **env}
        words = [f"{key}={value}" for key, value in given.items()]
        arctl = ["env", *words, sys.executable, "-m", "arctl", "--workspace", str(workspace.root)]
        inside = f"exec 2>&1; {shlex.join(arctl)}; echo left with $?; exec sleep 100"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "sleep 100")
        self.tmux("pipe-pane", "-o", f"cat > {shlex.quote(str(self.raw))}")
        self.tmux("set-option", "-g", "set-clipboard", "on")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.tmux("respawn-pane", "-k", inside)

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.place / "s"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout

    def type(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            # An escape that is followed at once by a key is another key to every terminal program.
            time.sleep(0.3 if key == "Escape" else 0.05)

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, *parts: str, timeout: float = 20.0) -> str:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            text = self.text
            if all(part in text for part in parts):
                return text
            time.sleep(0.1)
        raise AssertionError(f"never showed {parts}; the screen is\n{self.text}")

    def close(self) -> None:
        command = ["tmux", "-S", str(self.place / "s"), "kill-server"]
        subprocess.run(command, check=False, capture_output=True, timeout=10)
        shutil.rmtree(self.place, ignore_errors=True)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def _open(
    terminals: list[Terminal],
    workspace: Workspace,
    folder: Path,
    *,
    size: tuple[int, int] = (80, 24),
    env: Mapping[str, str] | None = None,
) -> Terminal:
    terminal = Terminal(workspace, folder, size=size, env=env or {})
    terminals.append(terminal)
    return terminal


def test_a_visit_at_80x24(terminals: list[Terminal], tmp_path: Path) -> None:
    terminal = _open(terminals, workspaces.small(tmp_path / "ws"), tmp_path)
    page = terminal.shows("frame_tiny", "running", "synced", "4 runs")
    assert len(page.rstrip("\n").split("\n")) == 24
    terminal.type("G", "Enter")
    terminal.shows("run1 frame_tiny", "val/top1")
    terminal.type("]")
    terminal.shows("epoch 12: val/top1")
    terminal.type("Escape")
    terminal.shows("r3d_tiny-aug")
    terminal.type("?")
    terminal.shows("one line down")
    terminal.type("Escape", "/", "l", "r", "1")
    terminal.shows("1/4 match lr1")
    terminal.type("Escape", "G", "Space", "k", "Space", "c")
    terminal.shows("vs", "model.name")
    terminal.type("Escape")
    terminal.shows("marked run1 run2")
    terminal.type("q")
    terminal.shows("left with 0", timeout=5)


def test_hostile_files_reach_no_terminal(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.hostile(tmp_path / "ws")
    terminal = _open(terminals, workspace, tmp_path, size=(160, 45))
    terminal.shows("run10", "synced")
    for _ in workspaces.POISON:
        for tab in ("fine", "name: x", "no predictions", "val/top1"):
            terminal.type("]")
            terminal.shows(tab)
        terminal.type("j")
    terminal.type("Space", "k", "Space", "c")
    terminal.shows("vs")
    terminal.type("Escape", "/", "b", "a", "d", "1")
    terminal.shows("match bad1")
    terminal.type("Escape", "q")
    terminal.shows("left with 0")
    raw = terminal.raw.read_bytes()
    for forbidden in (b"\x1b]52;", b"\x1b]0;stolen", b"\x1b[2J", b"\xc2\x9d", b"\xc2\x9b", "\u202e".encode()):
        assert forbidden not in raw
    assert raw.count(b"\x1b[?1049l") == 1
    assert "stolen" not in terminal.tmux("display-message", "-p", "#{pane_title}")


def test_quits_at_once_while_the_scheduler_hangs(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    job = {"cluster": "slurm", "id": "77", "submitted": time.time()}
    workspaces.new_run(workspace, 5, "on-slurm", cluster="slurm", jobs=[job])
    rebuild(workspace)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("squeue", "sacct", "scontrol"):
        (tools / name).write_text("#!/bin/sh\nsleep 60\n")
        (tools / name).chmod(0o755)
    terminal = _open(terminals, workspace, tmp_path, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    terminal.shows("on-slurm", "frame_tiny")
    terminal.type("j", "Enter")
    terminal.shows("Curves", "val/top1")
    terminal.shows("silent for")
    terminal.type("q")
    terminal.shows("left with 0", timeout=5)


def test_no_color_writes_no_colour(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    terminal = _open(terminals, workspace, tmp_path, size=(160, 45), env={"NO_COLOR": "1"})
    terminal.shows("frame_tiny", "synced", "▌")
    terminal.type("j", "l")
    terminal.shows("ValueError")
    terminal.type("q")
    terminal.shows("left with 0")
    codes = re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw.read_bytes())
    coloured = [code for code in codes if re.search(rb"(^|;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;|$)", code)]
    assert coloured == []


def test_copy_goes_through_the_terminal(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    terminal = _open(terminals, workspace, tmp_path)
    terminal.shows("r3d_tiny-aug")
    terminal.type("y")
    terminal.shows("copied")
    assert terminal.tmux("show-buffer") == str(workspace.run_dir(4))
