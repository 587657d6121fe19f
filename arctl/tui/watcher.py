"""Keeps the list of runs fresh: a daemon thread that syncs, reads the registry and posts frozen snapshots.

It may hang with its storage while the screen lives on, and keeps the process from nothing. Deeds are done here too,
so that they and the syncs follow one another.
"""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.message import Message

from arctl.states import LIVE
from arctl.tui.messages import SnapshotReady, Told
from arctl.tui.reading import runs as reading
from arctl.tui.reading import trouble
from arctl.tui.snapshot import Snapshot, Trouble
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.registry.listing import RunList
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace

HIDDEN_S = 60.0
"""Seconds between two looks while the terminal says that nobody looks at it."""

HOURS_EVERY_S = 10.0
"""Seconds between two sums of GPU-hours."""


class Watcher:
    """Reads a workspace again and again and posts what it found."""

    def __init__(
        self, workspace: Workspace, post: Callable[[Message], object], *, active: float = 2.0, idle: float = 10.0
    ) -> None:
        self._workspace = workspace
        self._post = post
        self._active, self._idle = active, idle
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._list: RunList | None = None
        self._metrics: tuple[str, ...] = ()
        self._last = Snapshot()
        self._seen: tuple[int, int] | None = None
        self._hours_at = 0.0
        self._unsummed: set[int] = set()
        self._stopped = False
        self._hidden = False
        self.undone = 0
        """Deeds that were ordered and have not been done yet."""
        self.busy_since: float | None = None
        """When the look that is under way began (Unix seconds); None between looks."""

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name="arctl-watch", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end at its next turn; waits for nothing."""
        self._stopped = True
        self._orders.put(None)

    def refresh(self) -> None:
        """Ask disk and scheduler now, whatever was asked lately."""
        self._orders.put(lambda: self._sync(force=True))

    def hide(self, hidden: bool) -> None:
        """Look seldom while nobody looks at the screen, and at once when somebody does again."""
        if hidden != self._hidden:
            self._hidden = hidden
            self._orders.put(None if hidden else self._sync)

    def do(self, deed: Deed) -> None:
        """Do something, tell how it went, look again."""
        if deed.apart:
            threading.Thread(target=self._carry_out, args=(deed,), name="arctl-deed", daemon=True).start()
        else:
            self.undone += 1
            self._orders.put(lambda: self._do(deed))

    def show_metrics(self, metrics: Sequence[str]) -> None:
        """Read these metrics too with each run."""
        wanted = tuple(sorted(metrics))
        if wanted != self._metrics:
            self._metrics, self._list, self._seen = wanted, None, None
            self._orders.put(self._read)

    def _watch(self) -> None:
        self._guarded(self._first)
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
        usual = self._active if live else self._idle
        return max(usual, HIDDEN_S) if self._hidden else usual

    def _guarded(self, task: Callable[[], None]) -> None:
        self.busy_since = time.time()
        try:
            task()
        except Exception as error:
            self._publish(replace(self._last, changed=frozenset()), trouble=trouble(error))
        finally:
            self.busy_since = None

    def _first(self) -> None:
        runs = self._listed().newest(reading.FIRST)
        if runs:
            self._publish(Snapshot(tuple(runs), at=time.time()))

    def _sync(self, *, force: bool = False) -> None:
        from arctl import turns

        turn = turns.take(self._workspace, every=0.9 * self._interval(), force=force)
        synced = self._last.synced if turn is None or turn.trouble else turn.at
        self._read(synced=synced, trouble="" if turn is None else turn.trouble)

    def _do(self, deed: Deed) -> None:
        try:
            self._carry_out(deed)
        finally:
            self.undone -= 1
        self._sync(force=True)

    def _carry_out(self, deed: Deed) -> None:
        try:
            for result in deed.do(self._workspace):
                self._tell(Told(result, deed))
        except Exception as error:
            self._tell(Told(Result(trouble(error), good=False), deed))

    def _listed(self) -> RunList:
        if self._list is None:
            self._list = reading.run_list(self._workspace, self._metrics)
        return self._list

    def _read(self, *, synced: float | None = None, trouble: str = "") -> None:
        mark, last, now = self._database_mark(), self._last, time.time()
        found = replace(last, changed=frozenset(), complete=True, at=now, synced=synced or last.synced)
        if mark is None or mark != self._seen:
            whole = self._list is None or not last.complete
            listing = self._listed().refresh()
            if whole:
                gc.freeze()  # ten thousand rows hold no cycles, and looking through them holds up a key by 130 ms
            # What was shown before may have been the newest runs alone: then everything counts as changed.
            changed = listing.changed if last.complete else None
            trends = self._trends(listing.rows, changed)
            hours = self._hours(listing.rows, listing.changed, now)
            found = replace(found, runs=listing.rows, changed=changed, trends=trends, hours=hours)
            self._seen = mark
        elif len(last.trends) < len(last.runs) or self._unsummed:
            hours = self._hours(last.runs, frozenset(), now)
            found = replace(found, trends=self._trends(last.runs, frozenset()), hours=hours, changed=None)
        outlooks = reading.outlooks(self._workspace, found.runs)
        self._publish(replace(found, outlooks=outlooks, calls=reading.calls()), trouble=trouble)

    def _database_mark(self) -> tuple[int, int] | None:
        try:
            found = self._workspace.db.stat()
        except FileNotFoundError:
            return None
        return (found.st_mtime_ns, found.st_size)

    def _trends(self, runs: Sequence[RunRow], changed: frozenset[int] | None) -> Mapping[int, tuple[float, ...]]:
        kept = self._last.trends
        stale = [row.number for row in runs if row.number not in kept or (changed and row.number in changed)]
        return {**kept, **reading.trends(self._workspace, stale[: reading.TREND_BATCH])} if stale else kept

    def _hours(self, runs: Sequence[RunRow], changed: frozenset[int], now: float) -> Mapping[int, float]:
        """Sum up the GPU-hours of what changed and what holds GPUs, now and then."""
        self._unsummed |= changed
        if now - self._hours_at < HOURS_EVERY_S:
            return self._last.hours
        stale = [row.number for row in runs if row.number in self._unsummed or row.state in LIVE]
        self._hours_at, self._unsummed = now, set(stale[reading.HOURS_BATCH :])
        return {**self._last.hours, **reading.hours(self._workspace, stale[: reading.HOURS_BATCH])}

    def _publish(self, snapshot: Snapshot, *, trouble: str = "") -> None:
        held = self._last.trouble
        # One line of 80 columns holds the reason only where the workspace's own path does not stand before it.
        what = trouble.replace(f"{self._workspace.root}/", "")
        problem = Trouble(held.since if held else time.time(), what) if trouble else None
        self._last = replace(snapshot, trouble=problem)
        self._tell(SnapshotReady(self._last))

    def _tell(self, message: Message) -> None:
        if self._stopped:
            return
        try:
            self._post(message)
        except RuntimeError:
            self._stopped = True
