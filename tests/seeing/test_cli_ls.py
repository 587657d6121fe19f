"""`arctl ls`: the newest first, in the documented JSON, plain in a pipe, fitted and coloured on a terminal."""

from __future__ import annotations

import json
import re

import pytest
from rich.cells import cell_len

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def lab(shared_lab):
    for number in range(1, 34):
        shared_lab.run(number, name=f"quick{number}", tags=("even",) if number % 2 == 0 else ())
    shared_lab.trained(34, [0.5, 0.83, 0.81], name="r3d18", model="r3d18", tags=("baseline", "kept"))
    shared_lab.trained(35, [0.1, "NaN"], name="diverged", end="failed")
    shared_lab.index()
    return shared_lab


def test_the_json_is_as_documented(lab) -> None:
    document = lab.arctl("ls", "run34", "--json").json
    assert document["schema"] == "arctl.runs/1"
    run = document["runs"][0]
    assert list(run) == [
        "run", "name", "model", "state", "cluster", "job_id", "evaluates", "epoch", "epochs", "tags", "metrics",
    ]  # fmt: skip
    assert {key: value for key, value in run.items() if key != "metrics"} == {
        "run": "run34",
        "name": "r3d18",
        "model": "r3d18",
        "state": "completed",
        "cluster": "local",
        "evaluates": None,
        "job_id": "134",
        "epoch": 3,
        "epochs": 50,
        "tags": ["baseline", "kept"],
    }
    assert run["metrics"]["val/top1"] == {"last": 0.81, "best": 0.83, "best_epoch": 2}
    assert run["metrics"]["val/loss"] == {"last": 1.7, "best": 1.7, "best_epoch": 3}
    assert run["metrics"]["gap/top1"]["best_epoch"] == 2


def test_a_diverged_run_is_still_json(lab) -> None:
    run = lab.arctl("ls", "run35", "--json").json["runs"][0]
    assert run["metrics"]["val/top1"] == {"last": "NaN", "best": 0.1, "best_epoch": 1}
    assert run["state"] == "failed"


def test_thirty_by_default_and_the_rest_is_told_of(lab) -> None:
    said = lab.arctl("ls")
    rows = said.out.splitlines()
    assert len(rows) == 31
    assert [row.split()[0] for row in rows[1:4]] == ["run35", "run34", "run33"]
    assert said.err == "30 newest of 35 runs: --all shows them all\n"
    assert len(lab.arctl("ls", "--all", "--json").json["runs"]) == 35
    assert lab.arctl("ls", "--all").err == ""
    assert len(lab.arctl("ls", "-n", "3").out.splitlines()) == 4


def test_in_a_pipe_nothing_is_cut_or_coloured(lab) -> None:
    out = lab.arctl("ls", "run34").out
    assert "r3d18" in out and "completed" in out and "3/50" in out and "baseline kept" in out
    assert "83.0% @2" in out and "81.0%" in out


def test_runs_can_be_chosen_by_reference_state_and_tag(lab) -> None:
    def chosen(*argv: str) -> list[str]:
        return [run["run"] for run in lab.arctl("ls", "--json", *argv).json["runs"]]

    assert chosen("run3:run5") == ["run5", "run4", "run3"]
    assert chosen("--state", "failed") == ["run35"]
    assert chosen("--tag", "baseline", "--tag", "kept") == ["run34"]
    assert chosen("--tag", "even", "-n", "2") == ["run32", "run30"]
    assert chosen("--tag", "nothing") == []
    assert "the nearest" not in lab.arctl("ls", "--state", "faild", status=2).err
    assert "'failed'" in lab.arctl("ls", "--state", "faild", status=2).err
    assert "run99" in lab.arctl("ls", "run99", status=3).err


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_on_a_terminal_the_table_fits_and_states_have_colours(lab, columns: int) -> None:
    screen = lab.on_terminal("ls", columns=columns)
    assert "\x1b[" in screen
    lines = ANSI.sub("", screen).splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= columns
    assert len(lines) == 31
    assert all(word in lines[2] for word in ("run34", "completed", "83.0% @2"))
    assert ("baseline kept" in lines[2]) is (columns == 200)


def test_no_color_is_honoured(lab) -> None:
    screen = lab.on_terminal("ls", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", screen)
    assert "completed" in screen


def test_names_from_files_cannot_command_the_terminal(lab, tmp_path_factory) -> None:
    path = lab.workspace.run_dir(33) / "run.yaml"
    before = path.read_text()
    path.write_text(before.replace("name: quick33", r'name: "[red]a\e[31mb"'))
    try:
        lab.index()
        out = lab.arctl("ls", "run33").out
    finally:
        path.write_text(before)
        lab.index()
    assert "[red]ab" in out


def test_an_empty_workspace_says_how_to_begin(tmp_path) -> None:
    from arctl.cli import app

    with pytest.raises(SystemExit) as ended:
        app.main(["init", str(tmp_path)])
    assert ended.value.code == 0
    import subprocess
    import sys
    from pathlib import Path

    done = subprocess.run(
        [sys.executable, "-m", "arctl", "ls", "--json"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {"schema": "arctl.runs/1", "runs": []}
    assert done.returncode == 0
