"""What can be known of jobs before they are queued: whether they can start, will fit, and how far they will come.

Every answer is optional: what nobody can tell is left out or noted, and never stops a submission.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from arctl import pace
from arctl.clusters import slurm_site
from arctl.clusters.asked import Asked, asked
from arctl.clusters.slurm_site import Site
from arctl.plan import Plan
from arctl.preflight import allowance, inputs, limits, room, sanity
from arctl.preflight.finding import Finding, gravest_first
from arctl.preflight.person import me
from arctl.preflight.timing import SAID_NO, start_of, timing
from arctl.settings import Workspace

__all__ = ["Finding", "examine"]

STALE_S = 5.0
"""An answer of the site older than this is asked for again before it refuses a job, seconds."""

MOST_KINDS = 50
"""Different jobs of one submission that are compared with the site; the others are like one of them."""


def examine(workspace: Workspace, plans: Sequence[Plan], *, expect: bool = True) -> tuple[Finding, ...]:
    """Return what is wrong, doubtful or good to know about jobs that are about to be queued, errors first.

    With `expect` Slurm is asked when they would start, which costs one more call.
    It queues nothing, writes nothing but the user's cache, and raises nothing of its own. Jobs that ask for the same
    are looked at once.
    """
    if not plans:
        return ()
    wanted = {script: asked(script) for script in {plan.script for plan in plans}}
    configs = [plan.config for plan in plans if plan.config is not None]
    used = {plan.template.path for plan in plans}
    found = [*inputs.check(configs), *inputs.templates(used, workspace=workspace.root), *room.check(workspace, plans)]
    found += inputs.exposures(plans)
    queued = [plan for plan in plans if plan.cluster == "slurm"]
    site = slurm_site.ask() if queued else None
    if site is not None:
        site, told = _slurm(queued, wanted, site, expect=expect)
        found += told
        if site.kinds is not None and not any(kind.here for kind in site.kinds):
            found += inputs.unshared({workspace.root, *inputs.places(configs)})
    timed = [(plan, wanted[plan.script], one) for plan, one in _paces(workspace, plans)]
    return gravest_first([*found, *timing(workspace, timed, site)])


def _slurm(
    plans: Sequence[Plan], wanted: Mapping[str, Asked], site: Site, *, expect: bool
) -> tuple[Site, list[Finding]]:
    """Compare jobs with the site and ask when they would start.

    An answer from the cache alone refuses nothing, and none is believed that Slurm itself contradicts.
    """
    kinds = _kinds(plans, wanted)
    found = list(_against(kinds, site))
    start = [] if _refuses(found) or not (site.config and expect) else start_of(plans)
    doubtful = _refuses(found) or any(finding.where == SAID_NO for finding in start)
    if doubtful and time.time() - site.at > STALE_S:
        site = slurm_site.ask(fresh_s=STALE_S)
        found = list(_against(kinds, site))
        start = [] if _refuses(found) or not expect else start or start_of(plans)
    return site, [*found, *start]


def _refuses(findings: Sequence[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)


def _kinds(plans: Sequence[Plan], wanted: Mapping[str, Asked]) -> list[tuple[Asked, bool]]:
    """Return the different things that are asked for, each with whether the trainer runs there."""
    found = dict.fromkeys((wanted[plan.script], plan.config is not None) for plan in plans)
    return list(found)[:MOST_KINDS]


def _against(kinds: Sequence[tuple[Asked, bool]], site: Site) -> Iterator[Finding]:
    person = me()
    for wanted, trainer in kinds:
        yield from limits.check(wanted, site)
        yield from allowance.check(wanted, site, person)
        yield from sanity.check(wanted, site, trainer=trainer)
    if site.silent:
        reasons = dict.fromkeys(site.silent.values())
        told = [f"{', '.join(name for name in site.silent if site.silent[name] == why)}: {why}" for why in reasons]
        checked = "not all limits were checked" if site.config else "no limits were checked"
        yield Finding("note", f"{checked} ({'; '.join(told)})", "Slurm")


def _paces(workspace: Workspace, plans: Sequence[Plan]) -> list[tuple[Plan, pace.Pace]]:
    """Return the plans whose speed is known, with it; runs that are alike are looked up once."""
    known: dict[object, pace.Pace | None] = {}
    found: list[tuple[Plan, pace.Pace]] = []
    for plan in plans:
        if plan.config is None:
            continue
        epochs = plan.config["train"]["epochs"]
        key = (pace.speed_of(plan.config), epochs, *(plan.values.get(word) for word in pace.RESOURCE_KEYS))
        if key not in known and len(known) < MOST_KINDS:
            known[key] = pace.expect(workspace, plan)
        if (one := known.get(key)) is not None:
            found.append((plan, one))
    return found
