"""This machine as a cluster: the same job script, run detached, in a queue with a slot for each GPU, or one.

No daemon: each job has a small process of its own (`local_runner`) that outlives arctl and the SSH session. All that is
known of a job stands in files under `.arctl/local/jobs/ID/`; asking is reading them.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from arctl.clusters import local_process
from arctl.clusters.base import Capabilities, JobState, Submission, element_of, whole_of
from arctl.clusters.directives import seconds
from arctl.errors import SchedulerError, SubmitRefused
from arctl.rundir import RunDir
from arctl.states import ENDED, State

KILL_WAIT_S = 30.0
"""Time between the request to end and the kill, seconds: Slurm's own default."""

_RUNNER = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from arctl.clusters.local_runner import main; main(sys.argv[2], sys.argv[3])"
)
_LEAKS = ("SLURM", "SBATCH_", "ARCTL_", "PMI")


class LocalCluster:
    """The queue of one workspace on this machine."""

    name: str = "local"

    def __init__(self, root: Path, *, slots: int | None = None, kill_wait_s: float = KILL_WAIT_S) -> None:
        self.root = root.resolve()
        self.slots = slots
        self.kill_wait_s = kill_wait_s

    @property
    def jobs(self) -> Path:
        """One directory for each job ever queued."""
        return self.root / "jobs"

    def capabilities(self) -> Capabilities:
        """Say what this machine can do."""
        return Capabilities(arrays=True, accounting=False, time_limit=True, gpus=bool(devices()))

    def submit(self, submission: Submission) -> str:
        """Queue a job and return its id, as `Cluster.submit` says; ids count up from 1 in a workspace."""
        asked = self._asked(submission)
        staged: list[Path] = []
        try:
            with self._numbering() as number:
                indices = range(submission.array) if submission.array is not None else [None]
                names = [number if index is None else f"{number}_{index}" for index in indices]
                for name, index in zip(names, indices, strict=True):
                    staged.append(self.root / f".new-{name}")
                    self._stage(staged[-1], name, index, submission, asked)
                turns = [_lock(directory / "turn.lock") for directory in staged]
                for position, name in enumerate(names):
                    staged[position] = staged[position].rename(self.jobs / name)
            for directory, turn in zip(staged, turns, strict=True):
                _start(directory, turn)
        except (OSError, subprocess.SubprocessError) as error:
            for directory in staged:
                shutil.rmtree(directory, ignore_errors=True)
            raise _refused(error, self.root) from error
        return number

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        """Read the jobs' records, as `Cluster.states` says; of a job whose runner was killed, say so."""
        found = {job_id: self._state(job_id) for job_id in job_ids if re.fullmatch(r"\d+(_\d+)?", job_id)}
        return {job_id: state for job_id, state in found.items() if state is not None}

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        """Look for the jobs with these tokens, newest first, as `Cluster.find` says."""
        wanted: dict[str, list[str]] = {}
        for token in tokens:
            wanted.setdefault(whole_of(token), []).append(token)
        found: dict[str, str] = {}
        for directory in reversed(self._known()):
            asked = local_process.read_record(directory / "job.json") or {}
            if not wanted or asked.get("submitted", since) < since - 3600.0:
                return found
            named = wanted.pop(whole_of(str(asked.get("token"))), [])
            found.update({token: element_of(whole_of(directory.name), like=token) for token in named})
        return found

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask jobs to end (TERM), and make them (KILL) after a grace; pending ones never start."""
        for job_id in job_ids:
            state = self._state(job_id)
            if state is None or state.state in ENDED:
                continue
            directory = self.jobs / job_id
            try:
                (directory / "cancel").touch()
            except OSError as error:
                raise SchedulerError(
                    f"cannot cancel the job: {error.strerror}",
                    where=str(directory),
                    cure="mend that, then cancel again",
                ) from error
            runner = (local_process.read_record(directory / "state.json") or {}).get("runner", {})
            if runner and not _tell(runner):
                local_process.end_orphans(directory)

    def log_path(self, run_dir: Path, job_id: str) -> Path:
        """Return the log of a run's job."""
        return RunDir(run_dir).log(job_id)

    def _known(self) -> list[Path]:
        try:
            found = [path for path in self.jobs.iterdir() if path.name[0].isdigit()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SchedulerError(
                f"cannot read the queue of this machine: {error.strerror}",
                where=str(self.jobs),
                cure="mend its permissions",
            ) from error
        return sorted(found, key=lambda path: local_process.queue_order(path.name))

    @contextmanager
    def _numbering(self) -> Iterator[str]:
        """Give the next job number; nobody else gets one until the block ends."""
        self.jobs.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.root / "queue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for stale in self.root.glob(".new-*"):
                shutil.rmtree(stale, ignore_errors=True)
            newest = max((local_process.queue_order(path.name)[0] for path in self._known()), default=0)
            yield str(newest + 1)
        finally:
            os.close(lock)

    def _asked(self, submission: Submission) -> dict[str, Any]:
        wanted = submission.directives
        if int(str(wanted.get("nodes", 1))) > 1:
            raise SubmitRefused("the local cluster is this one machine", where="--nodes", cure="ask for one node")
        gpus = int(str(wanted.get("gres") or "0").rpartition(":")[2])
        have = devices()
        if have and gpus > len(have):
            raise SubmitRefused(
                f"this machine has {len(have)} GPUs, {gpus} are asked for", where="--gpus", cure="ask for fewer"
            )
        slots = [_slot(index, have) for index in range(self.slots or len(have) or 1)]
        signal_name, _, lead = str(wanted.get("signal") or "").rpartition("@")
        return {
            "run_dir": str(submission.run_dir),
            "host": os.uname().nodename,
            "submitted": time.time(),
            "limit_s": seconds(str(wanted["time"])) if wanted.get("time") else None,
            "warning_s": int(lead) if lead else None,
            "warn_main": signal_name.startswith("B:"),
            "kill_wait_s": self.kill_wait_s,
            "slot_dir": str(self.root / "slots" / os.uname().nodename),
            "slots": slots,
            "need": min(max(gpus, 1), len(slots)) if have else 1,
        }

    def _stage(self, place: Path, name: str, index: int | None, submission: Submission, asked: dict[str, Any]) -> None:
        place.mkdir()
        shutil.copyfile(submission.script, place / "script")
        (place / "reserve").write_bytes(bytes(4096))
        token, log = element_of(submission.token, like=name), submission.log_of(name)
        own = {"token": token, "index": index, "log": str(log)}
        local_process.write_record(place / "job.json", {**asked, **own})

    def _state(self, job_id: str) -> JobState | None:
        directory = self.jobs / job_id
        asked = local_process.read_record(directory / "job.json")
        if asked is None:
            return None
        told = local_process.read_record(directory / "state.json") or {"state": "pending"}
        if told["state"] in {"pending", "running"} and asked["host"] == os.uname().nodename:
            told = _checked(directory, told)
        return JobState(
            job_id=job_id,
            state=State(told["state"]),
            at=time.time(),
            source="local",
            exit_code=told.get("exit_code"),
            signal=told.get("signal"),
            node=told.get("node"),
            reason=told.get("reason"),
            started=told.get("started"),
            ended=told.get("ended"),
            token=asked["token"],
        )


def slots(wanted: int | None) -> int:
    """Return how many jobs run at a time here: as many as `slots:` says, else one for each GPU, or one."""
    return wanted or len(devices()) or 1


def devices() -> list[str]:
    """Return the GPUs that jobs may use: CUDA_VISIBLE_DEVICES, else all that nvidia-smi counts, else none."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    present = (
        [line.strip() for line in done.stdout.splitlines() if line.strip().isdigit()] if done.returncode == 0 else []
    )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [word.strip() for word in visible.split(",") if word.strip()] if visible and present else present


def _slot(index: int, have: Sequence[str]) -> tuple[str, str | None]:
    if not have:
        return f"cpu-{index}", None
    device = have[index % len(have)]
    return f"gpu-{re.sub(r'[^A-Za-z0-9-]', '-', device)}-{index // len(have)}", device


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _start(directory: Path, turn: int) -> None:
    """Start the job's runner and hand it the lock on its place in the queue."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(_LEAKS)}
    package = str(Path(__file__).absolute().parents[2])
    runner = [sys.executable, "-I", "-S", "-c", _RUNNER, package, str(directory), str(turn)]
    try:
        with (directory / "runner.log").open("ab") as log:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            subprocess.run(runner, env=env, cwd="/", pass_fds=[turn], timeout=60, check=True, **streams)
    finally:
        os.close(turn)


def _checked(directory: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a job that has not ended, or its true end where its runner is gone."""
    runner = told.get("runner")
    if local_process.alive(runner) if runner else local_process.locked(directory / "turn.lock"):
        return told
    told = local_process.read_record(directory / "state.json") or told
    if told["state"] not in {"pending", "running"} or (not runner and "runner" in told):
        return told
    if local_process.running_members(directory):
        return {**told, "reason": "the process that watched this job was killed; the job goes on"}
    if (directory / "cancel").exists():
        return {**told, "state": "cancelled", "reason": "cancelled"}
    rebooted = runner is not None and runner.get("boot") != local_process.boot_id()
    why = "this machine was restarted" if rebooted else "the process that watched this job was killed"
    return {**told, "state": "node_fail", "reason": why}


def _tell(runner: Mapping[str, Any]) -> bool:
    """Ask a runner to end its job; False where it is gone."""
    try:
        process = os.pidfd_open(int(runner["pid"]))
    except OSError:
        return False
    try:
        if not local_process.alive(runner):
            return False
        signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return False
    finally:
        os.close(process)
    return True


def _refused(error: Exception, root: Path) -> SubmitRefused:
    what = getattr(error, "strerror", None) or str(error)
    where = getattr(error, "filename", None)
    with suppress(TypeError):
        where = os.fsdecode(where) if where is not None else str(root)
    return SubmitRefused(
        f"the job could not be queued on this machine: {what}",
        where=str(where),
        cure="free space there, mend its permissions, or take a workspace on a local disk; then `arctl rerun`",
    )
