"""The Cluster view on this machine, and on a Slurm that stands in for what a real one cannot be made to say."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arctl.clusters import calls
from arctl.settings import SlurmSettings, Workspace, init_workspace, load_settings
from arctl.tui.screens.cluster import ClusterScreen
from arctl.usage import this_month
from tests.tui import sweep_world

PROGRAM = f"""#!{sys.executable}
import os, sys, time
place, name = os.path.dirname(os.path.abspath(__file__)), os.path.basename(__file__)
words = " ".join(sys.argv[1:])
if os.path.exists(place + "/fails"):
    sys.exit("slurm_load error: Unable to contact slurm controller")
form = next((word.partition("=")[2] for word in sys.argv if word.startswith("--format=")), "")
mark = form.partition("%")[0]
print({{
    "sshare": "lab|me|0.250000|0.100000|0.750000",
    "scontrol": open(place + ("/nodes" if "nodes" in words else "/partitions")).read(),
    "squeue": mark + "7|900|low|1000|2030-01-01T00:00:00|1:00:00||Priority" if "--priority" in words else
    "\\n".join(mark + line for line in open(place + "/queue").read().splitlines()),
}}.get(name, ""))
"""

NODE = (
    "NodeName={name} CPUAlloc=2 CPUEfctv=8 CPUTot=8 Gres=gpu:h100:4 GresUsed=gpu:h100:{used} RealMemory=12000 "
    "AllocMem=0 State={state} Partitions=low"
)


def _line(job: str, word: str, *, start: str, left: str, node: str, reason: str, name: str) -> str:
    usual = [job, word, "low", start, "2026-01-01T00:00:00", "10:00:00", left, "900", "1", "2", "500M", "gres:gpu:2"]
    return "|".join([*usual, "normal", "acc", node, "(null)", reason, name])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs of Slurm's that say what stands in files; the directory they are in."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("squeue", "scontrol", "sshare", "sacct"):
        (tools / name).write_text(PROGRAM)
        (tools / name).chmod(0o755)
    nodes = [NODE.format(name="gpu1", used=3, state="MIXED"), NODE.format(name="gpu2", used=0, state="IDLE+DRAIN")]
    (tools / "nodes").write_text("\n".join([nodes[0], f"{nodes[1]} Reason=fan [is] loud\x1b]0;x\x07"]))
    (tools / "partitions").write_text("PartitionName=low State=UP Default=YES MaxTime=08:00:00 Nodes=gpu[1-2]")
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 7500))
    queue = [
        _line("5", "RUNNING", start="2026-01-01T00:00:00", left="1:45:30", node="gpu1", reason="None", name="long"),
        _line("7", "PENDING", start=start, left="1:00:00", node="", reason="Priority", name="next[/]"),
    ]
    (tools / "queue").write_text("\n".join(queue))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    return tools


@pytest.fixture
def study(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "study")
    slurm = "slurm:\n  poll_s: 1\n  min_poll_s: 0\n"
    (made.root / "arctl.yaml").write_text(f"cluster: slurm\n{slurm}")
    found = Workspace(made.root, load_settings(made.root / "arctl.yaml"))
    assert found.settings.slurm == SlurmSettings(poll_s=1, min_poll_s=0)
    return found


async def test_this_machine(tmp_path: Path, opened: Any, site: Path) -> None:
    workspace = sweep_world.sweeping(tmp_path / "ws")
    async with opened(workspace) as seen:
        await seen.press("5")
        await seen.shows("2 run, 0 wait", "9008", "run8", "running", "this machine")
        assert calls.recent(since=0.0) == [], "Slurm is left alone where jobs run here"
        await seen.press("right_square_bracket")
        await seen.shows("1 slot", "cores", "memory free")
        await seen.press("right_square_bracket")
        hours = this_month(workspace).hours
        await seen.shows("0 GPUs in 2 jobs", f"{hours:.2f} hours without a GPU", "0 calls in the last minute")
        await seen.press("right_square_bracket", "j", "w")
        await seen.shows("run9", "it has written nothing for", "esc")
        await seen.press("escape", "x")
        await seen.shows("cancel this run?", "run9", "arctl cancel run9", "No")
        await seen.press("enter", "enter")
        await seen.until(lambda: not isinstance(seen.app.screen, ClusterScreen))
        assert seen.at == 9


async def test_all_parts_of_a_site(study: Workspace, opened: Any, site: Path) -> None:
    async with opened(study, (200, 50)) as seen:
        await seen.press("5")
        await seen.shows("1 run, 1 wait", "long", "1h45 left", "in 2h0", "jobs of higher priority go first", "gpu1")
        await seen.shows("1 of 8 GPUs free", "low*", "1/4", "2 nodes, 1 out, limit 8h00", "idle+drain: fan [is] loud")
        await seen.shows("2 GPUs in 1 job", "0.75", "lab: promised 25.0%, used 10.0%", "by this dashboard")
        line = next(line for line in seen.text.splitlines() if "next[/]" in line)
        assert "1/1" in line.split(), "its place in the line"
        assert "\x1b" not in seen.text
        before = len(calls.recent(since=0.0))
        await seen.press("right_square_bracket", "enter")
        await seen.until(lambda: "gpu2" not in seen.text)
        await seen.press("enter", "left_square_bracket", "j", "y", "w")
        await seen.until(lambda: any("none of this workspace" in one.message for one in seen.app._notifications))
        asked = [call.program for call in calls.recent(since=0.0)][before:]
        assert "sshare" not in asked and "scontrol" not in asked, "one answer for all, kept for a while"


async def test_a_silent_controller_keeps_the_tables(study: Workspace, opened: Any, site: Path) -> None:
    async with opened(study) as seen:
        await seen.press("5")
        await seen.shows("1 run, 1 wait", "jobs of higher")
        (site / "fails").touch()
        await seen.press("r")
        await seen.shows("stale since", "Unable to", "long", "1h4")
        await seen.press("right_square_bracket", "r")
        await seen.shows("stale since", "gpu1", "fan [is] loud")


async def test_a_site_that_never_answered_says_so(study: Workspace, opened: Any, site: Path) -> None:
    (site / "fails").touch()
    async with opened(study) as seen:
        await seen.press("5")
        await seen.shows("Unable to contact", "nothing is known yet")
        await seen.press("x", "w", "y", "enter", "e", "right_square_bracket")
        await seen.shows("Unable to contact", "nothing is known yet")
        await seen.pilot.resize_terminal(120, 35)
        await seen.shows("Account", "GPU-hours")
        await seen.pilot.resize_terminal(40, 9)
        await seen.pilot.resize_terminal(200, 50)
        await seen.shows("Account", "Unable to contact")
