"""The command line as a whole: its table tells the truth, and every failure is one line with an exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from arctl.cli import COMMANDS, SECTIONS, app
from arctl.settings import init_workspace

ROOT = Path(__file__).parent.parent


def run(*argv: str) -> Result:
    return CliRunner().invoke(app, list(argv))


def arctl(*argv: str, cwd: Path, **extra: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **extra.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [sys.executable, "-m", "arctl", *argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, **extra
    )  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_tells_the_truth(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    assert command.name == name
    assert " ".join((command.help or "").split()).startswith(COMMANDS[name][1].rstrip("."))
    assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_help_lists_every_command_under_its_heading() -> None:
    shown = run("--help").output
    for heading, section in SECTIONS.items():
        block = shown.split(f"{heading}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in block.splitlines()] == list(section)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["sbumit"], "error: no such command 'sbumit' (did you mean 'submit' or 'resume'?)\n"),
        (["--workspce", "x"], "error: no such option '--workspce'. Did you mean '--workspace'? (see `arctl --help`)\n"),
        (["submit", "--modle", "x"], "'--modle'"),
        (["cancel"], "error: missing argument 'RUN...' (see `arctl cancel --help`)\n"),
        (["submit", "--gpus", "two"], "'two' is not a valid integer (see `arctl submit --help`)\n"),
        (["init", "a", "b"], "unexpected extra argument (b) (see `arctl init --help`)\n"),
    ],
)
def test_usage_errors_are_one_line_and_name_the_nearest(argv: list[str], line: str) -> None:
    result = run(*argv)
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("argv", [["ls"], ["submit", "--model", "r3d18", "--data", "x"], ["sync"], ["rebuild"], []])
def test_outside_of_a_workspace(argv: list[str], tmp_path: Path) -> None:
    done = arctl(*argv, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert "arctl init" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_broken_arctl_yaml_is_placed(tmp_path: Path) -> None:
    (tmp_path / "arctl.yaml").write_text("clustre: slurm\n")
    done = arctl("ls", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}/arctl.yaml:1:1: unknown key 'clustre'" in done.stderr


def test_the_dashboard_needs_a_terminal(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    done = arctl(cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "the dashboard needs a terminal" in done.stderr


def test_escape_sequences_never_reach_the_terminal(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    done = arctl("submit", "--model", "\x1b]52;c;ZXZpbA==\x07r3d\x9b31m", "--data", "x", cwd=tmp_path)
    assert done.returncode == 3
    assert not set(done.stderr) & set("\x1b\x07\x9b")
    done = arctl("\x1b[2Jls", cwd=tmp_path)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_an_unexpected_error_is_one_line_and_a_traceback_on_demand(tmp_path: Path) -> None:
    def broken() -> None:
        raise ZeroDivisionError("out of the blue")

    @click.group(cls=type(app), invoke_without_command=True)
    def small() -> None:
        broken()

    result = CliRunner().invoke(small, [])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "ZeroDivisionError: out of the blue (set ARCTL_DEBUG=1 for the traceback)" in result.stderr
    result = CliRunner().invoke(small, [], env={"ARCTL_DEBUG": "1"})
    assert "Traceback" in result.stderr
    assert result.stderr.rstrip().endswith("(set ARCTL_DEBUG=1 for the traceback)")


def test_a_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        models = [sys.executable, "-m", "arctl", "models"]
        done = subprocess.run(models, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "error: no space left on device (make room, then run the command again)\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "arctl", "models", "r3d18"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    program = (
        "import time, click\nfrom arctl.cli import Arctl\n"
        "@click.group(cls=Arctl, invoke_without_command=True)\n"
        "def slow():\n    click.echo('ready')\n    time.sleep(60)\nslow.main([])"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip() == "error: interrupted"
