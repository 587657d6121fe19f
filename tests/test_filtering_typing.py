"""A filter while it is typed: nothing is raised, what is not whole yet is left out, ten thousand rows are quick."""

from __future__ import annotations

import gc
import random
import time

import pytest

from arctl.filtering import Context, parse
from arctl.registry.rows import RunRow
from arctl.states import State
from tests.rowing import NOW, row, summary

WHOLE = """state:running,pending -note:"not this" tag~x val/top1.best >= 80% best(val/loss)<1 @good age<2d a|b 'q r'"""
ROWS = [row(1, tags=("baseline",)), row(2, state=State.PENDING, tags=("other",))]


def test_every_beginning_of_a_filter_is_read() -> None:
    for end in range(len(WHOLE) + 1):
        found = parse(WHOLE[:end], typing=True, saved={"good": "epoch>3"})
        found.chosen(ROWS, Context(NOW))
    assert found.problem is None
    assert len(found.terms) == 9


@pytest.mark.parametrize(
    ("text", "problem", "runs"),
    [
        ("state:pending val/top1>", "column 15: val/top1> needs a value", [2]),
        ("state:pending age<2", "column 15: age is compared with a time with its unit", [2]),
        ("state:pending -", "column 15: a word is missing", [2]),
        ("state:pending @x", "column 15: no saved filter '@x'", [2]),
        ("stat:x state:pending", "column 1: no field 'stat'", [2]),
        ("state:pend", None, [2]),
        ("state:pend ", "column 1: no state 'pend'", [1, 2]),
        ("tag:base", None, [1]),
        ("tag:base ", None, []),
        ('"ucf', None, [1, 2]),
        ("x" * 5000, "a filter has 4096 characters at most", [1, 2]),
    ],
)
def test_what_is_not_whole_is_left_out_and_told(text: str, problem: str | None, runs: list[int]) -> None:
    found = parse(text, typing=True)
    assert (found.problem or "").startswith(problem or "") and (problem is not None or found.problem is None)
    assert [one.number for one in found.chosen(ROWS, Context(NOW))] == runs


def test_hostile_text_is_read_in_no_time() -> None:
    chance = random.Random(3)
    letters = "ab:=<>!~|,-@()'\" \t\n\x1b/%.é名"
    for text in ("(" * 4000, '"' * 4000, "a:" * 2000, "best(" * 800, "1" * 4000 + "x", "age<" + "1d" * 2000):
        begin = time.process_time()
        parse(text, typing=True).chosen(ROWS, Context(NOW))
        assert time.process_time() - begin < 0.5
    for _ in range(2000):
        text = "".join(chance.choices(letters, k=chance.randrange(30)))
        found = parse(text, typing=True)
        found.chosen(ROWS, Context(NOW))
        assert found.problem is None or "\n" not in found.problem


def many() -> list[RunRow]:
    chance = random.Random(0)
    states = list(State)
    return [
        row(
            number, name=f"r3d18-lr{chance.random():.3f}-s{number % 5}", state=chance.choice(states),
            created=NOW - 60 * number, tags=("base",) if number % 3 else (), note="debug" if number % 7 == 0 else "",
            metrics={"val/top1": summary("val/top1", chance.random())},
        )
        for number in range(10_000, 0, -1)
    ]  # fmt: skip


def test_ten_thousand_rows_are_filtered_between_two_keys() -> None:
    rows = many()
    configs = {one.number: {"optim.lr": 10.0 ** -(one.number % 6)} for one in rows}
    context = Context(NOW, configs)
    text = "state:running,completed model:r3d18 tag:base cfg.optim.lr<=1e-3 val/top1>0.2 age<5d -note:debug lr0"
    gc.collect()
    parse("lr0", typing=True).chosen(rows, context)  # the first key makes the texts
    times = []
    for end in range(len(text) - 20, len(text) + 1):
        begin = time.process_time()
        found = parse(text[:end], typing=True).chosen(rows, context)
        times.append(time.process_time() - begin)
    assert 0 < len(found) < 1000
    assert sorted(times)[len(times) // 2] < 0.06
