"""A line that is typed into: keys, pasted text, wide characters."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from arctl.tui.widgets.form_fields import FIELDS
from arctl.tui.widgets.form_line import LONGEST, Line
from arctl.tui.widgets.form_row import Row


@pytest.mark.parametrize(
    ("key", "text", "cursor"),
    [
        ("left", "ab cd", 3),
        ("right", "ab cd", 5),
        ("home", "ab cd", 0),
        ("ctrl+a", "ab cd", 0),
        ("end", "ab cd", 5),
        ("ctrl+left", "ab cd", 3),
        ("ctrl+right", "ab cd", 5),
        ("backspace", "ab d", 3),
        ("delete", "ab c", 4),
        ("ctrl+w", "ab d", 3),
        ("ctrl+u", "d", 0),
        ("ctrl+k", "ab c", 4),
    ],
)
def test_editing_keys(key: str, text: str, cursor: int) -> None:
    assert Line("ab cd", 4).press(key) == Line(text, cursor)


def test_at_the_ends_nothing_happens() -> None:
    assert Line("", 0).press("backspace") == Line("", 0)
    assert Line("a", 0).press("left") == Line("a", 0)
    assert Line("a", 1).press("delete") == Line("a", 1)
    assert Line("a", 1).press("f5") is None


def test_what_is_pasted_is_one_line_without_commands_to_the_terminal() -> None:
    pasted = Line("ad", 1).insert("b\r\nc\rx\x1b]0;title\x07\x1b[31m\u202e  y")
    assert pasted.text == "ab c x  yd"
    assert pasted.cursor == len(pasted.text) - 1


def test_a_line_does_not_grow_without_end() -> None:
    assert len(Line("a" * 10, 10).insert("b" * 2 * LONGEST).text) == LONGEST


@pytest.mark.parametrize("text", ["short", "x" * 500, "模型" * 300, "a" * 50 + "模" * 50])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_the_cursor_is_always_seen(text: str, place: float) -> None:
    line = Line(text, int(len(text) * place))
    before, under, after = line.window(40)
    assert cell_len(before + under + after) <= 40
    assert line.before.endswith(before)
    assert under == (line.after[:1] or " ")
    assert line.after[1:].startswith(after)


def test_a_long_problem_is_cut_and_wrapped() -> None:
    row = Row(FIELDS[0], problem="word " * 20 + "x" * 3000)
    lines = [text.plain for text in row.below(60, None, here=False)]  # type: ignore[arg-type]
    assert len(lines) == 4
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith(" " * 13 + "! word word")
