"""Why a run ended: pure rules over what scheduler, trainer and log left behind.

What the scheduler says of limits, nodes and cancelling goes first, then the trainer's own last word, then the log, then
bare exit statuses. Nothing is guessed: what no rule knows is shown as it is.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import replace

from arctl.autopsy.diagnosis import Case, Cause, Diagnosis, Evidence
from arctl.autopsy.remedies import remedies
from arctl.autopsy.symptoms import deciding, size_text
from arctl.states import State
from arctl.text import safe_line

_ENDED = re.compile(r"\*\*\* (?:JOB|STEP) \S+ ON \S+ CANCELLED AT \S+(?: DUE TO ([A-Z ]+))?")
_RESTARTS = ("JOB REQUEUE", "PREEMPTION", "NODE FAILURE")
_TO_STATE = {"TIME LIMIT": State.TIMEOUT, "PREEMPTION": State.PREEMPTED, "NODE FAILURE": State.NODE_FAIL}
_NOT_OPENED = 53
"""Slurm's exit `0:53`: the job's output could not be opened."""


def diagnose(case: Case) -> Diagnosis:
    """Return why a run ended, with evidence and remedies."""
    case = _since_restart(case)
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return replace(found, remedies=remedies(found, case))
    found = _unknown(case)
    return replace(found, remedies=remedies(found, case))


def one_line(case: Case) -> str:
    """Return why a run ended as lists show it: the sentence, or the log's last line where no rule knows the cause."""
    found = diagnose(case)
    last = next((line.strip() for line in reversed(case.lines) if line.strip()), None)
    return last if found.cause is Cause.UNKNOWN and last else found.sentence


def _since_restart(case: Case) -> Case:
    """Leave out what the log holds of earlier starts of the same job."""
    cuts = [
        index + 1
        for index, line in enumerate(case.lines[:-1])
        if (match := _ENDED.search(line)) and match[1] and match[1].startswith(_RESTARTS)
    ]
    rest = case.lines[cuts[-1] :] if cuts else case.lines
    if not cuts or not any(line.strip() for line in rest):
        return case
    return replace(case, lines=rest, first=case.first + cuts[-1] if case.first else 0)


def _last_word(case: Case) -> tuple[str | None, Evidence | None]:
    """Return why Slurm's node daemon ended the job, from its line in the log."""
    for index in range(len(case.lines) - 1, -1, -1):
        if match := _ENDED.search(case.lines[index]):
            return (match[1] or "").strip(), case.line(index)
        if "arctl: job " in case.lines[index]:
            return case.lines[index], case.line(index)
    return None, None


def _refused(case: Case) -> Diagnosis | None:
    if case.state is not State.REFUSED:
        return None
    what = case.message or "it gave no reason"
    return Diagnosis(Cause.REFUSED, f"the job was not queued: {what}", (Evidence("runs.db", None, what),))


def _cancelled(case: Case) -> Diagnosis | None:
    if case.state is not State.CANCELLED:
        return None
    word, line = _last_word(case)
    told = [line] if line else []
    if case.accounts is not None:
        told.append(Evidence("sacct", None, case.accounts.word))
    when = "before it started" if case.elapsed is None else _at(case)
    if case.cancelled is not None:
        own = Evidence("run.yaml", None, "cancelled: arctl was asked to cancel it")
        return Diagnosis(Cause.CANCELLED, f"it was cancelled with arctl {when}".rstrip(), (own, *told))
    if case.accounts is not None and case.accounts.by:
        return Diagnosis(
            Cause.CANCELLED, f"{case.accounts.by} cancelled it {when}".rstrip() + ", outside of arctl", tuple(told)
        )
    nobody = case.accounts is not None and case.accounts.word == "CANCELLED" and word is None
    if nobody and case.dependency and case.log is None:
        told.append(Evidence("job.sbatch", None, f"--dependency={case.dependency}"))
        sentence = f"Slurm dropped it: the job it depended on ({case.dependency}) did not end as it must"
        return Diagnosis(Cause.DEPENDENCY, sentence, tuple(told))
    if nobody and case.elapsed is not None and case.log is not None:
        return Diagnosis(Cause.LOST, "Slurm's controller lost the job: nobody cancelled it", tuple(told))
    return Diagnosis(Cause.CANCELLED, f"it was cancelled {when}".rstrip() + ", outside of arctl", tuple(told))


