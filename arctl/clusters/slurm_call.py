"""Calling Slurm's programs: a clean environment, no shell, a time limit, and a verdict on what they said.

The verdict on sbatch matters most: "no" may only be believed where nothing can have been queued.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from arctl.clusters import calls
from arctl.clusters.slurm_parse import submitted_id
from arctl.errors import SchedulerError, SubmitRefused, SubmitUnconfirmed
from arctl.text import safe_line

SUBMIT_TIMEOUT_S = 150.0
"""sbatch itself tries for about 130 s while the controller is busy."""

QUERY_TIMEOUT_S = 60.0
"""The longest wait for squeue, sacct, scontrol or scancel."""

_KEPT = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_SOCKET", "SLURM_SACK_KEY"})
_DROPPED = (
    "SLURM",
    "SBATCH_",
    "SALLOC_",
    "SRUN_",
    "SQUEUE_",
    "SACCT_",
    "SCANCEL_",
    "SCONTROL_",
    "SINFO_",
    "PMI",
    "ARCTL_",
)
_OF_A_JOB = frozenset({"CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"})

_COMMUNICATION = re.compile(
    r"timed out|unable to contact|connect|communication|zero bytes|send failure|receive failure|temporarily|"
    r"unexpected message|message length|header length|transport|broken pipe|interrupted|no route|"
    r"authentication|munge|credential|unpack",
    re.IGNORECASE,
)
_NEVER_SENT = re.compile(r"auth_g_create: REQUEST_SUBMIT_BATCH_JOB")
_MUNGE = re.compile(r"munged? .*(failed|running|started)|authentication error", re.IGNORECASE)
_REFUSAL = re.compile(
    r"batch job submission failed|invalid|unrecogni[sz]ed|unable to open file|batch script|null character|"
    r"dos line breaks|not permitted|access denied|denied|violates|limit|fatal:|no such|unknown",
    re.IGNORECASE,
)


def sbatch(script: Path) -> str:
    """Submit a script and return the job's id. Raises SubmitRefused, SubmitUnconfirmed, SchedulerError."""
    try:
        args = ["sbatch", "--parsable", str(script)]
        done = call(args, env=scrubbed(os.environ), timeout=SUBMIT_TIMEOUT_S, why="submit")
    except subprocess.TimeoutExpired as error:
        raise _unconfirmed(script, f"sbatch gave no answer within {SUBMIT_TIMEOUT_S:.0f} s") from error
    said = safe_line(done.stderr) or safe_line(done.stdout)
    if done.returncode == 0:
        job_id = submitted_id(done.stdout)
        if job_id is None:
            raise _unconfirmed(script, f"sbatch printed no job id: {said or 'nothing at all'}")
        return job_id
    lost = _COMMUNICATION.search(done.stderr) and not _NEVER_SENT.search(done.stderr)
    if lost or not _REFUSAL.search(done.stderr):
        raise _unconfirmed(script, f"sbatch ended with status {done.returncode}: {said or 'it said nothing'}")
    raise SubmitRefused(f"Slurm refused the job: {said}", where=str(script), cure=_cure(done.stderr))


def scrubbed(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would change Slurm's answers or leak from one job into the next."""
    inside = "SLURM_JOB_ID" in env
    return {
        key: value
        for key, value in env.items()
        if (key in _KEPT or not key.startswith(_DROPPED)) and not (inside and key in _OF_A_JOB)
    }


def query(args: Sequence[str], *, why: str = "") -> subprocess.CompletedProcess[str]:
    """Run squeue, sacct, scontrol or scancel; times are UTC. Raises SchedulerError where it is missing or hangs.

    `why` is what the log of calls says of it.
    """
    plain = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
    try:
        return call(args, env={**scrubbed(os.environ), **plain}, timeout=QUERY_TIMEOUT_S, why=why)
    except subprocess.TimeoutExpired as error:
        raise no_answer(args[0], f"nothing within {QUERY_TIMEOUT_S:.0f} s") from error


def call(
    args: Sequence[str], *, env: Mapping[str, str], timeout: float, why: str = "", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program: no shell, no terminal, `stdin` for its input. Raises SchedulerError where it cannot be started.

    Each call is written to the log of calls (`calls.record`), however it ends.
    """
    at, began = time.time(), time.monotonic()
    rc: int | None = None
    try:
        done = subprocess.run(
            args,
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            start_new_session=True,
            check=False,
        )
        rc = done.returncode
        return done
    except OSError as error:
        raise SchedulerError(
            f"{args[0]} cannot be started: {error.strerror}",
            where="PATH",
            cure="load your site's slurm module, or use the local cluster: --cluster local",
        ) from error
    finally:
        calls.record(args, at=at, ms=(time.monotonic() - began) * 1000, rc=rc, why=why)


def no_answer(program: str, stderr: str) -> SchedulerError:
    """Return the error for a question that Slurm did not answer."""
    why = "the authentication service (munge) of this machine does not answer: " if _MUNGE.search(stderr) else ""
    return SchedulerError(
        f"Slurm does not answer: {why}{safe_line(stderr) or 'no reason given'}",
        where=program,
        cure="nothing is changed; what is shown stays as it was, try again later",
    )


def _unconfirmed(script: Path, what: str) -> SubmitUnconfirmed:
    return SubmitUnconfirmed(
        what, where=str(script), cure="the job may be queued: do not send it again, `arctl sync` looks for it"
    )


def _cure(stderr: str) -> str:
    cures: Iterator[str] = (cure for pattern, cure in _CURES if re.search(pattern, stderr, re.IGNORECASE))
    return next(cures, "mend the option that it names, then `arctl rerun`; the script is kept")


_CURES = (
    ("configuration source", "this machine knows of no Slurm: go to a login node, or use --cluster local"),
    ("invalid partition|partition", "`sinfo -s` lists the partitions; choose one with --partition or in arctl.yaml"),
    ("account", "`sacctmgr show assoc user=$USER` lists your accounts; set slurm.account in arctl.yaml"),
    ("qos", "`sacctmgr show assoc user=$USER` lists them; set slurm.qos in arctl.yaml"),
    ("gres|gpu", "`sinfo -o '%P %G'` lists the GPUs; see --gpus, and slurm.gres in arctl.yaml"),
    ("node configuration|memory|cpu", "no node has that much: ask for less with --gpus, --cpus or --mem"),
    ("array", "`scontrol show config | grep MaxArraySize` tells the limit; submit fewer at a time"),
    ("time limit|time", "`sinfo -o '%P %l'` lists the limits; ask for less with --time"),
    (
        "unrecogni[sz]ed|unknown option",
        "this Slurm does not know the option; see slurm.extra_sbatch and skip in arctl.yaml",
    ),
)
