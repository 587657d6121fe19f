"""Kills a process of arctl at its N-th step: before the N-th change of a file, SQL write, or start of a program.

The process is a fork of one that has imported everything, and kills itself by SIGKILL from an audit hook: no part of
arctl knows of it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

_CHANGES = frozenset(
    {
        "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.utime", "subprocess.Popen",
    }
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_connect = sqlite3.connect
_SQL = ("begin", "commit", "rollback", "insert", "update", "delete", "create", "alter", "pragma user_version=")


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    """Its exit status; -9 where it was killed."""
    out: str
    """What it wrote to stdout."""
    err: str
    """What it wrote to stderr."""

    @property
    def killed(self) -> bool:
        """Whether it came as far as the step at which it is killed."""
        return self.status == -signal.SIGKILL


def run(what: Callable[[], object], *, kill_at: int = 0) -> Ended:
    """Run something in a fork of this process, which is killed at its n-th step (0: at none)."""
    return checked(_run(what, kill_at))


class Server:
    """A small process that runs arctl commands in forks of itself: those of one that has loaded torch are slow."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", "from tests.faults.steps import serve; serve()"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, text=True, encoding="utf-8", **pipes)  # type: ignore[call-overload]

    def run(self, argv: Sequence[str], kill_at: int) -> Ended:
        """Run `arctl ARGV` in this environment, as `run` does."""
        request = {"argv": argv, "kill_at": kill_at, "env": dict(os.environ)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return checked(Ended(**json.loads(self._process.stdout.readline())))

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def serve() -> None:
    """Be the server's process: a request on each line of stdin, an answer on each line of stdout."""
    load()
    for line in sys.stdin:
        request = json.loads(line)

        def command(request: Any = request) -> None:
            os.environ.clear()
            os.environ.update(request["env"])
            _app(request["argv"])

        print(json.dumps(vars(_run(command, request["kill_at"]))), flush=True)


def arctl(root: Path, *argv: str, kill_at: int = 0, status: int | None = 0, server: Server | None = None) -> Ended:
    """Run `arctl -w ROOT ARGV`; where it is not killed its exit status must be `status` (None: whatever it is)."""
    words = ["-w", str(root), *argv]
    ended = run(lambda: _app(words), kill_at=kill_at) if server is None else server.run(words, kill_at)
    assert (ended.killed and kill_at) or status in (None, ended.status), (argv, ended)
    return ended


def checked(ended: Ended) -> Ended:
    """Return how a process ended; no traceback is ever shown."""
    assert "Traceback" not in ended.err and "should not have happened" not in ended.err, ended.err
    return ended


def each_kill(what: Callable[[int], Ended], *, least: int, every: int = 1) -> Iterator[tuple[int, Ended]]:
    """Give (step, how it ended) of killing at step 1, 2, 3, ... until `what` comes to its end before; that too."""
    step, ended = 1, what(1)
    while ended.killed:
        yield step, ended
        step += every
        ended = what(step)
    assert step > least, f"only {step - 1} steps were seen"
    yield 0, ended


def load() -> None:
    """Import what commands import when they are called, so that not every fork has to."""
    import arctl

    for module in pkgutil.walk_packages(arctl.__path__, "arctl."):
        if not module.name.startswith(("arctl.tui", "arctl.__main__")):
            importlib.import_module(module.name)
    for name in ("jinja2", "simple_slurm", "_strptime"):
        importlib.import_module(name)


def _run(what: Callable[[], object], kill_at: int) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _child(what, kill_at, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = [(file.seek(0), file.read().decode("utf-8", "replace"))[1] for file in (out, err)]
    return Ended(status, *texts)


def _app(argv: list[str]) -> None:
    from arctl.cli import app

    app.main(argv)


def _child(what: Callable[[], object], kill_at: int, out: int, err: int) -> NoReturn:
    status = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        if kill_at:
            counter = _Counter(kill_at)
            sys.addaudithook(counter)
            sqlite3.connect = counter.connect  # type: ignore[assignment]
        what()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _Counter:
    """An audit hook that kills its process at a step."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._seen = 0

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & _WRITES):
            self._step()

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        """Stand for `sqlite3.connect` in the process, so that SQL is counted too."""
        connection: sqlite3.Connection = _connect(*args, **options)
        connection.set_trace_callback(self._sql)
        return connection

    def _sql(self, statement: str) -> None:
        if statement.lower().startswith(_SQL):
            self._step()

    def _step(self) -> None:
        self._seen += 1
        if self._seen == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
