"""A real terminal for a test: a pseudo-terminal of any size, and every byte that a program writes to it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Return an environment that names no workspace, no cluster and no size of a screen."""
    dropped = ("ARCTL_", "SLURM_", "COLUMNS", "LINES", "NO_COLOR", "PYTHONDONTWRITE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    own = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    return {**kept, **own, **more}


class Terminal:
    """A program on a pseudo-terminal, stdin, stdout and stderr."""

    def __init__(
        self, argv: Sequence[str | bytes], *, cwd: Path, env: Mapping[str, str], size: tuple[int, int] = (200, 50)
    ) -> None:
        self._here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=there, stdout=there, stderr=there, start_new_session=True
        )
        os.close(there)
        self.written = b""

    def read(self, seconds: float) -> bool:
        """Take what comes within a while; False once the program has ended."""
        if select.select([self._here], [], [], seconds)[0]:
            try:
                part = os.read(self._here, 1 << 16)
            except OSError:
                return False
            self.written += part
            return bool(part)
        return True

    def until(self, good: Callable[[bytes], bool], *, seconds: float = 30.0, since: int = 0) -> None:
        """Take what comes until what was written after `since` is as wanted."""
        deadline = time.monotonic() + seconds
        while not good(self.written[since:]):
            assert time.monotonic() < deadline, self.written[since:][-3000:]
            if not self.read(0.1):
                assert good(self.written[since:]), self.written[since:][-3000:]
                return

    def settled(self, *, quiet: float = 0.25, seconds: float = 20.0) -> None:
        """Take what comes until nothing more does for a while."""
        deadline = time.monotonic() + seconds
        before = -1
        while len(self.written) != before and time.monotonic() < deadline:
            before = len(self.written)
            end = time.monotonic() + quiet
            while time.monotonic() < end and self.read(0.05):
                pass

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self._here, keys)

    def close(self, *, seconds: float = 60.0) -> int:
        """Take the rest, wait for the end and return the exit status."""
        deadline = time.monotonic() + seconds
        while self.read(0.1) and time.monotonic() < deadline:
            if self.process.poll() is not None and not select.select([self._here], [], [], 0)[0]:
                break
        try:
            return self.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            os.close(self._here)


def arctl(root: Path, *words: str | bytes, size: tuple[int, int] = (200, 50), **env: str) -> tuple[int, bytes]:
    """Run `arctl WORDS` in a workspace on a terminal; return its exit status and all that it wrote."""
    argv = [sys.executable, "-m", "arctl", *words]
    terminal = Terminal(argv, cwd=root, env=environment(**env), size=size)
    return terminal.close(), terminal.written
