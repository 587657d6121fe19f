"""The Markdown of a report: whole tables, nothing that a name could turn into markup, the numbers of the HTML."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from arctl import report
from arctl.report.markdown import render
from arctl.report.page import Cell, Code, Head, Report, Section, Table, Text
from arctl.rundir import RunDir
from arctl.runfile import read_run, write_run
from arctl.snapshot import take
from tests.compare.conftest import Study
from tests.report.conftest import Page


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table; an escaped bar does not end one."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.fixture(scope="module")
def text(studied: Study) -> str:
    return report.write(report.report(studied.workspace, 1, 2), "markdown")


def test_tables_are_whole(text: str) -> None:
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert len(tables) > 8
    for lines in tables:
        widths = {len(cells(line)) for line in lines}
        assert len(widths) == 1 and len(lines) > 2
        assert all(re.fullmatch(r"-{3}:?", cell) for cell in cells(lines[1]))


def test_the_same_values_as_in_html(studied: Study, text: str) -> None:
    page = Page(report.write(report.report(studied.workspace, 1, 2), "html"))
    plain = re.sub(r"\\(.)", r"\1", text.replace("<!-- -->", ""))
    for name in ("top-1", "macro F1", "ECE", "only run1 right"):
        beside = [
            cell.strip("*") for cell in cells(next(row for row in plain.splitlines() if row.startswith(f"| {name} ")))
        ]
        assert beside[1:] == page.row(name)


def test_names_stay_text(text: str) -> None:
    assert "<script" not in text.replace("\\<script", "")
    assert not re.search(r"(?<!\\)<(?!br>|sub>|/sub>|!-- -->)", text)
    assert "\\<b\\>marks\\</b\\>" in text and "$" not in text.replace("\\$", "")


def test_mentions_links_and_line_beginnings_mean_nothing() -> None:
    table = Table("t", (Head("a"), Head("b", right=True)), (("@who #12", Cell("-5 | 6", "best")),), ("see http://x.y",))
    blocks = (Text("1. no list"), Text("- no list"), Text("# no heading"), Text("a\n\n# b", "answer"), table)
    text = render(Report("*T*", "www.example.org", "", (Section("S", blocks), Section("empty", ()))))
    assert text.startswith(
        "# \\*T\\*\n\nwww\\.example.org\n\n## S\n\n1\\. no list\n\n\\- no list\n\n\\# no heading\n\n**a # b**\n"
    )
    assert "| @<!-- -->who #<!-- -->12 | **-5 \\| 6** |" in text
    assert "http\\://x.y" in text and "empty" not in text


def test_code_cannot_end_its_fence() -> None:
    block = Code("Code:", ("+ a", "```", "````x", "\x1b[31mred"))
    text = render(Report("T", "", "", (Section("S", (block,)),)))
    assert text.endswith("`````\n+ a\n```\n````x\nred\n`````\n")


def test_a_warning_stands_on_every_line_of_every_table() -> None:
    table = Table("t", (Head("a"), Head("b")), (("1", "2"), ("3", "4")))
    text = render(Report("T", "", "unlike views", (Section("S", (Text("It is better.", "answer"), table)),)))
    assert text.count("| unlike views |") == 2 and "> **unlike views: " in text
    assert "**\\[unlike views\\] It is better.**" in text and "**\\[unlike views\\] t**" in text


def test_code_that_differs_is_shown_line_by_line(study: Study) -> None:
    for number, width in ((1, 16), (2, 32)):
        study.answered(number, {1: [0, 1, 2]}, [0, 1, 2])
        (study.workspace.root / "net.py").write_text(f"WIDTH = {width}\nNAME = '<b>'\n")
        code = take(study.workspace, trainer=None).facts()
        path = RunDir(study.workspace.run_dir(number)).run_yaml
        write_run(path, replace(read_run(path), code=code))
    study.index()
    made = report.report(study.workspace, 1, 2)
    text, page = report.write(made, "markdown"), report.write(made, "html")
    assert "| tree/net.py | changed | 1 | 1 |" in text and "\n-WIDTH = 16\n+WIDTH = 32\n" in text
    assert "-WIDTH = 16\n+WIDTH = 32\n NAME = &#x27;&lt;b&gt;&#x27;" in page
