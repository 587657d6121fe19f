"""One job on this machine, from its turn in the queue to its last word: started detached for each job, no daemon.

It runs on the standard library alone (`python -I -S`, see `local._start`): it waits for earlier jobs and for free
slots, runs the script, warns and ends it at its time limit, and records how it ended.
Who it waits for is decided by file locks, which the kernel lets go when a process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arctl.clusters.local_process import (
    MARK,
    identity,
    locked,
    queue_order,
    read_record,
    running_members,
    send,
    write_record,
)

POLL_S = 0.1
SLOWEST_POLL_S = 1.0
LAST_WORD_RETRIES = 120
SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


class Job:
    """A job as its runner sees it."""

    def __init__(self, job_dir: Path, turn: int) -> None:
        self.dir = job_dir
        self.turn = turn
        self.asked: dict[str, Any] = read_record(job_dir / "job.json") or {}
        self.record: dict[str, object] = {"state": "pending", "runner": identity(os.getpid())}
        own = queue_order(job_dir.name)
        others = [place for place in job_dir.parent.iterdir() if place.name[0].isdigit()]
        self.earlier = [place for place in others if queue_order(place.name) < own]
        self.slots: list[int] = []
        self.devices: list[str] = []

    def run(self) -> None:
        """Live the job's whole life; every way out leaves a record."""
        try:
            self.save()
            if self.wait_until(self.is_first) and self.wait_until(self.take_slots):
                self.leave_queue()
                self.work()
            else:
                self.end("cancelled", reason="cancelled while pending")
        except InterruptedError as error:
            self.end("node_fail", reason=error.strerror)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            self.end("failed", reason=f"could not be started: {error.strerror}{where}")

    def save(self, **changes: object) -> None:
        """Record what is known now."""
        self.record.update(changes)
        write_record(self.dir / "state.json", self.record)

    def cancelled(self) -> bool:
        """Say whether somebody has asked for the job's end."""
        return (self.dir / "cancel").exists()

    def wait_until(self, ready: Callable[[], bool]) -> bool:
        """Wait, first eagerly and then patiently; False where the job is cancelled before its turn."""
        pause = POLL_S
        while not self.cancelled():
            if ready():
                return True
            stop = signal.sigtimedwait(SIGNALS, pause)
            if stop is not None and stop.si_signo == signal.SIGTERM and not self.cancelled():
                raise InterruptedError(errno.EINTR, "its runner was told to stop (the machine goes down?)")
            pause = min(pause * 1.2, SLOWEST_POLL_S)
        return False

    def is_first(self) -> bool:
        """Say whether no earlier job of this machine still waits."""
        self.earlier = [place for place in self.earlier if locked(place / "turn.lock")]
        return not self.earlier

    def take_slots(self) -> bool:
        """Lock as many slots as the job needs, each on another device, or none."""
        root = Path(self.asked["slot_dir"])
        root.mkdir(parents=True, exist_ok=True)
        for name, device in self.asked["slots"]:
            if len(self.slots) == self.asked["need"] or (device and device in self.devices):
                continue
            descriptor = os.open(root / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self.slots.append(descriptor)
            self.devices += [device] if device else []
        if len(self.slots) == self.asked["need"]:
            return True
        for descriptor in self.slots:
            os.close(descriptor)
        self.slots, self.devices = [], []
        return False

    def leave_queue(self) -> None:
        """Let the next job in the queue have its turn."""
        with contextlib.suppress(FileNotFoundError):
            (self.dir / "turn.lock").unlink()
        os.close(self.turn)

    def work(self) -> None:
        """Run the script to its end, whoever brings it about."""
        with Path(self.asked["log"]).open("ab") as log:
            process = subprocess.Popen(
                ["/bin/bash", str(self.dir / "script")],
                cwd=self.asked["run_dir"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.slots,
                preexec_fn=_unblock,
            )
            began = time.monotonic()
            self.record.update(state="running", started=time.time(), main=identity(process.pid))
            with contextlib.suppress(OSError):  # A full disk is no reason to leave the job alone.
                self.save(node=os.uname().nodename)
            ending = self.watch(process, began)
            self.clear(grace=1.0)
            if ending is not None:
                with contextlib.suppress(OSError):
                    os.write(log.fileno(), f"\narctl: job {self.dir.name} {_ENDINGS[ending]}\n".encode())
        self.last_word(process.returncode, ending)

    def environment(self) -> dict[str, str]:
        """Return what the script finds in its environment."""
        own = {"ARCTL_JOB_ID": self.dir.name, "ARCTL_RESTART_COUNT": "0", MARK: str(self.dir)}
        if self.asked["index"] is not None:
            own["ARCTL_ARRAY_INDEX"] = str(self.asked["index"])
        if self.devices:
            own["CUDA_VISIBLE_DEVICES"] = ",".join(self.devices)
        return {**os.environ, **own}

    def watch(self, process: subprocess.Popen[bytes], began: float) -> str | None:
        """Wait for the end; return who ended the job: `cancelled`, `timeout`, `stopped`, or None for itself."""
        limit, lead, grace = self.asked["limit_s"], self.asked["warning_s"], float(self.asked["kill_wait_s"])
        warn_at = began + limit - lead if limit and lead else None
        stop_at = began + limit if limit else None
        kill_at: float | None = None
        ending = "cancelled" if self.cancelled() else None
        while process.poll() is None:
            now = time.monotonic()
            if warn_at is not None and now >= warn_at:
                self.warn(process.pid)
                warn_at = None
            if kill_at is None and (ending is not None or (stop_at is not None and now >= stop_at)):
                ending = ending or "timeout"
                send(self.dir, signal.SIGTERM)
                kill_at = now + grace
            elif kill_at is not None and now >= kill_at:
                send(self.dir, signal.SIGKILL)
                kill_at = now + 1.0
            next_at = min(at for at in (warn_at, kill_at or stop_at, now + 3600.0) if at is not None)
            told = signal.sigtimedwait(SIGNALS, max(0.0, next_at - time.monotonic()))
            if told is not None and told.si_signo == signal.SIGTERM and ending is None:
                ending = "cancelled" if self.cancelled() else "stopped"
        return ending

    def warn(self, main: int) -> None:
        """Tell the script's own process (`B:`), or all that it has started, that the time limit is near."""
        if self.asked["warn_main"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(main, signal.SIGUSR2)
        else:
            send(self.dir, signal.SIGUSR2, but=main)

    def clear(self, *, grace: float) -> None:
        """End what the script has left behind, so that the slots are really free."""
        deadline = time.monotonic() + grace
        sig = signal.SIGTERM
        while running_members(self.dir):
            send(self.dir, sig)
            time.sleep(0.05)
            if time.monotonic() > deadline:
                sig = signal.SIGKILL
            if time.monotonic() > deadline + 10.0:
                return

    def last_word(self, returncode: int, ending: str | None) -> None:
        """Record how the job ended."""
        code = returncode if returncode >= 0 else None
        died_of = -returncode if returncode < 0 else None
        if ending is not None:
            state = "node_fail" if ending == "stopped" else ending
            self.end(state, exit_code=code, signal=died_of, reason=_ENDINGS[ending])
        elif returncode == 0:
            self.end("completed", exit_code=0)
        else:
            reason = f"killed by signal {died_of}" if died_of else f"exit status {code}"
            self.end("failed", exit_code=code, signal=died_of, reason=reason)

    def end(self, state: str, **facts: object) -> None:
        """Record the end, again and again while the disk is full: nothing else knows it."""
        for _ in range(LAST_WORD_RETRIES):
            try:
                self.save(state=state, ended=time.time(), **facts)
            except OSError:
                with contextlib.suppress(OSError):
                    (self.dir / "reserve").unlink()
                time.sleep(1.0)
            else:
                return


_ENDINGS = {
    "cancelled": "cancelled",
    "timeout": "reached its time limit",
    "stopped": "was stopped with its runner (the machine goes down?)",
}


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main(job_dir: str, turn: str) -> None:
    """Leave the terminal and the process that submits, then live the job's life."""
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.set_inheritable(int(turn), False)
    Job(Path(job_dir), int(turn)).run()
