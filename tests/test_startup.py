"""What a fresh interpreter loads for `arctl --help`: click, and nothing that a command may need later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LATER = {"yaml", "json", "sqlite3", "rich", "jinja2", "numpy", "textual", "sqlmodel", "simple_slurm"}


def loaded(*argv: str) -> set[str]:
    """Return the modules that `arctl ARGV` has loaded at its end."""
    program = (
        "import sys\nfrom arctl.cli import app\n"
        "try:\n    app.main(sys.argv[1:])\nexcept SystemExit as end:\n    status = end.code\n"
        "names = sorted(sys.modules)\nimport json\nprint(json.dumps([status, names]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *argv], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    status, names = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return set(names)


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--version"]], ids=" ".join)
def test_help_loads_click_and_nothing_else_of_weight(argv: list[str]) -> None:
    names = loaded(*argv)
    assert "click" in names
    assert not {name.partition(".")[0] for name in names} & LATER
    assert {name for name in names if name.startswith("arctl")} <= {"arctl", "arctl.cli"}
    assert not any(name.startswith("trainer") for name in names)


def test_help_of_a_command_loads_only_that_command() -> None:
    names = loaded("submit", "--help")
    assert "arctl.cli.submit" in names
    assert not {name.partition(".")[0] for name in names} & (LATER - {"json"})
    assert "arctl.launch" not in names
