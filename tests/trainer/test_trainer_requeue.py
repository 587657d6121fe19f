"""What the trainer does about its Slurm job when a signal comes: the decision, and the process with a scontrol of ours.

The real thing is in tests/slurm/test_slurm_living.py; here are the answers that a real Slurm cannot be made to give.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.trainer.test_trainer_kill import begin, ended, steps_written, until
from tests.trainer.videos import events, make_run, make_set, of_kind
from trainer import attempt
from trainer.requeue import PREEMPTION, TIME_LIMIT, Act, Said, decide, read_job, slurm_job, times_asked

LONG = ["train.epochs=400", "optim.warmup_epochs=1", "train.patience=null", "data.workers=0"]
LINE = (
    "JobId=22 JobName=n PreemptTime=2026-01-01T00:00:00 UserId=me(0) GroupId=me(0) Priority=4294901744 Nice=0 "
    "QOS=normal JobState={state} Reason=None Dependency=(null) Requeue={requeue} Restarts={restarts} BatchFlag=1 "
    "ExitCode=0:0 RunTime={run} TimeLimit={limit} TimeMin=N/A StartTime=2026-11-21T05:38:52 "
    "EndTime=2026-11-21T05:39:52 PreemptEligibleTime=2026-11-21T05:38:52 PreemptTime={preempt} NodeList=gpu2"
)
USUAL = {
    "state": "RUNNING",
    "requeue": "1",
    "restarts": "0",
    "run": "00:00:36",
    "limit": "00:01:00",
    "preempt": "None",
}


def line(**changes: str) -> str:
    return LINE.format(**{**USUAL, **changes})


NEAR, FAR = read_job(line()), read_job(line(limit="1-00:00:00"))
TAKEN = read_job(line(limit="01:00:00", preempt="2026-11-21T05:38:56"))


def test_what_slurm_says_is_read_and_a_name_cannot_lie() -> None:
    assert Said(running=True, preempted=False, allowed=True, restarts=0, left_s=24, limit_s=60) == NEAR
    assert FAR is not None and (FAR.left_s, FAR.limit_s) == (86400 - 36, 86400)
    assert TAKEN is not None and TAKEN.preempted
    ending = read_job(line(state="COMPLETING", restarts="1", requeue="0", limit="UNLIMITED"))
    assert ending is not None and (ending.running, ending.allowed, ending.restarts) == (False, False, 1)
    assert ending.left_s == float("inf")
    assert read_job("slurm_load_jobs error: Invalid job id specified\n") is None
    assert read_job("") is None


@pytest.mark.parametrize(
    ("said", "signals", "asked", "most", "wanted"),
    [
        (NEAR, "warned", 0, 3, (Act.ASK, TIME_LIMIT)),
        (NEAR, "warned", 2, 3, (Act.ASK, TIME_LIMIT)),
        (NEAR, "warned", 3, 3, (Act.LIMIT, TIME_LIMIT)),
        (NEAR, "warned", 0, 0, (Act.LEAVE, TIME_LIMIT)),
        (read_job(line(requeue="0")), "warned", 0, 3, (Act.LEAVE, TIME_LIMIT)),
        (NEAR, "told", 0, 3, (Act.LEAVE, None)),
        (FAR, "warned", 0, 3, (Act.LEAVE, None)),
        (read_job(line(limit="UNLIMITED")), "warned", 0, 3, (Act.LEAVE, None)),
        (read_job(line(limit="10:00:00", run="08:00:00")), "warned", 0, 3, (Act.ASK, TIME_LIMIT)),
        (TAKEN, "warned", 3, 3, (Act.ASK, PREEMPTION)),
        (TAKEN, "warned", 0, 0, (Act.ASK, PREEMPTION)),
        (TAKEN, "told", 0, 3, (Act.ASK, PREEMPTION)),
        (read_job(line(preempt="2026-11-21T05:38:56", requeue="0")), "warned", 0, 3, (Act.LEAVE, PREEMPTION)),
        (read_job(line(state="COMPLETING")), "told", 0, 3, (Act.LEAVE, None)),
        (read_job(line(state="COMPLETING", preempt="2026-11-21T05:38:56")), "told", 0, 3, (Act.LEAVE, PREEMPTION)),
        (read_job(line(restarts="1")), "warned", 0, 3, (Act.LEAVE, None)),
        (None, "warned", 0, 3, (Act.STAY, None)),
        (None, "told", 0, 3, (Act.LEAVE, None)),
        (None, "warned told", 0, 3, (Act.LEAVE, None)),
    ],
)
def test_the_decision(said: Said | None, signals: str, asked: int, most: int, wanted: tuple[Act, str | None]) -> None:
    warned, told = "warned" in signals, "told" in signals
    assert decide(said, restart=0, warned=warned, told=told, asked=asked, most=most) == wanted


def test_only_a_slurm_job_of_its_own_is_asked_for(tmp_path: Path) -> None:
    mine = attempt.claim(tmp_path, env={"ARCTL_JOB_ID": "80_1", "SLURM_JOB_ID": "81"})
    element = {"SLURM_JOB_ID": "81", "SLURM_ARRAY_JOB_ID": "80", "SLURM_ARRAY_TASK_ID": "1"}
    assert slurm_job(mine, element) == "80_1", "an element, never its raw id: the last one's is that of the array"
    assert slurm_job(mine, {"SLURM_JOB_ID": "81"}) is None, "a local job inside an allocation"
    assert slurm_job(mine, {}) is None
    assert slurm_job(None, element) is None


def past(run_dir: Path, name: str, *ends: dict[str, str]) -> None:
    place = run_dir / "attempts" / name
    place.mkdir(parents=True)
    found = [{"seq": 0, "t": 1.0, "kind": "start"}, *({"seq": 1, "t": 2.0, "kind": "end", **end} for end in ends)]
    (place / "events.jsonl").write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in found))


def test_what_counts_against_the_limit(tmp_path: Path) -> None:
    asked = {"requeue": "asked", "cause": TIME_LIMIT}
    past(tmp_path, "7.0", asked)
    past(tmp_path, "7.1", {"requeue": "asked", "cause": PREEMPTION})
    past(tmp_path, "7.2", asked, {"requeue": "failed", "cause": TIME_LIMIT})
    past(tmp_path, "7.3")
    past(tmp_path, "8.0", asked)
    past(tmp_path, "7_1.0", asked)
    assert times_asked(tmp_path, "7") == 1, "failed requests do not count, nor preemptions, nor other jobs"
    with (tmp_path / "attempts/7.0/events.jsonl").open("ab") as torn:
        torn.write(b'{"seq":9,"kind":"end"')
    assert times_asked(tmp_path, "7") == 1, "a torn line says nothing"
    assert (times_asked(tmp_path, "7_1"), times_asked(tmp_path, "9")) == (1, 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "noise")


class Slurm:
    """A directory for PATH with a scontrol that says what a test wants, and notes what it is asked."""

    def __init__(self, place: Path, run_dir: Path) -> None:
        self.place, self.run_dir = place, run_dir
        place.mkdir()
        self.say(line())

    def say(self, shown: str, *, requeue: str = "exit 0") -> None:
        script = f"""#!/bin/bash
