"""A small application around the Log tab, with the dashboard's own lanes, and logs to read in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from arctl.tui.lanes import Lanes
from arctl.tui.look import Look
from arctl.tui.messages import PanelReady, Wanted
from arctl.tui.wants import Want
from arctl.tui.widgets.log_tab import LogTab
from tests.tui import workspace as workspaces

NUMBER = 1


def logged(root: Path, text: bytes, job: str = "9001") -> tuple[Workspace, Path]:
    """Return a workspace with one ended run, and its log, which says `text`."""
    workspace = init_workspace(root)
    run = workspaces.new_run(workspace, NUMBER, "frame_tiny")
    run.start(1)
    run.epoch(1, top1=0.5)
    run.end("completed")
    path = run.files.log(job)
    path.write_bytes(text)
    rebuild(workspace)
    return workspace, path


class Reader(App[None]):
    """Shows the log of a run."""

    CSS = "LogTab { height: 1fr; }"

    def __init__(self, workspace: Workspace, look: Look = Look()) -> None:  # noqa: B008
        super().__init__()
        self.workspace = workspace
        self.tab = LogTab(look)
        self.lanes = Lanes(workspace, lambda panel, taker: self.post_message(PanelReady(panel, taker)))
        self.asked: dict[str, Want] = {}
        self.copied = ""

    def compose(self) -> ComposeResult:
        yield self.tab

    def on_mount(self) -> None:
        self.tab.lines.focus()
        self.tick()

    def on_unmount(self) -> None:
        self.lanes.stop()

    def tick(self) -> None:
        """Do what a snapshot does."""
        self.tab.show_run(self.row(), 0.0, fresh=False)

    def row(self, number: int = NUMBER) -> RunRow:
        found = read.run(self.workspace.db, number)
        assert found is not None
        return found

    def on_wanted(self, message: Wanted) -> None:
        self.asked[message.want.lane] = message.want
        self.lanes.want(message.want, message.taker)

    def on_panel_ready(self, message: PanelReady) -> None:
        if self.asked[message.panel.want.lane] is message.panel.want:
            message.taker.take(message.panel)

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text
        super().copy_to_clipboard(text)


class Seen:
    """The application and what a person sees of it."""

    def __init__(self, app: Reader, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def rows(self) -> list[str]:
        """The rows of the log, without the column that shows the place and the last row."""
        return [row[:-1].rstrip() for row in self.text.split("\n")[:-1]]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        named = {" ": "space", ":": "colon", "-": "minus", "/": "slash", "(": "left_parenthesis"}
        named |= {")": "right_parenthesis", "|": "vertical_line", "=": "equals_sign"}
        await self.press(*[named.get(char, char) for char in text], "enter")

    async def until(self, true: Callable[[], bool], *, timeout: float = 10.0) -> None:
        for _ in range(int(timeout / 0.02)):
            if true():
                return
            await asyncio.sleep(0.02)
            await self.pilot.pause()
        raise AssertionError(f"never came true; the screen shows\n{self.text}")

    async def shows(self, *parts: str, timeout: float = 10.0) -> None:
        await self.until(lambda: all(part in self.text for part in parts), timeout=timeout)
