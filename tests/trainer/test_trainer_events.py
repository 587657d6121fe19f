"""The event file: whole lines, no gaps, nothing lost that was written, and a full disk that stops nothing."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.errors import TrainerError
from trainer.events import EventLog

METRICS = {f"family/name{number}": 0.123456789 * number for number in range(10)}


def read(path: Path) -> list[dict[str, object]]:
    """Whole JSON lines, as any reader of the contract sees them; a torn line is left out."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_one_write_of_one_whole_line_each_and_a_newline_first(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write("start", contract=1)
    log.write("step", t=5.0, step=1, epoch=0.5, metrics=METRICS)
    raw = log.path.read_bytes()
    assert raw[:1] == b"\n" and raw[-1:] == b"\n" and raw.count(b"\n") == 3
    first, second = read(log.path)
    assert (first["seq"], first["kind"], first["contract"]) == (0, "start", 1)
    assert abs(float(str(first["t"])) - time.time()) < 60
    assert second == {"seq": 1, "t": 5.0, "kind": "step", "step": 1, "epoch": 0.5, "metrics": METRICS}
    log.close()
    log.close()


def test_numbers_that_json_does_not_know_and_texts_that_utf8_does_not(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write("step", metrics={"a/a": math.nan, "a/b": math.inf, "a/c": -math.inf, "a/d": 1.0})
    log.write("warning", message="name \udcff.avi\nnext")
    log.write("end", message="x" * 100_000, metrics={"a/a": math.nan})
    step, warning, end = read(log.path)
    assert step["metrics"] == {"a/a": "NaN", "a/b": "Infinity", "a/c": "-Infinity", "a/d": 1.0}
    assert warning["message"] == "name ?.avi\nnext"
    assert len(str(end["message"])) == 4000
    log.close()


def test_a_file_that_exists_or_has_no_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("another's\n")
    with pytest.raises(TrainerError, match="cannot be created"):
        EventLog(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_text() == "another's\n"
    with pytest.raises(TrainerError, match="cannot be created"):
        EventLog(tmp_path / "none" / "events.jsonl")


FULL_DISK = """
import resource, sys
from pathlib import Path
from trainer.events import EventLog
log = EventLog(Path(sys.argv[1]))
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written = [log.write("step", step=step, metrics={"a/a": 1.0}) for step in range(40)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write("end", status="completed")
log.close()
print(sum(written))
"""


@pytest.mark.parametrize("limit", range(1000, 1090, 9))
def test_a_full_disk_is_counted_and_told_once_there_is_room(limit: int, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    written = int(done.stdout)
    assert 0 < written < 40
    assert done.stderr.count("trainer: warning") == 1 and "Traceback" not in done.stderr
    events = read(path)
    assert [event["seq"] for event in events] == list(range(written + 2))
    assert [event["step"] for event in events[:written]] == list(range(written))
    assert events[-2]["kind"] == "end"
    assert events[-1]["code"] == "events_dropped"
    assert f"{40 - written} events" in str(events[-1]["message"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no mount here")
    try:
        log = EventLog(disk / "events.jsonl")
        filler = disk / "filler"
        kept = 0
        for step in range(200):
            kept += log.write("step", step=step, metrics=METRICS)
            if step == 20:
                filler.write_bytes(b"x" * 4096)
                os.truncate(filler, 4096)
        assert 0 < log.dropped == 200 - kept
        filler.unlink()
        assert log.write("end", status="completed")
        log.close()
        events = read(disk / "events.jsonl")
        assert [event["seq"] for event in events] == list(range(len(events)))
        assert [event["kind"] for event in events[-2:]] == ["end", "warning"]
    finally:
        subprocess.run(["umount", disk], check=True)


WRITER = """
import sys, time
from pathlib import Path
from trainer.events import EventLog
log = EventLog(Path(sys.argv[1]))
step = 0
while True:
    log.write("step", step=step, metrics={f"a/m{i}": float(i) for i in range(10)})
    sys.stdout.write(f"{step}\\n")
    sys.stdout.flush()
    step += 1
"""


@pytest.mark.parametrize("after", [50, 400])
def test_a_killed_process_tree_loses_no_event_that_was_written(after: int, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    acknowledged = tmp_path / "acknowledged"
    with acknowledged.open("w") as stdout:
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=stdout, start_new_session=True)
        deadline = time.monotonic() + 30
        while acknowledged.read_text().count("\n") < after and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    count = acknowledged.read_text().count("\n")
    assert count >= after
    assert [event["step"] for event in read(path)][:count] == list(range(count))


def test_sync_after_close_and_with_nothing_new_is_harmless(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.sync()
    log.write("end")
    log.sync()
    log.close()
    log.sync()
    assert len(read(log.path)) == 1
