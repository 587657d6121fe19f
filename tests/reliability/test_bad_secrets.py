"""B12: passwords and keys: not on a command line of arctl's, not on a screen, not in a snapshot of the environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from arctl.cli import app
from arctl.runfile import read_run
from arctl.secrets import HIDDEN, exposed, hidden, lines_hidden, looks_secret, words_hidden
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from tests.tui.workspace import new_run

SECRET = "hunter2-Zq9"
COMMAND = ["prog", "--api-key", SECRET, f"--token={SECRET}", f"HF_TOKEN={SECRET}", "--tokens", "512", "--lr=0.1"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "ws")


def test_names_decide_what_is_a_secret() -> None:
    for name in (
        "password",
        "api_key",
        "API-KEY",
        "aws_secret_access_key",
        "HF_TOKEN",
        "token",
        "wandb_api_key",
        "db.passwd",
    ):
        assert looks_secret(name)
    for name in ("tokens", "num_tokens", "tokenizer", "keys", "lr", "key_frames", "passes", "monkey", "data.name"):
        assert not looks_secret(name)


def test_values_are_hidden_by_the_name_of_their_key() -> None:
    told = {"optim.lr": 0.1, "token": "arctl-0123456789ab", "x.password": SECRET, "n": {"api_key": SECRET, "ok": "y"}}
    told["command"] = COMMAND
    shown = {key: hidden(key, value) for key, value in told.items()}
    assert SECRET not in json.dumps(shown)
    assert (shown["optim.lr"], shown["token"], shown["n"]) == (
        0.1,
        "arctl-0123456789ab",
        {"api_key": HIDDEN, "ok": "y"},
    )
    assert words_hidden(COMMAND)[5:] == COMMAND[5:] and len(words_hidden(COMMAND)) == len(COMMAND)
    assert hidden("password", None) is None and hidden("password", 5) == 5


def test_lines_of_a_file_are_hidden_as_the_values_would_be() -> None:
    text = yaml.safe_dump(
        {"command": COMMAND, "values": {"password": SECRET}, "lr": 0.1, "token": "arctl-0123456789ab"}
    )
    shown = "\n".join(lines_hidden(text.splitlines()))
    assert SECRET not in shown and "lr: 0.1" in shown and "arctl-0123456789ab" in shown and "512" in shown
    assert lines_hidden(["# the token is nice", "note: a token=b", "- '--lr=1'"])[0] == "# the token is nice"


def test_what_would_stand_in_the_open_is_named() -> None:
    assert exposed(COMMAND) == ["--api-key", "--token", "HF_TOKEN"]
    assert exposed([f"--export=ALL,API_KEY={SECRET},LR=1", "--nice=5"]) == ["API_KEY"]
    assert exposed(["train.py", "--tokens=512", "--export=NONE"]) == []


def test_no_command_and_no_screen_shows_a_secret_of_a_run(workspace: Workspace) -> None:
    first = new_run(workspace, 1, "one", command=COMMAND, values={"gpus": 1, "password": SECRET}, model=None)
    second = new_run(workspace, 2, "two", command=["prog", "--api-key", "other"], model=None)
    first.files.config.write_text(yaml.safe_dump({"logger": {"api_key": SECRET, "project": "p"}}))
    second.files.config.unlink()
    rebuild(workspace)
    for line in ("show 1", "show 1 --json", "show 2", "compare 1 2", "compare 1 2 --json", "ls --json", "why 1"):
        result = CliRunner().invoke(app, ["-w", str(workspace.root), *line.split()])
        assert result.exit_code in (0, 3), result.stderr
        assert SECRET not in result.stdout + result.stderr and "--api-key other" not in result.stdout, line
    assert HIDDEN in CliRunner().invoke(app, ["-w", str(workspace.root), "show", "1"]).stdout

    from arctl.tui.reading.config import ConfigPanel, ConfigWant
    from arctl.tui.reading.job import JobPanel, JobWant

    panel = ConfigWant(1, against=None).read(workspace)
    assert isinstance(panel, ConfigPanel)
    values = {f"{entry.key}": entry.value for entry in panel.found.entries}
    assert SECRET not in repr(panel) and values["logger.project"] == "p"
    job = JobWant(1).read(workspace)
    assert isinstance(job, JobPanel) and SECRET not in repr(job)
    assert read_run(first.files.run_yaml).command == tuple(COMMAND), "what is hidden is still there for a rerun"


def test_no_process_that_arctl_starts_has_a_secret_on_its_command_line(
    workspace: Workspace, tmp_path: Path, desk_in
) -> None:
    (tmp_path / "sbatch").write_text('#!/bin/bash\ntr "\\0" " " </proc/$$/cmdline >"${0%/*}/seen"; echo 77\n')
    (tmp_path / "sbatch").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WANDB_API_KEY": SECRET, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    desk = desk_in(workspace.root, env)
    command = ["--", sys.executable, "-c", "import os; print(os.environ['WANDB_API_KEY'])"]
    desk.arctl("submit", "--cluster", "slurm", "--no-snapshot", *command)
    assert SECRET not in (tmp_path / "seen").read_text()
    for path in workspace.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), (
            "nor does arctl write the environment down"
        )


def test_a_secret_in_the_open_is_warned_of_before_it_is_queued(workspace: Workspace) -> None:
    for words, name in (
        (["--sbatch", f"--export=ALL,API_KEY={SECRET}", "--", "true"], "API_KEY"),
        (["--", "prog", f"--api-key={SECRET}"], "--api-key"),
    ):
        argv = ["-w", str(workspace.root), "submit", "--cluster", "slurm", "--dry-run", *words]
        result = CliRunner().invoke(app, argv)
        assert result.exit_code == 0, result.stderr
        assert f"warning: {name}: it stands in the job's script and on a command line" in result.stderr
        assert SECRET not in result.stderr
