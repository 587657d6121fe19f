"""The text gate by itself: every payload, every character that Unicode hides, and no text that makes it slow."""

from __future__ import annotations

import json
import random
import time
import unicodedata

import pytest

from arctl.text import safe, safe_json, safe_line, safe_part, safe_screen
from tests.reliability.payloads import HIDDEN, breaches, payloads

ALL = [one.text for one in payloads()] + [one.raw.decode("utf-8", "replace") for one in payloads()]


def written(text: str) -> bytes:
    return text.replace("\t", " ").encode()


@pytest.mark.parametrize("gate", [safe, safe_line, safe_part, safe_screen], ids=lambda gate: gate.__name__)
def test_no_payload_passes_alone_or_joined_to_others(gate) -> None:
    for text in ALL:
        assert breaches(written(gate(f"before {text} after"))) == []
    chance = random.Random(5)
    pieces = [text[cut:] for text in ALL for cut in (0, len(text) // 2)] + [text[: len(text) // 2] for text in ALL]
    for _ in range(400):
        text = "".join(chance.sample(pieces, 12))
        assert breaches(written(gate(text))) == []
        assert gate(gate(text)) == gate(text), "what has passed passes again as it is"


def test_every_character_that_unicode_hides_is_taken_out() -> None:
    hidden = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert len(hidden) > 2000 and set(HIDDEN) < set(hidden)
    for char in hidden:
        clean = safe(f"a{char}b")
        assert char in "\n\t" or clean in ("ab", "b", "a", "a\ufffdb"), ascii(char)


def test_words_in_any_language_stay() -> None:
    for text in ("épocas 1/2 日本語 σ=0.1", "שלום عالم", "हिन्दी", "[bold] {x} %s <b>", "e\u0301"):
        assert safe(text) == safe_screen(safe(text)) == unicodedata.normalize("NFC", text)


def test_marks_that_pile_up_on_a_letter_are_cut() -> None:
    assert safe("z" + "\u0300\u0316" * 5000 + "!") == "z" + unicodedata.normalize("NFC", "\u0300\u0316" * 2) + "!"


def test_bytes_of_a_file_name_that_are_no_text_do_not_come_back_as_bytes() -> None:
    name = b"run\x9b2J\xff".decode("utf-8", "surrogateescape")
    for gate in (safe, safe_line, safe_part, safe_screen):
        assert gate(name).encode() == b"run\xef\xbf\xbd2J\xef\xbf\xbd"


@pytest.mark.parametrize(
    "text",
    [
        "\x9d" * 60_000 + "\x1bq", "\x1b]" * 60_000, "\x1b[" * 60_000, "\x1b" + " " * 60_000 + "\x1b",
        "\x1b]" + "a" * 60_000 + "\x1b", "\x90\x1b" * 60_000, "e" + "\u0300" * 60_000, "\r" * 60_000, "\x9b1;" * 60_000,
    ],
    ids=lambda text: ascii(text[:3]),
)  # fmt: skip
def test_a_hostile_line_costs_no_more_time_than_another(text: str) -> None:
    begun = time.perf_counter()
    safe(text)
    safe_screen(text)
    safe_json(text)
    assert time.perf_counter() - begun < 2, "the first version took half a minute"


def test_json_means_the_same_and_hides_nothing() -> None:
    for text in ALL:
        document = json.dumps({"x": text}, ensure_ascii=False)
        assert json.loads(safe_json(document)) == {"x": text}
        assert breaches(written(safe_json(document))) == []
    assert safe_json('"日本"') == '"日本"'


def test_the_last_gate_passes_our_own_colours_and_no_other_command() -> None:
    own = "\x1b[1;31mred\x1b[0m \x1b[2mdim\x1b[22m \x1b[38;5;208;48;5;16mrgb\x1b[m \x1b[38;2;1;2;3;1mx\x1b[39;49m"
    assert safe_screen(own) == own
    for command in (
        "\x1b[8m",
        "\x1b[5m",
        "\x1b[1;8m",
        "\x1b[2J",
        "\x1b[7042m",
        "\x1b[38;5;8888m",
        "\x1b[>4;2m",
        "\x1b[m\x07",
    ):
        assert safe_screen(f"a{command}b") in ("ab", "a\x1b[mb")