echo "$*" >> {self.place}/asked
if [ "$1" = requeue ]; then
    cat {self.run_dir}/attempts/7.*/events.jsonl > {self.place}/written
    {requeue}
fi
echo "{shown}"
"""
        (self.place / "scontrol").write_text(script)
        (self.place / "scontrol").chmod(0o755)

    def begin(self, *, restart: int = 0, path: str = os.environ["PATH"]) -> subprocess.Popen[str]:
        count = {"SLURM_RESTART_COUNT": str(restart), "ARCTL_MAX_REQUEUES": "2"}
        return begin(self.run_dir, job="7", SLURM_JOB_ID="7", PATH=f"{self.place}:{path}", **count)

    def asked(self) -> list[str]:
        path = self.place / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def ends(self, name: str = "7.0") -> list[tuple[object, ...]]:
        found = of_kind(events(self.run_dir, name), "end")
        return [(end["exit_code"], end.get("requeue"), end.get("cause")) for end in found]


@pytest.fixture
def slurm(root: Path, tmp_path: Path) -> Slurm:
    return Slurm(tmp_path / "bin", make_run(tmp_path / "run", root, *LONG))


def test_signals_every_50_ms_make_one_checkpoint_one_end_one_requeue(slurm: Slurm) -> None:
    child = slurm.begin()
    until(lambda: steps_written(slurm.run_dir, "7.0") > 3, child)
    before = len(of_kind(events(slurm.run_dir), "checkpoint"))
    while child.poll() is None:
        os.killpg(child.pid, signal.SIGUSR2)
        time.sleep(0.05)
    code, errors = ended(child)
    assert code == 143, errors
    assert "24 s before the time limit at step" in errors and "queued again (requeue 1 of 2)" in errors
    found = events(slurm.run_dir)
    steps = [event["step"] for event in of_kind(found, "checkpoint")[before:]]
    assert len(steps) == len(set(steps)), "no step is saved twice"
    assert [event["kind"] for event in found[-2:]] == ["checkpoint", "end"]
    assert slurm.ends() == [(143, "asked", TIME_LIMIT)]
    assert slurm.asked() == ["--oneliner show job 7", "requeue 7"]
    assert '"kind":"end"' in (slurm.place / "written").read_text(), "Slurm may end the job before it answers"


def test_what_was_saved_at_the_end_of_an_epoch_is_not_saved_again(slurm: Slurm, root: Path) -> None:
    # An epoch is a step and nothing is evaluated: every stop comes behind a save.
    make_run(slurm.run_dir, root, *LONG, "data.batch_size=64", "train.eval_every=1000")
    child = slurm.begin()
    until(lambda: steps_written(slurm.run_dir, "7.0") > 3, child)
    os.kill(child.pid, signal.SIGUSR2)
    assert ended(child)[0] == 143
    steps = [event["step"] for event in of_kind(events(slurm.run_dir), "checkpoint")]
    assert steps == list(range(1, len(steps) + 1))


def test_at_the_limit_and_after_scancel_nothing_is_asked(slurm: Slurm) -> None:
    for restart in (0, 1):
        past(slurm.run_dir, f"7.{restart}", {"requeue": "asked", "cause": TIME_LIMIT})
    child = slurm.begin(restart=2)
    slurm.say(line(restarts="2"))
    until(lambda: steps_written(slurm.run_dir, "7.2") > 3, child)
    os.kill(child.pid, signal.SIGUSR2)
    code, errors = ended(child)
    assert code == 143 and "its requeues are used up (2 of 2)" in errors
    assert slurm.ends("7.2") == [(143, "limit", TIME_LIMIT)]
    child = slurm.begin(restart=3)
    slurm.say(line(restarts="3", state="COMPLETING"))
    until(lambda: steps_written(slurm.run_dir, "7.3") > 3, child)
    os.kill(child.pid, signal.SIGTERM)
    assert ended(child)[0] == 143
    assert slurm.ends("7.3") == [(143, None, None)]
    assert set(slurm.asked()) == {"--oneliner show job 7"}


def test_a_refused_requeue_is_status_75_and_one_that_took_effect_is_not(slurm: Slurm) -> None:
    slurm.say(line(), requeue="echo 'Job/step already completing' >&2; kill -TERM $PPID; sleep 0.5; exit 1")
    child = slurm.begin()
    until(lambda: steps_written(slurm.run_dir, "7.0") > 3, child)
    os.kill(child.pid, signal.SIGUSR2)
    code, errors = ended(child)
    assert code == 75 and "could not be queued again (Job/step already completing)" in errors
    assert slurm.ends() == [(143, "asked", TIME_LIMIT), (75, "failed", TIME_LIMIT)]
    assert times_asked(slurm.run_dir, "7") == 0
    switch = f"sed -i s/Restarts=1/Restarts=2/ {slurm.place}/scontrol; kill -TERM $PPID; kill -TERM $$"
    slurm.say(line(restarts="1"), requeue=switch)
    child = slurm.begin(restart=1)
    until(lambda: steps_written(slurm.run_dir, "7.1") > 3, child)
    os.kill(child.pid, signal.SIGUSR2)
    assert ended(child)[0] == 143
    assert slurm.ends("7.1") == [(143, "asked", TIME_LIMIT)], "scontrol itself was killed by the requeue"


def test_where_nobody_can_say_why_it_saves_and_stays_until_it_is_told(slurm: Slurm) -> None:
    (slurm.place / "scontrol").unlink()
    child = slurm.begin(path="/nowhere")
    until(lambda: steps_written(slurm.run_dir, "7.0") > 3, child)
    os.kill(child.pid, signal.SIGUSR2)
    until(lambda: bool(slurm.ends()), child)
    assert slurm.ends() == [(75, "failed", None)]
    time.sleep(1)
    assert child.poll() is None, "a preempted job that exits by itself is not queued again"
    os.kill(child.pid, signal.SIGTERM)
    code, errors = ended(child)
    assert code == 75 and "there is no scontrol here" in errors
    assert len(slurm.ends()) == 1


def test_a_run_at_its_end_asks_for_nothing(root: Path, slurm: Slurm) -> None:
    make_run(slurm.run_dir, root, *LONG, "train.max_steps=6")
    child = slurm.begin()
    until(lambda: steps_written(slurm.run_dir, "7.0") > 0, child)
    deadline = time.monotonic() + 60
    while not any(event["step"] >= 6 for event in of_kind(events(slurm.run_dir), "epoch")):
        assert time.monotonic() < deadline
    os.kill(child.pid, signal.SIGUSR2)
    code, errors = ended(child)
    assert code == 0, errors
    assert slurm.asked() == []
    assert [end["status"] for end in of_kind(events(slurm.run_dir), "end")] == ["completed"]


def test_killed_while_it_saves_it_goes_on_from_the_save_before_and_says_so(root: Path, tmp_path: Path) -> None:
    often = [*LONG, "train.checkpoint_minutes=0.0001"]
    run_dir = make_run(tmp_path / "run", root, *often)
    child = begin(run_dir, job="7")
    until(lambda: (run_dir / "checkpoints" / "manifest.json").exists(), child)
    half = run_dir / "checkpoints" / ".last.pt.7.0.tmp"
    deadline = time.monotonic() + 60
    while True:  # between two looks it may have been renamed: then it is frozen too late, and goes on
        assert time.monotonic() < deadline and child.poll() is None
        if half.exists():
            os.killpg(child.pid, signal.SIGSTOP)
            if half.exists():
                break
            os.killpg(child.pid, signal.SIGCONT)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    again = begin(run_dir, job="8")
    until(lambda: steps_written(run_dir, "8.0") > 2, again)
    assert not half.exists(), "the next save clears it away"
    os.killpg(again.pid, signal.SIGTERM)
    assert ended(again)[0] == 143
    found = events(run_dir, "8.0")
    saved = [event["step"] for event in of_kind(events(run_dir, "7.0"), "checkpoint")]
    start = next(event for event in found if event["kind"] == "start")
    assert start["resumed_step"] in (saved[-1], saved[-1] + 1), "the save was whole but for its event, or it was not"
    warned = [event["message"] for event in of_kind(found, "warning")]
    assert any("the last save was cut short" in message for message in warned)
