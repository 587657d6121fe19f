"""The cluster of the Slurm tests, for the benchmarks that submit real jobs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def loopback(**changes: object) -> Iterator[Any]:
    """Give a running cluster (`tests/slurm/cluster.py`), some lines of its slurm.conf changed; stop it at the end."""
    name = "arctl_loopback_cluster"
    path = Path(__file__).parents[1] / "tests" / "slurm" / "cluster.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    harness = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(harness)
    if lacking := harness.missing():
        raise SystemExit(f"not installed: {', '.join(lacking)} (apt-get install {harness.PACKAGES})")
    cluster = harness.up(**changes)
    try:
        yield cluster
    finally:
        harness.down(cluster.directory)


def workspace_on(directory: Path, *, python: str = sys.executable) -> Path:
    """Make a workspace whose jobs go to Slurm, with a data set of two classes that the trainer's checks accept."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "arctl.yaml").write_text(f"cluster: slurm\npython: {python}\nslurm: {{poll_s: 1, min_poll_s: 0}}\n")
    data = directory / "data" / "motions"
    for video in ("Left/v_Left_g01_c01.avi", "Right/v_Right_g02_c01.avi"):
        (data / video).parent.mkdir(parents=True)
        (data / video).touch()
    (data / "classInd.txt").write_text("1 Left\n2 Right\n")
    (data / "trainlist01.txt").write_text("Left/v_Left_g01_c01.avi 1\n")
    (data / "testlist01.txt").write_text("Right/v_Right_g02_c01.avi\n")
    (directory / "train.py").write_text("print('here')\n")
    return directory
