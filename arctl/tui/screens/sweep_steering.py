"""Steering a sweep from its view: cancel the worst, send again what failed, throttle; each asks, and names the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arctl.numerals import value_text
from arctl.rundir import run_name
from arctl.states import State
from arctl.text import safe_line
from arctl.tui import wording
from arctl.tui.keys import Key
from arctl.tui.messages import Do
from arctl.tui.reading.sweep import SweepPanel
from arctl.tui.screens.view import View
from arctl.tui.sweep_deeds import CancelElements, Resubmit, Throttle
from arctl.tui.wants import Deed
from arctl.tui.widgets.sweep_ask import Proposal, Range, SteerAsk

if TYPE_CHECKING:
    from arctl.sweeps.board import Board, Entry

STEERING = (
    Key("x", "x", "cancel", "cancel worst", "cancel the worst of those under way (asks how many)"),
    Key("R", "R", "resubmit", "resubmit", "send again what failed or was never queued (asks first)"),
    Key("t", "t", "throttle", "throttle", "let fewer or more run at a time (asks how many)"),
)
"""The keys that change a sweep."""


class Steering(View):
    """A view of one sweep, which can be changed."""

    panel: SweepPanel | None = None
    """The sweep that is shown; None in the list, and while it is read."""

    def action_cancel(self) -> None:
        """Ask how many of the worst are to be cancelled."""
        if self.panel is None:
            return
        board, found = self.panel.board, self.panel.worst
        if not found:
            self._say("no run under way has a result yet: none of them is the worst")
            return

        def propose(count: int) -> Proposal:
            chosen = [entry for entry in found[:count] if entry.run is not None]
            deed = CancelElements(board.name, tuple(entry.run.number for entry in chosen if entry.run is not None))
            what = "the worst run" if count == 1 else f"the {count} worst runs"
            question = f"cancel {what} of {len(found)} under way that have a result?"
            return Proposal(question, _named(board, chosen), deed, "cancel it" if count == 1 else "cancel them")

        self._put(propose, 1, Range(1, len(found), len(found) // 2))

    def action_resubmit(self) -> None:
        """Ask whether what failed or was never queued is to be sent again."""
        if self.panel is None:
            return
        board, found = self.panel.board, self.panel.again
        if board.sweep is None:
            self._say("the record of this sweep is lost: `arctl rerun` repeats single runs")
            return
        if not found:
            self._say("nothing to send again: no element has failed, and none is missing")
            return
        deed = Resubmit(board.name, tuple(entry.element.name for entry in found))
        count = "1 element" if len(found) == 1 else f"{len(found)} elements"
        proposal = Proposal(f"send {count} of {board.name} again?", _named(board, found), deed, "send again")
        self._put(lambda count: proposal, 0, None)

    def action_throttle(self) -> None:
        """Ask how many may run at a time."""
        if self.panel is None:
            return
        board = self.panel.board
        waiting = [entry for entry in board.entries if entry.run is not None and entry.run.state is State.PENDING]
        here = [entry for entry in waiting if entry.run is not None and entry.run.cluster == "local"]
        if not waiting or here == waiting:
            why = "on this machine `slots:` in arctl.yaml is how many run at a time" if here else "no element waits"
            self._say(f"nothing to throttle: {why}")
            return
        now = (board.sweep.max_parallel if board.sweep else None) or 0
        running = sum(entry.run is not None and entry.run.state is State.RUNNING for entry in board.entries)
        told = (f"{running} run now and run on, {len(waiting)} wait", f"now: {f'at most {now}' if now else 'no limit'}")

        def propose(count: int) -> Proposal:
            allowed = f"let at most {count} run at a time?" if count else "let all of them run at a time?"
            return Proposal(f"{board.name}: {allowed}", told, Throttle(board.name, count), "change it")

        self._put(propose, now or max(1, running), Range(0, len(board.entries)))

    def _put(self, propose: Callable[[int], Proposal], count: int, among: Range | None) -> None:
        """Put the question; a dashboard that only reads says so at once, with the command."""
        if self.look.readonly:
            self.post_message(Do(propose(count).deed))
            return

        def decided(deed: Deed | None) -> None:
            if deed is not None:
                self.post_message(Do(deed))

        self.app.push_screen(SteerAsk(propose, count, among), decided)

    def _say(self, text: str) -> None:
        self.notify(safe_line(text), markup=False)


def _named(board: Board, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return a line for each element: its run, its state, its result and what it sets."""
    return tuple(_line(board, entry) for entry in entries)


def _line(board: Board, entry: Entry) -> str:
    from arctl.sweeps.values import label

    if entry.run is None:
        return f"{entry.element.name}  no run  {label(entry.element.params)}"
    result = f"{value_text(board.metric, entry.shown)} at epoch {wording.epochs(entry.run)}"
    told = "" if entry.shown is None else f"  {result}"
    state = str(entry.run.state).replace("_", " ")
    return f"{run_name(entry.run.number)}  {state}{told}  {label(entry.element.params)}"
