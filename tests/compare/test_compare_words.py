"""How a comparison speaks: rankings, which runs are one recipe, p-values, what was decided by what."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from arctl.cli.compare_sections import csv_lines, latex, markdown
from arctl.cli.tables import Cell, Column
from arctl.compare import compare
from arctl.compare.arms import arms
from arctl.compare.ranking import ranking
from arctl.compare.words import p_number, p_text, points
from arctl.facts import Facts
from arctl.registry import read
from arctl.sections import Section, warned

TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]


def test_a_ranking_names_what_its_line_cannot_say() -> None:
    apart = {(0, 2)}
    found = ranking(["a", "b", "c"], [0.9, 0.8, 0.7], lambda x, y: (min(x, y), max(x, y)) in apart)
    assert found.line == "a = b = c" and found.beyond == ("a > c",)
    found = ranking(["a", "b", "c"], [0.7, 0.9, 0.8], lambda x, y: (x, y) in {(2, 0), (1, 0)})
    assert found.order == (1, 2, 0) and found.line == "b = c > a" and found.beyond == ()


def test_p_values_and_points_read_the_same_everywhere() -> None:
    shown = [p_number(p) for p in (0.0, 0.00099, 0.001, 0.0236, 0.099, 0.0995, 0.6234, 1.0, float("nan"))]
    assert shown == ["< 0.001", "< 0.001", "0.001", "0.024", "0.099", "0.10", "0.62", "1.00", "-"]
    assert p_text(0.0001) == "p < 0.001" and p_text(0.5) == "p = 0.50"
    assert [points(value) for value in (0.123, -0.05, 0.0)] == ["+12.3", "-5.0", "+0.0"]


@pytest.fixture(scope="module")
def rows(shared):
    for number in (1, 2, 3):
        shared.answered(number, {1: TARGETS if number == 1 else MIXED}, TARGETS, config={"train": {"seed": number}})
    shared.index()
    return [row for number in (1, 2, 3) for row in read.runs(shared.workspace.db, numbers=[number])]


def test_runs_are_one_recipe_only_where_nothing_but_the_seed_differs(rows) -> None:
    same = [Facts({"model.name": "m", "train.seed": seed, "env.torch": "2"}, ()) for seed in (1, 2, 3)]
    other = Facts({"model.name": "m", "train.seed": 3, "optim.lr": 0.1}, ())
    assert [one.label for one in arms(rows, same)] == ["run1+run2+run3"]
    assert [one.label for one in arms(rows, [*same[:2], other])] == ["run1+run2", "run3"]
    edited = [rows[0], replace(rows[1], code="abc"), rows[2]]
    assert [one.label for one in arms(edited, same)] == ["run1+run3", "run2"], "other code is another recipe"
    grouped = [replace(row, group="g", code=f"c{row.number}") for row in rows]
    assert [one.size for one in arms(grouped, same)] == [3]
    bare = [Facts({"command": ["prog"]}, ()) for _ in rows]
    assert [one.size for one in arms(rows, bare)] == [1, 1, 1] and [one.size for one in arms(grouped, bare)] == [3]


def test_solved_and_arisen_pairs_and_a_run_that_goes_on(shared, rows) -> None:
    change = compare(shared.workspace, 2, 1).confusion
    assert [tuple(mix) for mix in change.solved] == [(k, k + 1, 10, 0, 20) for k in (0, 2, 4, 6)]
    assert change.arisen == [] and len(compare(shared.workspace, 1, 2).confusion.arisen) == 4
    shared.answered(8, {1: TARGETS}, TARGETS, end=None)
    shared.index()
    assert any(note.startswith("run8 is ") for note in compare(shared.workspace, 1, 8).notes)


def test_two_runs_with_the_same_answers(shared, rows) -> None:
    verdict = compare(shared.workspace, 2, 3).verdict
    assert verdict.outcome == "same answers" and "the same answer to each of 80 samples" in verdict.sentence


SECTION = Section(
    "A | b_c",
    (Cell("50 % & more", "bold"),),
    (Column("name"), Column("n", right=True), Column("gone", drop=1)),
    ((Cell("x_1|=2"), "-5.0", ""), ("y#", "+1.0", "")),
)


def test_names_cannot_break_a_table() -> None:
    assert markdown([SECTION]).splitlines() == [
        r"### A \| b\_c",
        "",
        "**50 % & more**",
        "",
        "| name | n |",
        "|---|---:|",
        r"| x\_1\|=2 | -5.0 |",
        r"| y\# | +1.0 |",
    ]
    text = latex([SECTION])
    assert r"x\_1\textbar{}=2 & $-$5.0 \\" in text and r"\caption{A \textbar{} b\_c. 50 \% \& more.}" in text
    rows = list(csv.reader(io.StringIO(csv_lines({"setup": [{"key": "=cmd()", "values": ["@x", 1, None, True]}]}))))
    assert rows[1:3] == [["setup", "'=cmd()", "key", "'=cmd()"], ["setup", "'=cmd().values", "0", "'@x"]]
    assert [row[3] for row in rows[3:]] == ["1", "", "true"]


def test_a_warning_stands_on_every_line() -> None:
    (section,) = warned([SECTION], "views")
    assert section.before[0].text == "[unlike views] 50 % & more"
    assert all(row[0].text == "views" for row in section.rows) and len(section.columns) == 4
