"""A workspace with settings of a test's own, and what submissions leave in it."""

from __future__ import annotations

import time
from pathlib import Path

from arctl.settings import Workspace, load_settings


def configured(workspace: Workspace, text: str) -> Workspace:
    """Return the workspace with another arctl.yaml."""
    path = workspace.root / "arctl.yaml"
    path.write_text(text)
    return Workspace(root=workspace.root, settings=load_settings(path))


def settled(path: Path, text: str, *, within: float = 20.0) -> str:
    """Return the file's content once `text` stands in it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if path.is_file() and text in path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{text!r} never stood in {path}")


def leftovers(workspace: Workspace) -> list[str]:
    """Return what lies in runs/."""
    return sorted(path.name for path in workspace.runs.iterdir()) if workspace.runs.is_dir() else []
