"""The queue as a list: jobs joined with their runs, elements of an array that wait alike as one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arctl.clusters.base import QueuedJob
from arctl.queue import Place, folded, run_span, span
from arctl.registry import read, write
from arctl.registry.rows import RunRow
from arctl.states import State


@pytest.fixture
def runs(tmp_path: Path) -> list[RunRow]:
    db = tmp_path / "runs.db"
    for number in range(1, 8):
        token = f"arctl-{number:012x}"
        write.new_run(db, name="a", token=token, created=1.0, cluster="slurm", template="single")
    return sorted(read.runs(db), key=lambda run: run.number)


def waiting(job_id: str, run: RunRow | None = None, **more: Any) -> Place:
    told = {"state": State.PENDING, "word": "PENDING", "name": "a", "reason": "Priority", **more}
    return Place(QueuedJob(job_id, **told), run, "slurm")


def test_elements_that_wait_alike_are_one_line(runs: list[RunRow]) -> None:
    places = [waiting(f"9_{index}", runs[index]) for index in (0, 1, 2, 5)]
    places += [waiting("9_6", reason="Resources"), waiting("9_7", state=State.RUNNING, word="RUNNING"), waiting("8")]
    groups = folded(places, each=False)
    assert [len(group) for group in groups] == [4, 1, 1, 1]
    assert span([place.job.job_id for place in groups[0]]) == "9_[0-2,5]"
    assert run_span(groups[0]) == "run1 +3"
    assert run_span(groups[0][:3]) == "run1:run3"
    assert (run_span(groups[0][:1]), run_span(groups[1])) == ("run1", "")
    assert [len(group) for group in folded(places, each=True)] == [1] * 7


def test_of_many_ranges_some_are_named() -> None:
    assert span([f"9_{index}" for index in range(0, 12, 2)]) == "9_[0,2,4,...]"
    assert span(["77"]) == "77"
    assert span([f"9_{index}" for index in (10, 9, 8)]) == "9_[8-10]"


def test_gpus_are_counted_over_nodes_and_reasons_are_plain() -> None:
    place = waiting("7", gres="gres:gpu:a100:4", nodes=2)
    assert place.gpus == 8
    assert place.why == "jobs of higher priority go first"
    assert waiting("7", reason=None).why == "Slurm has not looked at it yet"
    assert waiting("7", state=State.RUNNING, word="RUNNING").why is None
    assert waiting("7", gres="N/A").gpus == 0


def test_a_workspace_of_this_machine_asks_no_slurm(desk_in: type[Any], tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    asked = tmp_path / "asked"
    for name in ("squeue", "scontrol"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\ntouch {asked}\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    desk = desk_in(tmp_path, {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")})
    desk.arctl("init")
    assert "no job of yours waits or runs" in desk.arctl("queue").stderr
    desk.arctl("submit", "--name", "first", "--", "sleep", "60")
    desk.arctl("submit", "--name", "second", "--", "sleep", "60")
    desk.until("first", lambda run: run["state"] == "running")
    try:
        found = desk.json("queue")
        assert found["at"] is None
        assert [(job["run"], job["state"], job["cluster"]) for job in found["jobs"]] == [
            ("run1", "running", "local"),
            ("run2", "pending", "local"),
        ]
        lines = desk.arctl("queue").stdout.splitlines()
        assert lines[1].split()[1:4] == ["run1", "first", "running"]
        assert not asked.exists()
        assert "jobs of this workspace run on this machine" in desk.arctl("nodes", status=4).stderr
    finally:
        desk.arctl("cancel", "run1", "run2")
