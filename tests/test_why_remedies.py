"""Every remedy can be pasted: its words are commands and options that this arctl has, whatever the cause."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace

import click
import pytest

from arctl.autopsy.diagnosis import Case, Cause, Diagnosis
from arctl.autopsy.remedies import remedies
from arctl.cli import app
from arctl.states import State

CONFIG = {"data.batch_size": 5, "optim.accumulate": 2, "optim.lr": 0.01, "data.workers": 8, "data.name": "a b"}
CASES = {
    "trainer on Slurm": Case("run12", State.FAILED, node="gpu2", config=CONFIG, asked={"mem": "16G"}, resumable=True),
    "from the start": Case("run12", State.FAILED, node="gpu2", config=CONFIG, elapsed=600.0, epochs=9, pace=60.0),
    "a command": Case("run12", State.FAILED, command=("python3", "train.py"), trainer=False),
    "here": Case("run12", State.FAILED, cluster="local", config=CONFIG, resumable=True),
}
SENTENCES = ("it was ended by SIGKILL", "/data/x y does not exist", "the Python module cv2 is not installed there")


def unknown_words(command: str) -> list[str]:
    """Return the words of a command line that nobody knows: subcommands, options, programs."""
    wrong = []
    for part in re.split(r"&&|;", command):
        words = [word for word in shlex.split(part) if not re.fullmatch(r"[A-Z_]+=\w+", word)]
        if words[0] != "arctl":
            wrong += [] if shutil.which(words[0]) or words[0] in ("scontrol", "sinfo") else words[:1]
            continue
        found: click.Command = app
        rest = words[1:]
        context = click.Context(app)
        while isinstance(found, click.Group):
            child = found.get_command(context, rest.pop(0))
            assert child is not None, command
            found, context = child, click.Context(child)
        known = {name for param in found.params for name in [*param.opts, *param.secondary_opts]}
        wrong += [word for word in rest if word.startswith("-") and word not in known]
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_remedies_are_commands(name: str) -> None:
    for cause in Cause:
        for sentence in SENTENCES:
            found = remedies(Diagnosis(cause, sentence), CASES[name])
            assert found, cause
            for remedy in found:
                assert unknown_words(remedy.command) == [], remedy.command
                assert remedy.why
            assert len({remedy.command for remedy in found}) == len(found)


def test_an_odd_batch_keeps_its_step_as_far_as_it_can() -> None:
    (first, *_) = remedies(Diagnosis(Cause.GPU_MEMORY, "full"), CASES["trainer on Slurm"])
    assert first.command == "arctl rerun run12 --set data.batch_size=2 --set optim.accumulate=5"
    assert first.why == "the same clips a step, fewer at a time"


def test_nothing_is_resumed_where_nothing_was_saved() -> None:
    for cause in Cause:
        for remedy in remedies(Diagnosis(cause, "x"), CASES["from the start"]):
            assert "resume" not in remedy.command


def test_the_local_queue_has_no_nodes_and_no_memory_to_ask_for() -> None:
    for cause in Cause:
        for remedy in remedies(Diagnosis(cause, "it was ended by SIGKILL"), CASES["here"]):
            assert "--exclude" not in remedy.command
            assert "--mem" not in remedy.command


def test_half_of_one_worker_is_none() -> None:
    one = replace(CASES["here"], config={**CONFIG, "data.workers": 1})
    assert remedies(Diagnosis(Cause.SHARED_MEMORY, "x"), one)[0].command == "arctl rerun run12 --set data.workers=0"
