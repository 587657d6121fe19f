"""run.yaml: round trip, atomic replacement, and everything that the file can be instead."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.errors import ArctlError, DataError
from arctl.runfile import JobFile, RunFile, Written, add_job, change_run, read_run, write_run
from arctl.runtext import text_of, with_first_job

FORK = multiprocessing.get_context("fork")

FULL = RunFile(
    number=12, token="arctl-0123456789ab", name="r3d", created=1762991234.123456, template="single", cluster="slurm",
    model="r3d_tiny", data="toy", preset="quick", tags=("on", "12", "ä b"), note="a: b\n# c — ü", group="g", sweep="s",
    values={"gpus": 1, "env": {"A": "x y"}, "list": [1, 2.5, None, True]}, command=("python", "-m", "trainer"),
    rerun_of=3, submission="submitted", jobs=(JobFile("slurm", "77", 5.5), JobFile("slurm", "78_3", 6.5)),
    cancelled=7.0, evaluates=9, extra={"colour": "blue"},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_run(path, FULL)
    assert read_run(path) == FULL
    bare = RunFile(number=1, token="t", name="n", created=1.0, template="t", cluster="local")
    write_run(path, bare)
    assert read_run(path) == bare
    assert (bare.expects_events, FULL.expects_events) == (False, True)


def test_a_job_is_added_once_and_makes_the_run_submitted() -> None:
    bare = RunFile(number=1, token="t", name="n", created=1.0, template="t", cluster="local")
    once = bare.with_job("local", "7", 2.0)
    assert (once.jobs, once.submission) == ((JobFile("local", "7", 2.0),), "submitted")
    assert once.with_job("local", "7", 3.0) == once


def test_values_of_any_kind_become_plain(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_run(path, replace(FULL, values={"path": Path("/a b"), "pair": (1, "x"), "odd": "\udcff"}))
    assert read_run(path).values == {"path": "/a b", "pair": [1, "x"], "odd": "?"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "mapping"),
        (b"- 1\n", "mapping"),
        (b"number: [1", "no YAML"),
        (b"\x00\x01", "no YAML"),
        (b"a: !!python/object/apply:os.system ['id']\n", "no YAML"),
        (b"[" * 5000, "no YAML"),
        (b"a: " + b"x" * (1 << 20), "1048576 bytes"),
        (b"contract: 2\nnumber: 1\n", "newer"),
        (b"contract: one\n", "contract"),
        (b"contract: 1\nnumber: yes\n", "number"),
        (b"contract: 1\nnumber: 99999999999999999999\n", "number"),
        (b"contract: 1\nnumber: 1\nsubmission: sent\n", "submission"),
        (b"contract: 1\nnumber: 1\nsubmission: refused\ntoken: 5\n", "token"),
    ],
)
def test_what_breaks_the_contract_names_file_and_key(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_run(path)
    assert caught.value.where == str(path) and caught.value.cure


@pytest.mark.parametrize("how", ["missing", "link", "pipe", "directory"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "run.yaml"
    if how == "link":
        path.symlink_to("/etc/hostname")
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "directory":
        path.mkdir()
    with pytest.raises(DataError):
        read_run(path)


def test_no_flipped_byte_raises_anything_but_our_error(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_run(path, FULL)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[place] ^= 0x15
        path.write_bytes(flipped)
        try:
            read_run(path)
        except DataError as error:
            assert error.cure


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "run.yaml"
    with pytest.raises(ArctlError, match="the old file is as it was"):
        write_run(path, FULL)
    (tmp_path / "run.yaml").mkdir()
    with pytest.raises(ArctlError):
        write_run(tmp_path / "run.yaml", FULL)
    assert [item.name for item in tmp_path.iterdir()] == ["run.yaml"]


def _add_tags(path: Path, prefix: str, count: int) -> None:
    for place in range(count):
        change_run(path, lambda run, place=place: replace(run, tags=(*run.tags, f"{prefix}{place}")))  # type: ignore[misc]


def test_changes_from_several_processes_all_arrive(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_run(path, replace(FULL, tags=()))
    workers = [FORK.Process(target=_add_tags, args=(path, prefix, 15)) for prefix in "abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(read_run(path).tags) == sorted(f"{prefix}{place}" for prefix in "abcd" for place in range(15))


def test_killed_while_it_writes_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_run(path, replace(FULL, tags=()))
    for turn in range(6):
        worker = FORK.Process(target=_add_tags, args=(path, f"t{turn}-", 10_000))
        worker.start()
        time.sleep(0.03 + 0.007 * turn)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert replace(read_run(path), tags=()) == replace(FULL, tags=())


def test_a_first_job_in_the_text_is_what_writing_the_run_anew_gives(tmp_path: Path) -> None:
    run = replace(FULL, jobs=(), submission="submitting", note="jobs: []\nsubmission: submitting", extra={"new": [1]})
    job = JobFile("slurm", "77_3", 1234.5)
    queued = run.with_job(job.cluster, job.id, job.submitted)
    assert with_first_job(text_of(run), job) == text_of(queued)
    assert with_first_job(text_of(queued), job) is None


def test_a_job_is_added_to_what_somebody_has_changed_meanwhile(tmp_path: Path) -> None:
    path, run = tmp_path / "run.yaml", replace(FULL, jobs=(), submission="submitting")
    write_run(path, run)
    written = Written(text_of(run), path.stat().st_ino, path.stat().st_mtime_ns)
    change_run(path, lambda old: replace(old, tags=("later",)))
    add_job(path, JobFile("slurm", "77", 5.0), written=written)
    assert read_run(path) == replace(run, tags=("later",), jobs=(JobFile("slurm", "77", 5.0),), submission="submitted")
