"""Jobs that squeue has forgotten, or whose exit status it does not tell: few questions, whatever there is to learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from arctl.clusters import calls
from arctl.clusters.slurm import SlurmCluster
from arctl.settings import SlurmSettings
from arctl.states import State

Line = Callable[..., str]


def cluster(max_age_s: float | None = 0.0, **settings: float) -> SlurmCluster:
    return SlurmCluster(SlurmSettings(**{"poll_s": 30.0, "min_poll_s": 0.0, **settings}), max_age_s=max_age_s)


def account(job_id: str, word: str = "COMPLETED", code: str = "0:0", name: str = "x") -> str:
    at = "2026-01-01T00:00:00"
    return f"{job_id}|{word}|{code}|{at}|{at}|2026-01-01T00:10:00|gpu1|None|{name}"


def test_a_thousand_forgotten_jobs_cost_one_question(stand: Any) -> None:
    stand.say("")
    stand.say("\n".join(account(str(number)) for number in range(1, 1001)), program="sacct")
    told = cluster().states([str(number) for number in range(1, 1001)], since=time.time())
    assert len(told) == 1000 and {state.state for state in told.values()} == {State.COMPLETED}
    assert (len(stand.calls()), len(stand.calls("sacct")), len(stand.calls("scontrol"))) == (1, 1, 0)


def test_an_array_is_asked_after_as_a_whole(stand: Any) -> None:
    stand.say("")
    stand.say("\n".join(account(f"77_{number}") for number in range(500)), program="sacct")
    told = cluster().states([*(f"77_{number}" for number in range(500)), "78_1", "79"], since=time.time())
    assert len(told) == 500
    assert "--jobs=77,78_1,79 " in stand.calls("sacct")[0]


def test_what_the_accounts_do_not_know_is_asked_after_less_and_less(stand: Any) -> None:
    stand.say("")
    stand.say("", program="sacct")
    patient = cluster(None, poll_s=0.03)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        assert patient.states(["77"], since=time.time()) == {}
        time.sleep(0.01)
    assert len(stand.calls("sacct")) == 1, "the next one is due after ten seconds"


def test_a_new_question_is_not_held_up_by_an_old_one(stand: Any) -> None:
    stand.say("")
    stand.say("", program="sacct")
    patient = cluster(None, poll_s=0.03)
    patient.states(["77"], since=time.time())
    stand.say(account("78"), program="sacct")
    time.sleep(0.05)
    assert set(patient.states(["77", "78"], since=time.time())) == {"78"}
    assert "--jobs=78 " in stand.calls("sacct")[1], "77 has its turn later"
    assert set(cluster().states(["77"], since=time.time())) == set(), "a person who waits has it asked again"
    assert len(stand.calls("sacct")) == 3


@pytest.mark.parametrize("trouble", ["Slurm accounting storage is disabled", "Problem talking to the database"])
def test_without_accounts_scontrol_tells_the_end_of_a_few(stand: Any, line: Line, trouble: str) -> None:
    ended = [str(number) for number in range(100, 150)]
    stand.say("\n".join([*(line(number, "FAILED") for number in ended), line("7")]))
    stand.say("", program="sacct", fails=trouble)
    stand.say(
        "JobId=100 JobName=x JobState=FAILED Reason=NonZeroExitCode ExitCode=3:0 NodeList=gpu1", program="scontrol"
    )
    told = cluster().states([*ended, "7", "9"], since=time.time())
    assert set(told) == {*ended, "7"} and {told[number].state for number in ended} == {State.FAILED}
    assert (told["100"].exit_code, told["100"].source, told["149"].exit_code) == (3, "scontrol", None)
    assert (len(stand.calls("sacct")), len(stand.calls("scontrol"))) == (1, 4)


def test_elements_of_one_array_are_one_question_to_scontrol(stand: Any, line: Line) -> None:
    stand.say("\n".join(line(f"80_{number}", "COMPLETED") for number in range(300)))
    stand.say("", program="sacct", fails="disabled")
    lines = [
        f"JobId={900 + number} ArrayJobId=80 ArrayTaskId={number} JobName=x JobState=COMPLETED ExitCode=0:0"
        for number in range(300)
    ]
    stand.say("\n".join(lines), program="scontrol")
    told = cluster().states([f"80_{number}" for number in range(300)], since=time.time())
    assert {state.exit_code for state in told.values()} == {0} and len(stand.calls("scontrol")) == 1


def test_lost_tokens_are_looked_for_together(stand: Any, line: Line) -> None:
    tokens = [f"arctl-{number:012x}" for number in range(50)]
    stand.say("\n".join(line(str(number), name=f"r-{tokens[number]}") for number in range(20)))
    stand.say("\n".join(account(str(number), name=f"r-{tokens[number]}") for number in range(20, 40)), program="sacct")
    found = cluster().find(tokens, since=time.time())
    assert found == {tokens[number]: str(number) for number in range(40)}
    assert (len(stand.calls()), len(stand.calls("sacct"))) == (1, 1)
    assert cluster().find([], since=0.0) == {}


def test_of_two_jobs_with_one_token_the_first_counts(stand: Any, line: Line) -> None:
    token = "arctl-0123456789ab"
    stand.say("\n".join([line("100", name=f"a-{token}"), line("99", name=f"a-{token}")]))
    assert cluster().find([token], since=0.0) == {token: "99"}


def test_every_call_is_in_the_log_with_its_purpose(stand: Any, line: Line) -> None:
    stand.say(line("77", "COMPLETED"))
    stand.say("", program="sacct", fails="down")
    cluster().states(["77"], since=time.time())
    found = calls.recent(since=time.time() - 60)
    assert [(call.program, call.why, call.rc) for call in found] == [
        ("squeue", "queue", 0), ("sacct", "accounts", 1), ("scontrol", "end", 0),
    ]  # fmt: skip
    assert all(call.ms > 0 for call in found)
    assert calls.per_minute(minutes=1) == {"squeue": 1.0, "sacct": 1.0, "scontrol": 1.0}
