"""The dashboard's Cluster view on a real cluster: it shows what Slurm says, and what it cancels is cancelled."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import calls
from arctl.settings import find_workspace
from arctl.tui.app import Dashboard

pytestmark = pytest.mark.slurm


@pytest.fixture
def desk(desk_in: type[Any], slurm_env: Any, tmp_path: Path, own_cache: Path) -> Iterator[Any]:
    desk = desk_in(tmp_path / "study", {**slurm_env.env, "XDG_CACHE_HOME": str(own_cache)})
    desk.directory.mkdir()
    desk.arctl("init")
    (desk.directory / "arctl.yaml").write_text(
        "cluster: slurm\nslurm:\n  partition: low\n  poll_s: 1\n  min_poll_s: 0\nsnapshot:\n  take: false\n"
    )
    yield desk
    slurm_env.call("scancel", "--user", str(os.getuid()))


async def _until(what: Callable[[], bool], screen: Callable[[], str], pilot: Any, *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, screen()
        await asyncio.sleep(0.1)
        await pilot.pause()


async def test_the_queue_of_a_real_cluster(desk: Any, slurm_env: Any) -> None:
    size = ["--cpus", "1", "--mem", "500M", "--time", "1:00:00"]
    desk.arctl("submit", "--name", "busy", "--gpus", "4", "--nodes", "2", *size, "--", "sleep", "600")
    desk.until("busy", lambda run: run["state"] == "running")
    desk.arctl("submit", "--name", "waits", "--gpus", "2", *size, "--", "sleep", "600")
    app = Dashboard(find_workspace(desk.directory), active=0.5, idle=0.5)
    async with app.run_test(size=(200, 50)) as pilot:

        def screen() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        def shows(*parts: str) -> Callable[[], bool]:
            return lambda: all(part in screen() for part in parts)

        await pilot.press("5")
        await _until(shows("1 run, 1 wait", "busy", "waits", "0 of 8 GPUs free", "0/4", "low*"), screen, pilot)
        jobs = {job["run_name"]: job for job in desk.json("queue")["jobs"]}
        await _until(shows(jobs["waits"]["why"]), screen, pilot)
        line = next(line for line in screen().splitlines() if "waits" in line and "run2" in line)
        assert line.split()[:2] == [jobs["waits"]["job_id"], "run2"] and "1/1" in line.split()
        await _until(shows("8 GPUs in 1 job", "2 GPUs in 1 job", "this site does not order its queue"), screen, pilot)

        await pilot.press("j", "w")
        await _until(shows("run2", "place 1 of 1 in partition low"), screen, pilot)
        await pilot.press("escape", "x")
        await _until(shows("cancel this run?", "arctl cancel run2"), screen, pilot)
        await pilot.press("y")
        await _until(shows("1 run, 0 wait"), screen, pilot)
        assert slurm_env.call("squeue", "--noheader", "--format=%j %T").stdout.count("PENDING") == 0
    asked = [call.why for call in calls.recent(since=0.0) if call.pid == os.getpid()]
    assert asked.count("share") == 1 and asked.count("nodes") == 2, "kept for all that want it within a minute"
