"""When jobs will start and how far they will come: `sbatch --test-only`, and like runs' speed against time limits."""

from __future__ import annotations

import time
from collections.abc import Sequence

from arctl.clusters import slurm_site
from arctl.clusters.asked import Asked
from arctl.clusters.directives import WARNING_S
from arctl.clusters.slurm_site import Site
from arctl.pace import Pace
from arctl.plan import Plan
from arctl.preflight.amounts import about, clock, span_text
from arctl.preflight.finding import Finding
from arctl.preflight.limits import chosen
from arctl.settings import Workspace

SAID_NO = "sbatch --test-only"
"""Where a finding comes from that Slurm would refuse a job."""

AT_ONCE_S = 90.0
"""A start that is expected sooner is called at once, seconds."""

BELIEVED_S = 60 * 86400.0
"""A start that is expected later is no answer: Slurm names the year 3558 for jobs that it cannot place."""

Timed = tuple[Plan, Asked, Pace]


def start_of(plans: Sequence[Plan]) -> list[Finding]:
    """Ask Slurm when a job would start: of one script only, and of none that waits for something else."""
    scripts = {plan.script: plan for plan in plans if plan.cluster == "slurm"}
    if len(scripts) != 1 or {"hold", "begin", "dependency", "clusters"} & _options(plans[0]):
        return []
    expected = slurm_site.expected(next(iter(scripts)))
    if expected is None:
        return []
    if expected.refusal is not None:
        what = f"it says {expected.refusal!r}, though nothing of that can be seen"
        return [Finding("note", what, SAID_NO, "it errs at times: the submission itself will tell")]
    wait = (expected.start or 0.0) - time.time()
    where = f" on {expected.nodes}" if expected.nodes else ""
    if wait < AT_ONCE_S:
        return [Finding("note", f"Slurm expects the job to start at once{where}")]
    if wait > BELIEVED_S:
        return []
    return [
        Finding("note", f"Slurm expects the job to start in about {about(wait)}, {clock(time.time() + wait)}{where}")
    ]


def timing(workspace: Workspace, timed: Sequence[Timed], site: Site | None) -> list[Finding]:
    """Say how long runs will take, and of the slowest whether its time limit lets it finish."""
    if not timed:
        return []
    plan, asked, pace = max(timed, key=lambda one: one[2].total_s)
    early = " at the most" if plan.config is not None and plan.config["train"].get("patience") else ""
    need = f"{pace.epochs} epochs need about {about(pace.total_s)}{early}"
    source = f"by {pace.by}{f' on {_and(pace.gpus)}' if pace.gpus else ''}"
    if len(timed) > 1:
        hours = sum(one.total_s * max(1, wanted.gpus * wanted.nodes) for _, wanted, one in timed) / 3600
        unit = "GPU-hours" if asked.gpus else "hours"
        need = f"the slowest of {len(timed)} runs, {plan.name}, needs about {about(pace.total_s)}"
        source += f"; together about {hours:.0f} {unit}" if hours >= 1 else ""
    limit, why = _limit(asked, site)
    if limit is None or pace.total_s <= limit - _warned(limit):
        return [Finding("note", f"{need} ({source})")]
    return [Finding("warning", f"{need} ({source}); {_fate(workspace, plan, asked, pace, limit, why)}", *_cure(pace))]


def _fate(workspace: Workspace, plan: Plan, asked: Asked, pace: Pace, limit: float, why: str) -> str:
    """Say where a time limit stops a run, and what becomes of it."""
    each = limit - _warned(limit)
    stops = f"{why} it stops {_after(pace.reached(each))}"
    times = workspace.settings.slurm.requeues if plan.cluster == "slurm" and "no-requeue" not in asked.given else 0
    if not times:
        return f"{stops} and ends there: `arctl resume` goes on"
    if pace.reached(each, attempts=times + 1) >= pace.epochs:
        return f"{stops}, and will be requeued and resumed"
    last = pace.reached(each, attempts=times + 1)
    again = "once" if times == 1 else f"{times} times"
    return f"{stops}; requeued {again} it ends {_after(last)}"


def _cure(pace: Pace) -> tuple[str, str]:
    enough = pace.start_s + pace.epochs * pace.slowest_s
    return "--time", f"--time {span_text(-(-(enough * 1.15 + WARNING_S) // 900) * 900)} would do"


def _limit(asked: Asked, site: Site | None) -> tuple[float | None, str]:
    """Return the time limit that holds, seconds, and how to name it."""
    if asked.time is not None:
        return asked.limit_s, f"with -t {asked.time}"
    partitions = chosen(asked, site) if site is not None else []
    if len(partitions) != 1:
        return None, ""
    limit = partitions[0].default_time_s or partitions[0].max_time_s
    return limit, f"without --time it has {span_text(limit)} in {partitions[0].name}, and" if limit else ""


def _warned(limit: float) -> float:
    """Return how long before a limit the trainer saves and stops, seconds."""
    return min(WARNING_S, limit / 3)


def _after(epoch: int) -> str:
    return f"at epoch {epoch}" if epoch else "before its first epoch ends"


def _options(plan: Plan) -> frozenset[str]:
    return frozenset(str(key) for key in plan.directives)


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
