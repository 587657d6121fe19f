"""`arctl logs`: the end, a text with line numbers, the first error, a time, JSON; what does not go together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arctl.cli import app
from tests.tui.logdesk import logged


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    lines = []
    for number in range(500):
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 10 * (500 - number)))
        lines.append(f"{clock} step {number} loss {'NaN' if number % 200 == 7 else 0.5}")
    lines[300:300] = ["Traceback (most recent call last):", '  File "x.py", line 3', "ValueError: \x1b[31mbad"]
    logged(tmp_path, "\n".join(lines).encode() + b"\n")
    (tmp_path / "runs" / "run0001" / "log-7.txt").write_bytes(b"the job before: nan\n")
    yield tmp_path


def logs(root: Path, *argv: str) -> Result:
    return CliRunner().invoke(app, ["--workspace", str(root), "logs", "run1", *argv])


def test_the_end_is_printed_and_another_job_s_by_name(root: Path) -> None:
    done = logs(root, "-n", "2")
    assert [line.split()[3] for line in done.stdout.splitlines()] == ["498", "499"]
    assert "earlier jobs: 7 (--job)" in done.stderr
    assert len(logs(root).stdout.splitlines()) == 100
    assert logs(root, "-n", "0").stdout == ""
    assert logs(root, "--job", "7").stdout == "the job before: nan\n"
    assert logs(root, "--job", "8").exit_code == 3


def test_matching_lines_come_with_their_numbers(root: Path) -> None:
    done = logs(root, "--grep", "nan")
    assert [line.split(":", 1)[0] for line in done.stdout.splitlines()] == ["8", "208", "411"]
    assert logs(root, "--grep", "re:step (7|407) ", "-n", "1").stdout.startswith("411:")
    none = logs(root, "--grep", "nAn")
    assert (none.exit_code, none.stdout) == (1, "")
    assert "no line of log-9001.txt has 'nAn'" in none.stderr
    assert logs(root, "--job", "7", "--grep", "NAN").exit_code == 1


def test_the_first_error_comes_with_what_stands_around_it(root: Path) -> None:
    done = logs(root, "--errors", "-n", "3")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["298", "299", "300", "301", "302", "303", "304"]
    assert lines[3].endswith("Traceback (most recent call last):")
    assert lines[5] == "303:ValueError: bad"
    assert logs(root, "--job", "7", "--errors").exit_code == 1


def test_lines_of_a_time_and_since_a_time(root: Path) -> None:
    at = logs(root, "--at", "-10m", "-n", "2").stdout.splitlines()
    assert [line.split()[3] for line in at] == ["439", "440"]
    since = logs(root, "--since", "1m").stdout.splitlines()
    assert 3 <= len(since) <= 6 and "step 499" in since[-1]
    assert "step 0 " in logs(root, "--since", "2d").stdout.splitlines()[0]
    late = logs(root, "--since", "2s")
    assert late.exit_code == 1 and "the log's last time is" in late.stderr
    assert logs(root, "--at", "soon").exit_code == 2
    timeless = logs(root, "--job", "7", "--at", "14:02")
    assert timeless.exit_code == 3 and "say no time" in timeless.stderr


def test_json_has_the_offset_of_each_line(root: Path) -> None:
    document = json.loads(logs(root, "--grep", "Traceback", "--json").stdout)
    assert (document["schema"], document["run"], document["log"]) == ("arctl.logs/1", "run1", "log-9001.txt")
    [line] = document["lines"]
    data = (root / "runs" / "run0001" / "log-9001.txt").read_bytes()
    assert data[line["at"] :].startswith(b"Traceback") and line["number"] == 301
    assert json.loads(logs(root, "--json", "-n", "1").stdout)["lines"][0]["number"] is None


@pytest.mark.parametrize(
    "argv",
    [
        ("--grep", "x", "--errors"),
        ("--at", "14:02", "--since", "1m"),
        ("-f", "--errors"),
        ("-f", "--json"),
        ("--grep", "re:("),
        ("--grep", ""),
    ],
)
def test_what_does_not_go_together_is_refused(root: Path, argv: tuple[str, ...]) -> None:
    assert logs(root, *argv).exit_code == 2


def test_following_an_ended_run_shows_what_matches_and_ends(root: Path) -> None:
    done = logs(root, "-f", "--grep", "step 49")
    assert [line.split()[3] for line in done.stdout.splitlines()] == [str(n) for n in range(490, 500)]
    assert "run1 has ended: completed" in done.stderr
    since = logs(root, "-f", "--since", "1m").stdout.splitlines()
    assert 3 <= len(since) <= 6 and "step 499" in since[-1]
