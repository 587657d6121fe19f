"""A small project in a workspace, and what of it is a snapshot."""

from __future__ import annotations

import subprocess
from pathlib import Path

from arctl.settings import Workspace, init_workspace
from arctl.snapshot.project import find_project

USUAL = {"arctl.yaml", "templates/README.md"}
"""What `arctl init` makes."""


def lab(root: Path) -> Workspace:
    """Make a workspace with two files of code and a link."""
    made = init_workspace(root)
    (root / "src").mkdir()
    (root / "train.py").write_text("print(1)\n")
    (root / "src" / "net.py").write_text("WIDTH = 16\n")
    (root / "again").symlink_to("train.py")
    return made


def git(directory: Path, *args: str) -> None:
    options = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", "-C", str(directory), *options, *args], check=True, capture_output=True)


def write(workspace: Workspace, *names: str) -> None:
    for name in names:
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text(name)


def inside(workspace: Workspace) -> set[str]:
    """Return the paths of the project, besides what `arctl init` makes."""
    return {one.name.removeprefix("tree/") for one in find_project(workspace).entries} - USUAL