def _ended_by_slurm(case: Case) -> Diagnosis | None:
    """Time limit, preemption, node failure: the scheduler's word, or its line in the log."""
    word, line = _last_word(case)
    state = next((state for key, state in _TO_STATE.items() if (word or "").startswith(key)), case.state)
    if state not in _TO_STATE.values() or case.state is State.COMPLETED:
        return None
    if state is State.TIMEOUT and line is None and (case.end_message or "").startswith("preempted"):
        state = State.PREEMPTED
    told = [line] if line else []
    if case.ended == "interrupted":
        told.append(case.end())
    if case.said or not told:
        told.append(Evidence(case.cluster, None, case.said or str(case.state).upper()))
    stopped = re.search(r"stopped by (SIG\w+)", case.end_message or "")
    if state is State.TIMEOUT and line is None and stopped and stopped[1] != "SIGUSR2":
        return Diagnosis(Cause.SIGNAL, f"it was told to stop ({stopped[1]}) and saved its state", tuple(told))
    if state is State.TIMEOUT:
        limit = str(case.asked.get("time") or "")
        limit = f" of {limit} min" if limit.isdecimal() else f" of {limit}" if limit else ""
        failed = ", and could not be queued again" if "could not be queued again" in (case.end_message or "") else ""
        return Diagnosis(
            Cause.TIME_LIMIT, f"it reached its time limit{limit} {_at(case)}".rstrip() + failed, tuple(told)
        )
    if state is State.PREEMPTED:
        return Diagnosis(Cause.PREEMPTED, f"a job of higher priority took its place {_at(case)}".rstrip(), tuple(told))
    what = f"its node {case.node} failed" if case.node and case.cluster != "local" else "this machine gave it up"
    return Diagnosis(Cause.NODE_FAILURE, f"{what} {_at(case)}".rstrip(), tuple(told))


def _out_of_memory(case: Case) -> Diagnosis | None:
    if case.state is not State.OUT_OF_MEMORY:
        return None
    symptom = deciding(case.lines)
    told = [case.line(symptom.index)] if symptom and symptom.cause is Cause.MEMORY else []
    told.append(Evidence("slurm", None, "OUT_OF_MEMORY"))
    peak = case.accounts.peak if case.accounts else None
    asked = case.asked.get("mem") or (case.accounts.granted if case.accounts else None)
    used = f" (at most {size_text(peak)} were seen, {asked} asked for)" if peak and asked else ""
    return Diagnosis(Cause.MEMORY, f"the job used more memory than it had asked for{used}", tuple(told))


def _no_log(case: Case) -> Diagnosis | None:
    if case.log is not None or case.signal != _NOT_OPENED:
        return None
    where = f" on {case.node}" if case.node else ""
    told = Evidence(case.cluster, None, "exit 0:53, and no log")
    return Diagnosis(Cause.NO_LOG, f"the job could not open its log: is the run directory there{where}?", (told,))


def _told_by_trainer(case: Case) -> Diagnosis | None:
    """Read the trainer's own end record; where it is only a consequence the log may know more."""
    if case.ended != "failed" or not case.end_message:
        return None
    symptom = deciding([case.end_message])
    vague = symptom is not None and (symptom.rank == 2 or symptom.cause is Cause.WORKER)
    logged = deciding(case.lines) if vague else None
    if logged is not None and logged.rank == 0 and not logged.generic and logged.cause is not Cause.WORKER:
        return Diagnosis(logged.cause, logged.sentence, (case.line(logged.index), case.end()))
    if symptom is not None and not symptom.generic:
        return _worker(Diagnosis(symptom.cause, _with_values(symptom.sentence, symptom.cause, case), (case.end(),)))
    cause = {2: Cause.CONFIG, 5: Cause.DATA}.get(case.exit_code or 0, Cause.PYTHON)
    what = re.sub(r" \([^()]*(?:\([^()]*\)[^()]*)*\)$", "", case.end_message)
    return Diagnosis(cause, safe_line(what, limit=300), (case.end(),))


def _told_by_log(case: Case) -> Diagnosis | None:
    symptom = deciding(case.lines)
    if symptom is None or case.state is State.COMPLETED:
        return None
    told = [case.line(symptom.index), *_own_code(case, symptom.index)]
    found = Diagnosis(symptom.cause, _with_values(symptom.sentence, symptom.cause, case), tuple(told))
    return _worker(found)


def _told_by_status(case: Case) -> Diagnosis | None:
    """Read a bare exit status or signal."""
    code, number = case.exit_code, case.signal
    told = Evidence(case.cluster, None, f"exit status {code}" if number is None else f"signal {number}")
    less = number is None and case.cluster == "slurm" and code in _LESS
    if number is None and code is not None and (code > 128 or less):
        number = code % 128
    if number is not None and number in {int(one) for one in signal.Signals}:
        name = signal.Signals(number).name
        how = f"exit status {code}, which Slurm also writes for {number + 128}, that is " if less else ""
        what = f"it was ended by {how}{name}{_MEANING.get(name, '')}"
        return Diagnosis(Cause.SIGNAL, what.replace("by exit", "with exit"), (told, *_tail(case)))
    if code not in _STATUS:
        return None
    cause, sentence = _STATUS[code]
    return Diagnosis(cause, sentence, (told, *_tail(case)))


