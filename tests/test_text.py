"""Nothing that a terminal would obey passes the gate."""

from __future__ import annotations

import pytest

from arctl.text import safe, safe_line

HOSTILE = [
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]0;title\x07",
    "\x1b]52;c;never ended",
    "\x1b[2J\x1b[?1049l",
    "\x1b[31",
    "\x9b31m",
    "\x9d52;c;ZXZpbA==\x9c",
    "\x1bPq\x1b\\",
    "\x1bc",
    "\x1b(0",
    "\x1b",
    "a\x00b\x08c\x7f",
    "\u202eevil\u202c",
    "zero\u200bwidth",
    "\x1b\x1b[2Jx",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_control_survives(text: str) -> None:
    clean = safe(f"before {text} after")
    assert clean.startswith("before ")
    assert not [char for char in clean if ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202e\u202c\u200b"]


def test_what_follows_an_ended_sequence_is_kept() -> None:
    assert safe("loss \x1b[1m0.5\x1b[0m ok") == "loss 0.5 ok"
    assert safe("\x1b]0;title\x07epoch 1") == "epoch 1"


def test_plain_text_is_untouched() -> None:
    text = "épocas 1/2\t日本語\nσ=0.1 [bold] [/] {x}"
    assert safe(text) == text


def test_a_redrawn_line_keeps_its_last_state() -> None:
    assert safe("10%\r50%\r100%\nnext") == "100%\nnext"


def test_long_text_is_cut_and_says_so() -> None:
    assert safe("x" * 50, limit=10) == "xxxxxxxxxx... (40 more characters)"


def test_safe_line_is_one_line() -> None:
    assert safe_line("two\nlines\tand tabs") == "two lines and tabs"
