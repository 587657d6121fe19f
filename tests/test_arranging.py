"""Sorting and folding of lists of runs: stable, missing values last, sweeps and seeds under one head."""

from __future__ import annotations

import math
import random
import time

import pytest

from arctl.arranging import ALL, GROUPS, HeadLine, RunLine, arrange, fold, sorted_rows
from arctl.errors import UsageError
from arctl.filtering import Context, parse
from arctl.registry.rows import RunRow
from arctl.states import State
from tests.rowing import NOW, measured, row, summary


def shown(lines: list[RunLine | HeadLine]) -> list[object]:
    """Return the keys of heads, the numbers of runs, and in a tuple those beneath a head."""
    return [
        line.key if isinstance(line, HeadLine) else (line.row.number,) if line.depth else line.row.number
        for line in lines
    ]


def numbers(rows: list[RunRow]) -> list[int]:
    return [one.number for one in rows]


def test_missing_values_come_last_whichever_way() -> None:
    values = {1: 0.5, 2: None, 3: 0.9, 4: math.nan, 5: 0.5}
    rows = [row(n, metrics={} if v is None else {"val/top1": summary("val/top1", v)}) for n, v in values.items()]
    assert numbers(sorted_rows(rows, "val/top1")) == [1, 5, 3, 2, 4]
    assert numbers(sorted_rows(rows, "val/top1", reverse=True)) == [3, 1, 5, 2, 4]
    assert numbers(sorted_rows(rows, "note", reverse=True)) == [1, 2, 3, 4, 5]


def test_names_sort_as_people_count_and_states_by_what_lives() -> None:
    rows = [row(1, name="lr-10"), row(2, name="LR-9"), row(3, name="lr-9b", state=State.FAILED, tags=("z",))]
    assert numbers(sorted_rows(rows, "name")) == [2, 3, 1]
    rows += [row(4, state=State.COMPLETED, tags=("a", "b")), row(5, state=State.PENDING)]
    assert numbers(sorted_rows(rows, "state")) == [1, 2, 5, 3, 4]
    assert numbers(sorted_rows(rows, "tag")) == [4, 3, 1, 2, 5]


def test_configurations_sort_numbers_before_text() -> None:
    configs = {1: {"a": "b10"}, 2: {"a": 0.1}, 3: {"a": "b9"}, 4: {"a": 1e-4}, 5: {"a": None}}
    rows = [row(n) for n in (1, 2, 3, 4, 5, 6)]
    assert numbers(sorted_rows(rows, "cfg.a", context=Context(NOW, configs))) == [4, 2, 3, 1, 5, 6]
    with pytest.raises(UsageError, match="did you mean 'name'"):
        sorted_rows(rows, "nam")


def test_sweeps_seeds_and_arrays_fold_and_stand_where_their_first_run_would() -> None:
    rows = [
        row(9, name="alone"),
        row(8, sweep="lr", group="lr", job_id="77_1", name="lr-001", state=State.FAILED),
        row(7, name="i3d-s2", group="i3d-seeds", job_id="70_2"),
        row(6, sweep="lr", group="lr", job_id="77_0", name="lr-000", state=State.COMPLETED),
        row(5, name="i3d-s1", group="i3d-seeds", job_id="99", metrics=measured(val_top1=0.7)),
        row(4, name="r3d-a", job_id="60_1"),
        row(3, name="r3d-b", job_id="60_0"),
        row(2, sweep="one"),
        row(1, name="x-s1", group="paper", job_id="50_1"),
    ]
    lines = arrange(rows, open={"sweep:lr"})
    assert shown(lines) == [9, "sweep:lr", (8,), (6,), "array:i3d-seeds", "array:job slurm 60", 2, 1]
    lr, seeds, array = (line for line in lines if isinstance(line, HeadLine))
    assert (lr.title, lr.kind, lr.open) == ("lr", "sweep", True)
    assert lr.counts == ((State.FAILED, 1), (State.COMPLETED, 1))
    assert (seeds.title, seeds.best, seeds.best_run, seeds.open) == ("i3d-seeds", 0.7, 5, False)
    assert (array.title, numbers(list(array.rows))) == ("r3d", [4, 3])
    kept = arrange(rows, keep=parse("-lr-001").bind(Context(NOW)), sort="run")
    assert shown(kept) == [1, 2, "array:job slurm 60", "array:i3d-seeds", 6, 9]


def test_grouping_puts_every_run_under_a_head() -> None:
    rows = [row(3, tags=("a", "b")), row(2, model=None, state=State.TIMEOUT), row(1, tags=("b",), model="i3d")]
    assert shown(arrange(rows, group="tag", open=ALL)) == ["tag:a", (3,), "tag:b", (3,), (1,), "tag:(none)", (2,)]
    assert shown(arrange(rows, group="model")) == ["model:r3d18", "model:(none)", "model:i3d"]
    assert shown(arrange(rows, group="state")) == ["state:running", "state:timeout"]
    assert shown(arrange(rows, group="state", open={"state:timeout"})) == ["state:running", "state:timeout", (2,)]
    assert shown(arrange(rows, group=None)) == [3, 2, 1]
    for way in GROUPS:
        assert sum(len(line.rows) for line in fold(rows, way) if isinstance(line, HeadLine)) >= 3
    with pytest.raises(ValueError, match="colour"):
        fold(rows, "colour")


def test_ten_thousand_runs_are_arranged_between_two_keys() -> None:
    chance = random.Random(1)
    rows = [
        row(
            n, sweep=f"lr{n // 40}" if n % 2 else None, state=chance.choice(list(State)),
            metrics={"val/top1": summary("val/top1", chance.random())},
        )
        for n in range(10_000, 0, -1)
    ]  # fmt: skip
    times = []
    for _ in range(7):
        begin = time.process_time()
        lines = arrange(rows, sort="val/top1", reverse=True)
        times.append(time.process_time() - begin)
    assert len(lines) == 5000 + 250
    assert sorted(times)[3] < 0.06