def _no_end(case: Case) -> Diagnosis | None:
    if case.exit_code != 0 or case.ended is not None or not case.trainer:
        return None
    what = "the job ended well, but the trainer wrote no end record"
    return Diagnosis(Cause.NO_END, what, (Evidence(case.cluster, None, "exit status 0"), *_tail(case)))


def _unknown(case: Case) -> Diagnosis:
    how = f"signal {case.signal}" if case.signal else f"exit status {case.exit_code}"
    if case.exit_code is None and not case.signal:
        how = case.said or str(case.state)
    what = "wrote no log" if case.log is None else "says nothing that arctl knows" if case.lines else "wrote nothing"
    told = Evidence(case.cluster, None, how)
    return Diagnosis(Cause.UNKNOWN, f"it ended with {how} and {what}", (*_tail(case), told))


def _tail(case: Case) -> list[Evidence]:
    last = [index for index, line in enumerate(case.lines) if line.strip()][-3:]
    return [case.line(index) for index in last]


def _at(case: Case) -> str:
    """Return how far the run was: `at epoch 31 of 50`."""
    if case.epoch is None:
        return "before its first epoch was done" if case.trainer and case.epochs else ""
    return f"at epoch {int(case.epoch)}" + (f" of {case.epochs}" if case.epochs else "")


def _with_values(sentence: str, cause: Cause, case: Case) -> str:
    """Name the setting that a cause hangs on; a file in the job's copy of the code goes by its own name."""
    copied = re.fullmatch(r"\S*/\.arctl/code/[0-9a-f]+/tree/(.+) does not exist", sentence)
    if copied:
        return f"{copied[1]} is not in the copy of the code that the job runs"
    key = {Cause.GPU_MEMORY: "data.batch_size", Cause.NOT_FINITE: "optim.lr"}.get(cause)
    value = case.config.get(key) if key else None
    return (
        sentence
        if value is None
        else f"{sentence}, with {key}={value:g}"
        if isinstance(value, int | float)
        else sentence
    )


def _worker(found: Diagnosis) -> Diagnosis:
    """Say what a killed data worker most often means."""
    if found.cause is not Cause.WORKER:
        return found
    if "Bus error" in found.sentence:
        return replace(
            found, cause=Cause.SHARED_MEMORY, sentence=f"{found.sentence}, most often because /dev/shm was full"
        )
    if "Killed" in found.sentence:
        return replace(found, sentence=f"{found.sentence.removesuffix(': Killed')}, most often for want of memory")
    return found


def _own_code(case: Case, index: int) -> list[Evidence]:
    """Return the last line of the traceback that is in nobody's package."""
    for place in range(index - 1, max(-1, index - 60), -1):
        line = case.lines[place]
        if "Traceback (most recent call last)" in line:
            break
        if re.search(r'File "[^"<]+", line \d+', line) and not re.search(r"/(?:site|dist)-packages/|/lib/python", line):
            return [case.line(place)]
    return []


_LESS = frozenset({9, 11})
"""Statuses that accounting writes for 128 more, and that programs seldom choose: a shell's word on a signal."""

_MEANING = {
    "SIGKILL": ", without a word: most often for want of memory",
    "SIGBUS": ", most often because /dev/shm or a disk was full",
    "SIGSEGV": ": a library crashed",
    "SIGABRT": ": a library gave up",
    "SIGILL": ": a program was built for another CPU",
    "SIGUSR2": ", the warning before the time limit, which it did not expect",
    "SIGUSR1": ", a warning that it did not expect",
}
_STATUS = {
    96: (Cause.MODULES, "a module or the environment of arctl.yaml could not be loaded"),
    97: (Cause.WORKDIR, "the workspace or the run directory is missing on the node"),
    98: (Cause.SUPERSEDED, "another start of the trainer had taken over this run"),
    126: (Cause.NOT_EXECUTABLE, "a program could not be executed"),
    127: (Cause.NOT_FOUND, "a program was not found"),
}
_RULES: tuple[Callable[[Case], Diagnosis | None], ...] = (
    _refused,
    _cancelled,
    _ended_by_slurm,
    _out_of_memory,
    _no_log,
    _told_by_trainer,
    _told_by_log,
    _told_by_status,
    _no_end,
)
