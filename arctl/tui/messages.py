"""What widgets, watcher and application tell each other."""

from __future__ import annotations

from textual.message import Message

from arctl.tui.snapshot import Snapshot
from arctl.tui.wants import Deed, Panel, Result, Taker, Want


class SnapshotReady(Message):
    """The runs were read."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class Wanted(Message):
    """A widget asks for something to be read; `taker.take(panel)` gets the answer."""

    def __init__(self, want: Want, taker: Taker) -> None:
        super().__init__()
        # A message stops at its sender: where a screen is at work, a widget's would never reach the application.
        self._sender = None
        self.want = want
        self.taker = taker


class PanelReady(Message):
    """A want was read."""

    def __init__(self, panel: Panel, taker: Taker) -> None:
        super().__init__()
        self.panel = panel
        self.taker = taker


class Do(Message):
    """Something is to be changed, and has been confirmed where that is called for."""

    def __init__(self, deed: Deed) -> None:
        super().__init__()
        self._sender = None
        self.deed = deed


class Told(Message):
    """Something was done, or could not be done; one line for a toast."""

    def __init__(self, result: Result, deed: Deed | None = None) -> None:
        super().__init__()
        self.result = result
        self.deed = deed


class TabNoted(Message):
    """The short text that a tab has for the tab strip changed."""


class OpenRun(Message):
    """A run is to be shown in the view of the runs."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._sender = None
        self.number = number
