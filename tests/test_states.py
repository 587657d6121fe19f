"""The headline state over all pairs of what a scheduler and a trainer can have said."""

from __future__ import annotations

import itertools

import pytest

from arctl.states import ENDED, LIVE, SchedulerFact, State, TrainerFact, headline

SUBMISSIONS = (State.SUBMITTING, State.UNCONFIRMED, State.REFUSED, State.PENDING)
SCHEDULER = (None, State.PENDING, State.RUNNING, State.SUSPENDED, *sorted(ENDED - {State.REFUSED}))
TRAINER = ("nothing", None, "completed", "failed", "interrupted")

# What is shown before a scheduler has spoken of the job: the trainer's word, else where the hand-over stands.
BY_TRAINER_ALONE = {
    None: State.RUNNING,
    "completed": State.COMPLETED,
    "failed": State.FAILED,
    "interrupted": State.UNKNOWN,
}

# What is shown of a job that the scheduler calls completed, where a trainer's end record is expected.
COMPLETED_WITH = {
    "nothing": State.FAILED,
    None: State.FAILED,
    "completed": State.COMPLETED,
    "failed": State.FAILED,
    "interrupted": State.FAILED,
}


def facts(scheduler: State | None, trainer: str | None) -> tuple[SchedulerFact | None, TrainerFact | None]:
    said = None if scheduler is None else SchedulerFact(scheduler, "squeue", 10.0)
    return said, None if trainer == "nothing" else TrainerFact(trainer, 9.0)


@pytest.mark.parametrize("submission", SUBMISSIONS)
@pytest.mark.parametrize("scheduler", SCHEDULER)
def test_every_pair(submission: State, scheduler: State | None) -> None:
    for trainer in TRAINER:
        shown = headline(submission, *facts(scheduler, trainer))
        if submission is State.REFUSED:
            expected = State.REFUSED
        elif scheduler is None:
            expected = submission if trainer == "nothing" else BY_TRAINER_ALONE[trainer]
        elif scheduler is State.COMPLETED:
            expected = COMPLETED_WITH[trainer]
        elif scheduler is State.FAILED and trainer == "interrupted":
            expected = State.TIMEOUT
        else:
            expected = scheduler
        assert shown is expected, (submission, scheduler, trainer)


def test_a_command_of_the_users_own_needs_no_end_record() -> None:
    for trainer in ("nothing", None, "completed"):
        assert headline(State.PENDING, *facts(State.COMPLETED, trainer), expects_events=False) is State.COMPLETED
    assert headline(State.PENDING, *facts(State.FAILED, "completed"), expects_events=False) is State.FAILED
    assert headline(State.PENDING, *facts(State.COMPLETED, "failed"), expects_events=False) is State.FAILED


def test_a_trainer_that_writes_after_the_scheduler_was_asked_runs() -> None:
    asked = SchedulerFact(State.PENDING, "squeue", 10.0)
    assert headline(State.PENDING, asked, TrainerFact(None, 11.0)) is State.RUNNING
    assert headline(State.PENDING, asked, TrainerFact(None, 9.0)) is State.PENDING  # of an attempt before a requeue
    assert headline(State.PENDING, asked, TrainerFact("interrupted", 11.0)) is State.PENDING


def test_a_scheduler_that_says_it_ended_badly_is_believed_whatever_the_trainer_says() -> None:
    for scheduler, trainer in itertools.product(ENDED - {State.COMPLETED, State.REFUSED, State.FAILED}, TRAINER):
        assert headline(State.PENDING, *facts(scheduler, trainer)) is scheduler


def test_nothing_is_both_live_and_ended() -> None:
    assert set(State) == LIVE | ENDED and not LIVE & ENDED
