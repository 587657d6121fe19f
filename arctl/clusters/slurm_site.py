"""What this site's Slurm allows, asked at most every ten minutes and kept in the user's cache.

Every answer is optional: whoever does not answer, or may not, leaves a gap, and a gap is never an error.
"""

from __future__ import annotations

import datetime
import os
import pwd
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from arctl.clusters import calls, site_parse
from arctl.clusters.site_parse import Association, NodeKind, Partition, Qos
from arctl.clusters.slurm_call import call, scrubbed
from arctl.errors import SchedulerError
from arctl.text import safe_line

FILE = "site.json"
"""Where the answers are kept, in the directory that `calls.place` gives."""

FRESH_S = 600.0
"""How long an answer is believed, seconds."""

RETRY_S = 60.0
"""How long accounting that did not answer is left in peace, seconds."""

TIMEOUT_S = 8.0
"""The longest wait for one of Slurm's programs, seconds: a submission must not hang on its checks."""

_QUESTIONS: Mapping[str, Sequence[str]] = {
    "config": ["scontrol", "show", "config"],
    "partitions": ["scontrol", "--all", "--oneliner", "show", "partition"],
    "nodes": ["scontrol", "--all", "--oneliner", "show", "node"],
    "accounts": ["sacctmgr", "-nP", "show", "assoc", "where", "user={user}",
                 "format=Cluster,Account,Partition,QOS,DefaultQOS"],
    "qos": ["sacctmgr", "-nP", "show", "qos", "format=Name,MaxWall,MaxTRES,MaxTRESPU,MaxSubmitPU,Flags"],
}  # fmt: skip
_CONFIG_KEYS = (
    "AccountingStorageEnforce", "AccountingStorageType", "ClusterName", "DefMemPerCPU", "DefMemPerNode",
    "EnforcePartLimits", "JobRequeue", "MaxArraySize", "MaxMemPerNode", "SchedulerParameters", "SLURM_VERSION",
)  # fmt: skip
_IMPLIED_BY = {"associations": ("limits", "qos", "safe", "wckeys"), "limits": ("safe",)}
_START = re.compile(r"to start at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?: using .*? on nodes (\S+))?")
_REFUSED = re.compile(r"(?:allocation failure|error: Batch job submission failed): *(.*)")


@dataclass(frozen=True)
class Site:
    """What is known of a cluster's limits; None, or empty, where nobody answered."""

    at: float
    """When it was asked, Unix seconds."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Some of `scontrol show config`."""
    partitions: tuple[Partition, ...] | None = None
    """All partitions, hidden ones too."""
    kinds: tuple[NodeKind, ...] | None = None
    """All nodes, by kind."""
    associations: tuple[Association, ...] | None = None
    """What this user may charge."""
    qos: tuple[Qos, ...] | None = None
    """All qualities of service."""
    silent: Mapping[str, str] = field(default_factory=dict)
    """What was not answered (`nodes`, `qos`, ...), and why."""

    def enforces(self, word: str) -> bool:
        """Say whether accounts (`associations`), `limits` or `qos` are enforced."""
        words = set(self.config.get("AccountingStorageEnforce", "").lower().split(","))
        implied = {
            "associations": {"limits", "qos", "safe", "wckeys", "all"},
            "limits": {"safe", "all"},
            "qos": {"all"},
        }
        return word in words or bool(words & implied.get(word, set()))


@dataclass(frozen=True)
class Expected:
    """What `sbatch --test-only` said of a script."""

    start: float | None = None
    """When the job might start, Unix seconds."""
    nodes: str | None = None
    """On which nodes."""
    refusal: str | None = None
    """Why it would be refused."""


def ask(*, fresh_s: float = FRESH_S) -> Site:
    """Return what the site allows, from the cache where that is younger than `fresh_s` seconds. Raises nothing."""
    directory = calls.place()
    place = directory / FILE if directory is not None else None
    kept = _kept(place, fresh_s=fresh_s) if place is not None else None
    if kept is None:
        kept = _asked()
        if place is not None and "config" in kept["raw"]:
            calls.put(place, kept)
    return _site(kept)


