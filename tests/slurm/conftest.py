"""The fixtures of the Slurm tests: one cluster for the session, and an environment that talks to it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _harness() -> ModuleType:
    name = "arctl_loopback_cluster"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("cluster.py"))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def slurm_harness() -> Any:
    """The module `cluster.py`; skips where Slurm is missing unless ARCTL_REQUIRE_SLURM=1."""
    harness = _harness()
    if lacking := harness.missing():
        reason = f"no Slurm here: {', '.join(lacking)} not installed (apt-get install {harness.PACKAGES})"
        if os.environ.get("ARCTL_REQUIRE_SLURM") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    harness.sweep()
    return harness


@pytest.fixture(scope="session")
def slurm_cluster(slurm_harness: Any) -> Iterator[Any]:
    """A real cluster (`cluster.Loopback`), started once."""
    cluster = slurm_harness.up()
    try:
        yield cluster
    finally:
        slurm_harness.down(cluster.directory)


@pytest.fixture
def slurm_env(slurm_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster, with this test's environment pointing at it."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_"))]:
        monkeypatch.delenv(name)
    for name, value in slurm_cluster.env.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster
