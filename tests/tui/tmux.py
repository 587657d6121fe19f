"""The dashboard on a real terminal: tmux holds it, types as a person would, and keeps every byte that is written."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from arctl.settings import Workspace

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


def open_terminal(
    terminals: list[Terminal],
    workspace: Workspace,
    folder: Path,
    *,
    size: tuple[int, int] = (80, 24),
    env: Mapping[str, str] | None = None,
) -> Terminal:
    """Open the dashboard; the terminal is closed by the test's `terminals`."""
    terminal = Terminal(workspace, folder, size=size, env=env or {})
    terminals.append(terminal)
    return terminal
