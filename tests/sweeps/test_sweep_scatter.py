"""A parameter against the metric: where points lie, what is on a log axis, what is written below."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from arctl.registry import read, write
from arctl.registry.rows import RunRow
from arctl.states import State
from arctl.sweeps.board import Board, Entry, boards
from arctl.sweeps.record import Element
from arctl.sweeps.scatter import Kind, axis, rows, scatter


def board(db: Path, *elements: tuple[object, float | None, State], lower: bool = False) -> Board:
    entries = []
    for at, (value, result, state) in enumerate(elements):
        write.new_run(db, name=f"e{at}", token=f"arctl-{at:012x}", created=1.0, cluster="local", template="single")
        run: RunRow = replace(read.runs(db)[0], state=state)
        params: Any = {"optim.lr": value}
        entries.append(Entry(Element(f"e{at}", params), run, 1, result, 1.0))
    return Board("s", None, "val/loss" if lower else "val/top1", lower, tuple(entries))


def test_numbers_over_decades_stand_on_a_log_axis(tmp_path: Path) -> None:
    done, run = State.COMPLETED, State.RUNNING
    found = scatter(
        board(tmp_path / "runs.db", (1e-4, 0.2, done), (1e-3, 0.8, done), (1e-2, 0.5, run), (1e-3, None, run)),
        "optim.lr",
    )
    assert found.log and [dot.kind for dot in found.dots] == [Kind.DONE, Kind.LIVE, Kind.BEST]
    grid = rows(found, 21, 7)
    assert grid[0][10] is Kind.BEST and grid[6][0] is Kind.DONE and grid[3][20] is Kind.LIVE
    assert sum(cell is not None for line in grid for cell in line) == 3
    assert axis(found, 21).split() == ["0.0001", "0.001", "0.01"]
    assert axis(found, 8).split() == ["0.0001"], "what has no room is left out"


def test_few_steps_stand_on_a_straight_one_and_the_least_loss_is_best(tmp_path: Path) -> None:
    done = State.COMPLETED
    found = scatter(
        board(tmp_path / "runs.db", (0, 2.0, done), (0.5, 1.0, done), (1, 3.0, done), lower=True), "optim.lr"
    )
    assert not found.log and rows(found, 11, 3)[2][5] is Kind.BEST


def test_words_stand_side_by_side(tmp_path: Path) -> None:
    done = State.COMPLETED
    found = scatter(
        board(tmp_path / "runs.db", ("sgd", 0.1, done), ("adamw", 0.3, done), (True, 0.2, done)), "optim.lr"
    )
    assert found.labels == ("true", "adamw", "sgd") and not found.log
    assert axis(found, 30).split() == ["true", "adamw", "sgd"]
    assert [line[0] for line in rows(found, 9, 3)][1] is not None


def test_one_value_and_none(tmp_path: Path) -> None:
    one = scatter(board(tmp_path / "runs.db", (1e-3, 0.5, State.COMPLETED)), "optim.lr")
    assert rows(one, 5, 3)[1][2] is Kind.BEST
    nothing = scatter(board(tmp_path / "other.db", (1e-3, None, State.RUNNING)), "optim.lr")
    assert nothing.dots == () and axis(nothing, 40) == ""
    huge = scatter(
        board(tmp_path / "third.db", (-1e308, 1e308, State.COMPLETED), (1e308, -1e308, State.FAILED)), "optim.lr"
    )
    assert math.isfinite(huge.y_range[0]) and rows(huge, 5, 3)[0][0] is Kind.BEST


def test_the_command_line_plots_too(lab: Any, written: Any) -> None:
    name = written(
        lab.directory, "set: {model.dropout: 0}\nlist: [{optim.lr: 1e-3}, {optim.lr: 1e-1}, {optim.lr: 7}]\n"
    )
    lab.arctl("sweep", name)
    lab.arctl("wait", "run1", "run2", "run3", "--timeout", "60")
    text = lab.arctl("sweep", "show", "lab", "--plot", "lr").stdout
    assert "val/top1 against optim.lr (log)" in text and text.count("●") + text.count("◆") == 2, "one has diverged"
    assert "the sweep varies no 'rate'" in lab.arctl("sweep", "show", "lab", "--plot", "rate", status=3).stderr
    (found,) = boards(lab_workspace(lab.directory))
    assert found.name == "lab" and found.best is not None and found.best.params["optim.lr"] == 0.001


def lab_workspace(root: Path) -> Any:
    from arctl.settings import find_workspace

    return find_workspace(root)
