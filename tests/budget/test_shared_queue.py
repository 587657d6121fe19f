"""One answer of squeue for everybody: many real processes at once, askers that are killed, a Slurm that is silent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Callable
from typing import Any

import pytest

from arctl.clusters import calls, shared
from arctl.clusters.shared import Heard, SharedQueue
from arctl.clusters.slurm import SlurmCluster
from arctl.errors import SchedulerError
from arctl.settings import SlurmSettings
from arctl.states import State

FORK = multiprocessing.get_context("fork")
Line = Callable[..., str]


def queue(poll_s: float = 30.0, min_poll_s: float = 5.0) -> SharedQueue:
    return SharedQueue(SlurmSettings(poll_s=poll_s, min_poll_s=min_poll_s))


def until_called(stand: Any, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(stand.calls()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def known() -> Heard:
    place = calls.place()
    assert place is not None
    return shared.read(place)


def _ask(box: Any, max_age_s: float | None, min_poll_s: float) -> None:
    try:
        box.put((os.getpid(), [job.job_id for job in queue(min_poll_s=min_poll_s).answer(max_age_s=max_age_s).jobs]))
    except SchedulerError as error:
        box.put((os.getpid(), str(error)))


def ask_in_processes(count: int, max_age_s: float | None, min_poll_s: float = 5.0) -> tuple[list[Any], Any]:
    box = FORK.Queue()
    workers = [FORK.Process(target=_ask, args=(box, max_age_s, min_poll_s)) for _ in range(count)]
    for worker in workers:
        worker.start()
    return workers, box


@pytest.mark.parametrize("max_age_s", [None, 0.0])
def test_many_processes_at_once_make_one_call(stand: Any, line: Line, max_age_s: float | None) -> None:
    stand.say("\n".join(line(str(number)) for number in range(1, 301)), slow=0.7)
    workers, box = ask_in_processes(12, max_age_s)
    answers = [box.get(timeout=30)[1] for _ in workers]
    for worker in workers:
        worker.join(10)
    assert all(len(answer) == 300 for answer in answers)
    assert len(stand.calls()) == 1


def test_a_killed_asker_is_succeeded_at_once(stand: Any, line: Line) -> None:
    stand.say(line("77"), slow=1.0)
    asker, _ = ask_in_processes(1, None)
    until_called(stand, 1)
    os.kill(asker[0].pid, signal.SIGKILL)
    asker[0].join(10)
    began = time.monotonic()
    workers, box = ask_in_processes(6, None)
    assert [box.get(timeout=30)[1] for _ in workers] == [["77"]] * 6
    assert time.monotonic() - began < 20 and len(stand.calls()) == 2
    place = calls.place()
    assert place is not None and not (place / "queue.claim").exists()
    assert not list(place.glob(".queue*")), "nothing is left of the dead"


def test_while_one_asks_the_others_go_on_with_what_is_known(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    queue(poll_s=0.05, min_poll_s=0.0).answer()
    stand.say(line("78"), slow=3.0)
    _, box = ask_in_processes(1, 0.0, min_poll_s=0.0)
    until_called(stand, 2)
    began = time.monotonic()
    assert [job.job_id for job in queue(poll_s=0.05, min_poll_s=0.0).answer().jobs] == ["77"]
    assert time.monotonic() - began < 2.0
    assert box.get(timeout=30)[1] == ["78"]


def test_a_person_who_waits_is_answered_no_sooner_than_the_site_allows(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    site = queue(min_poll_s=0.6)
    for _ in range(5):
        site.answer(max_age_s=0.0)
    assert len(stand.calls()) == 1
    time.sleep(0.7)
    site.answer()
    assert len(stand.calls()) == 1, "the budget is larger"
    site.answer(max_age_s=0.0)
    assert len(stand.calls()) == 2


def asked_again(site: SharedQueue) -> float:
    site.answer(max_age_s=0.0)
    return known().wait_s


def test_calm_makes_it_seldom_and_change_makes_it_often(stand: Any, line: Line) -> None:
    site = queue(min_poll_s=0.0)
    stand.say(line("77"))
    assert [asked_again(site) for _ in range(6)] == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    stand.say(line("77", "PENDING", reason="Priority", start="N/A"))
    assert [asked_again(site) for _ in range(2)] == [30.0, 60.0]
    stand.say("")
    assert [asked_again(site) for _ in range(2)] == [30.0, 60.0]


def soon(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + seconds))


def test_what_is_about_to_change_is_looked_at_often(stand: Any, line: Line) -> None:
    site = queue(min_poll_s=0.0)
    for odd in (
        line("77", "COMPLETING"), line("77", left="0:40"), line("77", "PENDING", start=soon(50)),
        line("77", submit=soon(-60)),
    ):  # fmt: skip
        stand.say(odd)
        assert [asked_again(site) for _ in range(4)] == [30.0] * 4, odd
    stand.say(f"{line('77')}\n{line('78', 'COMPLETED')}")
    before = asked_again(site)
    stand.say(line("77"))
    assert asked_again(site) == 2 * before, "that an ended job is forgotten is no change"


def test_an_early_look_is_taken_once_in_an_interval(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    site = queue(poll_s=1.2, min_poll_s=0.0)
    began = time.monotonic()
    while time.monotonic() - began < 3.5:
        site.answer(max_age_s=0.2)
        time.sleep(0.02)
    assert 4 <= len(stand.calls()) <= 8


def test_a_job_that_the_answer_cannot_know_yet_renews_it(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    site = queue(poll_s=0.9, min_poll_s=0.0)
    for _ in range(8):
        asked_again(site)
    before = len(stand.calls())
    time.sleep(0.5)
    site.answer()
    assert len(stand.calls()) == before
    site.answer(newer_than=time.time() - 0.1)
    assert len(stand.calls()) == before + 1


def test_silence_is_met_with_patience(stand: Any, line: Line) -> None:
    stand.say("", fails="slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    site = queue(min_poll_s=0.0)
    waits = []
    for _ in range(6):
        with pytest.raises(SchedulerError, match=r"Unable to contact.*asked again in"):
            site.answer(max_age_s=0.0)
        waits.append(known().wait_s)
    for wait, wanted in zip(waits, [30, 60, 120, 240, 300, 300], strict=True):
        assert 0.8 * wanted <= wait <= 1.2 * wanted
    count = len(stand.calls())
    for _ in range(5):
        with pytest.raises(SchedulerError, match="asked again in"):
            site.answer()
    assert len(stand.calls()) == count == 6
    stand.say(line("77"))
    assert [job.job_id for job in site.answer(max_age_s=0.0).jobs] == ["77"]
    assert site.answer().jobs and known().failures == 0


def test_a_rate_limit_is_obeyed_by_everybody(stand: Any) -> None:
    stand.say("", fails="slurm_load_jobs error: Rate limited: too many requests")
    site = queue(min_poll_s=0.0)
    for _ in range(5):
        with pytest.raises(SchedulerError, match="Rate limited"):
            site.answer(max_age_s=0.0)
    assert len(stand.calls()) == 1


def test_what_was_heard_survives_the_silence(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    site = queue(min_poll_s=0.0)
    at = site.answer().at
    stand.say("", fails="timed out")
    with pytest.raises(SchedulerError):
        site.answer(max_age_s=0.0)
    assert known().at == at and [job.job_id for job in known().jobs] == ["77"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema": "other/1"}', b'{"schema": "arctl.queue/1", "at": "x"}', b"\xff\xfe", b"[" * 99999],
)
def test_a_damaged_answer_is_asked_for_anew(stand: Any, line: Line, content: bytes) -> None:
    stand.say(line("77"))
    queue().answer()
    place = calls.place()
    assert place is not None
    (place / "queue.json").write_bytes(content)
    assert [job.job_id for job in queue().answer().jobs] == ["77"]
    assert len(stand.calls()) == 2


def test_where_nothing_can_be_shared_everybody_asks(stand: Any, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.say(line("77"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/no")
    assert calls.place() is None
    for _ in range(2):
        assert [job.job_id for job in queue().answer().jobs] == ["77"]
    assert len(stand.calls()) == 2


def test_only_the_user_may_read_it_and_a_foreign_line_cannot_pass_for_a_job(stand: Any, line: Line) -> None:
    evil = line("78", name="x")
    stand.say(line("77"))
    heard = queue().answer()
    place = calls.place()
    assert place is not None and stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert [job.job_id for job in shared._jobs(f"{heard.stdout}{evil}\n", heard.mark)] == ["77"]


def test_an_answer_from_the_future_is_not_believed_for_long(stand: Any, line: Line) -> None:
    stand.say(line("77"))
    queue().answer()
    place = calls.place()
    assert place is not None
    calls.put(place / "queue.json", {**calls.get(place / "queue.json"), "at": time.time() + 3600})
    queue().answer()
    assert len(stand.calls()) == 2


def test_the_cluster_gives_jobs_states_and_tokens_from_one_call(stand: Any, line: Line) -> None:
    token = "arctl-0123456789ab"
    stand.say("\n".join([line("77", name=f"a-{token}"), line("80_[0-2]", "PENDING", name="s-arctl-ffffffffffff")]))
    cluster = SlurmCluster(SlurmSettings())
    assert {job.job_id for job in cluster.queue(max_age_s=60).jobs} == {"77", "80_0", "80_1", "80_2"}
    assert {job_id: told.state for job_id, told in cluster.states(["77", "80_1"]).items()} == {
        "77": State.RUNNING, "80_1": State.PENDING,
    }  # fmt: skip
    wanted = [token, "arctl-ffffffffffff_2"]
    assert cluster.find(wanted, since=0.0) == {token: "77", "arctl-ffffffffffff_2": "80_2"}
    assert len(stand.calls()) == 1 and not stand.calls("sacct")
