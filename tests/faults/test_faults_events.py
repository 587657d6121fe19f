"""Event files and run directories that are torn, cut, holed, moved, skewed, and what the user is then told."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from arctl.errors import ArctlError
from arctl.intake import fresh_news
from arctl.registry import read
from arctl.rundir import RunDir
from arctl.runfile import read_run
from tests.faults.laboratory import Lab, ended_run
from tests.faults.steps import arctl

START = {"kind": "start", "contract": 1, "attempt": "71.0", "host": "n1", "pid": 1, "epochs": 9, "resumed_step": None}


def lines(*steps: int, first: int = 0, t: float = 1.7e9, resumed: int | None = None, value: float = 0.5) -> bytes:
    """Return the events of some steps, after a start event where they are the first."""
    items: list[dict[str, object]] = [] if first else [{**START, "resumed_step": resumed}]
    for step in steps:
        metrics = {"step/loss": value}
        items.append({"kind": "step", "step": step, "epoch": step / 10, "metrics": metrics})
    return (
        b"".join(
            b"\n" + json.dumps({"seq": first + place, "t": t + place, **item}).encode()
            for place, item in enumerate(items)
        )
        + b"\n"
    )


def put(lab: Lab, content: bytes, *, attempt: str = "71.0", number: int = 1) -> Path:
    path = RunDir(lab.workspace.run_dir(number)).events(attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path


@pytest.fixture
def one(lab: Lab) -> Lab:
    """A lab with one run."""
    lab.arctl("submit", "--name", "a", "--", "true")
    return lab


def losses(lab: Lab) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in read.curve(lab.workspace.db, 1, "step/loss")]


def steps_of(directory: RunDir) -> list[int]:
    found = []
    for news in fresh_news(directory, 1, {}):
        found += [step for block in news.curves for step in block.steps]
    return found


def test_cut_at_every_byte_all_whole_lines_are_there(tmp_path: Path) -> None:
    whole = lines(1, 2, 3, 4, 5)
    path = RunDir(tmp_path).events("71.0")
    path.parent.mkdir(parents=True)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert steps_of(RunDir(tmp_path)) == list(range(1, whole[:cut].count(b"}}\n") + 1)), cut


def test_each_byte_flipped_costs_its_own_line_at_most(tmp_path: Path) -> None:
    whole = lines(1, 2, 3, 4, 5)
    path = RunDir(tmp_path).events("71.0")
    path.parent.mkdir(parents=True)
    for place in range(len(whole)):
        for bit in (0x01, 0x20, 0x80):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            os.utime(path, (1.0, 1.0))
            own = whole[:place].count(b"\n")  # step 1 stands behind the second line end
            kept = {step for step in steps_of(RunDir(tmp_path)) if step in range(1, 6)}
            lost = set(range(1, 6)) - kept
            assert lost <= {own - 1, own}, (place, bit, lost)  # two, where the byte was the line end between them
            assert len(lost) < 2 or whole[place : place + 1] == b"\n"


def test_run_yaml_cut_at_every_byte_is_read_or_named_in_one_line(one: Lab) -> None:
    path = one.workspace.run_dir(1) / "run.yaml"
    whole, good = path.read_bytes(), read_run(path)
    named = 0
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        try:
            assert read_run(path).token == good.token
        except ArctlError as error:
            named += 1
            assert str(path) in str(error) and error.cure and "\n" not in str(error)
    assert named > 100
    for cut in (0, 10, len(whole) // 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        for argv in (("ls",), ("show", "run1"), ("rebuild",), ("ls", "--json")):
            ended = one.arctl(*argv, status=None)
            assert ended.status in (0, 3) and ended.err.count("\n") <= 3, (cut, argv, ended)


def test_a_torn_record_and_a_line_of_five_megabytes_are_counted_and_the_rest_lives(one: Lab) -> None:
    torn = b'{"seq": 3, "t": 1.0, "kind": "st'
    place = put(one, lines(1, 2) + torn).stat().st_size - len(torn)
    one.arctl("sync")
    assert len(losses(one)) == 2
    put(one, lines(3, 4, first=4))
    said = one.arctl("sync")
    assert "2 new events, 1 damaged lines" in said.out
    assert f"warning: run1 71.0/events.jsonl, byte {place}: " in said.err and said.err.count("\n") == 1
    put(one, b"\n" + b"x" * 5_000_000 + b"\n" + lines(5, first=6))
    began = time.monotonic()
    said = one.arctl("sync")
    assert "damaged" in said.out and time.monotonic() - began < 10
    assert [step for step, _ in losses(one)] == [1, 2, 3, 4, 5]
    assert "event lines could not be read" in one.arctl("show", "run1").out


def test_nul_bytes_at_the_growing_end_become_data(one: Lab) -> None:
    tail = lines(3, 4, first=3)
    path = put(one, lines(1, 2) + bytes(len(tail)))
    said = one.arctl("sync")
    assert "damaged" not in said.out + said.err and len(losses(one)) == 2
    with path.open("r+b") as file:
        file.seek(-len(tail), os.SEEK_END)
        file.write(tail)
    one.arctl("sync")
    assert [step for step, _ in losses(one)] == [1, 2, 3, 4]


def test_clocks_that_differ_change_no_order(one: Lab) -> None:
    """The second attempt runs on a node whose clock is two hours behind, and a third one ahead by a day."""
    put(one, lines(1, 2, 3, value=0.1))
    put(one, lines(3, 4, t=1.7e9 - 7200, resumed=2, value=0.2), attempt="71.1")
    put(one, lines(5, t=1.7e9 + 86400, resumed=4, value=0.3), attempt="71.2")
    one.arctl("sync")
    wanted = [(1, 0.1), (2, 0.1), (3, 0.2), (4, 0.2), (5, 0.3)]
    assert losses(one) == wanted
    one.arctl("rebuild")
    assert losses(one) == wanted
    for argv in (("curves", "run1", "-m", "step/loss", "--x", "time"), ("show", "run1"), ("why", "run1"), ("usage",)):
        ended = one.arctl(*argv)
        assert " -1" not in ended.out and "-2:" not in ended.out, ended.out


def test_a_run_directory_that_is_moved_or_removed_keeps_its_row_and_comes_back(one: Lab) -> None:
    put(one, lines(1, 2))
    one.arctl("sync")
    place, aside = one.workspace.run_dir(1), one.root / "elsewhere"
    place.rename(aside)
    said = {argv[0]: one.arctl(*argv, "run1") for argv in (("show",), ("logs",), ("curves", "-m", "step/loss"))}
    assert "it is missing: moved or deleted?" in said["show"].out
    assert "no log" in said["logs"].err
    assert len(losses(one)) == 2 and "run1" in one.arctl("ls").out
    for argv in (("resume", "run1"), ("rerun", "run1")):
        refused = one.arctl(*argv, status=None)
        assert refused.status in (2, 3) and refused.err.count("\n") == 1
    aside.rename(place)
    put(one, lines(3, first=3))
    one.arctl("sync")
    assert [step for step, _ in losses(one)] == [1, 2, 3]


def test_a_workspace_that_is_moved_as_a_whole_goes_on(one: Lab, tmp_path: Path) -> None:
    put(one, lines(1, 2))
    moved = tmp_path / "moved"
    one.root.rename(moved)
    arctl(moved, "sync")
    assert "run1" in arctl(moved, "ls").out and arctl(moved, "rebuild").status == 0


@pytest.mark.parametrize("what", ["events.jsonl", "log-71.txt", "run.yaml", "attempts"])
def test_a_fifo_in_the_place_of_a_file_holds_nobody_up(one: Lab, what: str) -> None:
    place = one.workspace.run_dir(1)
    path = RunDir(place).events("71.0") if what == "events.jsonl" else place / what
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    began = time.monotonic()
    for argv in (("sync",), ("ls",), ("show", "run1"), ("logs", "run1"), ("rebuild",)):
        ended = one.arctl(*argv, status=None)
        assert ended.err.count("\n") <= 3
    assert time.monotonic() - began < 20


def test_resumed_by_two_at_once_it_gets_one_job(lab: Lab) -> None:
    ended_run(lab)
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            os._exit(arctl(lab.root, "resume", "run1", status=None).status)
        pids.append(pid)
    statuses = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
    assert statuses[0] == 0 and all(statuses[1:]), statuses
    assert list(lab.jobs()) == ["72"]
