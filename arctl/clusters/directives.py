"""The directives of a job: what is asked for, checked before any scheduler sees it, for Slurm and this machine alike.

Slurm accepts much nonsense (`--time=-5`) and some of it only fails hours later; here it is refused with its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from arctl.errors import UsageError
from arctl.settings import SlurmSettings
from arctl.text import safe_line

WARNING_S = 120
"""How long before the time limit the trainer is warned (USR2), seconds; less for short jobs."""

_EXCLUDE = {
    "requeue": ("no-requeue",),
    "no-requeue": ("requeue",),
    "mem-per-cpu": ("mem",),
    "mem-per-gpu": ("mem",),
    "gpus": ("gres",),
    "gpus-per-node": ("gres",),
    "gpus-per-task": ("gres",),
}
"""A site's directive that replaces one of ours, since Slurm takes only one of them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MEM = re.compile(r"\d+[KMGT]?", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:=@+-]*")
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)(?:=(.*))?")
_FEATURES = re.compile(r"[A-Za-z0-9_.*|&,()\[\]:-]+")
_NODES = re.compile(r"[A-Za-z0-9_.,\[\]-]+")
_OURS = {
    "job-name": ": see --name",
    "comment": "",
    "output": ": see `arctl logs`",
    "error": ": see `arctl logs`",
    "open-mode": "",
    "array": ": see --seeds and `arctl sweep`",
    "parsable": "",
    "wrap": ": a command goes after --",
    "chdir": "",
    "test-only": ": see --dry-run",
    "wait": ": see `arctl wait`",
}


def seconds(text: str) -> int | None:
    """Translate a time as sbatch takes it to seconds; None for one without limit.

    `30` is minutes; also `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`, `UNLIMITED`. Raises UsageError.
    """
    if text.strip().upper() in {"UNLIMITED", "INFINITE"}:
        return None
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text.strip())
    if match is None:
        raise _wrong("time", text, "write 30 (minutes), 4:00:00 or 1-12:00:00")
    days, *parts = match.groups()
    numbers = [int(part) for part in parts if part is not None]
    if days is not None:
        hours, minutes, rest = (*numbers, 0, 0)[:3]
    elif len(numbers) == 3:
        hours, minutes, rest = numbers
    else:
        hours, (minutes, rest) = 0, (*numbers, 0)[:2]
    total = int(days or 0) * 86400 + hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise _wrong("time", text, "a time limit of nothing would mean none at all; write 30 (minutes) or 4:00:00")
    return total


def directives(
    *,
    name: str,
    token: str,
    log: Path,
    settings: SlurmSettings,
    gpus: int | None = None,
    nodes: int | None = None,
    cpus: int | None = None,
    mem: str | None = None,
    time: str | None = None,
    partition: str | None = None,
    gpu_type: str | None = None,
    account: str | None = None,
    qos: str | None = None,
    constraint: str | None = None,
    exclude: str | None = None,
    sbatch: Sequence[str] = (),
    dependency: str | None = None,
    hold: bool = False,
    begin: str | None = None,
    array: int | None = None,
    throttle: int | None = None,
    signal: str = "B:USR2",
    requeue: bool = True,
) -> dict[str, object]:
    """Return the directives of a job: long option name -> value, True for a flag.

    `gpus` and `cpus` count per node (one task a node); `signal` comes from `Template.signal`; `log` is
    `RunDir.log_pattern`; `throttle` is how many elements of the array may run at a time. The site's `extra_sbatch`
    comes after and wins, then the job's own `sbatch`; the site's `skip` comes last. For the local cluster, which has
    no site, give `SlurmSettings()`. Raises UsageError naming the option that is wrong.
    """
    limit = seconds(time) if time is not None else None
    wanted: dict[str, object] = {
        "job-name": _checked("name", f"{name}-{token}", _NAME, "use letters, digits and ._- only"),
        "comment": _checked("token", token, _NAME, "use letters, digits and ._- only"),
        "output": output_pattern(log),
        "open-mode": "append",
        "partition": _word("partition", partition or settings.partition),
        "account": _word("account", account or settings.account),
        "qos": _word("qos", qos or settings.qos),
        "nodes": _count("nodes", 1 if nodes is None else nodes, least=1),
        "ntasks-per-node": 1,
        "cpus-per-task": _count("cpus", cpus, least=1) if cpus is not None else None,
        "gres": _gres(settings, gpus, gpu_type),
        "mem": _checked("mem", mem, _MEM, "write 32G or 500M") if mem is not None else None,
        "time": time.strip() if time is not None else None,
        "signal": f"{signal}@{min(WARNING_S, limit // 3)}" if limit is not None else None,
        "requeue" if requeue else "no-requeue": True,
        "array": _elements(array, throttle),
        "constraint": _checked("constraint", constraint, _FEATURES, "as in a100&nvlink") if constraint else None,
        "exclude": _checked("exclude", exclude, _NODES, "name nodes, as in gpu2,gpu[7-9]") if exclude else None,
        "dependency": dependency,
        "kill-on-invalid-dep": "yes" if dependency and "afterok" in dependency else None,
        "hold": True if hold else None,
        "begin": _checked("begin", begin, _WORD, "as in 22:00, now+2hours or 2026-12-01T08:00") if begin else None,
    }
    for further in (extra(settings), parsed(sbatch, where="--sbatch")):
        for key in further:
            for other in _EXCLUDE.get(key, ()):
                wanted.pop(other, None)
        wanted.update(further)
    return {key: value for key, value in wanted.items() if value is not None and key not in settings.skip}