def expected(script: str) -> Expected | None:
    """Ask `sbatch --test-only` when a script would start; None where it does not say. It queues nothing."""
    try:
        done = _call(["sbatch", "--test-only"], stdin=script)
    except (SchedulerError, subprocess.TimeoutExpired):
        return None
    if match := _START.search(done.stderr):
        return Expected(_unix(match[1]), safe_line(match[2]) if match[2] else None)
    refused = _REFUSED.search(done.stderr)
    return Expected(refusal=safe_line(refused[1], limit=200)) if refused and done.returncode != 0 else None


def _stamp() -> str:
    """Return when slurm.conf was changed: a changed one makes older answers worthless."""
    try:
        return str(Path(os.environ.get("SLURM_CONF") or "/etc/slurm/slurm.conf").stat().st_mtime_ns)
    except OSError:
        return ""


def _asked() -> dict[str, dict[str, str]]:
    """Ask all questions at once."""
    from concurrent.futures import ThreadPoolExecutor

    user = _user()
    with ThreadPoolExecutor(len(_QUESTIONS)) as pool:
        found = dict(zip(_QUESTIONS, pool.map(lambda words: _answer(words, user), _QUESTIONS.values()), strict=True))
    raw = {key: text for key, (text, _) in found.items() if text is not None}
    silent = {key: why for key, (_, why) in found.items() if why}
    if "config" in raw:
        told = site_parse.config(raw["config"])
        raw["config"] = "\n".join(f"{key} = {told[key]}" for key in _CONFIG_KEYS if key in told)
        if told.get("AccountingStorageType", "").endswith("none"):
            silent = {key: why for key, why in silent.items() if key not in ("accounts", "qos")}
    if "nodes" in raw:
        raw["nodes"] = _condensed(raw["nodes"])
    return {"raw": raw, "silent": silent, "when": {"at": repr(time.time()), "conf": _stamp()}}


def _answer(words: Sequence[str], user: str) -> tuple[str | None, str]:
    try:
        done = _call([word.replace("{user}", user) for word in words])
    except subprocess.TimeoutExpired:
        return None, f"{words[0]} gave no answer within {TIMEOUT_S:.0f} s"
    except SchedulerError as error:
        return None, error.what
    if done.returncode == 0:
        return done.stdout, ""
    return None, safe_line(done.stderr, limit=200) or f"{words[0]} ended with status {done.returncode}"


def _condensed(stdout: str) -> str:
    """Return one line for each kind of node, with the names of all of them behind a TAB."""
    lines = {name: line for line in stdout.splitlines() if (name := line.partition(" ")[0].removeprefix("NodeName="))}
    kinds = site_parse.kinds(stdout, host=socket.gethostname())
    return "\n".join(f"{lines[kind.names[0]]}\t{','.join(kind.names)}" for kind in kinds if kind.names[0] in lines)


def _site(kept: Mapping[str, Mapping[str, str]]) -> Site:
    raw = kept["raw"]
    told = site_parse.config(raw.get("config", ""))
    cluster = told.get("ClusterName")
    return Site(
        at=float(kept["when"]["at"]),
        config=told,
        partitions=(site_parse.partitions(raw["partitions"]) or None) if "partitions" in raw else None,
        kinds=_kinds(raw["nodes"]) if "nodes" in raw else None,
        associations=site_parse.associations(raw["accounts"], cluster=cluster) if "accounts" in raw else None,
        qos=site_parse.qualities(raw["qos"]) if "qos" in raw else None,
        silent=kept["silent"],
    )


def _kinds(text: str) -> tuple[NodeKind, ...]:
    host, found = socket.gethostname(), []
    for line in text.splitlines():
        first, _, names = line.partition("\t")
        found += [replace(kind, names=tuple(names.split(","))) for kind in site_parse.kinds(first, host=host)]
    return tuple(found)


def _kept(place: Path, *, fresh_s: float) -> dict[str, dict[str, str]] | None:
    """Return the kept answers while they are fresh; None for damaged ones, and for those of another slurm.conf."""
    found = calls.get(place)
    try:
        age = time.time() - float(found["when"]["at"])
        same = found["when"]["conf"] == _stamp()
        parts = {key: {str(name): str(text) for name, text in found[key].items()} for key in ("raw", "silent", "when")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return parts if same and 0 <= age < (min(fresh_s, RETRY_S) if parts["silent"] else fresh_s) else None


def _call(words: Sequence[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
    plain = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
    return call(words, env={**scrubbed(os.environ), **plain}, timeout=TIMEOUT_S, why="preflight", stdin=stdin)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _unix(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()
