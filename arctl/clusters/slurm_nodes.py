"""What Slurm's nodes have and what of it is free, asked at most every 45 s by all arctl of a user."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from arctl.clusters.asked import Gres, gres_list
from arctl.clusters.once import last, once
from arctl.clusters.site_parse import Partition, partitions
from arctl.clusters.slurm_call import call, no_answer, scrubbed
from arctl.text import safe_line

FRESH_S = 45.0
"""How long an answer is believed, seconds."""

TIMEOUT_S = 20.0
"""The longest wait for scontrol, seconds."""

NAME = "nodes.json"
"""The kept answer, in the directory that `calls.place` gives."""

OUT = frozenset(
    {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "ERROR", "NOT_RESPONDING", "FUTURE", "INVAL",
     "INVALID_REG", "MAINT", "MAINTENANCE", "REBOOT", "REBOOT_REQUESTED", "REBOOT_ISSUED", "POWERING_DOWN",
     "RESERVED", "BLOCKED", "UNKNOWN"}
)  # fmt: skip
"""Words of a node's state that keep new jobs away; a node that sleeps to save power is woken, and is not out."""

_QUESTIONS = {
    "nodes": ["scontrol", "--oneliner", "--details", "show", "nodes"],
    "partitions": ["scontrol", "--oneliner", "show", "partitions"],
}
_FIELD = re.compile(r"(?:^| )([A-Z][A-Za-z:_]*)=(.*?)(?=\s+[A-Z][A-Za-z:_]*=|\s*$)")
_FLAGS = {"*": "NOT_RESPONDING", "$": "MAINT", "@": "REBOOT", "^": "REBOOT", "%": "POWERING_DOWN", "!": "POWERING_DOWN"}


@dataclass(frozen=True)
class Node:
    """A node, what it has and what of it is taken."""

    name: str
    """Name."""
    state: str
    """Slurm's words, in small letters: `idle`, `mixed+drain`."""
    out: bool
    """Whether no new job may start on it."""
    partitions: tuple[str, ...]
    """Where it belongs."""
    cpus: int
    """Cores that jobs can have."""
    cpus_used: int
    """Cores that jobs have."""
    mem_mib: int
    """Memory that jobs can have, MiB."""
    mem_used_mib: int
    """Memory that jobs have been given, MiB."""
    gpus: tuple[Gres, ...]
    """Its GPUs by type."""
    gpus_used: tuple[Gres, ...]
    """Those that jobs have."""
    reason: str | None
    """Why it is out, in the words of whoever took it out, with that name and time."""


@dataclass(frozen=True)
class NodesAnswer:
    """What Slurm said of its nodes, and when."""

    nodes: tuple[Node, ...]
    """All that this user may see."""
    partitions: tuple[Partition, ...]
    """The same."""
    at: float
    """When it was said, Unix seconds."""


def ask(*, max_age_s: float = FRESH_S, patient: bool = False) -> NodesAnswer:
    """Return the nodes and partitions, from the user's cache where that is young enough; `patient` as `once` has it.

    Raises SchedulerError where Slurm is missing or does not answer.
    """
    return _read(once(NAME, tuple(_QUESTIONS), _ask, max_age_s=max_age_s, patient=patient))


def known() -> NodesAnswer | None:
    """Return what was said last, however long ago; None where nothing is kept."""
    kept = last(NAME, tuple(_QUESTIONS))
    return _read(kept) if kept is not None else None


def _ask() -> dict[str, str]:
    return {key: _answer(words) for key, words in _QUESTIONS.items()}


def _read(kept: Mapping[str, str]) -> NodesAnswer:
    return NodesAnswer(nodes_of(kept["nodes"]), partitions(kept["partitions"]), float(kept["at"]))


def nodes_of(stdout: str) -> tuple[Node, ...]:
    """Read `scontrol --oneliner --details show nodes`; lines that tell of no node are passed over."""
    return tuple(_nodes(stdout))


def _nodes(stdout: str) -> Iterator[Node]:
    for line in stdout.splitlines():
        # The reason is free text and comes late: of a field that stands twice the first one is Slurm's own.
        found: dict[str, str] = {}
        for name, value in _FIELD.findall(line):
            found.setdefault(name, value)
        if not found.get("NodeName"):
            continue
        state = found.get("State", "UNKNOWN").split()[0] if found.get("State") else "UNKNOWN"
        words = set(re.split(r"[+*~#$@^%!-]+", state.upper())) | {_FLAGS[mark] for mark in state if mark in _FLAGS}
        yield Node(
            name=safe_line(found["NodeName"], limit=200),
            state=safe_line(state.lower(), limit=80),
            out=bool(words & OUT),
            partitions=tuple(safe_line(word, limit=200) for word in found.get("Partitions", "").split(",") if word),
            cpus=_whole(found.get("CPUEfctv")) or _whole(found.get("CPUTot")),
            cpus_used=_whole(found.get("CPUAlloc")),
            mem_mib=max(0, _whole(found.get("RealMemory")) - _whole(found.get("MemSpecLimit"))),
            mem_used_mib=_whole(found.get("AllocMem")),
            gpus=_gpus(found.get("Gres")),
            gpus_used=_gpus(found.get("GresUsed")),
            reason=_reason(line),
        )


def _gpus(text: str | None) -> tuple[Gres, ...]:
    plain = (text or "").replace(":(null)", "")
    return tuple(one for one in gres_list(plain) if one.name == "gpu")


def _reason(line: str) -> str | None:
    match = re.search(r" Reason=(.*)$", line)
    text = safe_line(re.sub(r"\s+Comment=.*$", "", match[1]), limit=200) if match else ""
    return text or None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _answer(words: Sequence[str]) -> str:
    plain = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
    try:
        done = call(words, env={**scrubbed(os.environ), **plain}, timeout=TIMEOUT_S, why="nodes")
    except subprocess.TimeoutExpired as error:
        raise no_answer(words[0], f"nothing within {TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        raise no_answer(words[0], done.stderr)
    return done.stdout
