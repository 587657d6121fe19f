"""On a real cluster: a job that waited runs the code of its submission, and what is to be live is live."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

MAIN = """\
import os
from pathlib import Path
from net import WIDTH
print("width", WIDTH)
print("data", Path("data/list.txt").read_text())
print("here", Path.cwd())
print("live", os.environ["ARCTL_WORKSPACE"])
"""


@pytest.fixture
def desk(tmp_path: Path, slurm_env: Any, desk_in: Any) -> Any:
    """A workspace in a git repository, and a shell in it."""
    root = tmp_path / "lab"
    root.mkdir()
    made = desk_in(root, slurm_env.env)
    made.arctl("init", str(root))
    (root / "arctl.yaml").write_text("cluster: slurm\nslurm: {poll_s: 1, min_poll_s: 0}\n")
    (root / ".gitignore").write_text("/runs*\n/.arctl/\n/data/\n")
    (root / "data").mkdir()
    for name, text in (("main.py", MAIN), ("net.py", "WIDTH = 16\n"), ("data/list.txt", "old")):
        (root / name).write_text(text)
    for args in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=n@e", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(root), *args], check=True)
    return made


def test_a_held_job_runs_the_code_of_its_submission(desk: Any) -> None:
    root, command = desk.directory, ["--", sys.executable, "main.py"]
    desk.arctl("submit", "--hold", *command)
    desk.arctl("submit", "--hold", "--no-snapshot", *command)
    (root / "net.py").write_text("WIDTH = 99\n")
    (root / "data" / "list.txt").write_text("new")
    jobs = [desk.json("show", run)["job_id"] for run in ("run1", "run2")]
    for job in jobs:
        subprocess.run(["scontrol", "release", job], env=desk.env, check=True)
    desk.arctl("wait", "run1", "run2", "--timeout", "120")
    logs = [(root / "runs" / f"run000{n}" / f"log-{job}.txt").read_text() for n, job in enumerate(jobs, start=1)]
    assert logs[0].startswith("width 16\ndata new\n") and logs[1].startswith("width 99\ndata new\n")
    tree = next((root / ".arctl" / "code").glob("*/tree"))
    assert f"here {tree}\nlive {root}\n" in logs[0] and f"here {root}\nlive {root}\n" in logs[1]
