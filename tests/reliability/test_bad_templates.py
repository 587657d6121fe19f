"""B27-B36: job templates that would ask for nothing, run what they should not, or be misread by sbatch."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jinja2
import pytest
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.settings import Workspace, init_workspace

HEAD = "#!/bin/bash\n{{ directives }}\n"
ESCAPES = (
    "{{ ''.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__.os.system('touch PWN') }}",
    "{{ lipsum.__globals__['os'].popen('touch PWN').read() }}",
    "{{ ''|attr('__class__')|attr('__mro__') }}",
    "{% set f = '{0.__class__}'.format %}{{ f('') }}",
    "{{ ('{0.__class__.__mro__}'|attr('format'))('x') }}",
    "{{ [run]|map(attribute='__class__')|list }}",
    "{{ self.__init__.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
)
"""Ways out of a sandbox of templates, some of which have worked."""

FAILED = "error: Batch job submission failed:"

BAD = {
    "B27": (HEAD + "exec {{ comand }}\n", 3, "'comand'"),
    "B30 crlf": (HEAD.replace("\n", "\r\n") + "exec {{ command }}\r\n", 1, "Windows line ends"),
    "B30 no shebang": ("{{ directives }}\nexec {{ command }}\n", 1, "the first line"),
    "B31": (HEAD + "echo\n#SBATCH --time=1\nexec {{ command }}\n", 4, "directives after"),
    "B36 B:": ("#!/bin/bash\n#SBATCH --signal=B:USR2@60\n{{ directives }}\n{{ command }}\n", 2, "--signal=B:"),
    "B36 no srun": ("#!/bin/bash\n#SBATCH --signal=USR2@60\n{{ directives }}\nexec {{ command }}\n", 2, "without B:"),
    "no directives": ("#!/bin/bash\nexec {{ command }}\n", 1, "directives"),
    "quotes": (HEAD + 'exec {{ command }} "{{ run }}"\n', 3, "quoted already"),
    "no end": (HEAD + "{% if run %}\nexec {{ command }}\n", 4, "endif"),
    "bash": (HEAD + "if true; then\nexec {{ command }}\n", 4, "line"),
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "ws")


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


def write(workspace: Workspace, text: str | bytes) -> Path:
    path = workspace.templates / "mine.sbatch"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(workspace: Workspace, path: Path) -> str:
    """See that no job is made from a template, and return what is said instead."""
    result = run(workspace, "submit", "--template", "mine", "--", "true")
    assert (result.exit_code, result.stdout) == (2, ""), result.stdout + result.stderr
    assert result.stderr.startswith(f"error: {path}") and result.stderr.count("\n") == 1, result.stderr
    assert not workspace.db.exists() and not any(workspace.runs.iterdir())
    assert not list(workspace.root.parent.rglob("PWN"))
    return result.stderr


@pytest.mark.parametrize("number", BAD)
def test_a_bad_template_is_found_by_check_and_refused_by_submit(workspace: Workspace, number: str) -> None:
    text, line, words = BAD[number]
    path = write(workspace, text)
    found = run(workspace, "template", "check", "mine")
    assert found.exit_code == 2 and words in found.stdout, found.stdout
    if number != "bash":
        assert f"mine: line {line}: " in found.stdout, found.stdout
    assert "template check mine" in refused(workspace, path)
    others = json.loads(run(workspace, "template", "ls", "--json").stdout)["templates"]
    assert {"single", "ddp", "array"} <= {one["name"] for one in others}, "one bad file hides no other"


@pytest.mark.parametrize(
    "raw", [b"", b"\n\n", b"#!/bin/bash\n\0\n", b"\xff\xfe#\0!\0", b"#" * (1 << 20) + b"!"], ids=ascii
)
def test_what_is_no_script_is_no_template(workspace: Workspace, raw: bytes) -> None:
    refused(workspace, write(workspace, raw))
    assert "single" in run(workspace, "template", "ls").stdout


@pytest.mark.parametrize("kind", ["fifo", "directory", "dangling"])
def test_what_is_no_file_hangs_nothing(workspace: Workspace, kind: str) -> None:
    path = workspace.templates / "mine.sbatch"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/no/where")
    result = run(workspace, "submit", "--template", "mine", "--", "true")
    assert result.exit_code in (1, 2) and str(path) in result.stderr and result.stdout == ""
    assert "single" in run(workspace, "template", "ls").stdout


@pytest.mark.parametrize("text", ESCAPES)
def test_no_template_reaches_python(workspace: Workspace, text: str) -> None:
    path = write(workspace, f"{HEAD}# {text}\nexec {{{{ command }}}}\n")
    said = refused(workspace, path)
    assert "class '" not in said and "root:" not in said and "<module" not in said


def test_the_sandbox_is_one_without_known_holes() -> None:
    version = tuple(int(part) for part in jinja2.__version__.split(".")[:3])
    assert version >= (3, 1, 6), "CVE-2024-56326 and CVE-2025-27516"


def test_a_value_is_never_read_as_a_template(workspace: Workspace) -> None:
    evil = "{{ cycler.__init__.__globals__.os.system('touch PWN') }}"
    write(workspace, f"{HEAD}exec {{{{ command }}}}\n")
    result = run(
        workspace, "submit", "--template", "mine", "--dry-run", "--", "echo", evil, "{% raw %}", "$(touch PWN)"
    )
    assert result.exit_code == 0, result.stderr
    assert f"'{evil.replace(chr(39), chr(39) + chr(34) + chr(39) + chr(34) + chr(39))}'" in result.stdout
    assert "'{% raw %}' '$(touch PWN)'" in result.stdout
    assert not list(workspace.root.parent.rglob("PWN"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--time=-5"], "--time"), (["--time", "0"], "--time"), (["--time", "soon"], "--time"),
        (["--mem=-1"], "--mem"), (["--mem", "lots"], "--mem"), (["--gpus", "-1"], "--gpus"),
        (["--nodes", "0"], "--nodes"), (["--partition", "a b"], "--partition"),
        (["--partition", "x\n#SBATCH -A y"], "--partition"),
        (["--sbatch", "exclusive"], "--sbatch"), (["--sbatch", "--comment=a\n#SBATCH -A y"], "--sbatch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_slurm_takes_without_a_word_is_refused_here(workspace: Workspace, options: list[str], named: str) -> None:
    result = run(workspace, "submit", "--cluster", "slurm", "--dry-run", *options, "--", "true")
    assert (result.exit_code, result.stdout) == (2, ""), result.stdout + result.stderr
    assert named in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (["unrecognized option '--foo'"], 255),
        (["error: invalid partition specified: nosuch", f"{FAILED} Invalid partition name specified"], 1),
        (["error: Memory specification can not be satisfied", f"{FAILED} Requested node is not available"], 1),
        ([f"{FAILED} Requested node configuration is not available"], 1),
        ([f"{FAILED} Invalid generic resource (gres) specification"], 1),
    ],
)  # fmt: skip
def test_what_sbatch_refuses_is_quoted_and_the_run_says_so(
    workspace: Workspace, tmp_path: Path, desk_in, said: list[str], status: int
) -> None:
    lines = "".join(f'echo "sbatch: {line}"\n' for line in said)
    (tmp_path / "sbatch").write_text(f"#!/bin/bash\nexec >&2\n{lines}printf '\\033]0;t\\007'\nexit {status}\n")
    (tmp_path / "sbatch").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    desk = desk_in(workspace.root, env)
    done = desk.arctl("submit", "--cluster", "slurm", "--no-snapshot", "--", "true", status=4)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "\x1b" not in done.stderr
    assert all(line.removeprefix("error: ") in last for line in said), last
    assert (json.loads(desk.arctl("ls", "--json").stdout))["runs"][0]["state"] == "refused"
