"""A program on a terminal of its own (a pty), as over SSH: type keys, read what it writes, count time and bytes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Used:
    """What a process used over a while."""

    seconds: float
    """How long it was watched."""
    cpu: float
    """Share of one core, 0 to 1."""
    written: float
    """Bytes a second that it wrote to its terminal."""


class Terminal:
    """A program on a pty."""

    def __init__(self, argv: Sequence[str], *, size: tuple[int, int] = (120, 35), env: Mapping[str, str] | None = None):
        self.began = time.perf_counter()
        """When it was started, by `time.perf_counter`."""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            given = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor", **(env or {})}
            os.execvpe(argv[0], list(argv), {**os.environ, **given})
        width, height = size
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.seen = b""
        """All that it has written."""

    def read(self, timeout: float) -> bytes:
        """Return what it writes next; empty where it is silent for `timeout` seconds."""
        if not select.select([self._file], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self._file, 1 << 16)
        except OSError:
            return b""
        self.seen += data
        return data

    def type(self, keys: str) -> float:
        """Type; return when."""
        os.write(self._file, keys.encode())
        return time.perf_counter()

    def until(self, *words: str, timeout: float = 30.0, since: int | None = None) -> float:
        """Wait until all words were written since byte `since` (default: from now on); return when the last one came.

        Raises TimeoutError with the end of what was written.
        """
        start, end = len(self.seen) if since is None else since, time.perf_counter() + timeout
        wanted = [word.encode() for word in words]
        while time.perf_counter() < end:
            if all(word in self.seen[start:] for word in wanted):
                return time.perf_counter()
            self.read(0.5)
        raise TimeoutError(f"{words} did not come; the end is {self.seen[-2000:]!r}")

    def quiet(self, for_s: float = 0.5, *, timeout: float = 20.0) -> None:
        """Wait until nothing has been written for a while."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end and self.read(for_s):
            pass

    def watch(self, seconds: float) -> Used:
        """Look on for a while."""
        began, cpu, before = time.perf_counter(), self.cpu(), len(self.seen)
        while (left := began + seconds - time.perf_counter()) > 0:
            self.read(min(left, 1.0))
        took = time.perf_counter() - began
        return Used(took, (self.cpu() - cpu) / took, (len(self.seen) - before) / took)

    def cpu(self) -> float:
        """Return the CPU seconds that it has used."""
        cells = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return its resident memory, MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def forget(self) -> None:
        """Drop what was written so far."""
        self.seen = b""

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._file)
