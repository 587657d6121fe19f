"""`arctl logs`: the end of the right log, made safe, and followed until the run has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_last_lines_are_safe_to_show(lab) -> None:
    files = lab.trained(1, [0.5])
    files.log("101").write_bytes(b"one\n\x1b[31mtwo\x1b[0m \x1b]52;c;ZXZpbA==\x07\nthree 1%\rthree 100%\nhalf \xff")
    lab.index()
    assert lab.arctl("logs", "run1").out == "one\ntwo\nthree 100%\nhalf \ufffd\n"
    assert lab.arctl("logs", "run1", "-n", "1").out == "half \ufffd\n"


def test_a_run_without_a_log_says_why(lab) -> None:
    lab.run(1)
    lab.trained(2, [0.5])
    lab.index()
    said = lab.arctl("logs", "run1")
    assert said.out == "" and said.err == "run1 has no log yet: it is pending\n"
    assert "completed" in lab.arctl("logs", "run2").err


def test_every_job_has_its_log(lab) -> None:
    files = lab.trained(1, [0.5])
    for job in ("99", "101"):
        files.log(job).write_text(f"log of {job}\n")
    lab.index()
    said = lab.arctl("logs", "run1")
    assert said.out == "log of 101\n" and "99" in said.err
    assert lab.arctl("logs", "run1", "--job", "99").out == "log of 99\n"
    assert "'99'" in lab.arctl("logs", "run1", "--job", "98", status=3).err


def test_following_ends_with_the_run_and_survives_truncation(lab) -> None:
    files = lab.trained(1, [0.5], end=None)
    log, events = files.log("101"), files.events("101.0")
    lab.index()

    def live() -> None:
        time.sleep(1.0)
        log.write_text("first\n")
        time.sleep(1.5)
        with log.open("a") as file:
            file.write("second \x1b[2Jline\n")
        time.sleep(1.0)
        log.write_text("anew\n")
        time.sleep(1.0)
        end = {"seq": 3, "t": time.time(), "kind": "end", "status": "completed", "exit_code": 0, "message": None}
        with events.open("a") as file:
            file.write(json.dumps({**end, "epoch": 1, "step": 10}) + "\n")
        with log.open("a") as file:
            file.write("last, without its end")

    writer = threading.Thread(target=live)
    writer.start()
    done = subprocess.run(
        [sys.executable, "-m", "arctl", "logs", "run1", "-f"],
        cwd=lab.workspace.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    writer.join()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["first", "second line"]
    assert lines[3:] == ["anew", "last, without its end"], lines
    assert "run1 has no log yet: it is running" in done.stderr
    assert "run1 has ended: completed" in done.stderr
