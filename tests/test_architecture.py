"""The rooms of the house hold: what a fresh interpreter loads, how long files are, and what never happens at import."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "arctl").rglob("*.py")) + sorted((ROOT / "trainer").rglob("*.py"))
HEAVY = {
    "torch",
    "torchvision",
    "transformers",
    "av",
    "numpy",
    "scipy",
    "sqlmodel",
    "sqlalchemy",
    "textual",
}


def modules_after(*argv: str, cwd: Path) -> set[str]:
    """Run `arctl ARGV` in a fresh interpreter; return the top-level modules that it has loaded at its exit."""
    program = (
        "import sys, json, atexit, pathlib\n"
        "atexit.register(lambda: pathlib.Path(sys.argv_out).write_text("
        "json.dumps(sorted({name.split('.')[0] for name in sys.modules}))))\n"
        "sys.argv_out, sys.argv = sys.argv[1], ['arctl', *sys.argv[2:]]\n"
        "from arctl.cli import main\n"
        "main()\n"
    )
    out = cwd / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", program, str(out), *argv],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(out.read_text()))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "arctl", "init", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    return tmp_path


@pytest.mark.parametrize("argv", [["--help"], ["ls"], ["ls", "--json"], ["models"]], ids=" ".join)
def test_light_paths_load_no_heavy_module(argv: list[str], workspace: Path) -> None:
    loaded = modules_after(*argv, cwd=workspace)
    assert "arctl" in loaded
    assert not loaded & HEAVY


def test_compute_side_never_imports_the_registry_or_the_controller() -> None:
    program = (
        "import json, sys, trainer.train, trainer.data.loaders\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(json.loads(done.stdout))
    assert "torch" in loaded
    assert not loaded & {"arctl", "textual", "sqlmodel", "simple_slurm"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small_and_say_why_they_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), "a module opens with why it exists"


def test_most_functions_are_short() -> None:
    lengths = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lengths.append(node.end_lineno - node.lineno + 1)
    short = sum(length <= 30 for length in lengths) / len(lengths)
    assert short >= 0.95, f"{short:.1%} of {len(lengths)} functions have 30 lines or fewer"


def test_no_shell_and_no_unsafe_loader() -> None:
    forbidden = ("shell=True", "os.system(", "weights_only=False")  # ruff looks for unsafe YAML
    found = [f"{path}: {word}" for path in SOURCES for word in forbidden if word in path.read_text(encoding="utf-8")]
    assert found == []
