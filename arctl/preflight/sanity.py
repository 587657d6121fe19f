"""Values that a scheduler takes and nobody means: `--mem 32`, `--time 25:99:99`, no memory for a training run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arctl.clusters.asked import Asked, mebibytes
from arctl.clusters.slurm_site import Site
from arctl.preflight.amounts import mib_text, span_text
from arctl.preflight.finding import Finding
from arctl.preflight.limits import chosen

TRAINER_MIB = 2048.0
"""Memory below which the trainer hardly starts, MiB."""

COMMAND_MIB = 16.0
"""The same of any program."""

LONGEST_S = 366 * 86400
"""A time limit beyond this is a mistake, seconds."""


def check(asked: Asked, site: Site | None, *, trainer: bool) -> list[Finding]:
    """Return what looks unmeant in what a job asks for; `trainer` says that the bundled trainer runs in it."""
    site = None if "clusters" in asked.given else site
    return [*_time(asked), *_memory(asked, site, trainer=trainer), *_gpus(asked, site, trainer=trainer)]


def _time(asked: Asked) -> Iterator[Finding]:
    limit = asked.limit_s
    if asked.time is None or limit is None:
        return
    fields = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", asked.time.strip())
    clock = fields is not None and sum(part is not None for part in fields.groups()) > 1
    if limit > LONGEST_S:
        yield Finding("warning", f"{asked.time} is more than a year", "--time", "write 8:00:00 or 2-12:00:00")
    elif fields is not None and clock and any(int(part or 0) > 59 for part in fields.groups()[2:]):
        yield Finding("warning", f"{asked.time} means {span_text(limit)}", "--time", "write it so if it is meant")
    elif limit < 60:
        yield Finding("note", f"Slurm rounds {asked.time} up to a minute", "--time", "a plain number is minutes")


def _memory(asked: Asked, site: Site | None, *, trainer: bool) -> Iterator[Finding]:
    least = TRAINER_MIB if trainer else COMMAND_MIB
    if asked.mem_mib == 0:
        what = "0 takes all memory of each node, so that no other job fits beside"
        yield Finding("warning", what, "--mem", "name what it needs, as in --mem 8G")
    elif asked.mem_mib is not None and asked.mem_mib < least:
        what = f"{mib_text(asked.mem_mib)} on each node is very little{' for training' if trainer else ''}"
        yield Finding("warning", what, "--mem", "a plain number is megabytes: write 32G")
    elif asked.mem_mib is None and trainer and site is not None:
        usual, why = _usual_memory(asked, site)
        if usual is not None and usual < least:
            what = f"without it the job has {mib_text(usual)} on each node ({why}), very little for training"
            yield Finding("warning", what, "--mem", "name what it needs, as in --mem 8G")


def _usual_memory(asked: Asked, site: Site) -> tuple[float | None, str]:
    """Return what a job has on a node that asks for no memory, MiB, and which setting says so."""
    partitions = chosen(asked, site)
    of_node, of_core = partitions[0].default_mem_mib if len(partitions) == 1 else (None, None)
    of_node = of_node or (mebibytes(site.config.get("DefMemPerNode")) if of_core is None else None)
    of_core = of_core or mebibytes(site.config.get("DefMemPerCPU"))
    if of_node:
        return of_node, "DefMemPerNode"
    return (of_core * asked.cpus, f"DefMemPerCPU, {asked.cpus} cores") if of_core else (None, "")


def _gpus(asked: Asked, site: Site | None, *, trainer: bool) -> Iterator[Finding]:
    if site is None or not trainer or asked.gpus:
        return
    names = {partition.name for partition in chosen(asked, site)}
    kinds = [kind for kind in site.kinds or () if names & set(kind.partitions)]
    if any(one.name == "gpu" for kind in kinds for one in kind.gres):
        yield Finding("note", "no GPU is asked for, so the trainer uses the CPU", "--gpus", "--gpus 1")
