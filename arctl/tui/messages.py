"""What the watcher tells the screen."""

from __future__ import annotations

from textual.message import Message

from arctl.tui.snapshot import Panel, Snapshot, Versus


class SnapshotReady(Message):
    """The runs were read."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class PanelReady(Message):
    """A tab of a run was read."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel


class VersusReady(Message):
    """Two runs were compared."""

    def __init__(self, versus: Versus) -> None:
        super().__init__()
        self.versus = versus


class Told(Message):
    """Something was done, or could not be done; one line for a toast."""

    def __init__(self, text: str, *, good: bool) -> None:
        super().__init__()
        self.text = text
        self.good = good
