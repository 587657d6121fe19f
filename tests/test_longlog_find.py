"""Searching a log: every match, in both directions, at the speed of memory; errors, starts, times."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from arctl.errors import NotFoundError, UsageError
from arctl.longlog import (
    every,
    faults,
    find,
    is_fault,
    look,
    next_fault,
    next_start,
    place_at,
    place_of,
    query_of,
    window,
)

TEXT = "".join(f"Step {n}: loss=0.{n % 977:03d} äÖ {'NaN' if n % 5000 == 4999 else ''}\n" for n in range(60_000))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log-1.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("asked", "expression"),
    [
        ("NaN", "NaN"),
        ("nan", "(?i)nan"),
        ("Nan", "Nan"),
        ("step 4999", "(?i)step 4999"),
        ("0.99", "0[.]99"),
        ("re:loss=0\\.(97[56]|000) \\S+ $", "(?i)loss=0[.](97[56]|000) \\S+ $"),
        ("re:^step 59\\d\\d9", "(?i)^step 59\\d\\d9"),
        ("ö nan", "(?i)ö nan"),
        ("ÄÖ", "ÄÖ"),
        ("äÖ NaN", "äÖ NaN"),
    ],
)
def test_the_same_lines_are_found_in_both_directions_as_by_reading_all(log: Path, asked: str, expression: str) -> None:
    wanted = [index for index, line in enumerate(TEXT.splitlines()) if re.search(expression, line)]
    found = list(every(log, query_of(asked)))
    assert [number - 1 for number, _, _ in found] == wanted
    assert [text for _, _, text in found] == [TEXT.splitlines()[index].rstrip() for index in wanted]
    if wanted:
        first, last = find(log, query_of(asked)), find(log, query_of(asked), at=1 << 40, backward=True)
        assert (first, last) == (found[0][1], found[-1][1])
        data = log.read_bytes()[found[-1][1].at : found[-1][1].end].decode()
        assert re.search(expression.replace("^", "").replace("$", ""), data)


def test_going_from_match_to_match_meets_each_once_up_and_down(log: Path) -> None:
    query, down, up = query_of("nan"), [], []
    at = 0
    while hit := find(log, query, at=at):
        down.append(hit.line)
        at = window(log, hit.line).lines[0].end
    at = log.stat().st_size
    while hit := find(log, query, at=at, backward=True):
        up.append(at := hit.line)
    assert len(down) == 12 and up == down[::-1]


def test_matches_lie_within_a_line_and_across_blocks_of_a_long_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\n" + b"x" * ((1 << 18) - 7) + b"needle" + b"y" * (1 << 19) + b"needle\nend\n")
    for asked in ("needle", "re:need\\w{2}"):
        hit = find(path, query_of(asked))
        assert hit is not None and (hit.line, hit.at) == (4, 4 + (1 << 18) - 7)
        back = find(path, query_of(asked), at=path.stat().st_size, backward=True)
        assert back is not None and back.at > hit.at and back.line == 4
        assert [number for number, _, _ in every(path, query_of(asked))] == [3]
    assert find(path, query_of("re:a\\sb")) is None
    assert [number for number, _, _ in every(path, query_of("end"))] == [4]


def test_what_cannot_be_looked_for_is_refused() -> None:
    for asked in ("", "re:(", "re:*", "re:a{99999999999}"):
        with pytest.raises(UsageError):
            query_of(asked)
    assert query_of("re:").spans("more: x") == [(2, 5)]


def test_a_search_goes_in_slices_that_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        for _ in range(60):
            file.write(b"epoch 1 step 2 loss 0.1 and so on\n" * 30_000)
    told: list[int] = []
    assert (
        find(path, query_of("re:[a-z]+ never"), stop=lambda: len(told) > 2, progress=lambda at, _: told.append(at))
        is None
    )
    assert len(told) == 3 and told == sorted(told) and told[-1] < path.stat().st_size
    part = look(path, query_of("never"), at=0, patience=60)
    assert part.done and part.hit is None and part.at == path.stat().st_size


def test_plain_text_is_searched_at_hundreds_of_megabytes_a_second(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        for _ in range(300):
            file.write(b"epoch 12/50  step 1200/5400  loss 0.2262  63.5 clips/s  waits 0%\n" * 15_000)
        file.write(b"the Needle\n")
    size, speeds = path.stat().st_size, []
    for _ in range(3):
        begun = time.process_time()
        assert find(path, query_of("the Needle")) is not None
        speeds.append(size / (time.process_time() - begun) / 1e6)
    assert max(speeds) > 300  # 1500 to 2000 on a machine that does nothing else


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "[rank0]: Traceback (most recent call last):",
        "trainer: error: the loss is nan at step 31",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=77.batch",
        "slurmstepd: error: *** JOB 77 ON n1 CANCELLED AT 2026-11-21T14:02:03 DUE TO TIME LIMIT ***",
        "/bin/bash: line 3: 4711 Killed                  python x.py",
        "bash: nosuch: command not found",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "2026-11-21 14:02:03 ERROR worker died",
        "[rank1]:[E1121 14:02:03.1 ProcessGroupNCCL.cpp:616] NCCL error: unhandled system error",
        "arctl: cannot load a module",
        "/tmp/x.sh: Permission denied",
        "Segmentation fault (core dumped)",
    ],
)
def test_lines_that_tell_of_an_error_are_found(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log"
    path.write_text(f"fine\nval error: 0.25\n{line}\nfine\n", encoding="utf-8")
    hit = next_fault(path, after=None)
    assert hit is not None and window(path, hit.line).lines[0].text == line


def test_figures_and_words_that_only_look_so_are_none() -> None:
    lines = (
        "top-1 error: 12.5%",
        "train error 0.3",
        "errors=0",
        "0 errors",
        "no exception",
        "error rate falls",
        "ERROR: 0.1",
    )
    assert [line for line in lines if is_fault(line)] == []
    assert faults().spans("fine") == [] and faults().words


def test_of_a_traceback_the_next_error_is_behind_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    trace = 'Traceback (most recent call last):\n  File "x.py", line 3\n    raise ValueError\nValueError: bad\n'
    path.write_text(f"a\n{trace}b\n{trace}c\n", encoding="utf-8")
    first = next_fault(path, after=None)
    assert first is not None and first.line == 2
    second = next_fault(path, after=first.line)
    assert second is not None and second.line == 4 + len(trace)
    assert next_fault(path, after=second.line) is None


def test_starts_of_a_job_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = "r3d_tiny on cpu, fp32: 864 training, 336 validation videos\n"
    requeued = "slurmstepd: error: *** JOB 77 ON n1 CANCELLED AT 2026-11-21T14:02:03 DUE TO PREEMPTION ***\n"
    again = f"{requeued}resumed from last.pt: step 9, epoch 1\n{first}"
    path.write_text(f"data: cached\n{first}e1\n{again}e2\n{first}e3\n{requeued}own\n", encoding="utf-8")
    at, places = 0, []
    while (at := next_start(path, after=at) or 0) and len(places) < 9:
        places.append(window(path, at).lines[0].text[:8])
    assert places == ["r3d_tiny", "resumed ", "r3d_tiny", "own"]


FORMS = {
    "iso": "%Y-%m-%dT%H:%M:%S.123 loss",
    "bracket": "[%Y-%m-%d %H:%M:%S] loss",
    "comma": "%Y-%m-%d %H:%M:%S,456 - root - INFO - loss",
    "syslog": "%b %e %H:%M:%S node1 loss",
    "glog": "[rank0]:[W%m%d %H:%M:%S.123 140 torch/x.py:793] loss",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_time_is_found_in_every_form_and_between_lines_that_say_none(tmp_path: Path, form: str) -> None:
    path = tmp_path / "log-1.txt"
    begin = time.mktime((2026, 11, 19, 12, 0, 0, 0, 0, -1))
    with path.open("w", encoding="utf-8") as file:
        for number in range(20_000):
            file.write(f"{time.strftime(FORMS[form], time.localtime(begin + 5 * number))} {number}\nan epoch\n")
    os.utime(path, (begin + 100_001,) * 2)
    place = place_at(path, begin + 5 * 7777 - 2)
    assert window(path, place.at).lines[0].text.endswith(" 7777")
    assert window(path, place_of(path, "-10m").at).lines[0].text.endswith(f" {19_999 - 120}")
    assert window(path, place_of(path, "2026-11-19 23:00").at).lines[0].text.endswith(f" {11 * 720}")
    assert window(path, place_of(path, "12:30").at).lines[0].text.endswith(f" {(24 * 60 + 30) * 12}")
    assert place_at(path, begin - 99).at == 0
    assert window(path, place_at(path, begin + 10**6).at).lines[0].text.endswith(" 19999")


def test_a_bare_clock_means_the_day_of_the_file_and_the_night_before(tmp_path: Path) -> None:
    path = tmp_path / "log-1.txt"
    path.write_text("23:50:00 a\n[23:59:59] b\n00:10:00 c\n", encoding="utf-8")
    os.utime(path, (time.mktime((2026, 11, 21, 0, 10, 5, 0, 0, -1)),) * 2)
    assert window(path, place_of(path, "23:55").at).lines[0].text == "[23:59:59] b"
    assert place_of(path, "2026-11-20 23:50").at == 0


def test_no_times_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "log-1.txt"
    path.write_text("epoch 1/2  train loss 1.9\n", encoding="utf-8")
    with pytest.raises(NotFoundError, match="say no time"):
        place_of(path, "14:02")
    path.write_text("2026-11-21 14:02:03 x\n2026-99-21 14:02:03 y\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no time"):
        place_of(path, "soon")
