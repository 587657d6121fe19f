"""The dashboard as it feels: first paint, key to repaint, filtering, idle cost, curves, memory; on a pty.

    python -m benchmarks.dashboard_speed            all but the hour
    python -m benchmarks.dashboard_speed --minutes 60    memory over an hour of live updates

The registry has 10,000 ended runs and 50 live ones; a writer adds events to the live ones. An empty Textual
application with a DataTable takes turns with the first paint, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arctl.rundir import run_name
from arctl.settings import Workspace
from benchmarks.busy_workspace import LIVE, RUNS, append, busy
from benchmarks.terminal import Terminal
from benchmarks.timing import hardware, table

ROUNDS = 9
KEYS = 120
EMPTY = textwrap.dedent(
    """
    from textual.app import App
    from textual.widgets import DataTable
    class Empty(App):
        def compose(self):
            yield DataTable()
        def on_mount(self):
            table = self.query_one(DataTable)
            table.add_columns("run", "name")
            table.add_row("run1", "painted")
    Empty().run()
    """
)
"""A Textual application with nothing but a DataTable of one row."""


def measure() -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as directory, busy(Path(directory)) as workspace:
        rows = [*first_paint(workspace), *keys(workspace), *training(workspace)]
    with tempfile.TemporaryDirectory() as directory, busy(Path(directory), live=0) as workspace:
        rows += idle(workspace)
    return table(["the dashboard, 10,000 runs", "measured", "bound"], rows)


def dashboard(workspace: Workspace, *, size: tuple[int, int] = (120, 35)) -> Terminal:
    """Start it."""
    return Terminal([sys.executable, "-m", "arctl", "-w", str(workspace.root)], size=size)


def first_paint(workspace: Workspace) -> Iterator[list[str]]:
    """Measure from the start of the process to the first run on the screen, against an empty application."""
    ours, theirs = [], []
    for turn in range(ROUNDS + 1):
        for times, argv, word in (
            (ours, [sys.executable, "-m", "arctl", "-w", str(workspace.root)], run_name(RUNS + LIVE)),
            (theirs, [sys.executable, "-c", EMPTY], "painted"),
        ):
            terminal = Terminal(argv)
            took = (terminal.until(word, since=0) - terminal.began) * 1000
            terminal.close()
            if turn:
                times.append(took)
    a, b = statistics.median(ours), statistics.median(theirs)
    yield ["first paint of the runs", f"{a:.0f} ms ({a / b:.2f}x)", "2x"]
    yield ["first paint of an empty Textual application with a DataTable", f"{b:.0f} ms", ""]


def keys(workspace: Workspace) -> Iterator[list[str]]:
    """Measure from a key to the end of its repaint, while 50 runs get new events."""
    terminal = dashboard(workspace)
    terminal.until(f"{RUNS + LIVE}", "synced", since=0)
    terminal.quiet(0.3, timeout=10)
    with writing(workspace):
        time.sleep(3.0)
        steps = [step(terminal, "j") for _ in range(KEYS)]
        yield ["j to the repaint, 50 live runs, median", f"{statistics.median(steps):.0f} ms", ""]
        yield ["  95th percentile", f"{percentile(steps, 95):.0f} ms", "50 ms"]
        typed = [letters(terminal) for _ in range(8)]
        flat = [took for turn in typed for took in turn]
        yield ["a letter of a filter to the count of matches, median", f"{statistics.median(flat):.0f} ms", ""]
        yield ["  the slowest", f"{max(flat):.0f} ms", "100 ms"]
    terminal.close()


def step(terminal: Terminal, key: str) -> float:
    """Press a key; return the milliseconds until the cursor's mark was drawn again."""
    terminal.forget()
    began = terminal.type(key)
    took = (terminal.until("▌", since=0) - began) * 1000
    time.sleep(0.03)
    return took


def letters(terminal: Terminal) -> list[float]:
    """Type a filter letter by letter; return the milliseconds of each until its count was drawn."""
    terminal.type("/")
    terminal.quiet(0.2, timeout=3)
    took = []
    for place, letter in enumerate("run99", start=1):
        terminal.forget()
        began = terminal.type(letter)
        took.append((terminal.until("match " + "run99"[:place], since=0) - began) * 1000)
        time.sleep(0.05)
    terminal.type("\x1b")
    terminal.quiet(0.3, timeout=3)
    return took


def idle(workspace: Workspace) -> Iterator[list[str]]:
    """Measure what it costs while nothing happens: all runs have ended, and lists are filled in."""
    terminal = dashboard(workspace)
    terminal.until("synced", since=0)
    terminal.watch(30.0)
    used = terminal.watch(60.0)
    yield ["idle, processor", f"{100 * used.cpu:.2f} % of a core", "1 %"]
    yield ["idle, written to the terminal", f"{used.written:.0f} bytes/s", "100"]
    terminal.close()


def training(workspace: Workspace) -> Iterator[list[str]]:
    """Measure what it costs while the eight runs on top of the list train."""
    terminal = dashboard(workspace)
    terminal.until("synced", since=0)
    with writing(workspace, count=8):
        terminal.watch(5.0)
        used = terminal.watch(60.0)
    yield ["8 runs train, written to the terminal", f"{used.written:.0f} bytes/s", "5000"]
    yield ["8 runs train, processor", f"{100 * used.cpu:.1f} % of a core", ""]
    terminal.close()


def hour(workspace: Workspace, minutes: float) -> Iterator[list[str]]:
    """Measure the memory over a long time of live updates."""
    terminal = dashboard(workspace)
    terminal.until("synced", since=0)
    with writing(workspace):
        for minute in range(int(minutes) + 1):
            if minute in (1, 2, 5, 10) or minute % 15 == 0:
                yield [f"memory after {minute} minutes", f"{terminal.memory():.0f} MiB", "200"]
            terminal.forget()
            terminal.watch(60.0)
    terminal.close()


@contextmanager
def writing(workspace: Workspace, *, count: int = LIVE, every: float = 1.0) -> Iterator[None]:
    """Add ten steps to `count` live runs each second, as eight to fifty trainers do."""
    stop = threading.Event()

    def write() -> None:
        done = {RUNS + LIVE - place: 0 for place in range(count)}
        while not stop.wait(every):
            for number in done:
                done[number] = append(workspace, number, 10)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def percentile(values: list[float], share: float) -> float:
    """Return a percentile."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share / 100))]


def main(arguments: list[str]) -> int:
    """Measure and print."""
    print(f"{hardware()}\n")
    if "--minutes" in arguments:
        minutes = float(arguments[arguments.index("--minutes") + 1])
        with tempfile.TemporaryDirectory() as directory, busy(Path(directory)) as workspace:
            print(table(["10,050 runs, 50 of them live", "measured", "bound"], list(hour(workspace, minutes))))
        return 0
    print(measure())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
