"""The dashboard on a real terminal: tmux types as a person would, and every byte that is written is looked at."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from arctl.sync import rebuild
from tests.tui import workspace as workspaces
from tests.tui.tmux import Terminal, open_terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def test_a_visit_at_80x24(terminals: list[Terminal], tmp_path: Path) -> None:
    terminal = open_terminal(terminals, workspaces.small(tmp_path / "ws"), tmp_path)
    page = terminal.shows("frame_tiny", "running", "synced", "4 runs")
    assert len(page.rstrip("\n").split("\n")) == 24
    terminal.type("G", "Enter")
    terminal.shows("run1 frame_tiny", "val/top1")
    terminal.type("]")
    terminal.shows("epoch 12: val/top1")
    terminal.type("Escape")
    terminal.shows("r3d_tiny-aug")
    terminal.type("?")
    terminal.shows("show the run on the whole screen")
    terminal.type("Escape", "/", "l", "r", "1")
    terminal.shows("1/4 match lr1")
    terminal.type("Escape", "G", "Space", "k", "Space", "c")
    terminal.shows("run1", "run2", "Verdict", "Set-up")
    terminal.type("Escape")
    terminal.shows("marked run1 run2")
    terminal.type("q")
    terminal.shows("left with 0", timeout=5)


def test_hostile_files_reach_no_terminal(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.hostile(tmp_path / "ws")
    terminal = open_terminal(terminals, workspace, tmp_path, size=(160, 45))
    terminal.shows("run10", "synced")
    for _ in workspaces.POISON:
        for tab in ("fine", "no predictions", "nothing to compare with", "clips/s", "submitted", "note", "val/top1"):
            terminal.type("]")
            terminal.shows(tab)
        terminal.type("j")
    terminal.type("Space", "k", "Space", "c")
    terminal.shows("Verdict", "Set-up")
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
    terminal = open_terminal(terminals, workspace, tmp_path, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    terminal.shows("on-slurm", "frame_tiny")
    terminal.type("j", "Enter")
    terminal.shows("Curves", "val/top1")
    terminal.shows("silent for")
    terminal.type("q", "q")
    terminal.shows("left with 0", timeout=5)


def test_no_color_writes_no_colour(terminals: list[Terminal], tmp_path: Path) -> None:
    workspace = workspaces.small(tmp_path / "ws")
    terminal = open_terminal(terminals, workspace, tmp_path, size=(160, 45), env={"NO_COLOR": "1"})
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
    terminal = open_terminal(terminals, workspace, tmp_path)
    terminal.shows("r3d_tiny-aug")
    terminal.type("y")
    terminal.shows("copied")
    assert terminal.tmux("show-buffer") == str(workspace.run_dir(4))
