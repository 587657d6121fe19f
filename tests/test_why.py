"""`arctl why` from end to end on this machine: real runs that wait, run, and die of their own accord."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

TRAIN = ["--model", "r3d_tiny", "--data", "motions", "--set", "data.workers=0", "--set", "train.device=cpu"]


@pytest.fixture(scope="module")
def desk(desk_in: type[Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace where several runs have ended badly, and one has ended well."""
    desk = desk_in(tmp_path_factory.mktemp("study"))
    desk.arctl("init")
    settings = desk.directory / "arctl.yaml"
    settings.write_text(settings.read_text().replace("slots: null", "slots: 3", 1))
    desk.arctl("data", "synth", "data/motions", "--groups", "9", "--per-group", "1")
    wild = ["--set", "optim.lr=1e9", "--set", "optim.warmup_epochs=0", "--set", "train.precision=fp32"]
    desk.arctl("submit", "--name", "wild", *TRAIN, *wild, "--set", "train.epochs=3")
    (desk.directory / "page.pt").write_text("<html>log in first</html>")
    desk.arctl("submit", "--name", "weights", "--force", *TRAIN, "--set", f"model.weights={desk.directory}/page.pt")
    (desk.directory / "train.py").write_text("import nosuchmodule\n")
    desk.arctl("submit", "--name", "module", "--", "python3", str(desk.directory / "train.py"))
    desk.arctl("submit", "--name", "short", "--time", "1", "--", "true")
    desk.arctl("submit", "--name", "crash", "--", "bash", "-c", "echo begun; kill -SEGV $$")
    desk.arctl("submit", "--name", "odd", "--", "bash", "-c", "echo one; echo two; exit 7")
    desk.arctl("wait", "wild", "weights", "module", "short", "crash", "odd", "--timeout", "240", status=10)
    return desk


def test_a_diverged_run_proposes_its_own_lower_rate(desk: Any) -> None:
    found = desk.json("why", "wild")
    assert found["schema"] == "arctl.why/1"
    assert (found["run"], found["state"], found["cause"]) == ("run1", "failed", "not_finite")
    assert "optim.lr=1e+09" in found["sentence"]
    (told,) = found["evidence"]
    line = (desk.directory / "runs" / "run0001" / told["source"]).read_text().splitlines()[told["line"] - 1]
    assert '"kind":"end"' in line.replace(": ", ":")
    remedy = found["remedies"][0]["command"]
    assert remedy == "arctl rerun run1 --set optim.lr=0.0003 --set optim.clip_grad=1.0"
    desk.arctl(*remedy.split()[1:], "--dry-run")  # what it proposes can be run


def test_weights_that_are_a_web_page(desk: Any) -> None:
    found = desk.json("why", "weights")
    assert found["cause"] == "weights"
    assert found["sentence"] == f"the weights {desk.directory}/page.pt could not be used: it is a web page, not weights"
    assert found["remedies"][0]["why"] == "after this: the download needs a login or another link"


def test_a_missing_module_is_installed_by_the_job_s_python(desk: Any) -> None:
    found = desk.json("why", "module")
    assert found["sentence"] == "the Python module nosuchmodule is not installed there"
    assert found["remedies"][0]["command"] == "python3 -m pip install nosuchmodule"
    own_code = f'File "{desk.directory}/train.py", line 1, in <module>'
    texts = [one["text"] for one in found["evidence"]]
    assert texts == ["ModuleNotFoundError: No module named 'nosuchmodule'", own_code]
    log = desk.directory / "runs" / "run0003" / found["evidence"][0]["source"]
    assert "nosuchmodule" in log.read_text().splitlines()[found["evidence"][0]["line"] - 1]


