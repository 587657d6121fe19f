"""What the end-to-end tests share: a desk, where `arctl ...` is typed and runs as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest


class Desk:
    """A shell in a directory, with an environment that names no workspace and no cluster but its own."""

    def __init__(self, directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("ARCTL_", "SLURM_"))}
        self.env |= {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "120", **(env or {})}

    def arctl(self, *argv: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `arctl ARGV`; check its exit status, and that it showed no traceback."""
        command = [sys.executable, "-m", "arctl", *argv]
        done = subprocess.run(command, cwd=self.directory, env=self.env, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, f"{argv}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *argv: str) -> Any:
        """Run `arctl ARGV --json` and return its document."""
        return json.loads(self.arctl(*argv, "--json").stdout)

    def change(self, *changes: tuple[str, str]) -> None:
        """Change lines of arctl.yaml, each from what stands there."""
        text = (self.directory / "arctl.yaml").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        (self.directory / "arctl.yaml").write_text(text)

    def on_slurm(self) -> None:
        """Send jobs to the cluster's partition low, and look each second."""
        self.change(
            ("cluster: local", "cluster: slurm"), ("poll_s: 30", "poll_s: 1"), ("partition: null", "partition: low")
        )

    def until(self, run: str, good: Callable[[Any], bool], *, seconds: float = 90) -> Any:
        """Sync until a run is as wanted, and return it."""
        deadline = time.monotonic() + seconds
        while not good(found := self.json("show", run)):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait for Slurm among those that compute: so processes side by side use both well."""
    waiting = list(dict.fromkeys(item.path for item in items if "slurm" in item.path.parts))
    working = list(dict.fromkeys(item.path for item in items if "slurm" not in item.path.parts))
    step = 0.75 * len(working) / max(1, len(waiting))  # none of them shall be the last
    place = {path: float(at) for at, path in enumerate(working)} | {path: at * step for at, path in enumerate(waiting)}
    items.sort(key=lambda item: (place[item.path], item.path))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test hears Slurm for itself: what arctl processes share about a cluster lies in a directory of its own."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


@pytest.fixture(scope="session")
def desk_in() -> type[Desk]:
    """Makes a desk in a directory."""
    return Desk
