"""Evaluations of small runs, in this process and in one of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.trainer.videos import environment
from trainer import attempt, config
from trainer.evaluation.asked import read_asked
from trainer.events import EventLog, NoEvents
from trainer.position import Position
from trainer.signals import StopFlag
from trainer.start import Start


def evaluate_here(run_dir: Path, *words: str, job: str = "90", stop: StopFlag | None = None) -> str:
    """Evaluate in this process, as attempt `<job>.0` of `--out` where that is named."""
    from trainer.evaluation.page import evaluate_run

    asked = read_asked(["--run-dir", str(run_dir), *words], env={})
    claim = attempt.claim(asked.out, env={"ARCTL_JOB_ID": job}) if asked.out else None
    log = EventLog(claim.path / "events.jsonl") if claim else NoEvents()
    made = config.load(run_dir / "config.yaml")
    try:
        start = Start(run_dir, made, claim, log, stop or StopFlag(), lambda: False, Position())
        return evaluate_run(start, asked, env={})
    finally:
        log.close()


def begin_eval(run_dir: Path, *words: str, before: str = "", **more: str) -> subprocess.Popen[str]:
    """Start `python -m trainer eval` as a group of its own; `before` is Python that runs first."""
    code = f"{before}\nimport sys; from trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, "eval", "--run-dir", str(run_dir), *words],
        env=environment(PYTHONDONTWRITEBYTECODE="1", **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended_eval(child: subprocess.Popen[str]) -> tuple[int, str]:
    """Return (exit status, stderr) of an evaluation that ends by itself."""
    _, errors = child.communicate(timeout=120)
    assert "Traceback" not in errors
    return child.returncode, errors


def stored(run_dir: Path, name: str) -> dict[str, Any]:
    """Return the arrays of a predictions file, and its `meta` read."""
    with np.load(run_dir / "predictions" / f"{name}.npz", allow_pickle=False) as found:
        return {key: found[key] for key in found.files} | {"meta": json.loads(str(found["meta"]))}


def predictions_of(run_dir: Path) -> list[str]:
    """Return the names of all files of predictions, half-written ones among them."""
    return sorted(path.name for path in (run_dir / "predictions").iterdir())
