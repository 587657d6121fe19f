"""`arctl ls --where --sort --columns --group` and saved filters, typed in a shell, on a workspace with a live run."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from arctl.registry import ingest, write
from arctl.registry.connect import transaction
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.states import State
from tests.tui import workspace as trainers


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs, the newest of which is at epoch 5 of 50 and two GPUs; and what scores one of them."""
    workspace = trainers.small(tmp_path_factory.mktemp("lab") / "ws")
    now = time.time()
    with transaction(workspace.db) as connection:
        for number in (1, 2, 3, 4):
            ingest.store_size(connection, number, gpus=2, limit_s=3600.0)
            ingest.store_config(connection, number, {"optim.lr": 10.0**-number, "optim.name": "adamw"})
            state = State.RUNNING if number == 4 else State.COMPLETED if number < 3 else State.FAILED
            job = JobRow(number, "local", str(9000 + number), now - 9000, state, "local", now, started=now - 5400)
            ended = None if number == 4 else now - 1800
            ingest.store_job(connection, JobRow(**{**{f: getattr(job, f) for f in job.__slots__}, "ended": ended}))
            settle(connection, number, now=now)
    scored = {"name": "solid-eval", "cluster": "local", "template": "single", "evaluates": 2, "created": now}
    number = write.new_run(workspace.db, token="arctl-00000000000e", **scored)
    with transaction(workspace.db) as connection:
        connection.execute("UPDATE runs SET state = 'completed', watched = 0 WHERE number = ?", (number,))
        connection.execute("UPDATE runs SET watched = 0")
    return workspace.root


@pytest.fixture
def desk(root: Path, desk_in: type[Any]) -> Any:
    return desk_in(root)


def listed(desk: Any, *argv: str) -> list[str]:
    return [line.split()[0] for line in desk.arctl("ls", *argv).stdout.splitlines()[1:]]


def test_where_sort_and_limit(desk: Any) -> None:
    assert listed(desk, "--where", "state:completed") == ["run2", "run1"]
    assert listed(desk, "--where", "val/top1.best>40%", "--where", "-tag:best", "--sort", "best") == ["run1", "run4"]
    assert listed(desk, "--where", "cfg.optim.lr<=1e-3") == ["run4", "run3"]
    assert listed(desk, "--sort", "-cfg.optim.lr") == ["run1", "run2", "run3", "run4"]
    assert listed(desk, "--where", "of:2") == ["run5"]
    assert listed(desk, "--where", "note:beat", "--state", "completed", "--tag", "base", "run1:run3") == ["run2"]
    cut = desk.arctl("ls", "--sort", "run", "-n", "2")
    assert [line.split()[0] for line in cut.stdout.splitlines()[1:]] == ["run1", "run2"]
    assert cut.stderr == "the first 2 of 4 runs: --all shows them all\n"
    none = desk.arctl("ls", "--where", "nothing-is-called-so")
    assert (none.stdout, none.stderr) == ("", "no run is like that\n")


def test_the_usual_table_says_when_a_live_run_ends(desk: Any) -> None:
    head, first, *rest = desk.arctl("ls").stdout.splitlines()
    assert head.split()[:6] == ["run", "name", "model", "state", "epoch", "eta"]
    assert first.split()[:6] == ["run4", "r3d_tiny-aug", "r3d_tiny", "running", "5/50", "late"]
    assert all(line.split()[5] == "-" for line in rest)
    assert "eta" not in desk.arctl("ls", "run1:run3").stdout


def test_columns_are_fields(desk: Any) -> None:
    keys = "run,state,cfg.optim.lr,cfg.optim.name,val/top1,best,hours,took,eta,late,gpus,epoch,tag,exit"
    lines = desk.arctl("ls", "--columns", keys, "--sort", "run").stdout.splitlines()
    assert lines[0].split() == keys.split(",")
    assert lines[2].split()[:8] == ["run2", "completed", "0.01", "adamw", *lines[2].split()[4:8]]
    assert lines[2].split()[6:] == ["@12", "2.00", "1h00", "-", "-", "2", "12/12", "base", "best", "0"]
    assert lines[4].split()[-7:-2] == ["1h30", "late", "@5", "yes", "2"]
    document = desk.json("ls", "--columns", "run,hours,cfg.optim.lr,tag,state,eta", "--where", "run<=2")
    assert document["schema"] == "arctl.runs/1"
    assert document["runs"][0]["values"] == {
        "run": 2, "hours": 2.0, "cfg.optim.lr": 0.01, "tag": ["base", "best"], "state": "completed", "eta": None,
    }  # fmt: skip
    assert document["runs"][1]["metrics"]["train/loss"]["best_epoch"] > 0
    assert [run["run"] for run in desk.json("ls", "--sort", "best")["runs"]] == ["run3", "run1", "run4", "run2", "run5"]


