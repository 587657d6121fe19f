"""Changing what is queued: how many elements of an array may run at a time."""

from __future__ import annotations

from collections.abc import Mapping

from arctl.clusters.slurm_call import query
from arctl.errors import SchedulerError
from arctl.text import safe_line


def set_throttles(limits: Mapping[str, int]) -> None:
    """Let at most so many elements of each array (job id -> number) run at a time; 0 is no limit.

    Those that run already run on. One call of scontrol for all arrays with the same number. Raises SchedulerError
    where it does not answer or says no.
    """
    for count in sorted(set(limits.values())):
        jobs = ",".join(job_id for job_id, limit in limits.items() if limit == count)
        done = query(["scontrol", "update", f"JobId={jobs}", f"ArrayTaskThrottle={count}"])
        if done.returncode != 0:
            raise SchedulerError(
                f"Slurm did not change the limit: {safe_line(done.stderr or done.stdout) or 'no reason given'}",
                where=f"job {jobs}",
                cure="see `squeue --me`; arrays whose elements have all started cannot be changed",
            )
