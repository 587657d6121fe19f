"""GPU-hours from jobs and starts of the trainer: whole, by element, over requeues, wasted after the last checkpoint."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from arctl.registry import ingest, write
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.settings import Workspace, init_workspace
from arctl.states import State
from arctl.usage import NONE, accounts, spent, total

H = 3600.0
NOW = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
SCRIPT = "#!/bin/bash\n#SBATCH --nodes={nodes}\n#SBATCH --gres=gpu:{gpus}\necho\n#SBATCH --gres=gpu:99\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path)


def make(workspace: Workspace, *, gpus: int = 1, nodes: int = 1, **told: Any) -> int:
    count = len(list(workspace.runs.iterdir()))
    told = {"name": "a", "created": NOW - 99 * H, "cluster": "slurm", "template": "single", **told}
    # The directory comes after the row: an empty registry beside run directories is refused.
    number = write.new_run(workspace.db, token=f"arctl-{count:012x}", **told)
    directory = workspace.run_dir(number)
    directory.mkdir(parents=True)
    (directory / "run.yaml").write_text("number: 1\n")
    (directory / "job.sbatch").write_text(SCRIPT.format(gpus=gpus, nodes=nodes))
    return number


def job(
    workspace: Workspace, run: int, job_id: str, state: State, started: float | None, ended: float | None = None
) -> None:
    write.record_job(workspace.db, run, cluster="slurm", job_id=job_id, submitted=NOW - 90 * H + int(job_id[:2]))
    row = JobRow(run, "slurm", job_id, NOW - 90 * H, state, "sacct", NOW, started=started, ended=ended)
    with transaction(workspace.db) as connection:
        ingest.store_job(connection, row)
        settle(connection, run, now=NOW)


def start(
    workspace: Workspace,
    run: int,
    name: str,
    began: float,
    ended: float,
    status: str | None,
    saved: float | None = None,
) -> None:
    directory = workspace.run_dir(run) / "attempts" / name
    directory.mkdir(parents=True)
    lines = [{"seq": 0, "t": began, "kind": "start", "attempt": name, "epochs": 9}]
    if saved is not None:
        lines.append({"seq": 1, "t": saved, "kind": "checkpoint", "path": "c", "epoch": 1, "step": 1, "best": False})
    lines += [
        {"seq": n, "t": saved or began, "kind": "step", "step": n, "epoch": 1.0, "metrics": {}} for n in range(2, 9)
    ]
    (directory / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    end = ended if status else None
    news = AttemptNews(run, name, 0, 10, 5, 8, begins=True, started=began, last_event=ended, status=status, ended=end)
    with transaction(workspace.db) as connection:
        ingest.store_news(connection, news)
        settle(connection, run, now=NOW)


def hours(workspace: Workspace, **more: Any) -> tuple[float, float, float]:
    whole = total(spent(workspace, now=NOW), **more)
    return round(whole.hours, 6), round(whole.gpu_hours, 6), round(whole.wasted_gpu_hours, 6)


def test_a_job_holds_its_gpus_on_all_nodes_from_start_to_end(workspace: Workspace) -> None:
    run = make(workspace, gpus=4, nodes=2)
    job(workspace, run, "77", State.COMPLETED, NOW - 5 * H, NOW - 3 * H)
    start(workspace, run, "77.0", NOW - 5 * H + 60, NOW - 3 * H - 60, "completed")
    assert hours(workspace) == (2.0, 16.0, 0.0)


def test_a_running_job_counts_until_now_and_wastes_nothing_yet(workspace: Workspace) -> None:
    run = make(workspace, gpus=2)
    job(workspace, run, "77", State.RUNNING, NOW - 3 * H)
    start(workspace, run, "77.0", NOW - 3 * H, NOW - 60, None)
    assert hours(workspace) == (3.0, 6.0, 0.0)
    assert accounts(spent(workspace, now=NOW), by="run")[0].live == 1


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.TIMEOUT, State.NODE_FAIL, State.OUT_OF_MEMORY])
def test_what_came_after_the_last_checkpoint_is_wasted(workspace: Workspace, state: State) -> None:
    run = make(workspace, gpus=2)
    job(workspace, run, "77", state, NOW - 5 * H, NOW - 1 * H)
    start(workspace, run, "77.0", NOW - 5 * H, NOW - 1 * H, "failed", saved=NOW - 2 * H)
    assert hours(workspace) == (4.0, 8.0, 2.0)


def test_without_a_checkpoint_all_of_a_bad_end_is_wasted(workspace: Workspace) -> None:
    run = make(workspace, gpus=1)
    job(workspace, run, "77", State.FAILED, NOW - 5 * H, NOW - 4 * H)
    own = make(workspace, gpus=1, expects_events=False)
    job(workspace, own, "78", State.CANCELLED, NOW - 5 * H, NOW - 4 * H)
    good = make(workspace, gpus=1, expects_events=False)
    job(workspace, good, "79", State.COMPLETED, NOW - 5 * H, NOW - 4 * H)
    assert hours(workspace) == (3.0, 3.0, 2.0)


def test_requeues_count_every_start_once(workspace: Workspace) -> None:
    """The scheduler tells of the last start alone; the earlier ones are known from the trainer's own records."""
    run = make(workspace, gpus=1)
    start(workspace, run, "77.0", NOW - 9 * H, NOW - 7 * H, "interrupted", saved=NOW - 7 * H)
    start(workspace, run, "77.1", NOW - 6 * H, NOW - 5 * H, None, saved=NOW - 5.5 * H)
    start(workspace, run, "77.2", NOW - 4 * H + 30, NOW - 2 * H - 30, "completed")
    job(workspace, run, "77", State.COMPLETED, NOW - 4 * H, NOW - 2 * H)
    assert hours(workspace) == (5.0, 5.0, 0.5)


