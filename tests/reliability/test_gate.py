"""Every command on a real terminal, over a workspace whose every text is hostile: no byte of a payload gets through."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arctl.settings import Workspace, init_workspace
from tests.reliability.hostile import RUNS, hostile
from tests.reliability.payloads import Payload, breaches, marks, payloads, smuggled
from tests.reliability.terminal import arctl, environment

ANY = frozenset(range(6)) | {10}
"""The exit statuses of commands that did what they could; 1 is also for what should not have happened."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return hostile(tmp_path_factory.mktemp("gate") / "ws\x1b]0;Q0009q\x07\u202e")


def clean(written: bytes) -> None:
    assert breaches(written) == []
    assert smuggled(written) == []
    assert b"should not have happened" not in written and b"Traceback" not in written


COMMANDS = (
    ("ls", 40),
    ("ls --json", 40),
    ("show 1", 40),
    ("show 5", 40),
    ("show 6 --json", 40),
    ("logs 2", 25),
    ("logs -f -n 5 3", 3),
    ("curves 1 2", 2),
    ("curves 1 --list", 3),
    ("confusion 1", 8),
    ("confusion 1 --csv", 8),
    ("confusion 2 --json", 8),
    ("compare 1 3 --force", 30),
    ("compare 1 2 4 --force --json", 30),
    ("queue", 2),
    ("template ls", 10),
    ("template check", 5),
    ("template show bad", 4),
    ("data ls", 0),
    ("sync", 0),
    ("usage --by tag", 20),
    ("usage --csv --by model", 5),
    ("why 1", 1),
    ("why 5", 0),
    ("sweep ls", 3),
    ("doctor", 1),
    ("wait 2", 1),
    ("cancel 1", 0),
)
"""Words of a command, and how many of the marks it shows at least."""


@pytest.fixture(scope="module")
def outputs(workspace: Workspace) -> Mapping[str, tuple[int, bytes]]:
    """What each command wrote: three at a time, since they wait more than they work."""
    with ThreadPoolExecutor(3) as pool:
        done = pool.map(lambda command: arctl(workspace.root, *command[0].split()), COMMANDS)
        return {words: said for (words, _), said in zip(COMMANDS, done, strict=True)}


