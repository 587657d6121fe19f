"""The dashboard's application: it starts the watcher and hands what that finds to the screens."""

from __future__ import annotations

import asyncio
import locale
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import App
from textual.filter import LineFilter

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.messages import PanelReady, SnapshotReady, Told, VersusReady
from arctl.tui.plain import AsciiOnly
from arctl.tui.screens.compare import CompareScreen
from arctl.tui.screens.runs import RunsScreen
from arctl.tui.snapshot import Snapshot
from arctl.tui.watcher import Watcher

if TYPE_CHECKING:
    from arctl.settings import Workspace

_TWICE = 2.0
"""Seconds within which a second ctrl+c leaves."""


class Dashboard(App[None]):
    """The dashboard of one workspace."""

    CSS_PATH = "arctl.tcss"
    TITLE = "arctl"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, workspace: Workspace, *, active: float = 2.0, idle: float = 10.0) -> None:
        # Without colour the terminal's own foreground and background are used, and no shade of grey.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.watcher = Watcher(workspace, self.post_message, active=active, idle=idle)
        self.snapshot = Snapshot()
        self.register_theme(palette.THEME)
        self.theme = palette.THEME.name
        self.animation_level = "none"
        tick = 5 if "SSH_CONNECTION" in os.environ else 1
        self._plain = AsciiOnly(enabled=not _utf8())
        self.runs = RunsScreen(workspace, self.watcher, ascii=self._plain.enabled, tick=tick)
        """The page of the runs."""
        self._asked_to_quit = 0.0

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what each line passes before it is written: in a locale without UTF-8 it leaves as ASCII."""
        return [*super().get_line_filters(), *([self._plain] if self._plain.enabled else [])]

    def get_default_screen(self) -> RunsScreen:
        """Open on the runs."""
        return self.runs

    def on_mount(self) -> None:
        """Leave in order when told to, and when the terminal has gone: textual would read its end again and again."""
        if self.is_headless:
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self.set_interval(1.0, self._leave_with_the_terminal)

    def on_unmount(self) -> None:
        """Let the watcher go."""
        self.watcher.stop()

    @on(SnapshotReady)
    def _snapshot_ready(self, event: SnapshotReady) -> None:
        self.snapshot = event.snapshot
        self.runs.show(event.snapshot)

    @on(PanelReady)
    def _panel_ready(self, event: PanelReady) -> None:
        self.runs.detail.show_panel(event.panel)

    @on(VersusReady)
    def _versus_ready(self, event: VersusReady) -> None:
        if isinstance(self.screen, CompareScreen):
            self.screen.show(event.versus)

    @on(Told)
    def _told(self, event: Told) -> None:
        self.notify(
            safe_line(event.text),
            severity="information" if event.good else "error",
            timeout=4 if event.good else 12,
            markup=False,
        )

    def action_help_quit(self) -> None:
        """Leave at the second ctrl+c in a row."""
        if time.monotonic() - self._asked_to_quit < _TWICE:
            self.exit()
        self._asked_to_quit = time.monotonic()
        self.notify("ctrl+c again, or q, leaves; jobs go on", timeout=_TWICE, markup=False)

    def _leave_with_the_terminal(self) -> None:
        look = select.poll()
        look.register(sys.__stdin__ or 0, 0)
        if any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in look.poll(0)):
            os._exit(128 + signal.SIGHUP)  # nothing is left to restore, and textual would wait to write to it


def _utf8() -> bool:
    return "utf" in locale.getencoding().lower()