def test_groups_are_tables_with_a_line_above(desk: Any) -> None:
    out = desk.arctl("ls", "--group", "state", "--sort", "-best").stdout
    heads = [line for line in out.splitlines() if ": " in line]
    assert [head.split(":")[0] for head in heads] == ["completed", "running", "failed"]
    assert heads[0].startswith("completed: 2 completed; best 9") and heads[0].endswith("(run2)")
    narrow = desk.arctl("ls", "--group", "model", "--columns", "run").stdout
    assert "frame_tiny: 1 completed; best" in narrow


def test_what_is_wrong_is_one_line_and_status_2(desk: Any) -> None:
    for argv, says in (
        (("--where", "model:x stat:y"), "--where, column 9: no field 'stat' (did you mean 'state'"),
        (("--where", "val/top9>1"), "no run has the metric 'val/top9' (did you mean 'val/top5' or 'val/top1'"),
        (
            ("--where", "cfg.optim.lrr>1"),
            "no run has the key 'optim.lrr' in its configuration (did you mean 'optim.lr'",
        ),
        (("--sort", "nam"), "--sort: no field 'nam' (did you mean 'name'"),
        (("--columns", "run,epoc"), "--columns: no field 'epoc' (did you mean 'epoch'"),
        (("--columns", " , "), "--columns: no column is named"),
        (("--save-filter", "x"), "--save-filter needs --where"),
        (("--where", "state:running", "model:r3d18"), "'model:r3d18' is no run (quote the whole filter"),
        (("--where", "a", "--", "-note:x"), "'-note:x' is no run (quote the whole filter"),
        (("--group", "tag", "--json"), "do not go together"),
        (("--where", "@none"), "no saved filter '@none'"),
    ):
        status = 3 if "@none" in argv else 2
        error = desk.arctl("ls", *argv, status=status).stderr
        assert error.startswith("error: ") and says in error and error.count("\n") == 1


def test_filters_are_kept_and_used_by_name(desk: Any) -> None:
    assert "no filter is kept" in desk.arctl("ls", "--filters").stderr
    said = desk.arctl("ls", "--save-filter", "good", "--where", "best>0.9", "--where", "tag:base")
    assert said.stderr == "@good is kept\n"
    assert [line.split()[0] for line in said.stdout.splitlines()[1:]] == ["run2"]
    assert listed(desk, "--where", "-@good state:ended") == ["run3", "run1"]
    assert desk.arctl("ls", "--filters").stdout == "@good  best>0.9 tag:base\n"
    assert desk.json("ls", "--filters")["filters"] == {"good": "best>0.9 tag:base"}
    assert "@good is forgotten" in desk.arctl("ls", "--forget-filter", "good").stderr
    assert "no saved filter 'good'" in desk.arctl("ls", "--forget-filter", "good", status=3).stderr
    assert "cannot name a filter" in desk.arctl("ls", "--save-filter", "", "--where", "x", status=2).stderr


def test_a_narrow_terminal_says_what_it_has_no_room_for(desk: Any) -> None:
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    keys = "run,name,state,model,cfg.optim.lr,cfg.optim.name,val/top1,val/loss,best,sweep,hours,took,age,job"
    env = {**desk.env, "COLUMNS": "80", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "arctl", "ls", "--columns", keys]
    done = subprocess.Popen(command, cwd=desk.directory, env=env, stdout=there, stderr=subprocess.PIPE)
    os.close(there)
    said = done.stderr.read().decode() if done.stderr else ""
    screen = re.sub(r"\x1b\[[0-9;]*m", "", os.read(here, 1 << 16).decode()).splitlines()
    assert done.wait() == 0
    if done.stderr:
        done.stderr.close()
    os.close(here)
    assert max(map(len, screen)) <= 80
    assert screen[0].split()[:5] == ["run", "name", "state", "model", "cfg.optim.lr"]
    assert said.startswith("no room for ") and "job" in said.partition(":")[0]
    missing = said.removeprefix("no room for ").partition(":")[0].split(", ")
    assert set(screen[0].split()) | set(missing) == set(keys.split(",")) - {"sweep"}
    assert said.splitlines()[1].strip() == "none of these runs has a value of sweep"
