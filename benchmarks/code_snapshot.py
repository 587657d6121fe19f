"""How long a submission waits for the snapshot of a project of 500 files in a git repository, beside `git status`."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from arctl.settings import Workspace, init_workspace
from arctl.snapshot import take
from benchmarks.timing import table

FILES = 500
ROUNDS = 9
SETTLE_S = 2.5
"""A file younger than two seconds is read again, as in git."""


def measure() -> str:
    """Return the table: the first snapshot, an unchanged project, one changed file, and the same with the trainer."""
    trainer = Path(__file__).parent.parent / "trainer"
    with tempfile.TemporaryDirectory() as scratch:
        workspace = project(Path(scratch) / "project")
        first = clocked(lambda: take(workspace, trainer=None))
        status = middle(lambda: git(workspace, "status", "--porcelain"))
        time.sleep(SETTLE_S)
        take(workspace, trainer=None)
        unchanged = middle(lambda: take(workspace, trainer=None))
        changed = middle(lambda: take(edited(workspace), trainer=None))
        take(workspace, trainer=trainer)
        bundled = middle(lambda: take(workspace, trainer=trainer))
    rows = [
        ["git status", status],
        ["first snapshot", first],
        ["unchanged project", unchanged],
        ["unchanged, with the trainer", bundled],
        ["one file changed", changed],
    ]
    return table([f"{FILES} files", "ms"], [[name, f"{ms:.0f}"] for name, ms in rows])


def project(root: Path) -> Workspace:
    """Make a workspace in a git repository: 500 files of 4 KB in 25 directories."""
    workspace = init_workspace(root)
    for number in range(FILES):
        path = root / f"package{number % 25:02d}" / f"module{number:03d}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# module {number}\n" + "x = 1\n" * 680)
    git(workspace, "init", "--quiet")
    git(workspace, "add", ".")
    git(workspace, "-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "--quiet", "--message=all")
    return workspace


def git(workspace: Workspace, *args: str) -> None:
    """Run git in a workspace."""
    subprocess.run(["git", "-C", str(workspace.root), *args], check=True, capture_output=True)


def edited(workspace: Workspace) -> Workspace:
    """Change one file."""
    path = workspace.root / "package07" / "module007.py"
    path.write_text(f"{path.read_text()}y = {time.time_ns()}\n")
    return workspace


def clocked(what: Callable[[], object]) -> float:
    """Return how long something took, milliseconds."""
    begin = time.perf_counter()
    what()
    return (time.perf_counter() - begin) * 1000


def middle(what: Callable[[], object]) -> float:
    """Return the median time of something, milliseconds."""
    return median(clocked(what) for _ in range(ROUNDS))


if __name__ == "__main__":
    print(measure())
