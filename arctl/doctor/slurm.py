"""Slurm as it is here: whether it answers, what it forgets and when, and whether a run gets the time to save itself."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arctl.clusters import calls, site_parse
from arctl.clusters.directives import WARNING_S
from arctl.clusters.slurm_call import call, scrubbed
from arctl.doctor.line import Line, Status
from arctl.errors import SchedulerError
from arctl.registry import read
from arctl.rundir import RunDir
from arctl.saves import save_seconds
from arctl.settings import SlurmSettings, Workspace
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.doctor import Ground

PATIENCE_S = 4.0
"""How long one of Slurm's programs may take, seconds."""

SKEW_S = 5.0
"""Times of the controller are told in whole seconds, and a little late."""

SLOW_S = 2.0
"""A controller that takes longer is busy."""

RECENT = 12
"""How many of the newest runs are asked how long saving took."""

MANY_CALLS = 6.0
"""Calls a minute, over an hour, that a site will notice."""

OLDEST = (20, 11)
"""Slurm before this lacks options that arctl uses."""


_SETTING = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """What a program said."""

    text: str
    """Its stdout; empty where it failed."""
    trouble: str | None
    """Why there is none."""
    seconds: float
    """How long it took."""


def check(ground: Ground) -> Iterator[Line]:
    """Look at the Slurm that this machine talks to."""
    wanted = ground.settings.cluster == "slurm"
    if shutil.which("scontrol") is None:
        said = "scontrol is not on PATH" + ("" if wanted else ": jobs run on this machine alone")
        cure = (
            "load your site's slurm module, or go to a login node; `cluster: local` needs no Slurm" if wanted else None
        )
        yield _line(Status.FAIL if wanted else Status.OK, "controller", said, cure)
        return
    answer = ask(["scontrol", "show", "config"])
    if answer.trouble is not None and "configuration source" in answer.trouble:
        said = "this machine belongs to no Slurm cluster"
        cure = "go to a login node, or set SLURM_CONF; `cluster: local` needs no Slurm" if wanted else None
        yield _line(Status.FAIL if wanted else Status.OK, "controller", said, cure)
        return
    if answer.trouble is not None:
        said = f"does not answer: {answer.trouble}"
        cure = "ask the site; what arctl knows stays as it was" if wanted else None
        yield _line(Status.FAIL if wanted else Status.UNKNOWN, "controller", said, cure)
        return
    config = dict(_SETTING.findall(answer.text))
    yield from _controller(config, answer)
    yield from _memory(config, ground.settings.slurm)
    yield from _warning(config, ground.workspace)
    yield from _partitions(ground.settings.slurm)
    yield from _calls()
    yield from _accounting(config)


def ask(words: Sequence[str]) -> Answer:
    """Ask one of Slurm's programs, with patience for `PATIENCE_S`. Raises nothing."""
    plain = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard"}
    begun = time.monotonic()
    try:
        done = call(words, env={**scrubbed(os.environ), **plain}, timeout=PATIENCE_S, why="doctor")
    except subprocess.TimeoutExpired:
        return Answer("", f"{words[0]} said nothing within {PATIENCE_S:.0f} s", PATIENCE_S)
    except SchedulerError as error:
        return Answer("", error.what, 0.0)
    took = time.monotonic() - begun
    if done.returncode != 0:
        said = safe_line(done.stderr, limit=600) or f"{words[0]} ended with status {done.returncode}"
        return Answer("", said, took)
    return Answer(done.stdout, None, took)


