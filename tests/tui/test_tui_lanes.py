"""Who gets an answer: of one widget's questions in a lane the newest, whatever the other widgets ask meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

import pytest
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from arctl.settings import Workspace, init_workspace
from arctl.tui.lanes import Lanes
from arctl.tui.screens.note_editor import Writing
from arctl.tui.wants import Panel, Taker, Want
from tests.tui.conftest import WIDE, Opener


@dataclass(frozen=True)
class Question(Want):
    """Is answered once the gate is open."""

    lane: ClassVar[str] = "run"
    name: str
    gate: threading.Event = field(compare=False)

    def read(self, workspace: Workspace) -> Panel:
        assert self.gate.wait(20)
        return Panel(self)


class Asker:
    """A widget that asks."""

    is_attached = True

    def take(self, panel: Panel) -> None:
        raise AssertionError("only the application hands panels over")


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[Lanes, SimpleQueue[tuple[Panel, Taker]]]]:
    answers: SimpleQueue[tuple[Panel, Taker]] = SimpleQueue()
    lanes = Lanes(init_workspace(tmp_path / "ws"), lambda panel, taker: answers.put((panel, taker)))
    yield lanes, answers
    lanes.stop()


def test_no_widget_takes_another_s_answer_away(asked: tuple[Lanes, SimpleQueue[tuple[Panel, Taker]]]) -> None:
    lanes, answers = asked
    shut, opened = threading.Event(), threading.Event()
    opened.set()
    tab, hidden = Asker(), Asker()
    lanes.want(Question("first", shut), hidden)
    lanes.want(Question("second", opened), tab)
    lanes.want(Question("third", opened), hidden)
    lanes.want(Question("fourth", opened), tab)
    shut.set()
    found = [answers.get(timeout=10) for _ in range(2)]
    assert [(panel.want.name, taker) for panel, taker in found] == [("fourth", tab), ("third", hidden)]  # type: ignore[attr-defined]
    assert answers.empty(), "what its own widget overtook is not answered"


async def test_two_tabs_asked_for_at_once_leave_the_second_in_sight(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        pane = seen.app.runs.pane
        await seen.until(lambda: pane.content is not None)
        await asyncio.gather(pane.show_tab("System"), pane.show_tab("Job"))
        shown = [title for title, widget in pane._made.items() if widget.display]
        assert (shown, pane.tab) == (["Job"], "Job")


class Late(ModalScreen[None]):
    """An editor that gets the focus a while after it has been opened, as on a busy machine."""

    AUTO_FOCUS = "#nothing"

    def compose(self) -> ComposeResult:
        yield Writing("before ")

    def on_mount(self) -> None:
        self.set_timer(0.3, self.begin)

    def begin(self) -> None:
        area = self.query_one(Writing)
        area.move_cursor(area.document.end)
        area.focus()


async def test_letters_wait_for_the_editor_that_is_being_opened(small: Workspace, opened: Opener) -> None:
    async with opened(small, WIDE) as seen:
        editor = Late()
        await seen.app.push_screen(editor)
        for letter in "after":
            seen.app.post_message(events.Key(letter, letter))
        await seen.until(lambda: editor.query_one(Writing).text == "before after")