def test_a_requeued_job_that_waits_again_keeps_what_it_spent(workspace: Workspace) -> None:
    run = make(workspace, gpus=1)
    start(workspace, run, "77.0", NOW - 9 * H, NOW - 7 * H, "interrupted", saved=NOW - 8 * H)
    job(workspace, run, "77", State.PENDING, None)
    assert hours(workspace) == (2.0, 2.0, 1.0)


def test_a_second_job_has_the_gpus_of_its_own_script(workspace: Workspace) -> None:
    run = make(workspace, gpus=1)
    job(workspace, run, "77", State.TIMEOUT, NOW - 9 * H, NOW - 8 * H)
    job(workspace, run, "78", State.COMPLETED, NOW - 5 * H, NOW - 4 * H)
    (workspace.run_dir(run) / "job-2.sbatch").write_text(SCRIPT.format(gpus=8, nodes=1))
    assert hours(workspace) == (2.0, 9.0, 1.0)


def test_elements_of_an_array_count_each_for_itself(workspace: Workspace) -> None:
    for index in range(3):
        run = make(workspace, gpus=2, sweep="lr")
        job(workspace, run, f"77_{index}", State.COMPLETED, NOW - (index + 1) * H, NOW)
    (entry,) = accounts(spent(workspace, now=NOW), by="sweep")
    assert (entry.key, len(entry.runs), entry.hours, entry.gpu_hours) == ("lr", 3, 6.0, 12.0)


def test_two_tags_are_two_entries_and_the_total_counts_once(workspace: Workspace) -> None:
    run = make(workspace, tags=("x", "y"), gpus=1)
    job(workspace, run, "77", State.COMPLETED, NOW - 2 * H, NOW)
    other = make(workspace, gpus=1)
    job(workspace, other, "78", State.COMPLETED, NOW - 1 * H, NOW)
    spendings = spent(workspace, now=NOW)
    assert [(e.key, e.gpu_hours) for e in accounts(spendings, by="tag")] == [("x", 2.0), ("y", 2.0), (NONE, 1.0)]
    assert total(spendings).gpu_hours == 3.0


def test_a_job_over_the_turn_of_a_month_is_split(workspace: Workspace) -> None:
    turn = time.mktime((2026, 11, 1, 0, 0, 0, 0, 0, -1))
    run = make(workspace, gpus=1)
    job(workspace, run, "77", State.FAILED, turn - 3 * H, turn + 1 * H)
    months = accounts(spent(workspace, now=NOW), by="month")
    assert [(m.key, m.gpu_hours, m.wasted_gpu_hours) for m in months] == [("2026-10", 3.0, 3.0), ("2026-11", 1.0, 1.0)]
    assert hours(workspace, since=turn) == (1.0, 1.0, 1.0)
    assert accounts(spent(workspace, now=NOW), by="run", since=turn + 2 * H) == []


def test_clocks_that_disagree_never_make_negative_time(workspace: Workspace) -> None:
    run = make(workspace, gpus=1)
    job(workspace, run, "77", State.FAILED, NOW - 1 * H, NOW - 2 * H)
    start(workspace, run, "77.0", NOW - 1 * H, NOW - 2 * H, "failed", saved=NOW + 9 * H)
    assert hours(workspace) == (0.0, 0.0, 0.0)


def test_a_lost_directory_costs_no_answer(workspace: Workspace) -> None:
    run = make(workspace, gpus=4)
    job(workspace, run, "77", State.FAILED, NOW - 2 * H, NOW - 1 * H)
    for path in workspace.run_dir(run).iterdir():
        path.unlink()
    assert hours(workspace) == (1.0, 0.0, 0.0)


def test_the_command_line(desk_in: type[Any], workspace: Workspace) -> None:
    desk = desk_in(workspace.root)
    assert "nothing has run yet" in desk.arctl("usage").stderr
    for gpus, state in ((2, State.COMPLETED), (4, State.FAILED)):
        run = make(workspace, gpus=gpus, name=f"{gpus}-gpus", tags=("lr", "x"))
        job(workspace, run, f"7{gpus}", state, NOW - 2 * H, NOW - 1 * H)
    lines = desk.arctl("usage").stdout.splitlines()
    assert lines[0].split() == ["run", "name", "state", "GPUs", "hours", "GPU-hours", "wasted"]
    assert lines[1].split() == ["run2", "4-gpus", "failed", "4", "1.00", "4.00", "4.00", "100%"]
    assert lines[3].split() == ["total", "2", "runs", "2.00", "6.00", "4.00", "67%"]
    said = desk.arctl("usage", "--by", "tag")
    assert said.stdout.splitlines()[1].split() == ["lr", "2", "2.00", "6.00", "4.00", "67%"]
    assert "the total counts it once" in said.stderr
    found = desk.json("usage", "--by", "month", "--since", "2000-01")
    assert (found["schema"], found["by"], found["total"]["gpu_hours"]) == ("arctl.usage/1", "month", 6.0)
    assert [entry["key"] for entry in found["entries"]] == ["2026-11"]
    rows = list(csv.DictReader(io.StringIO(desk.arctl("usage", "--csv").stdout)))
    assert [(row["run"], row["gpu_hours"]) for row in rows] == [("run2", "4.000000"), ("run1", "2.000000")]
    assert "nothing has run since" in desk.arctl("usage", "--since", "2040-01-01").stderr
    assert "'soon' is no time" in desk.arctl("usage", "--since", "soon", status=2).stderr
    assert "2026-11-01" in desk.arctl("usage", "--since", "7y", status=2).stderr
    assert "do not go together" in desk.arctl("usage", "--json", "--csv", status=2).stderr