@pytest.mark.parametrize(("words", "least"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_no_command_lets_a_payload_through(outputs: Mapping[str, tuple[int, bytes]], words: str, least: int) -> None:
    status, written = outputs[words]
    assert status in ANY, written
    clean(written)
    assert len(marks(written)) >= least, written


def test_a_log_of_hundreds_of_payloads(workspace: Workspace) -> None:
    status, written = arctl(workspace.root, "logs", "1", "-n", "2000", size=(80, 24))
    assert status == 0
    clean(written)
    everything = payloads()
    assert len(everything) > 500
    assert marks(written) >= {one.mark for one in everything}
    for one in everything:
        assert one.evil or one.raw in written, "markup is shown as it stands in the file"


def test_into_a_pipe_no_line_for_people_holds_a_payload_either(workspace: Workspace) -> None:
    for line in (
        "ls",
        "show 1",
        "show 5",
        "compare 1 2 --force",
        "curves 3 --list",
        "logs 1",
        "usage",
        "why 1",
        "template ls",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "arctl", *line.split()], cwd=workspace.root, env=environment(), capture_output=True
        )
        assert done.returncode == 0
        clean(done.stdout + done.stderr)


def test_json_says_all_and_writes_nothing_hidden(workspace: Workspace) -> None:
    status, written = arctl(workspace.root, "show", "3", "--json", size=(1000, 24))
    assert status == 0
    clean(written)
    told = json.loads(written)
    stored = json.loads(
        subprocess.run(
            [sys.executable, "-m", "arctl", "show", "3", "--json"],
            cwd=workspace.root, env=environment(), capture_output=True, check=True,
        ).stdout
    )  # fmt: skip
    assert told["name"] == stored["name"] and told["note"] == stored["note"]
    assert any(one.text in told["note"] for one in payloads() if one.evil), "nothing is lost"


def words_of(one: Payload) -> bytes:
    return one.raw.replace(b"\0", b"").lstrip(b"-")


@pytest.mark.parametrize("words", [["show"], ["ls", "--tag", "x", "--state"], ["submit", "--name"], []], ids=str)
def test_what_was_typed_is_quoted_safely(workspace: Workspace, words: list[str]) -> None:
    typed = b" ".join(words_of(one) for one in payloads()[::25])
    more = [b"--", b"true"] if "submit" in words else []
    status, written = arctl(workspace.root, *words, typed, *more)
    assert status in (2, 3), written
    assert written.startswith(b"error: ") or b"\nerror: " in written
    clean(written)


def test_the_scheduler_cannot_command_the_terminal(tmp_path: Path) -> None:
    program = tmp_path / "squeue"
    program.write_text(
        f"#!{sys.executable}\nimport re, sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.reliability.payloads import sample\n"
        "form = next(word.split('=', 1)[1] for word in sys.argv if word.startswith('--format='))\n"
        "for number, one in enumerate(sample(60), start=500):\n"
        "    text = one.text.replace('\\n', ' ')\n"
        "    known = {'i': str(number), 'A': str(number), 'T': 'PENDING', 'D': '1', 'C': '1'}\n"
        "    line = re.sub(r'%\\.?\\d*(\\w)', lambda found: known.get(found[1], text), form)\n"
        "    print(line)\n"
        "print(sample(1)[0].text, file=sys.stderr)\n"
    )
    for name in ("scontrol", "sacct", "sinfo", "sbatch"):
        (tmp_path / name).write_text("#!/bin/sh\nprintf 'error: \\033]52;c;Q0001q\\007 \\233[2J bad\\n' >&2\nexit 1\n")
    for path in tmp_path.iterdir():
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for words, least in ((["queue", "--each"], 20), (["nodes"], 0), (["doctor"], 0)):
        status, written = arctl(tmp_path, *words, **env)
        assert status in ANY
        clean(written)
        assert len(marks(written)) >= least, written.decode()
    own = init_workspace(tmp_path / "own")
    status, written = arctl(own.root, "submit", "--cluster", "slurm", "--", "true", **env)
    assert status == 4, written
    clean(written)


def test_the_workspace_is_as_hostile_as_it_says(workspace: Workspace) -> None:
    files = [path for number in range(1, RUNS + 1) for path in workspace.run_dir(number).rglob("*") if path.is_file()]
    raw = b"".join(path.read_bytes() for path in (*files, workspace.db))
    assert sum(one.evil in raw for one in payloads() if len(one.evil) > 2) > 250
    assert breaches(b"\x1b]0;x\x07") and breaches(b"\x9b2J") and breaches("\u202e".encode()) and breaches(b"\x1b[8m")
    assert not breaches(b"\x1b[1;38;5;208mred\x1b[0m\r\n")


def test_a_data_set_cannot_command_the_terminal(workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "odd\x1b]0;Q0005q\x07"
    evil = "Q0005q\x1b]52;c;Q0005q\x07\u202e"
    videos = [f"v_{evil}_g{group:02d}_c01.avi" for group in (1, 8)]
    (root / evil).mkdir(parents=True)
    for video in videos:
        (root / evil / video).touch()
    (root / "classInd.txt").write_text(f"1 {evil}\n")
    (root / "trainlist01.txt").write_text(f"{evil}/{videos[1]} 1\n")
    (root / "testlist01.txt").write_text(f"{evil}/{videos[0]}\n")
    status, written = arctl(workspace.root, "data", "check", str(root))
    assert status == 5, written
    clean(written)
    assert marks(written) == {"Q0005q"} and b"unreadable: " in written


def test_a_workspace_whose_path_is_no_text_works_or_says_so(tmp_path: Path) -> None:
    root = Path(str(tmp_path / "ws") + b"\x9b2J\xff".decode("utf-8", "surrogateescape"))
    for words, right in ((["init", "."], 0), (["ls"], 2), (["submit", "--", "true"], 2)):
        root.mkdir(exist_ok=True)
        status, written = arctl(root, *words)
        assert status == right, written
        clean(written)
