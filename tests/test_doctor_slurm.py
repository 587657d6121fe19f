"""The doctor before a Slurm that says odd things, or nothing: programs of those names first on PATH."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

CONFIG = """\
Configuration data as of {now}
AccountingStorageType   = {accounting}
ClusterName             = kite
KillWait                = {kill} sec
MaxArraySize            = 1001
MinJobAge               = {age} sec
PluginDir               =
PreemptMode             = {preempt}
SlurmctldParameters     = {parameters}
SLURM_VERSION           = {version}
"""
USUAL = {
    "accounting": "accounting_storage/slurmdbd", "kill": 30, "age": 300, "preempt": "OFF", "parameters": "(null)",
    "version": "23.11.4",
}  # fmt: skip


@pytest.fixture
def desk(desk_in: type[Any], tmp_path: Path) -> Any:
    desk = desk_in(tmp_path / "study", {"TERM": "xterm", "XDG_CACHE_HOME": str(tmp_path / "cache")})
    desk.directory.mkdir()
    desk.arctl("init")
    (desk.directory / "arctl.yaml").write_text("cluster: slurm\n")
    (tmp_path / "bin").mkdir()
    desk.env["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    say(desk)
    program(desk, "sacct", "exit 0")
    program(desk, "sdiag", "echo 'DBD Agent queue size: 0'")
    return desk


def program(desk: Any, name: str, body: str) -> None:
    path = Path(desk.env["PATH"].split(":")[0]) / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def say(
    desk: Any, *, ahead: float = 0.0, partitions: str = "PartitionName=low Default=YES State=UP", **told: Any
) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + ahead))
    config = Path(desk.env["PATH"].split(":")[0]) / "config"
    config.write_text(CONFIG.format(now=now, **{**USUAL, **told}))
    program(desk, "scontrol", f"case \"$*\" in *config*) cat {config};; *) printf '{partitions}\\n';; esac")


def lines(desk: Any, *, status: int = 0) -> dict[str, tuple[str, str]]:
    found = json.loads(desk.arctl("doctor", "--json", status=status).stdout)["lines"]
    assert all(line["cure"] for line in found if line["status"] in ("warn", "fail"))
    return {line["name"]: (line["status"], line["said"]) for line in found if line["check"] == "slurm"}


def test_a_usual_site(desk: Any) -> None:
    found = lines(desk)
    assert found["controller"][1].startswith("Slurm 23.11.4, cluster kite, answers in ")
    assert found["memory"] == ("ok", "an ended job is forgotten after 300 s (MinJobAge); accounting remembers it")
    assert found["arrays"] == ("ok", "indices up to 1000; larger sweeps are cut")
    assert found["preemption"] == ("ok", "off")
    assert found["partitions"] == ("ok", "1: low")
    assert found["accounting"][0] == "ok" and "does not lag" in found["accounting"][1]
    assert {status for status, _ in found.values()} == {"ok"}


def test_a_controller_that_says_nothing(desk: Any) -> None:
    program(desk, "scontrol", "exec sleep 60")
    begun = time.monotonic()
    found = lines(desk, status=1)
    assert time.monotonic() - begun < 12
    assert found["controller"] == ("fail", "does not answer: scontrol said nothing within 4 s")


def test_a_silent_accounting_keeps_what_was_found_before(desk: Any) -> None:
    program(desk, "sacct", "exec sleep 60")
    found = lines(desk)
    assert found["controller"][0] == "ok"
    assert found["accounting"] == ("warn", "sacct does not answer: sacct said nothing within 4 s")


def test_an_accounting_that_lags_and_one_that_is_down(desk: Any) -> None:
    program(desk, "sdiag", "echo 'DBD Agent queue size: 812'")
    assert lines(desk)["accounting"][1].endswith("but lags: 812 records wait in the controller")
    program(desk, "sacct", "echo 'sacct: error: Problem talking to the database: Connection refused' >&2; exit 1")
    assert "Problem talking to the database" in lines(desk)["accounting"][1]


def test_clocks_that_disagree(desk: Any) -> None:
    say(desk, ahead=-400)
    status, said = lines(desk)["clock"]
    assert status == "warn" and "s behind this machine's" in said


def test_a_slurm_that_forgets_before_it_is_asked(desk: Any) -> None:
    say(desk, age=20, accounting="accounting_storage/none")
    found = lines(desk)
    assert found["memory"][0] == "warn" and "without accounting" in found["memory"][1]
    assert found["accounting"][1].startswith("off")


def test_versions_and_rates(desk: Any) -> None:
    say(desk, version="19.05.3", parameters="rl_enable,rl_refill_rate=1")
    found = lines(desk)
    assert found["version"][0] == "warn" and found["rate limit"][0] == "ok"
    say(desk, version="24.11.0\x1b]0;owned\x07")
    assert "version" not in lines(desk)
    assert "\x1b" not in desk.arctl("doctor").stdout


def test_partitions_that_are_not_there(desk: Any) -> None:
    (desk.directory / "arctl.yaml").write_text("cluster: slurm\nslurm:\n  partition: gpu\n")
    assert lines(desk, status=1)["partition"][1].startswith("arctl.yaml names 'gpu'")
    say(desk, partitions="PartitionName=gpu State=DOWN")
    assert lines(desk)["partition"] == ("warn", "gpu is down: its jobs do not start")
    (desk.directory / "arctl.yaml").write_text("cluster: slurm\n")
    assert "no default partition" in lines(desk, status=1)["partition"][1]


@pytest.mark.parametrize(("took", "status"), [(2.0, "ok"), (25.0, "warn"), (100.0, "warn")])
def test_a_save_that_takes_longer_than_the_kill_waits(desk: Any, took: float, status: str) -> None:
    from arctl.registry import write

    db = desk.directory / "runs.db"
    write.new_run(db, name="a", token="arctl-000000000001", created=1.0, cluster="slurm", template="single")
    attempt = desk.directory / "runs/run0001/attempts/7.0"
    attempt.mkdir(parents=True)
    (attempt.parent.parent / "run.yaml").write_text("number: 1\n")
    events = [
        {"seq": 0, "t": 100.0, "kind": "epoch", "epoch": 1, "step": 9, "metrics": {}, "seconds": 1.0},
        {"seq": 1, "t": 100.0 + took, "kind": "checkpoint", "path": "c", "epoch": 1, "step": 9, "best": True},
        {"seq": 2, "t": 900.0, "kind": "step", "step": 10, "epoch": 1.1, "metrics": {}},
    ]
    (attempt / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    found = lines(desk)
    assert found["kill"][0] == status
    assert f"{took:.0f}" in found["kill"][1]


def test_the_calls_of_the_last_hour(desk: Any) -> None:
    assert lines(desk)["calls"][0] == "ok"
    status, said = lines(desk)["calls"]
    assert status == "ok" and " a minute by arctl in the last hour (" in said and "sacct" in said
    (log,) = (Path(desk.env["XDG_CACHE_HOME"]) / "arctl").rglob("calls.jsonl")
    one = {"program": "squeue", "args": "", "at": time.time() - 60, "ms": 9.0, "rc": 1, "pid": 1, "why": "queue"}
    log.write_text((json.dumps(one) + "\n") * 600)
    status, said = lines(desk)["calls"]
    assert status == "warn" and said.startswith("10.0 a minute") and said.endswith("600 of them in vain")
