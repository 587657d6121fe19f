"""Growing, torn, replaced and hostile files."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from arctl.errors import DataError
from arctl.tail import RESTARTED, follow, last_lines, read_new, read_small


def test_only_whole_new_lines_are_given(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_new(path, 0).lines == []
    path.write_bytes(b"one\ntwo\nthr")
    first = read_new(path, 0)
    assert (first.lines, first.begin, first.offset, first.restarted) == ([b"one", b"two"], 0, 8, False)
    assert read_new(path, first.offset, inode=first.inode).lines == []
    with path.open("ab") as file:
        file.write(b"ee\n\nfour\n")
    second = read_new(path, first.offset, inode=first.inode)
    assert second.lines == [b"three", b"", b"four"]
    assert second.offset == path.stat().st_size


def test_cut_at_every_byte_it_gives_the_whole_lines_and_then_the_rest(tmp_path: Path) -> None:
    whole = b"\nalpha\nbeta\n\ngamma\n"
    path = tmp_path / "f"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        first = read_new(path, 0)
        with path.open("ab") as file:
            file.write(whole[cut:])
        second = read_new(path, first.offset, inode=first.inode)
        assert first.lines + second.lines == whole.split(b"\n")[:-1]


def test_pieces_of_a_large_file_join_to_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = [b"%d" % number * (number % 40) for number in range(2000)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    offset, found = 0, []
    while (chunk := read_new(path, offset, limit=1000)).lines:
        found += chunk.lines
        offset = chunk.offset
    assert found == lines


def test_a_line_longer_than_the_limit_does_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 2500 + b"\nafter\n")
    offset, found = 0, []
    while (chunk := read_new(path, offset, limit=1000)).lines:
        found += chunk.lines
        offset = chunk.offset
    assert found[-1] == b"after" and b"".join(found[:-1]) == b"x" * 2500


def test_nul_bytes_at_the_growing_end_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\n" + b"\x00" * 12 + b"later\n")
    first = read_new(path, 0)
    assert first.lines == [b"one"]
    path.write_bytes(b"one\ntwo\nthree\n..later\n")
    os.utime(path)
    assert read_new(path, first.offset).lines == [b"two", b"three", b"..later"]


def test_nul_bytes_that_stay_are_damage_and_do_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\n" + b"\x00" * 12 + b"later\nend\n")
    os.utime(path, (time.time() - 120,) * 2)
    assert read_new(path, 0).lines == [b"one", b"\x00" * 12 + b"later", b"end"]
    path.write_bytes(b"one\n\x00\x00\n" + b"y" * 70_000 + b"\nend\n")
    assert read_new(path, 0).lines[-1] == b"end"


def test_a_file_that_was_cut_or_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\ntwo\n")
    first = read_new(path, 0)
    path.write_bytes(b"new\n")
    cut = read_new(path, first.offset, inode=first.inode)
    assert cut.restarted and cut.lines == [b"new"]
    other = tmp_path / "g"
    other.write_bytes(b"another\nfile\n")
    other.replace(path)
    replaced = read_new(path, cut.offset, inode=cut.inode)
    assert replaced.restarted and replaced.lines == [b"another", b"file"]


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "f"
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    for read in (lambda: read_new(path, 0), lambda: last_lines(path, 5), lambda: read_small(path)):
        with pytest.raises(DataError, match=str(path)) as caught:
            read()
        assert caught.value.cure


def test_last_lines_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_lines(path, 3) == []
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(200_000)) + b"half")
    assert last_lines(path, 3) == ["line 199998", "line 199999", "half"]
    assert last_lines(path, 0) == []
    many = last_lines(path, 50_000)
    assert len(many) == 50_000 and many[0] == "line 150001"
    path.write_bytes(b"a\nb\n")
    assert last_lines(path, 10) == ["a", "b"]


def test_what_is_shown_is_safe_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(
        b"\x1b]52;c;cm0=\x07copy\n\x1b[2J\xff ok\n 10%\r 50%\r100%\n" + b"z" * 5_000_000 + b"\n    indented\n"
    )
    copy, bad, progress, giant, indented = last_lines(path, 5)
    assert (copy, bad, progress, indented) == ("copy", "\ufffd ok", "100%", "    indented")
    assert len(giant) < 4200 and "more" in giant


def test_follow_gives_each_line_once_through_growth_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\nlast\nhal")
    done = threading.Event()
    collected: list[str] = []

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + 5
        while len(collected) < count and time.monotonic() < deadline:
            time.sleep(0.005)

    lines = follow(path, stop=done.is_set, from_end_lines=1, poll_s=0.01)
    reader = threading.Thread(target=lambda: collected.extend(lines))
    reader.start()
    wait_for(1)
    with path.open("ab") as file:
        file.write(b"f\nnext\n")
    wait_for(3)
    path.write_bytes(b"n\n")
    wait_for(5)
    with path.open("ab") as file:
        file.write(b"unfinished")
    done.set()
    reader.join(5)
    assert collected == ["last", "half", "next", RESTARTED, "n", "unfinished"]


def test_follow_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "log"
    looks: list[int] = []

    def stop() -> bool:
        looks.append(1)
        if len(looks) == 3:
            path.write_bytes(b"first\n")
        return len(looks) > 4

    assert list(follow(path, stop=stop, poll_s=0.01)) == ["first"]
