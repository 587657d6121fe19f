"""A stand-in for squeue and sacct, first on PATH, for what a real Slurm cannot be made to say; it counts its calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SQUEUE = f"""#!{sys.executable}
import os, sys, time
place = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(__file__)
with open(f"{{place}}/{{name}}.calls", "a") as file:
    file.write(f"{{time.time():.6f}} {{os.getppid()}} {{' '.join(sys.argv[1:])}}\\n")
def told(what):
    try:
        with open(f"{{place}}/{{name}}.{{what}}") as file:
            return file.read()
    except FileNotFoundError:
        return ""
time.sleep(float(told("slow") or 0))
if told("fails"):
    sys.stderr.write(told("fails"))
    sys.exit(1)
form = next((word.partition("=")[2] for word in sys.argv if word.startswith("--format=")), "")
mark = form.partition("%")[0] if name == "squeue" else ""
bar = next((word.partition("=")[2] for word in sys.argv if word.startswith("--delimiter=")), "|")
for line in told("says").splitlines():
    print(mark + line.replace("|", bar))
"""


class Stand:
    """What the stand-ins shall say, and how often they were asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("squeue", "sacct", "scontrol"):
            (directory / name).write_text(SQUEUE)
            (directory / name).chmod(0o755)

    def say(self, text: str, *, program: str = "squeue", slow: float = 0.0, fails: str = "") -> None:
        for what, content in (("says", text), ("slow", str(slow)), ("fails", fails)):
            (self.directory / f"{program}.{what}").write_text(content)

    def calls(self, program: str = "squeue") -> list[str]:
        path = self.directory / f"{program}.calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    return Stand(tools)


@pytest.fixture(scope="session")
def line() -> Callable[..., str]:
    """Makes a line of squeue as `slurm_parse.SQUEUE_FORMAT` asks for it, without the mark."""

    usual = "2026-01-01T00:00:00"

    def made(job_id: str, word: str = "RUNNING", *, name: str = "x", left: str = "5:00:00", **times: str) -> str:
        start, submit, reason = (times.get(key, usual) for key in ("start", "submit", "reason"))
        reason = "None" if reason == usual else reason
        fields = [job_id, word, "low", start, submit, "10:00:00", left, "4294901758", "1", "2", "500M", "gres:gpu:1"]
        return "|".join([*fields, "normal", "acc", "gpu1" if word == "RUNNING" else "", "(null)", reason, name])

    return made
