"""The trainer as a process: signals, kills, rivals, and errors as one line with their exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.videos import environment, events, make_run, make_set, of_kind

LONG = ["train.epochs=400", "optim.warmup_epochs=1", "train.patience=null"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "noise")


def begin(run_dir: Path, *, job: str, before: str = "", **more: str) -> subprocess.Popen[str]:
    """Start `python -m trainer` as a group of its own; `before` is Python that runs first, `more` its environment."""
    code = f"{before}\nimport sys; from trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, "--run-dir", str(run_dir)],
        env=environment(ARCTL_JOB_ID=job, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    """Return (exit status, stderr) of a trainer that ends by itself."""
    _, errors = child.communicate(timeout=120)
    return child.returncode, errors


def until(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def steps_written(run_dir: Path, attempt: str) -> int:
    path = run_dir / "attempts" / attempt / "events.jsonl"
    return path.read_bytes().count(b'"kind":"step"') if path.exists() else 0


def test_sigusr2_saves_and_the_next_start_goes_on(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *LONG, "data.workers=1")
    child = begin(run_dir, job="7")
    until(lambda: steps_written(run_dir, "7.0") > 6, child)
    os.killpg(child.pid, signal.SIGUSR2)  # its loader process gets it too, as from Slurm
    code, errors = ended(child)
    assert code == 143, errors
    assert "Traceback" not in errors
    assert "trainer: error: stopped by SIGUSR2 at step" in errors
    end = events(run_dir, "7.0")[-1]
    assert (end["kind"], end["status"], end["exit_code"]) == ("end", "interrupted", 143)
    manifest = json.loads((run_dir / "checkpoints" / "manifest.json").read_text())
    assert manifest["last.pt"]["step"] == end["step"] == of_kind(events(run_dir, "7.0"), "step")[-1]["step"]
    again = begin(run_dir, job="8")
    until(lambda: steps_written(run_dir, "8.0") > 2, again)
    os.killpg(again.pid, signal.SIGTERM)
    assert ended(again)[0] == 143
    found = events(run_dir, "8.0")
    assert found[0]["resumed_step"] == end["step"]
    assert of_kind(found, "step")[0]["step"] == end["step"] + 1
    assert (run_dir / "CURRENT").read_text() == "8.0\n"


def test_sigkill_of_the_whole_tree_loses_no_event_and_the_run_goes_on(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *LONG, "data.workers=1")
    child = begin(run_dir, job="7")
    until(lambda: (run_dir / "checkpoints" / "manifest.json").exists(), child)
    until(lambda: steps_written(run_dir, "7.0") > 20, child)
    seen = steps_written(run_dir, "7.0")
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.communicate()
    found = events(run_dir, "7.0")
    steps = [event["step"] for event in of_kind(found, "step")]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) >= seen
    assert [event["seq"] for event in found] == list(range(len(found)))
    assert found[-1]["kind"] != "end"
    make_run(run_dir, root, *LONG, "train.max_steps=" + str(steps[-1] + 3))
    code, errors = ended(begin(run_dir, job="7_1"))
    assert code == 0, errors
    after = events(run_dir, "7_1.0")
    assert 0 < after[0]["resumed_step"] <= steps[-1]
    assert after[-1]["status"] == "completed" and after[-1]["step"] == steps[-1] + 3


def test_a_second_claimant_stops_with_98_and_touches_nothing(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    (run_dir / "attempts" / "7.0").mkdir(parents=True)
    code, errors = ended(begin(run_dir, job="7"))
    assert code == 98
    assert errors.startswith("trainer: error: ") and errors.count("\n") == 1 and "7.0 is already claimed" in errors
    assert not (run_dir / "CURRENT").exists() and not list((run_dir / "attempts" / "7.0").iterdir())


def test_a_superseded_trainer_stops_with_98_before_its_checkpoint(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *LONG)
    child = begin(run_dir, job="7")
    until(lambda: steps_written(run_dir, "7.0") > 2, child)
    (run_dir / "CURRENT").write_text("8.0\n")
    code, errors = ended(child)
    assert code == 98 and "8.0 has taken over from 7.0" in errors
    assert (run_dir / "CURRENT").read_text() == "8.0\n"


@pytest.mark.parametrize(
    ("config", "code", "parts"),
    [
        ("model: {name: r3d}\n", 2, ["config.yaml", "unknown model 'r3d'", "did you mean r3d18?"]),
        ("model: {name: r3d_tiny}\ndata: {name: x, root: /x}\noptim: {lr: -1}\n", 2, ["optim.lr is -1.0", "above 0"]),
        (None, 2, ["config.yaml: there is no such file"]),
    ],
)
def test_a_wrong_configuration_is_one_line_and_an_end_event(
    config: str | None, code: int, parts: list[str], tmp_path: Path
) -> None:
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    status, errors = ended(begin(tmp_path, job="7"))
    assert status == code
    assert errors.count("\n") == 1 and errors.startswith("trainer: error: ")
    for part in parts:
        assert part in errors
    end = events(tmp_path, "7.0")[-1]
    assert (end["kind"], end["status"], end["exit_code"], end["epoch"]) == ("end", "failed", code, 0)
    assert f"trainer: error: {end['message']}\n" == errors


def test_a_missing_run_directory_or_one_without_permission(tmp_path: Path) -> None:
    code, errors = ended(begin(tmp_path / "none", job="7"))
    assert (code, errors.count("\n")) == (2, 1)
    assert "there is no such run directory" in errors
    (tmp_path / "attempts").write_text("a file")
    code, errors = ended(begin(tmp_path, job="7"))
    assert code == 1 and "cannot write" in errors


def test_missing_data_is_status_5(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", tmp_path / "nowhere")
    code, errors = ended(begin(run_dir, job="7"))
    assert code == 5 and errors.count("\n") == 1 and str(tmp_path / "nowhere") in errors


def test_without_torch_the_cure_is_named(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root)
    code, errors = ended(begin(run_dir, job="7", before="import sys; sys.modules['torch'] = None"))
    assert (code, errors) == (1, "trainer: error: torch is not installed (pip install 'arctl[train]')\n")


def test_outside_a_job_each_start_has_a_name_of_its_own(tmp_path: Path) -> None:
    child = begin(tmp_path, job="")
    pid = child.pid
    ended(child)
    (made,) = (tmp_path / "attempts").iterdir()
    assert re.fullmatch(r"local-\d+\.0", made.name)
    claim = json.loads((made / "claim.json").read_text())
    assert (claim["pid"], claim["job_id"], claim["restart"]) == (pid, None, 0)


def test_help_names_every_setting() -> None:
    done = subprocess.run([sys.executable, "-m", "trainer", "--help"], capture_output=True, text=True, check=True)
    assert "optim.lr" in done.stdout and "Learning rate after the warm-up." in done.stdout
