"""docs/reliability.md tells the truth: every test that it names is there, and every bad input has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NUMBERS = [f"B{number:02d}" for number in (*range(1, 55), 67, 68)]


def functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_named_test_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(NAMED.findall(text))
    assert len(named) > 40
    own = text.partition("\n## Bad input")[2]
    assert own.count("`tests/") == len(NAMED.findall(own)), "a test is named as `tests/file.py::test_name`"
    missing = [f"{file}::{test}" for file, test in sorted(named) if not (ROOT / file).is_file()]
    missing += [
        f"{file}::{test}"
        for file, test in sorted(named)
        if (ROOT / file).is_file() and test not in functions(ROOT / file)
    ]
    assert missing == []


def test_every_bad_input_has_a_line_and_a_test() -> None:
    rows = {
        match[1]: line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if (match := re.match(r"\| (B\d\d) \|", line))
    }
    assert sorted(rows) == sorted(NUMBERS)
    assert [number for number, line in rows.items() if not NAMED.search(line)] == []
    assert all(len(line.split(" | ")) == 4 for line in rows.values()), "number, input, what arctl does, the test"
