"""A small application around the Log tab, with the dashboard's own lanes, and logs to read in it."""

from __future__ import annotations

from pathlib import Path

from textual.app import App, ComposeResult

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
from tests.tui.seen import Screen

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


class Seen(Screen[Reader]):
    """The log as a person sees it."""

    @property
    def rows(self) -> list[str]:
        """The rows of the log, without the column that shows the place and the last row."""
        return [row[:-1].rstrip() for row in self.text.split("\n")[:-1]]

    async def type(self, text: str) -> None:
        """Type a text and enter."""
        named = {" ": "space", ":": "colon", "-": "minus", "/": "slash", "(": "left_parenthesis"}
        named |= {")": "right_parenthesis", "|": "vertical_line", "=": "equals_sign"}
        await self.press(*[named.get(char, char) for char in text], "enter")
