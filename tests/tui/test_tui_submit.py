"""The Submit view, typed into as a person would: what is wrong stands beside its field, and what is right is queued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events

from arctl import control
from arctl.registry import read
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace
from arctl.tui.screens.submit import SubmitScreen
from arctl.tui.screens.submit_question import SubmitQuestion
from arctl.tui.widgets.form import Form
from tests.launched import configured
from tests.tui.conftest import SMALL, Opener, Seen
from tests.twovideos import two_videos

MIDDLE = (120, 35)
LARGE = (200, 50)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Workspace]:
    made = init_workspace(tmp_path / "lab")
    two_videos(made.root / "data" / "motions")
    workspace = configured(made, "python: /bin/true\ndefaults: {time: '1:00:00'}\n")
    yield workspace
    if numbers := read.numbers(workspace.db):
        control.cancel(workspace, numbers)


def form(seen: Seen) -> Form:
    """The form, which has the focus."""
    assert isinstance(seen.app.screen.focused, Form)
    return seen.app.screen.focused


async def write(seen: Seen, text: str) -> None:
    """Paste a text into the field that is typed into."""
    form(seen).post_message(events.Paste(text))
    await seen.pilot.pause()


async def field(seen: Seen, name: str) -> None:
    """Walk down to a field."""
    while form(seen).at.field.name != name:
        await seen.press("down")


async def opened_form(seen: Seen) -> SubmitScreen:
    await seen.press("n")
    await seen.shows("What is trained", "choose a model")
    assert isinstance(seen.app.screen, SubmitScreen)
    return seen.app.screen


async def test_a_command_is_submitted_and_its_run_shown(lab: Workspace, opened: Opener) -> None:
    async with opened(lab) as seen:
        await opened_form(seen)
        await field(seen, "command")
        await write(seen, "sleep 60 'a  b'")
        await field(seen, "name")
        await write(seen, "a name")
        await seen.shows("is no name for a run", "1 field to mend")
        await seen.press("ctrl+s")
        await seen.shows("not submitted:", "is no name")
        assert not isinstance(seen.app.screen, SubmitQuestion)
        await seen.press("ctrl+u")
        await write(seen, "sleeper")
        await seen.until(lambda: "is no name for a run" not in seen.text.split("submitted")[0])
        await seen.press("ctrl+e", "ctrl+s")
        await seen.shows(
            "Submit this run?", "1 job on local", "time limit 1:00:00", "--name sleeper -- sleep 60 'a  b'"
        )
        await seen.press("ctrl+s", "y")
        await seen.shows("run1 submitted as job 1", "sleeper")
        assert seen.at == 1
        row = read.run(lab.db, 1)
        assert row is not None
        assert (row.name, row.submission, row.job_id) == ("sleeper", "submitted", "1")
        assert read_run(RunDir(lab.run_dir(1)).run_yaml).command == ("sleep", "60", "a  b")
        assert read.numbers(lab.db) == [1]
        await seen.press("n")
        await seen.shows("What is trained", "choose a model")


@pytest.mark.parametrize("answer", ["enter", "n", "escape"])
async def test_everything_but_y_is_no_and_the_form_stays(lab: Workspace, opened: Opener, answer: str) -> None:
    async with opened(lab) as seen:
        await opened_form(seen)
        await field(seen, "command")
        await write(seen, "true")
        await seen.press("ctrl+s")
        await seen.shows("Submit this run?")
        await seen.press(answer)
        await seen.shows("command     true")
        await seen.press("escape")
        await seen.shows("No runs yet")
        await seen.press("6")
        await seen.shows("command     true")
        assert read.numbers(lab.db) == []


async def test_what_is_typed_is_completed_checked_and_rendered(lab: Workspace, opened: Opener) -> None:
    async with opened(lab, MIDDLE) as seen:
        await opened_form(seen)
        await seen.press("r", "3", "d", "underscore")
        await seen.shows("> r3d_tiny", "no model 'r3d_'")
        await seen.press("tab", "tab", "m", "o", "tab")
        await seen.shows("#SBATCH --job-name=r3d_tiny", "nothing stands against it", "1 job on local")
        await field(seen, "overrides")
        await write(seen, "optim.lrr=1")
        await seen.shows("unknown key 'optim.lrr' (did you mean", "error   overrides:")
        await seen.press("ctrl+u")
        await write(seen, "train.pre")
        await seen.shows("> train.precision=", "now fp32")
        await seen.press("enter")
        await seen.shows("fp32 or fp16 or bf16; now fp32")
        await seen.press("ctrl+n", "enter", "down")
        await write(seen, "data.resize=[56, 72]")
        await seen.shows("set         train.precision=fp16", "nothing stands against it")
        await seen.press("ctrl+t", "ctrl+t", "ctrl+t")
        await seen.shows("model:", "- 56")
        await seen.press("escape")
        await field(seen, "time")
        await write(seen, "8h")
        await seen.shows("'8h' is no time")


async def test_brackets_change_the_tab_where_a_field_cannot_hold_them(lab: Workspace, opened: Opener) -> None:
    async with opened(lab, SMALL) as seen:
        await opened_form(seen)
        await field(seen, "command")
        await seen.press("left_square_bracket", "right_square_bracket")
        await seen.shows("command     []")
        await field(seen, "name")
        await seen.press("right_square_bracket")
        await seen.shows("#SBATCH")
        await seen.press("right_square_bracket")
        await seen.shows("1 job on local", "nothing stands against it")
        await seen.press("left_square_bracket", "left_square_bracket")
        await seen.shows("command     []")


async def test_a_repeated_run_shows_what_it_was(lab: Workspace, opened: Opener) -> None:
    from arctl.launch import submit
    from arctl.request import Request, Resources

    submit(lab, Request(model="r3d_tiny", data="motions", name="base", resources=Resources(mem="3G")))
    async with opened(lab, LARGE) as seen:
        view = seen.app.named("submit")
        assert isinstance(view, SubmitScreen)
        view.rerun_of(1)
        await seen.press("n")
        await seen.shows("rerun of run1", "base", "3G", "#SBATCH --mem=3G")
        await field(seen, "overrides")
        await write(seen, "optim.lr=0.5")
        await seen.press("ctrl+s")
        await seen.shows("Submit run1 again?", "arctl rerun run1 --set optim.lr=0.5")
        await seen.press("y")
        await seen.shows("run2 submitted as job 2")
        row = read.run(lab.db, 2)
        assert row is not None
        assert (row.rerun_of, row.name) == (1, "base")
        assert "lr: 0.5" in RunDir(lab.run_dir(2)).config.read_text()