def _controller(config: Mapping[str, str], answer: Answer) -> Iterator[Line]:
    version = config.get("SLURM_VERSION", "of an unknown version")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    said = f"Slurm {safe_line(version)}, cluster {safe_line(config.get('ClusterName', '?'))}, "
    said += f"answers in {1000 * answer.seconds:.0f} ms"
    slow = answer.seconds > SLOW_S
    cure = "it is busy: raise slurm.poll_s in arctl.yaml" if slow else None
    yield _line(Status.WARN if slow else Status.OK, "controller", said, cure)
    if numbers and numbers < OLDEST:
        yield _line(Status.WARN, "version", "older than any Slurm that arctl was tried with", "ask for an upgrade")
    elif numbers and numbers < (24, 5):
        said = "`squeue --json` of this version ignores filters and lists everybody's jobs; arctl does not use it"
        yield _line(Status.OK, "version", said)
    if re.search(r"\brl_enable\b", config.get("SlurmctldParameters", "")):
        yield _line(Status.OK, "rate limit", "this site limits the rate of calls; arctl stays far below it")
    if (skew := _skew(answer.text)) is not None and abs(skew) > SKEW_S:
        said = f"the controller's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        yield _line(Status.WARN, "clock", said, "ask the site to run NTP; from 300 s on Slurm refuses every call")


def _skew(text: str) -> float | None:
    match = re.search(r"as of (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", text)
    if match is None:
        return None
    moment = datetime.datetime.fromisoformat(match[1]).replace(tzinfo=datetime.UTC)
    return moment.timestamp() - time.time()


def _memory(config: Mapping[str, str], settings: SlurmSettings) -> Iterator[Line]:
    """Tell how long Slurm remembers an ended job, and how big its arrays may be."""
    kept = _seconds(config.get("MinJobAge"))
    accounts = _keeps_accounts(config)
    if kept is not None:
        said = f"an ended job is forgotten after {kept:.0f} s (MinJobAge)"
        if accounts or kept >= 2 * settings.poll_s:
            yield _line(Status.OK, "memory", said + ("; accounting remembers it" if accounts else ""))
        else:
            cure = f"set slurm.poll_s in arctl.yaml to {max(1, kept / 2):.0f} or less: nobody remembers its exit status"
            yield _line(Status.WARN, "memory", f"{said}, asked every {settings.poll_s:.0f} s, without accounting", cure)
    size = config.get("MaxArraySize", "")
    if size.isdecimal():
        said = "off (MaxArraySize 0)" if int(size) < 2 else f"indices up to {int(size) - 1}; larger sweeps are cut"
        yield _line(Status.OK, "arrays", said)


def _warning(config: Mapping[str, str], workspace: Workspace | None) -> Iterator[Line]:
    """Tell whether a run is warned before it is preempted, and whether the time until the kill is enough."""
    mode = config.get("PreemptMode", "OFF").upper()
    parameters = config.get("SlurmctldParameters", "")
    if mode.split(",")[0] in ("OFF", "(NULL)", ""):
        yield _line(Status.OK, "preemption", "off")
    elif "preempt_send_user_signal" in parameters:
        yield _line(Status.OK, "preemption", f"{mode.lower()}; a job is warned first, and saves")
    else:
        said = f"{mode.lower()}; a job is told to end only by TERM, and has its partition's GraceTime to save"
        yield _line(Status.OK, "preemption", said)
    wait = _seconds(config.get("KillWait"))
    took = _slowest(workspace) if workspace is not None else None
    if wait is None:
        return
    said = f"a job is killed {wait:.0f} s after it was told to end (KillWait)"
    if took is None:
        yield _line(Status.OK, "kill", said)
    elif took * 1.5 > WARNING_S:
        cure = "save on a faster disk: at a time limit the save may not end, and the one before counts"
        yield _line(
            Status.WARN, "kill", f"{said}; saving takes up to {took:.0f} s of the {WARNING_S} s of warning", cure
        )
    elif took * 1.5 > wait:
        cure = "`arctl cancel` may cost what came after the last checkpoint; warnings before a time limit come earlier"
        yield _line(Status.WARN, "kill", f"{said}; saving takes up to {took:.1f} s", cure)
    else:
        yield _line(Status.OK, "kill", f"{said}; saving takes up to {took:.1f} s")


def _slowest(workspace: Workspace) -> float | None:
    """Return how long saving took at most in the newest runs, seconds."""
    found: list[float] = []
    for run in read.runs(workspace.db, limit=RECENT, metrics=()):
        directory = RunDir(workspace.run_dir(run.number))
        for attempt in directory.attempt_dirs()[-1:]:
            found += save_seconds(directory.events(attempt.name))
    return max(found, default=None)