def extra(settings: SlurmSettings) -> dict[str, object]:
    """Return the site's own directives (`extra_sbatch`). Raises UsageError for one that is no `--key=value`."""
    return parsed(settings.extra_sbatch, where="arctl.yaml: slurm.extra_sbatch")


def parsed(entries: Sequence[str], *, where: str) -> dict[str, object]:
    """Return directives written as `--key=value` or `--flag`. Raises UsageError for any other, and for ours alone."""
    found: dict[str, object] = {}
    for entry in entries:
        match = _FLAG.fullmatch(entry.strip())
        if match is None:
            raise UsageError(f"{safe_line(entry)!r} is no directive", where=where, cure="write --key=value or --flag")
        if match[1] in _OURS:
            cure = f"arctl finds its jobs and logs by it{_OURS[match[1]]}"
            raise UsageError(f"--{match[1]} is arctl's own", where=where, cure=cure)
        found[match[1]] = True if match[2] is None else match[2]
    return found


def _gres(settings: SlurmSettings, gpus: int | None, gpu_type: str | None) -> str | None:
    if not _count("gpus", gpus or 0, least=0):
        if gpu_type is not None:
            raise UsageError("a type without a number of GPUs", where="--gpu-type", cure="add --gpus N")
        return None
    kind = settings.gres
    if gpu_type is not None:
        name = _checked("gpu-type", gpu_type, _NAME, "name the type as `arctl nodes` does, as in a100")
        kind = f"{settings.gres.partition(':')[0]}:{name}"
    return f"{kind}:{gpus}"


def _elements(array: int | None, throttle: int | None) -> str | None:
    if array is None:
        return None
    most = f"%{_count('max-parallel', throttle, least=1)}" if throttle is not None else ""
    return f"0-{_count('array', array, least=1) - 1}{most}"


def output_pattern(log: Path) -> str:
    """Return the log's path with `%` doubled where Slurm would expand it; its name, and a last directory `%a`, stay."""
    kept = 2 if log.parent.name == "%a" else 1
    place = Path(*log.parts[:-kept])
    return "/".join([str(place).replace("%", "%%"), *log.parts[-kept:]])


def _count(option: str, value: int, *, least: int) -> int:
    if value < least:
        raise _wrong(option, value, f"it must be at least {least}")
    return value


def _word(option: str, value: str | None) -> str | None:
    return None if value is None else _checked(option, value, _WORD, "use the name that `sinfo` or your site gives it")


def _checked(option: str, value: str, pattern: re.Pattern[str], cure: str) -> str:
    if not pattern.fullmatch(value):
        raise _wrong(option, value, cure)
    return value


def _wrong(option: str, value: object, cure: str) -> UsageError:
    return UsageError(f"{value!r} is no {option}", where=f"--{option}", cure=cure)