def test_signals_and_odd_statuses(desk: Any) -> None:
    crash = desk.json("why", "crash")
    assert (crash["cause"], crash["facts"]["signal"]) == ("signal", signal.SIGSEGV)
    assert crash["remedies"][0]["command"] == "PYTHONFAULTHANDLER=1 arctl rerun run5"
    odd = desk.json("why", "odd")
    assert odd["cause"] == "unknown"
    assert [one["text"] for one in odd["evidence"]] == ["one", "two", "exit status 7"]


def test_what_is_well_needs_no_remedy(desk: Any) -> None:
    shown = desk.arctl("why", "short").stdout
    assert shown.splitlines()[0] == "run4 completed: it completed: nothing is wrong"
    assert desk.json("why", "short")["remedies"] == []


def test_as_a_person_reads_it(desk: Any) -> None:
    lines = desk.arctl("why", "odd").stdout.splitlines()
    assert lines[0] == "run6 failed: it ended with exit status 7 and says nothing that arctl knows"
    assert "  log-6.txt:1: one" in lines
    assert lines[lines.index("  the rest of the log:") + 1] == "    arctl logs run6 -n 200"


def test_no_byte_of_a_hostile_log_reaches_the_terminal(desk: Any) -> None:
    evil = r"printf 'ValueError: \033]0;owned\007\033[2Jx\n'; exit 3"
    desk.arctl("submit", "--name", "evil", "--", "bash", "-c", evil)
    desk.arctl("wait", "evil", "--timeout", "60", status=10)
    shown = desk.arctl("why", "evil").stdout
    assert "ValueError: x" in shown
    assert "\x1b" not in shown
    assert "owned" not in shown


def test_bad_input(desk: Any) -> None:
    assert "run99" in desk.arctl("why", "run99", status=3).stderr
    assert "names 2 runs" in desk.arctl("why", "run1:run2", status=2).stderr
    desk.arctl("why", status=2)


def test_a_run_whose_directory_is_gone_still_has_an_answer(desk: Any) -> None:
    desk.arctl("submit", "--name", "gone", "--", "false")
    desk.arctl("wait", "gone", "--timeout", "60", status=10)
    number = desk.json("show", "gone")["number"]
    path: Path = desk.directory / "runs" / f"run{number:04d}"
    path.rename(desk.directory / "elsewhere")
    try:
        found = desk.json("why", "gone")
    finally:
        (desk.directory / "elsewhere").rename(path)
    assert found["cause"] == "unknown"
    assert "wrote no log" in found["sentence"]


def test_waiting_and_running_on_this_machine(desk: Any) -> None:
    for name in ("busy1", "busy2", "busy3", "queued"):
        desk.arctl("submit", "--name", name, "--", "sleep", "300")
    desk.until("busy3", lambda run: run["state"] == "running")
    found = desk.json("why", "queued")
    assert (found["state"], found["cause"]) == ("pending", "waits")
    assert found["facts"] == {"running": 3, "place": 1}
    assert "it is a program of your own" in desk.arctl("why", "busy1").stdout
    desk.arctl("cancel", "busy1", "busy2", "busy3", "queued")
    desk.arctl("wait", "busy1", "queued", "--timeout", "60", status=11)
    assert desk.json("why", "queued")["sentence"] == "it was cancelled with arctl before it started"


def test_a_killed_trainer_goes_on_from_its_checkpoint(desk: Any) -> None:
    desk.arctl("submit", "--name", "killed", *TRAIN, "--set", "train.epochs=500", "--set", "train.precision=fp32")
    run = desk.until("killed", lambda run: (run["epoch"] or 0) >= 2)
    assert desk.json("why", "killed")["cause"] == "fine"
    claim = next((desk.directory / "runs" / f"run{run['number']:04d}").glob("attempts/*/claim.json"))
    os.kill(json.loads(claim.read_text())["pid"], signal.SIGKILL)
    desk.arctl("wait", "killed", "--timeout", "60", status=10)
    found = desk.json("why", "killed")
    assert (found["cause"], found["facts"]["signal"]) == ("signal", 9)
    assert any(remedy["command"].startswith("arctl resume") for remedy in found["remedies"])
