"""What I use and may use, and what arctl asked of the scheduler in the last minute."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from arctl.states import State
from arctl.text import safe_line
from arctl.tui import palette, wording
from arctl.tui.look import Look
from arctl.tui.reading.cluster import AccountPanel, QueuePanel

if TYPE_CHECKING:
    from arctl.clusters.calls import Tally
    from arctl.queue import Place

_BAR = 12


class AccountView(Widget):
    """A few lines of figures."""

    DEFAULT_CSS = "AccountView { height: 1fr; background: $background; padding: 0 1; }"

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._account: AccountPanel | None = None
        self._queue: QueuePanel | None = None
        self._why = "reading ..."
        self._shown: list[Text] = []

    def show(self, account: AccountPanel | None, queue: QueuePanel | None, why: str = "") -> None:
        """Draw the account and the jobs; or why there is none. What reads the same is not drawn again."""
        self._account, self._queue, self._why = account, queue, why or self._why
        if (lines := self._lines()) != self._shown:
            self._shown = lines
            self.refresh()

    def render(self) -> Text:
        """Draw the figures."""
        lines = [line.copy() for line in self._shown]
        for line in lines:
            line.truncate(max(1, self.size.width), overflow="ellipsis")
        return Text("\n", no_wrap=True).join(lines)

    def _lines(self) -> list[Text]:
        lines: list[Text] = []
        if self._queue is not None:
            lines += _in_use(self._queue.queue.places)
        if self._account is None:
            return [*lines, Text(self._why, palette.MUTED)]
        return [
            *lines,
            *self._month(self._account),
            *self._shares(self._account),
            *_calls(self._account.calls, self._account.pid),
        ]

    def _month(self, account: AccountPanel) -> Iterator[Text]:
        month = account.month
        line = _named("this month", f"{wording.hours(month.gpu_hours)} GPU-hours", f"bold {palette.TEXT}")
        line.append(f" of {len(month.runs)} run{'' if len(month.runs) == 1 else 's'}", palette.MUTED)
        if not month.gpu_hours and month.hours:
            line.append(f", {wording.hours(month.hours)} hours without a GPU", palette.MUTED)
        yield line
        wasted, of = month.wasted_gpu_hours or month.wasted_hours, month.gpu_hours or month.hours
        if wasted > 0 and of > 0:
            kind = "GPU-hours" if month.gpu_hours else "hours"
            said = f"{wording.hours(wasted)} {kind} ({100 * wasted / of:.0f}%)"
            yield _named("of that wasted", said, palette.WAIT if wasted > 0.2 * of else palette.MUTED)

    def _shares(self, account: AccountPanel) -> Iterator[Text]:
        yield Text()
        if account.shares is None and account.unknown is None:
            yield _named("fair-share", "none on this machine", palette.MUTED)
            return
        shares = account.shares.shares if account.shares is not None else ()
        for share in shares:
            line = _named("fair-share", wording.bar(share.factor, _BAR, ascii=self._look.ascii), palette.GOOD)
            line.append(f" {share.factor:.2f}", f"bold {palette.TEXT}")
            line.append(
                f"  {share.account}: promised {_percent(share.share)}, used {_percent(share.used)}", palette.MUTED
            )
            yield line
        if account.unknown is not None:
            yield _named("fair-share", safe_line(account.unknown), palette.WAIT)
        elif not shares:
            yield _named("fair-share", "this site does not order its queue by it, or does not tell", palette.MUTED)
        if account.shares is not None and shares:
            yield _named("", f"1 is best; as Slurm said at {_clock(account.shares.at)}", palette.FAINT)


def _in_use(places: Sequence[Place]) -> Iterator[Text]:
    run = [place for place in places if place.job.state is not State.PENDING]
    wait = [place for place in places if place.job.state is State.PENDING]
    yield _named("in use now", _gpus(run), f"bold {palette.TEXT}")
    if wait:
        yield _named("waited for", _gpus(wait), palette.WAIT)


def _gpus(places: Sequence[Place]) -> str:
    count = sum(place.gpus for place in places)
    return f"{count} GPU{'' if count == 1 else 's'} in {len(places)} job{'' if len(places) == 1 else 's'}"


def _calls(found: Sequence[Tally], pid: int) -> Iterator[Text]:
    """Say what was asked of the scheduler, and by how many arctl processes."""
    yield Text()
    count = sum(one.count for one in found)
    yield _named("asked of Slurm", f"{count} call{'' if count == 1 else 's'} in the last minute", palette.TEXT)
    for one in found:
        by = "by this dashboard" if one.pids == (pid,) else f"by {len(one.pids)} arctl" if len(one.pids) > 1 else ""
        by = by or f"by process {one.pids[0]}"
        line = Text(f"  {one.count:>3} ", palette.TEXT)
        line.append(safe_line(f"{one.program} {one.why}", limit=40), palette.MUTED)
        line.append(f"  {one.ms:.0f} ms  {by}", palette.FAINT)
        if one.failed:
            line.append(f"  {one.failed} in vain", palette.BAD)
        yield line


def _named(name: str, value: str, style: str) -> Text:
    return Text.assemble((f"{name:<15}", palette.MUTED), (value, style))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
