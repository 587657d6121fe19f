"""B01-B14: names and words that try to run, to escape, to command the terminal or to pass for something else."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.clusters.directives import directives
from arctl.clusters.slurm import render_directives
from arctl.errors import UsageError
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import SlurmSettings, Workspace, init_workspace
from arctl.sync import rebuild
from tests.tui.workspace import new_run

BAD_NAMES = {
    "B01": ["x`touch PWN`", "x$(touch PWN)", "x;touch PWN", "x|y", "a b", "a&b", "a'b", 'a"b', "a\\b", "a{b}", "a*b"],
    "B02": ["a\n#SBATCH --partition=secret", "a\rb", "a\tb"],
    "B04": ["../../x", "/etc/x", "a/b", ".", "..", "x" * 65, "x" * 300, ".hidden", "_x", "~", "~root"],
    "B05": ["%j", "a%x", "100%%"],
    "B06": ["a\x1b]52;c;cG9pc29u\x07b", "a\x1b[2J", "a\x9b2J"],
    "B07": ["[@click=app.screenshot('authorized_keys','~/.ssh')]x"],
    "B08": ["[/]", "[/bold]", "run[3]", "[Errno 2]"],
    "B09": ["-rf", "--wrap=id", "--", "-"],
    "B11": ["a\u202eb", "a\u200bb", "e\u0301", "名前", "a\u0300\u0316\u0300"],
    "reference": ["run3", "12", "RUN7", "@latest"],
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "ws")


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


def untouched(workspace: Workspace) -> bool:
    """Tell whether nothing was queued, made or executed."""
    return not (workspace.db.exists() or any(workspace.runs.iterdir()) or list(workspace.root.parent.rglob("PWN")))


@pytest.mark.parametrize("number", BAD_NAMES)
def test_a_bad_name_is_refused_and_nothing_is_made(workspace: Workspace, number: str) -> None:
    for name in BAD_NAMES[number]:
        result = run(workspace, "submit", f"--name={name}", "--", "true")
        assert (result.exit_code, result.stdout) == (2, ""), ascii(name)
        assert re.fullmatch(r"error: --name: .+ \(.+\)\n", result.stderr), ascii(result.stderr)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", result.stderr)
        assert untouched(workspace)


def test_an_empty_name_is_the_usual_one(workspace: Workspace) -> None:
    plan = json.loads(run(workspace, "submit", "--name", "", "--dry-run", "--json", "--", "true").stdout)["runs"][0]
    assert plan["name"] == "true"
    assert untouched(workspace)


def test_a_bad_tag_or_note_is_refused_too(workspace: Workspace) -> None:
    for option, texts in (
        ("--tag", ["a b", "[/]", "\x1b[2J", "-x", "../x"]),
        ("--note", ["a\x1b]0;t\x07", "a\u202eb"]),
    ):
        for text in texts:
            result = run(workspace, "submit", f"{option}={text}", "--", "true")
            assert result.exit_code == 2 and result.stderr.startswith(f"error: {option}: "), result.stderr
            assert untouched(workspace)


def test_every_directive_is_one_line_whatever_is_asked() -> None:
    texts = [
        "a\n#SBATCH --partition=secret",
        "two words",
        "a#b",
        "x`touch PWN`",
        "$(id)",
        "--wrap=id",
        "-p secret",
        "%j",
    ]
    keys = ("name", "partition", "mem", "time", "account", "qos", "constraint", "exclude", "gpu_type", "begin")
    for key in keys:
        for text in texts:
            asked: dict[str, object] = {"name": "n", "token": "arctl-0123456789ab", "log": Path("/w/log-%j.txt")}
            try:
                lines = render_directives(directives(**{**asked, "settings": SlurmSettings(), key: text}))  # type: ignore[arg-type]
            except UsageError as error:
                assert error.cure or error.where
                continue
            assert all(line.startswith("#SBATCH --") and "\n" not in line for line in lines)
            assert len({line.partition("=")[0] for line in lines}) == len(lines), "no directive is smuggled in"
            assert not any("secret" in line and not line.startswith(f"#SBATCH --{key}") for line in lines)


def test_a_command_reaches_the_job_word_for_word_and_no_shell(workspace: Workspace, desk_in) -> None:
    words = [
        "EOF",
        "a\nEOF\ntouch PWN",
        "`touch PWN`",
        "$(touch PWN)",
        "; touch PWN",
        "-rf",
        "%j %x",
        "'\"\\",
        "",
        "#x",
        "é\x1b[m",
    ]
    desk = desk_in(workspace.root)
    program = "import json, sys; open('said.json', 'w').write(json.dumps(sys.argv[1:]))"
    desk.arctl("submit", "--no-snapshot", "--name", "words", "--", sys.executable, "-c", program, *words)
    desk.arctl("wait", "words", "--timeout", "60")
    assert json.loads((workspace.root / "said.json").read_text()) == words
    assert read_run(RunDir(workspace.run_dir(1)).run_yaml).command[3:] == tuple(words)
    assert not list(workspace.root.rglob("PWN"))


def test_a_command_that_no_file_can_hold_is_refused(workspace: Workspace) -> None:
    for word in ("a\0b", b"a\x9db".decode("utf-8", "surrogateescape")):
        result = run(workspace, "submit", "--", "echo", word)
        assert result.exit_code == 2 and "the command holds" in result.stderr
        assert untouched(workspace)


def test_a_tag_or_group_that_a_spreadsheet_would_run_is_quoted(workspace: Workspace) -> None:
    made = new_run(workspace, 1, "n", tags=["=1+1", "@x", "ok"])
    made.start(1)
    made.end("completed")
    rebuild(workspace)
    rows = list(csv.reader(io.StringIO(run(workspace, "usage", "--by", "tag", "--csv").stdout)))
    assert {row[0] for row in rows} == {"tag", "'=1+1", "'@x", "ok"}


def test_the_log_path_is_arctls_own_and_a_percent_in_it_is_no_pattern(tmp_path: Path) -> None:
    odd = init_workspace(tmp_path / "50%j $(touch PWN) x")
    result = run(odd, "submit", "--cluster", "slurm", "--dry-run", "--name", "n", "--", "true")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    output = next(line for line in lines if line.startswith("#SBATCH --output"))
    assert output == f'#SBATCH --output="{tmp_path}/50%%j $(touch PWN) x/runs/run0001/log-%j.txt"'
    assert f"export ARCTL_WORKSPACE='{odd.root}'" in lines
    assert not list(tmp_path.rglob("PWN"))


def test_cells_that_a_spreadsheet_would_run_are_quoted_and_numbers_are_not(workspace: Workspace) -> None:
    evil = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx=1", "\r=1", "ok", "=1+1"]
    made = new_run(workspace, 1, "n", model="=cmd|x")
    made.start(1)
    made.epoch(1, top1=0.5)
    made.predictions(1, mixed=False, samples=3)
    path = made.files.prediction_file("val", 1)
    import numpy as np

    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, "classes": np.array(evil)})
    rebuild(workspace)
    rows = list(csv.reader(io.StringIO(run(workspace, "confusion", "1", "--csv").stdout)))
    for cell in (*rows[0], *(row[0] for row in rows)):
        assert cell[:1] not in "=+-@\t\r" or cell == "", cell
    assert {cell for row in rows[1:] for cell in row[1:]} <= {str(number) for number in range(10)}


def test_runs_that_differ_by_case_alone_stay_two(workspace: Workspace) -> None:
    for number, name in enumerate(("Base", "base", "BASE"), start=1):
        new_run(workspace, number, name)
    rebuild(workspace)
    for number, name in enumerate(("Base", "base", "BASE"), start=1):
        found = json.loads(run(workspace, "show", name, "--json").stdout)
        assert (found["run"], found["name"]) == (f"run{number}", name)
    assert len({str(path).lower() for path in workspace.runs.iterdir()}) == 3, "no directory hangs on a name"


def test_a_name_that_came_from_a_file_is_shown_and_found_but_never_obeyed(workspace: Workspace) -> None:
    names = [name for number in ("B01", "B06", "B07", "B08", "B11") for name in BAD_NAMES[number]]
    for number, name in enumerate(names, start=1):
        new_run(workspace, number, name)
    rebuild(workspace)
    listed = run(workspace, "ls", "--all")
    assert listed.exit_code == 0 and listed.stdout.count("\n") == len(names) + 1
    for literal in ("[@click=app.screenshot", "[/bold]", "run[3]", "x`touch PWN`"):
        assert literal in listed.stdout
    assert not list(workspace.root.parent.rglob("PWN"))


def test_a_run_yaml_with_a_path_for_a_number_leads_nowhere(workspace: Workspace) -> None:
    made = new_run(workspace, 1, "n")
    for wrong in ("../../x", -1, 0, 1 << 60, 2):
        made.files.run_yaml.write_text(
            yaml.safe_dump({**yaml.safe_load(made.files.run_yaml.read_text()), "number": wrong})
        )
        report = rebuild(workspace)
        assert report.runs == 0 and "run1" in report.troubles[0]
        made.files.run_yaml.write_text(yaml.safe_dump({**yaml.safe_load(made.files.run_yaml.read_text()), "number": 1}))
    assert rebuild(workspace).runs == 1
    with sqlite3.connect(workspace.db) as connection:
        assert connection.execute("SELECT number FROM runs").fetchall() == [(1,)]
    connection.close()
