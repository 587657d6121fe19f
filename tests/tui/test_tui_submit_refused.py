"""The Submit view where nothing can be submitted: read-only, refused, a run that is gone, hostile text."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.drafting import Choices, Draft
from arctl.launch import submit
from arctl.recipe import Key
from arctl.registry import read
from arctl.request import Request
from arctl.settings import Workspace, init_workspace
from arctl.tui.app import Dashboard
from arctl.tui.screens.submit import SubmitScreen
from arctl.tui.submit_deeds import ResumeRun, Sent, SubmitDraft
from arctl.tui.wants import Result
from arctl.tui.widgets.form_completion import Known, candidates, completed, hint
from arctl.tui.widgets.form_fields import FIELDS
from tests.launched import configured
from tests.tui.conftest import SMALL, Opener, Seen

BY_NAME = {field.name: field for field in FIELDS}


@pytest.fixture
def lab(tmp_path: Path) -> Workspace:
    return configured(init_workspace(tmp_path / "lab"), "python: /bin/true\n")


async def test_a_dashboard_that_only_reads_previews_and_refuses(lab: Workspace) -> None:
    app = Dashboard(lab, readonly=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        seen = Seen(app, pilot)
        await seen.press("n")
        await seen.shows("a new run", "read-only", "choose a model")
        await seen.press("down", "down", "down", "down", "down", *"true")
        await seen.shows("command     true")
        await seen.press("ctrl+t")
        await seen.shows("exec true")
        await seen.press("ctrl+s")
        await seen.shows("this dashboard only reads")
        assert read.numbers(lab.db) == []


async def test_what_the_scheduler_refuses_keeps_the_form(
    lab: Workspace, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no sbatch
    async with opened(lab) as seen:
        await seen.press("n")
        await seen.shows("choose a model")
        await seen.press("down", "down", "down", "down", "down", *"true", "down", "down", "down", "down", "down")
        await seen.press(*"slurm", "ctrl+s")
        await seen.shows("Submit this run?")
        await seen.press("y")
        await seen.shows("not submitted:")
        assert isinstance(seen.app.screen, SubmitScreen)
        await seen.shows("command     true", "cluster     slurm")
        await seen.press("ctrl+t", "ctrl+t")
        await seen.shows("error   not submitted: ", "sbatch cannot be started")


async def test_a_run_that_is_gone_leaves_the_form_of_a_new_one(lab: Workspace, opened: Opener) -> None:
    shutil.rmtree(submit(lab, Request(command=("true",))).run_dir)
    async with opened(lab) as seen:
        view = seen.app.named("submit")
        assert isinstance(view, SubmitScreen)
        view.rerun_of(1)
        await seen.press("n")
        # Asked of the application: a toast has gone again where the machine is slow.
        await seen.until(lambda: any("run1 has no run.yaml" in one.message for one in seen.app._notifications))
        await seen.shows("a new run")


async def test_hostile_text_stays_text(lab: Workspace, opened: Opener) -> None:
    note = "[bold red]x[/] [link=http://evil]"
    submit(lab, Request(command=("echo", "\x1b]0;t\x07[b]"), note=note))
    async with opened(lab) as seen:
        view = seen.app.named("submit")
        assert isinstance(view, SubmitScreen)
        view.rerun_of(1)
        await seen.press("n")
        await seen.shows(note, "'[b]'")
        assert "\x1b" not in seen.text
        await seen.press("down", "down", "down", "down", *("x" * 40))
        await seen.shows("x" * 40)


def test_a_deed_tells_how_it_ended_whatever_comes(lab: Workspace) -> None:
    heard: list[Sent] = []
    done = list(SubmitDraft(Draft(command="true", name="one"), None, heard.append).do(lab))
    assert (done, heard) == ([Result("run1 submitted as job 1")], [Sent((1,))])
    refused = list(SubmitDraft(Draft(command="true", name="no name"), None, heard.append).do(lab))
    assert [one.good for one in refused] == [False]
    assert heard[-1].why
    assert SubmitDraft(Draft(command="run --token=abc")).command() == "arctl submit -- run '--token=(hidden)'"


def test_only_what_has_stopped_early_is_resumed(lab: Workspace) -> None:
    submit(lab, Request(command=("sleep", "30"), name="own"))
    with pytest.raises(Exception, match=r"run1") as caught:
        list(ResumeRun(1).do(lab))
    assert type(caught.value).__name__ == "UsageError"
    assert ResumeRun(1).command() == "arctl resume run1"
    from arctl import control

    control.cancel(lab, [1])


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("model", "r3", ["r3d18", "r3d_tiny"]),
        ("model", "TINY", ["r3d_tiny"]),
        ("preset", "", ["quick", "finetune"]),
        ("overrides", "train.epochs=1 optim.", ["optim.lr=", "optim.name="]),
        ("overrides", "optim.name=", ["optim.name=adamw", "optim.name=sgd"]),
        ("overrides", "optim.name=sgd", []),
        ("tags", "base b", ["base"]),
        ("note", "anything", []),
    ],
)
def test_what_is_offered(name: str, text: str, found: list[str]) -> None:
    keys = (Key("optim.lr", "float", (), "The rate."), Key("optim.name", "adamw or sgd", ("adamw", "sgd"), "It."))
    choices = Choices({"model": (("r3d18", ""), ("r3d_tiny", ""))}, {"r3d18": ("quick", "finetune")}, keys)
    known = Known(choices=choices, tags=(("base", ""),), model="r3d18", values={"optim.lr": "0.1"})
    assert [one.word for one in candidates(BY_NAME[name], text, known)] == found
    assert hint(BY_NAME["overrides"], "a.b=[1, 2] optim.lr=3", known) == "float; now 0.1. The rate."
    assert completed(BY_NAME["overrides"], "a.b=1 opt", "optim.lr=") == "a.b=1 optim.lr="
    assert candidates(BY_NAME[name], text, replace(known, choices=None, tags=())) == []
