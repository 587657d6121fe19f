"""The only part of the dashboard that waits on disks and schedulers: two daemon threads that post frozen values.

One syncs and posts snapshots, one reads what the selected tab shows; either may hang with its storage
while the screen lives on, and neither keeps the process from leaving.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from arctl.errors import ArctlError
from arctl.rundir import run_name
from arctl.states import LIVE
from arctl.text import safe_line
from arctl.tui import reading
from arctl.tui.messages import PanelReady, SnapshotReady, Told, VersusReady
from arctl.tui.snapshot import ConfigPanel, LogPanel, Panel, Snapshot, Trouble, Want

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace

TREND_WIDTH = 24
"""Values of a sparkline."""

TREND_BATCH = 500
"""Sparklines of ended runs that one look adds, so that ten thousand runs do not delay the first paint."""


class Watcher:
    """Reads a workspace again and again and posts what it found."""

    def __init__(
        self, workspace: Workspace, post: Callable[[Message], object], *, active: float = 2.0, idle: float = 10.0
    ) -> None:
        self._workspace = workspace
        self._post = post
        self._active, self._idle = active, idle
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._wants: queue.SimpleQueue[Want | tuple[int, int] | None] = queue.SimpleQueue()
        self._newest: Want | None = None
        self._last = Snapshot()
        self._seen: tuple[int, int] | None = None
        self._shown: Panel | None = None
        self._stopped = False
        self.busy_since: float | None = None
        """When the look that is under way began (Unix seconds); None between looks."""

    def start(self) -> None:
        """Start both threads."""
        for target in (self._watch, self._look_up):
            threading.Thread(target=target, name=f"arctl{target.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end at their next turn; waits for nothing."""
        self._stopped = True
        self._orders.put(None)
        self._wants.put(None)

    def refresh(self) -> None:
        """Ask disk and scheduler now, whatever was asked lately."""
        self._orders.put(self._forced)

    def cancel(self, number: int) -> None:
        """Cancel a run, tell how it went, look again."""
        self._orders.put(lambda: self._cancel(number))

    def want(self, want: Want) -> None:
        """Ask for a tab of a run; of several asked in a row only the last is read."""
        self._newest = want
        self._wants.put(want)

    def compare(self, a: int, b: int) -> None:
        """Ask for two runs side by side."""
        self._wants.put((a, b))

    def _watch(self) -> None:
        self._guarded(self._read)
        while not self._stopped:
            self._guarded(self._sync)
            try:
                order = self._orders.get(timeout=self._interval())
            except queue.Empty:
                continue
            if order is not None:
                self._guarded(order)

    def _interval(self) -> float:
        live = any(row.state in LIVE for row in self._last.runs)
        return self._active if live else self._idle

    def _guarded(self, task: Callable[[], None]) -> None:
        self.busy_since = time.time()
        try:
            task()
        except ArctlError as error:
            self._publish(trouble=safe_line(str(error)))
        except OSError as error:
            self._publish(trouble=safe_line(f"{error} (is the file system there?)"))
        except Exception as error:
            self._publish(trouble=reading.fault(error))
        finally:
            self.busy_since = None

    def _forced(self) -> None:
        self._sync(force=True)

    def _sync(self, *, force: bool = False) -> None:
        from arctl.sync import sync

        report = sync(self._workspace, force=force)
        self._read(synced=True, trouble=safe_line("; ".join((*report.scheduler_errors, *report.troubles))))

    def _cancel(self, number: int) -> None:
        from arctl import control

        try:
            outcomes = control.cancel(self._workspace, [number])
        except ArctlError as error:
            self._tell(Told(f"{run_name(number)} was not cancelled: {error}", good=False))
        else:
            for outcome in outcomes:
                self._tell(Told(f"{outcome.run}: {outcome.said}", good=outcome.asked))
        self._sync(force=True)

    def _read(self, *, synced: bool = False, trouble: str = "") -> None:
        mark = self._database_mark()
        if mark is None or mark != self._seen:
            runs = reading.runs(self._workspace)
            self._last = Snapshot(runs, self._trends(runs), time.time(), self._last.synced, self._last.trouble)
            self._seen = mark
        self._publish(synced=synced, trouble=trouble, read=True)

    def _database_mark(self) -> tuple[int, int] | None:
        try:
            found = self._workspace.db.stat()
        except FileNotFoundError:
            return None
        return (found.st_mtime_ns, found.st_size)

    def _trends(self, runs: tuple[RunRow, ...]) -> dict[int, tuple[float, ...]]:
        old = {row.number: row for row in self._last.runs}
        kept = {n: trend for n, trend in self._last.trends.items() if n in old}
        stale = [row.number for row in runs if row.number not in kept or old[row.number] != row]
        kept.update(reading.trends(self._workspace, stale[:TREND_BATCH], width=TREND_WIDTH))
        return kept

    def _publish(self, *, synced: bool = False, trouble: str = "", read: bool = False) -> None:
        before, now = self._last, time.time()
        held = before.trouble
        problem = Trouble(held.since if held else now, trouble) if trouble else None
        at = now if read else before.at
        self._last = Snapshot(before.runs, before.trends, at, now if synced and not trouble else before.synced, problem)
        self._tell(SnapshotReady(self._last))

    def _tell(self, message: Message) -> None:
        if self._stopped:
            return
        try:
            self._post(message)
        except RuntimeError:
            self._stopped = True

    def _look_up(self) -> None:
        while (want := self._wants.get()) is not None:
            if isinstance(want, tuple):
                self._tell(VersusReady(reading.versus(self._workspace, *want)))
            elif want is self._newest:
                self._show(reading.panel(self._workspace, want))

    def _show(self, panel: Panel) -> None:
        unchanged = panel.want.again and isinstance(panel, LogPanel | ConfigPanel) and panel == self._shown
        self._shown = panel
        if not unchanged:
            self._tell(PanelReady(panel))