def _partitions(settings: SlurmSettings) -> Iterator[Line]:
    answer = ask(["scontrol", "--oneliner", "show", "partitions"])
    if answer.trouble is not None:
        yield _line(Status.UNKNOWN, "partitions", answer.trouble, None)
        return
    known = {one.name: one for one in site_parse.partitions(answer.text)}
    for name in (settings.partition or "").split(","):
        if name and name not in known:
            said = f"arctl.yaml names {name!r}, which is not among those that you may see"
            yield _line(Status.FAIL, "partition", said, f"choose one of {', '.join(sorted(known)[:8])}")
        elif name and known[name].state != "UP":
            said = f"{name} is {known[name].state.lower()}: its jobs do not start"
            yield _line(Status.WARN, "partition", said, "`arctl nodes` shows the others")
    default = [one.name for one in known.values() if one.default]
    if not settings.partition and not default:
        said = "this site has no default partition, and arctl.yaml names none"
        yield _line(Status.FAIL, "partition", said, f"set slurm.partition to one of {', '.join(sorted(known)[:8])}")
    yield _line(
        Status.OK, "partitions", f"{len(known)}: {', '.join(sorted(known)[:8])}{', ...' if len(known) > 8 else ''}"
    )


def _calls() -> Iterator[Line]:
    """Tell how often all arctl processes of this user called Slurm in the last hour, this look left out."""
    made = [call for call in calls.recent(since=time.time() - 3600.0) if call.pid != os.getpid()]
    if not made:
        yield _line(Status.OK, "calls", "none by arctl in the last hour")
        return
    counts = Counter(call.program for call in made)
    rate = len(made) / 60.0
    said = f"{rate:.1f} a minute by arctl in the last hour ({', '.join(f'{n} {p}' for p, n in counts.most_common(4))})"
    failed = sum(call.rc != 0 for call in made)
    said += f", {failed} of them in vain" if failed else ""
    busy = rate > MANY_CALLS
    cure = "raise slurm.poll_s in arctl.yaml, and close what runs `arctl` in a loop" if busy else None
    yield _line(Status.WARN if busy else Status.OK, "calls", said, cure)


def _accounting(config: Mapping[str, str]) -> Iterator[Line]:
    if not _keeps_accounts(config):
        yield _line(
            Status.OK, "accounting", "off: arctl learns of ends from squeue, scontrol and the runs' own records"
        )
        return
    fields = ["--noheader", "--parsable2", "--allocations", "--format=JobID"]
    answer = ask(["sacct", f"--user={os.getuid()}", *fields, "--starttime=now-1hour"])
    if answer.trouble is not None and "storage is disabled" in answer.trouble:
        yield _line(Status.OK, "accounting", "off in this machine's slurm.conf: arctl asks squeue and scontrol alone")
        return
    if answer.trouble is not None:
        said = f"sacct does not answer: {answer.trouble}"
        yield _line(Status.WARN, "accounting", said, "ends of jobs that Slurm has forgotten stay unknown until it does")
        return
    waiting = _waiting()
    said = f"answers in {1000 * answer.seconds:.0f} ms"
    if waiting:
        cure = "nothing is lost: states follow when it has caught up"
        yield _line(Status.WARN, "accounting", f"{said}, but lags: {waiting} records wait in the controller", cure)
    else:
        yield _line(Status.OK, "accounting", f"{said}{' and does not lag' if waiting == 0 else ''}")


def _waiting() -> int | None:
    """Return how many records wait for the accounting; None where the controller does not tell."""
    match = re.search(r"^DBD Agent queue size: *(\d+)", ask(["sdiag"]).text, re.MULTILINE)
    return int(match[1]) if match else None


def _keeps_accounts(config: Mapping[str, str]) -> bool:
    return not config.get("AccountingStorageType", "none").lower().endswith(("none", "(null)"))


def _seconds(text: str | None) -> float | None:
    match = re.match(r"(\d+)", text or "")
    return float(match[1]) if match else None


def _line(status: Status, name: str, said: str, cure: str | None = None) -> Line:
    return Line("slurm", status, name, said, cure)
