"""Lines around any place of a log: whole, in order, bounded, whatever the file holds or does."""

from __future__ import annotations

import os
import random
import resource
import time
from pathlib import Path

import pytest

from arctl.errors import DataError
from arctl.longlog import Line, Tally, counted, line_total, number_at, stamp_of, window
from arctl.longlog.pages import PIECE
from arctl.tail import last_lines

GIB = 1 << 30


def parts(path: Path) -> list[Line]:
    """Return every line of a log, window by window from its beginning."""
    found: list[Line] = []
    at = 0
    while lines := [line for line in window(path, at, after=50).lines if line.at >= at]:
        found += lines
        at = lines[-1].end
    return found


def written(path: Path, *, size: int) -> list[str]:
    """Write numbered lines of random lengths up to a size; return them."""
    chance, lines, length = random.Random(7), [], 0
    while length < size:
        lines.append(f"{len(lines)} " + "x" * chance.choice((0, 3, 80, 900)))
        length += len(lines[-1]) + 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def test_windows_join_to_the_whole_log_from_any_place(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = written(path, size=1 << 20)
    every = parts(path)
    assert [line.text for line in every] == [line.rstrip() for line in lines]
    assert [line.at for line in every[1:]] == [line.end for line in every[:-1]]
    chance = random.Random(3)
    for _ in range(60):
        at = chance.randrange(path.stat().st_size)
        seen = window(path, at, before=7, after=5)
        index = next(index for index, line in enumerate(every) if line.end > at)
        assert seen.lines == tuple(every[max(0, index - 7) : index + 6])
        assert seen.lines[seen.anchor] == every[index]


def test_the_end_comes_first_and_tells_that_it_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n\nhalf")
    seen = window(path, before=2)
    assert [line.text for line in seen.lines] == ["two", "", "half"]
    assert seen.at_end and not seen.at_top and window(path, 0).at_top
    assert [line.text for line in window(path, 10**9, before=1).lines] == ["", "half"]
    assert [line.text for line in window(path, -5).lines] == ["one"]


def test_nothing_empty_and_what_is_no_file(tmp_path: Path) -> None:
    assert window(tmp_path / "none").stamp.inode == 0
    (tmp_path / "empty").touch()
    empty = window(tmp_path / "empty", before=5)
    assert (empty.lines, empty.at_top, empty.at_end) == ((), True, True)
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(DataError):
            window(tmp_path / name)


def test_a_bar_shows_its_last_state_however_often_it_was_redrawn(tmp_path: Path) -> None:
    path = tmp_path / "log"
    bar = b"".join(b"\r%3d%%|####    | %d/5000 [00:10<00:05]" % (number // 50, number) for number in range(1, 5001))
    path.write_bytes(b"begin\n" + bar + b"\nend\n" + bar[: bar.index(b"\r", bar.index(b"2/5000"))])
    assert [line.text for line in window(path, before=9).lines] == [
        "begin",
        "100%|####    | 5000/5000 [00:10<00:05]",
        "end",
        "  0%|####    | 2/5000 [00:10<00:05]",
    ]


def test_hostile_and_binary_lines_are_made_safe_or_told_of(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\x1b]52;c;cG9pc29u\x07ok\n" + b"\xff\xfe" * 50 + b"\n" + b"\x00" * 64 + b"\ncaf\xe9 \x00bar\n")
    assert [line.text for line in window(path, before=9).lines] == [
        "ok",
        "(binary data, 100 bytes)",
        "(binary data, 64 bytes)",
        "caf\ufffd bar",
    ]
    assert last_lines(path, 2)[0] == "(binary data, 64 bytes)"


def test_a_line_of_100_mb_shows_its_head_and_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"before\n")
        for _ in range(100):
            file.write(b"y" * 1_000_000)
        file.write(b"\nafter\n")
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = window(path, before=5)
    assert [line.text[:3] for line in seen.lines] == ["bef", "yyy", "aft"]
    assert seen.lines[1].text.endswith("(99995904 more bytes)")
    assert len(seen.lines[1].text) < 4200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 20_000  # KiB


def test_two_gigabytes_of_nul_are_one_look_and_not_two_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.truncate(2 * GIB)
        file.seek(0, 2)
        file.write(b"\nlast\n")
    end = window(path, before=3)
    assert end.lines[-1].text == "last"
    assert "(binary data, 134217728 bytes)" in [line.text for line in end.lines]
    assert len(end.lines) >= 2
    middle = window(path, GIB + 5, before=1, after=1)
    assert middle.lines[middle.anchor].at == GIB
    assert all(line.end - line.at <= 2 * PIECE for line in middle.lines)
    assert window(path, 0).lines[0].text == "first"


def test_a_log_of_2_gb_opens_at_its_end_within_50_ms(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(2 * GIB)
        file.seek(0, 2)
        file.write(b"\n" + b"".join(b"line %d of a long log, which says this and that\n" % n for n in range(20_000)))
    window(path, before=50)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert len(window(path, before=400).lines) == 401
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.05


def test_what_was_replaced_or_cut_is_told_from_what_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    first = stamp_of(path)
    with path.open("ab") as file:
        file.write(b"three\n")
    grown = stamp_of(path)
    assert grown != first and not grown.begun_anew(first)
    os.truncate(path, 4)
    assert stamp_of(path).begun_anew(grown)
    (tmp_path / "new").write_bytes(b"another and longer\n" * 5)
    (tmp_path / "new").rename(path)
    assert stamp_of(path).begun_anew(grown)
    path.unlink()
    assert stamp_of(path).begun_anew(grown)


def test_lines_are_counted_in_slices_and_each_knows_its_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = written(path, size=9 << 20)
    tally, slices = Tally(), 0
    while not tally.knows(stamp_of(path)):
        tally, slices = counted(path, tally, patience=0.0), slices + 1
    assert slices == 3 and line_total(path, tally) == len(lines)
    for at in (0, 5 << 20, path.stat().st_size - 2000):
        line = window(path, at).lines[0]
        assert number_at(path, tally, line.at) == int(line.text.split()[0]) + 1
    with path.open("ab") as file:
        file.write(b"half")
    assert not tally.knows(stamp_of(path))
    tally = counted(path, tally)
    assert line_total(path, tally) == len(lines) + 1
    os.truncate(path, 100)
    assert number_at(path, counted(path, tally), 0) == 1
    assert number_at(path, counted(path, tally), 5000) is None
