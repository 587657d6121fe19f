"""`arctl init`, `sync` and `rebuild`."""

from __future__ import annotations

import json
import time
from pathlib import Path

from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.registry import read
from arctl.states import State


def run(*argv: str) -> Result:
    return CliRunner().invoke(app, list(argv))


def test_init_makes_a_workspace_once_and_says_so(tmp_path: Path) -> None:
    place = tmp_path / "lab"
    first = run("init", str(place))
    assert (first.exit_code, first.stdout) == (0, f"{place}\n")
    (place / "arctl.yaml").write_text("slots: 2\n")
    second = run("init", str(place), "--json")
    assert json.loads(second.stdout) == {"schema": "arctl.workspace/1", "root": str(place), "made": False}
    assert (place / "arctl.yaml").read_text() == "slots: 2\n"


def test_sync_and_rebuild_keep_every_run(tmp_path: Path) -> None:
    assert run("init", str(tmp_path)).exit_code == 0
    here = ("-w", str(tmp_path))
    for name in ("one", "two"):
        assert run(*here, "submit", "--name", name, "--tag", "t", "--note", "n", "--", "true").exit_code == 0
    deadline = time.monotonic() + 20
    while any(row.state is not State.COMPLETED for row in read.runs(tmp_path / "runs.db")):
        assert time.monotonic() < deadline
        assert run(*here, "sync").exit_code == 0
        time.sleep(0.05)
    document = json.loads(run(*here, "sync", "--json").stdout)
    assert document["schema"] == "arctl.sync/1"
    before = [
        (row.number, row.name, row.token, row.tags, row.note, row.state) for row in read.runs(tmp_path / "runs.db")
    ]
    result = run(*here, "rebuild")
    assert (result.exit_code, result.stdout) == (0, "2 runs\n")
    after = [
        (row.number, row.name, row.token, row.tags, row.note, row.state) for row in read.runs(tmp_path / "runs.db")
    ]
    assert after == before
    assert list(tmp_path.glob("runs.db.bak-*"))
    assert json.loads(run(*here, "rebuild", "--json").stdout)["runs"] == 2
