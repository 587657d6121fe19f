"""Workspaces for the tests of what arctl shows: run directories written by the contract, indexed by arctl itself."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from arctl.cli import app
from arctl.rundir import RunDir
from arctl.runfile import JobFile, RunFile, write_run
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild

ROOT = Path(__file__).parent.parent.parent
MOTIONS = ("Left", "Right", "Up", "Down", "Clockwise", "Counterclockwise", "Approach", "Recede")


class Lab:
    """A workspace whose runs are written file by file."""

    def __init__(self, root: Path) -> None:
        self.workspace: Workspace = init_workspace(root)
        self.began = time.time() - 3600

    def run(
        self, number: int, *, name: str = "r3d_tiny", config: Mapping[str, Any] | None = None, **told: Any
    ) -> RunDir:
        """Make a run directory with its run.yaml and config.yaml; no attempt yet."""
        files = RunDir(self.workspace.run_dir(number))
        files.path.mkdir(parents=True)
        job = JobFile("local", str(100 + number), self.began)
        told = {"model": name, "data": "motion", "submission": "submitted", "jobs": (job,), **told}
        write_run(
            files.run_yaml,
            RunFile(number, f"arctl-{number:012x}", name, self.began, "single", "local", **told),
        )
        if config is not None:
            files.config.write_text(yaml.safe_dump(dict(config)))
        return files

    def events(self, files: RunDir, attempt: str, events: Sequence[Mapping[str, Any]]) -> Path:
        """Write the event file of an attempt, with sequence numbers and times."""
        path = files.events(attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        start = {"kind": "start", "contract": 1, "attempt": attempt, "host": "node1", "pid": 1, "epochs": 50}
        start |= {"steps_per_epoch": 10, "resumed_step": None, "device": "cpu"}
        lines = (
            [start, *events] if not events or events[0]["kind"] != "start" else [{**start, **events[0]}, *events[1:]]
        )
        path.write_text(
            "".join(
                json.dumps({"seq": seq, "t": self.began + 10 * seq, **event}) + "\n" for seq, event in enumerate(lines)
            )
        )
        return path

    def trained(
        self, number: int, top1: Sequence[float | str], *, end: str | None = "completed", **told: Any
    ) -> RunDir:
        """Make a run with one epoch for each val/top1; its loss falls from 2 by a tenth each epoch."""
        files = self.run(number, **told)
        events: list[dict[str, Any]] = []
        for epoch, value in enumerate(top1, start=1):
            train = {"train/loss": 1.9 - 0.1 * epoch, "train/top1": 0.9, "perf/clips_per_s": 100.0 + epoch}
            known = {"val/loss": 2.0 - 0.1 * epoch, "val/top1": value}
            if isinstance(value, float):
                known["gap/top1"] = 0.9 - value
            events.append({"kind": "epoch", "epoch": epoch, "step": 10 * epoch, "metrics": train, "seconds": 5.0})
            events.append({"kind": "eval", "split": "val", "epoch": epoch, "step": 10 * epoch, "metrics": known})
        if end is not None:
            last = {"status": end, "exit_code": 0 if end == "completed" else 1, "message": None, "epoch": len(top1)}
            events.append({"kind": "end", **last, "step": 10 * len(top1)})
        self.events(files, f"{100 + number}.0", events)
        return files

    def predictions(
        self,
        files: RunDir,
        predicted: Sequence[int],
        targets: Sequence[int],
        *,
        epoch: int = 1,
        split: str = "val",
        classes: Sequence[str] = MOTIONS,
        ids: Sequence[str] | None = None,
        views: int = 1,
    ) -> Path:
        """Write a predictions file whose answers are `predicted`; -1 is a sample that could not be read."""
        scores = np.zeros((len(targets), views, len(classes)), dtype=np.float16)
        for index, answer in enumerate(predicted):
            scores[index] = np.nan
            if answer >= 0:
                scores[index] = 0
                scores[index, :, answer] = 4
        names = list(ids) if ids is not None else [f"clip{index:05d}.avi" for index in range(len(targets))]
        path = files.prediction_file(split, epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            ids=np.array(names, dtype=np.str_),
            groups=np.array(["g01"] * len(names), dtype=np.str_),
            targets=np.array(targets, dtype=np.int64),
            scores=scores,
            classes=np.array(list(classes), dtype=np.str_),
            meta=np.array(json.dumps({"contract": 1, "split": split, "epoch": epoch})),
        )
        return path

    def index(self) -> Path:
        """Make runs.db from the run directories and return its path."""
        rebuild(self.workspace)
        return self.workspace.db

    def arctl(self, *argv: str, status: int = 0, encoding: str = "utf-8") -> Said:
        """Run `arctl ARGV` in the workspace, its output not on a terminal; its exit status must be `status`."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            app.main(["--workspace", str(self.workspace.root), *argv])
        said = Said(out.buffer.getvalue().decode(encoding), err.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
        assert ended.value.code == status, f"{ended.value.code}\n{said.out}\n{said.err}"
        assert "\x1b" not in said.out and "\x1b" not in said.err
        if status:
            assert re.fullmatch(r"error: [^\n]+\n", said.err.split("warning:")[-1].lstrip()), said.err
        return said

    def on_terminal(self, *argv: str, columns: int = 80, lines: int = 24, **env: str) -> str:
        """Run `arctl ARGV` as a process on a pseudo-terminal of that size and return what it wrote."""
        here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        process = subprocess.Popen(
            [sys.executable, "-m", "arctl", *argv],
            cwd=self.workspace.root,
            env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1", **env},
            stdin=there,
            stdout=there,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        parts = []
        with contextlib.suppress(OSError):
            while part := os.read(here, 65536):
                parts.append(part)
        os.close(here)
        assert process.wait(timeout=60) == 0
        return b"".join(parts).decode().replace("\r\n", "\n")


class Said(NamedTuple):
    """What a command wrote."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be one JSON document without a bare NaN."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One workspace for the tests of a module that only look."""
    return Lab(tmp_path_factory.mktemp("shared") / "lab")
