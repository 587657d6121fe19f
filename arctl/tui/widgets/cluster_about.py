"""The line above each pane of the Cluster view: a sum, and when it was so; or since when nobody answers."""

from __future__ import annotations

import time

from rich.text import Text

from arctl.states import State
from arctl.text import safe_line
from arctl.tui import cluster_tables, palette, wording
from arctl.tui.reading.cluster import MachinePanel, NodesPanel, QueuePanel


def about_queue(panel: QueuePanel) -> Text:
    """Return how many jobs run and wait, and when Slurm said so."""
    places = panel.queue.places
    run = sum(place.job.state is not State.PENDING for place in places)
    line = Text.assemble(("Queue", f"bold {palette.TEXT}"), (f"  {run} run, {len(places) - run} wait", palette.MUTED))
    return _with_age(line, panel.queue.at, panel.queue.trouble)


def about_nodes(panel: NodesPanel) -> Text:
    """Return how many GPUs are free, and when Slurm said so."""
    from arctl.nodes import gpus_of

    counts = [gpus_of(node) for node in panel.answer.nodes]
    have, free = sum(have for have, _ in counts), sum(free for _, free in counts)
    line = Text.assemble(("Nodes", f"bold {palette.TEXT}"), (f"  {free} of {have} GPUs free", palette.MUTED))
    return _with_age(line, panel.answer.at, panel.trouble)


def about_machine(panel: MachinePanel) -> Text:
    """Return what this machine has, and how busy it is."""
    machine = panel.machine
    told = [f"{panel.slots} slot{'' if panel.slots == 1 else 's'}", f"{machine.cores} cores"]
    told += [f"load {machine.load:.1f}"] if machine.load is not None else []
    if machine.free_mib is not None and machine.mib is not None:
        free, mib = cluster_tables.memory(machine.free_mib), cluster_tables.memory(machine.mib)
        told.append(f"{free} of {mib} memory free")
    return Text.assemble((machine.host, f"bold {palette.TEXT}"), (f"  {', '.join(told)}", palette.MUTED))


def _with_age(line: Text, at: float | None, trouble: str | None) -> Text:
    """Add when Slurm was asked, or since when it does not answer."""
    if at is None:
        return line
    if trouble is not None:
        line = Text()
        line.append(f"stale since {wording.clock(at)}: ", f"bold {palette.WAIT}")
        return line.append(safe_line(trouble), palette.WAIT)
    asked = time.strftime("%H:%M:%S", time.localtime(at))
    gone = time.time() - at
    old = f", {wording.span(gone)} ago" if gone >= 60 else ""
    return line.append(f"  as Slurm said at {asked}{old}", palette.FAINT)
