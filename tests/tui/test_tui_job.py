"""The Job tab: the script as submitted, what it asks for, what happened since, and why; with runs that went wrong."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from arctl.registry import ingest, read
from arctl.registry.connect import transaction
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.settings import Workspace
from arctl.states import State
from arctl.tui.reading.job import JobPanel, JobWant, WhyPanel, WhyWant
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener, Seen

SCRIPT = """#!/bin/bash
#SBATCH --job-name=r3d_tiny-lr1
#SBATCH --gres=gpu:1
#SBATCH --time=1:00:00
#SBATCH --time=2:00:00
export X=1
    echo "\x1b]52;c;cG9pc29u\x07[bold]not bold[/]"
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Workspace:
    made = workspaces.small(tmp_path / "ws")
    (made.run_dir(3) / "job.sbatch").write_text(SCRIPT)
    return made


async def open_job(seen: Seen, run: str) -> None:
    await seen.until(lambda: seen.app.snapshot.complete)
    seen.app.runs.go_to_run(int(run))
    await seen.app.runs.show_tab("Job")


async def test_it_shows_job_history_directives_and_script(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 45)) as seen:
        await open_job(seen, "3")
        await seen.shows("9003 on local, template single", "loss is NaN at step 31", "What happened")
        await seen.shows("job 9003 submitted to local", "attempt 1 failed: loss is NaN")
        await seen.press("G")
        await seen.shows("--gres", "gpu:1", "--time", "2:00:00", 'echo "[bold]not bold[/]"')
        assert "\x1b" not in seen.text


async def test_w_says_why_and_what_to_do(opened: Opener, shelf: Workspace) -> None:
    async with opened(shelf, (120, 45)) as seen:
        await open_job(seen, "3")
        await seen.shows("w says why")
        await seen.press("w")
        await seen.shows("arctl rerun run3", "events.jsonl")
        seen.app.runs.go_to_run(2)
        await seen.shows("9002 on local", "w says why")
        assert "arctl rerun run3" not in seen.text


async def test_a_run_whose_directory_is_gone_says_so_and_shows_what_is_known(opened: Opener, shelf: Workspace) -> None:
    shutil.rmtree(shelf.run_dir(3))
    async with opened(shelf, (120, 45)) as seen:
        await open_job(seen, "3")
        await seen.shows("What happened", "job.sbatch is not there; its directory is missing")


def test_a_preempted_run_that_goes_on_in_a_further_job_has_both_and_their_scripts(shelf: Workspace) -> None:
    now = time.time()
    (shelf.run_dir(3) / "job-2.sbatch").write_text("#!/bin/bash\n#SBATCH --time=4:00:00\n")
    with transaction(shelf.db) as connection:
        old = read.jobs(shelf.db, 3)[0]
        gone = {"state": State.PREEMPTED, "started": now - 900, "ended": now - 300, "node": "gpu7", "source": "sacct"}
        ingest.store_job(connection, JobRow(3, "local", old.job_id, old.submitted, asked_at=now, **gone))  # type: ignore[arg-type]
        ingest.store_job(connection, JobRow(3, "local", "9103", now - 200, state=State.PENDING, asked_at=now))
        settle(connection, 3, now=now)
    panel = JobWant(3).read(shelf)
    assert isinstance(panel, JobPanel)
    assert [job.job_id for job in panel.jobs] == ["9003", "9103"]
    assert (panel.script_name, panel.scripts, panel.options) == ("job-2.sbatch", 2, {"time": "4:00:00"})
    told = [moment.what for moment in panel.moments]
    assert "job 9003 ended: preempted, after 10 min" in told
    assert told[-2:] == ["job 9103 submitted to local", "pending for 3 min"]
    first = JobWant(3, script=1).read(shelf)
    assert isinstance(first, JobPanel) and first.options["time"] == "2:00:00"


def test_why_is_the_answer_of_arctl_why(shelf: Workspace) -> None:
    panel = WhyWant(3).read(shelf)
    assert isinstance(panel, WhyPanel)
    assert panel.answer.cause == "python"
