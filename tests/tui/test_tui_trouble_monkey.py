"""A monkey types at the dashboard: nothing raises, and a dashboard that only reads leaves all as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from arctl.registry import read
from arctl.settings import Workspace, find_workspace
from arctl.tui.app import Dashboard
from tests.tui import monkey, nasty, sweep_world
from tests.tui import workspace as workspaces
from tests.tui.conftest import Seen

INDEX = ("runs.db", ".arctl/turn.", "runs.db.lease", ".runs.db")
"""What even a dashboard that only reads brings up to date: the index of the run directories, and whose turn it is."""

SETTINGS = "cluster: local\npython: /bin/true\nsnapshot: {take: false}\n"

WORLDS: dict[str, Callable[[Path], Workspace]] = {
    "nasty": nasty.nasty,
    "damaged": nasty.damaged,
    "sweep": sweep_world.sweeping,
    "hostile": workspaces.hostile,
}


def contents(root: Path) -> dict[str, str]:
    """Return a digest of each file that is no index."""
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    own = {name: path for name, path in files.items() if not name.startswith(INDEX)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in own.items()}


def said(workspace: Workspace) -> list[tuple[object, ...]]:
    """Return what people said about each run."""
    return [(row.number, row.name, row.note, row.tags, row.job_id) for row in read.runs(workspace.db)]


async def leave(seen: Seen) -> None:
    """Go back to the list and leave by `q`."""
    app = seen.app
    for _ in range(8):
        await seen.press("escape")
    app.go_to("runs")
    await seen.until(lambda: app.screen is app.runs)
    app.runs.table.focus()
    await seen.press("q")
    if app.is_running:
        await seen.press("q")


@pytest.mark.parametrize(
    ("world", "seed", "readonly"),
    [("nasty", 1, False), ("sweep", 2, False), ("hostile", 3, True), ("damaged", 4, True)],
)
async def test_whatever_is_typed_nothing_breaks(tmp_path: Path, world: str, seed: int, readonly: bool) -> None:
    root = WORLDS[world](tmp_path / "ws").root
    (root / "arctl.yaml").write_text(SETTINGS)
    workspace = find_workspace(root)
    before, told = contents(root), said(workspace)
    app = Dashboard(workspace, readonly=readonly, active=0.5, idle=0.5)
    size = monkey.SIZES[seed % len(monkey.SIZES)]
    async with app.run_test(size=size, notifications=True) as pilot:
        seen = Seen(app, pilot)
        await seen.until(lambda: app.snapshot.complete)
        for kind, what in monkey.deeds(seed, 80):
            await monkey.act(seen, kind, what)
        await leave(seen)
    assert app.faults == [] and app.return_code == 0
    if readonly:
        assert contents(root) == before and said(workspace) == told and app.done == []
