"""The threads on which wants are read: one for each lane, so that a slow comparison holds up no log.

A lane answers the newest want of each widget, that of the widget that asked last first; what a widget's own next want
overtook is dropped. A lane whose disk hangs keeps neither the screen nor the process from going on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from arctl.tui.reading import trouble
from arctl.tui.wants import EmptyPanel, Panel, Taker, Want

if TYPE_CHECKING:
    from arctl.settings import Workspace


class Lanes:
    """Reads wants and posts panels."""

    def __init__(self, workspace: Workspace, post: Callable[[Panel, Taker], object]) -> None:
        self._workspace = workspace
        self._post = post
        self._newest: dict[str, dict[Taker, Want]] = {}
        self._changed = threading.Condition()
        self._running: set[str] = set()
        self._stopped = False

    def want(self, want: Want, taker: Taker) -> None:
        """Read a want of a widget as soon as its lane is free."""
        with self._changed:
            wants = self._newest.setdefault(want.lane, {})
            wants.pop(taker, None)
            wants[taker] = want
            if want.lane not in self._running:
                self._running.add(want.lane)
                threading.Thread(target=self._serve, args=(want.lane,), name=f"arctl-{want.lane}", daemon=True).start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Let the threads end at their next turn; waits for nothing."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _serve(self, lane: str) -> None:
        while (asked := self._next(lane)) is not None:
            taker, want = asked
            panel = read(self._workspace, want)
            with self._changed:
                overtaken = taker in self._newest[lane] or self._stopped
            if not overtaken:
                self._post(panel, taker)

    def _next(self, lane: str) -> tuple[Taker, Want] | None:
        with self._changed:
            while not self._newest[lane] and not self._stopped:
                self._changed.wait()
            return None if self._stopped else self._newest[lane].popitem()


def read(workspace: Workspace, want: Want) -> Panel:
    """Return what a want finds; what cannot be read becomes an `EmptyPanel` that says why."""
    try:
        return want.read(workspace)
    except Exception as error:
        return EmptyPanel(want, trouble(error))
