"""Hundreds of texts that a terminal or a markup language would obey, each with a mark of its own.

The mark says that the text was shown; the bytes around it say whether the terminal was commanded. Numbers in a
sequence are those of its mark, so that a sequence of arctl's own is never taken for it.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass

OSC = (0, 1, 2, 4, 7, 8, 9, 10, 11, 50, 52, 104, 110, 133, 777, 1337)
"""Title, icon, palette, directory, link, notice, colours, font, clipboard, prompt marks, iTerm's own."""

_ENDS = (b"\x07", b"\x1b\\", b"\xc2\x9c", b"\x9c", b"")
_OSC_BEGINS = (b"\x1b]", b"\xc2\x9d", b"\x9d")
_CSI_BEGINS = (b"\x1b[", b"\xc2\x9b", b"\x9b")
_CSI_ENDS = (
    b"J", b"K", b"H", b"A", b"m", b"r", b"t", b"n", b"c", b"l", b"q", b"S", b"X", b"@", b"x", b"!p", b'"p', b"$r", b" q"
)  # fmt: skip
_STRINGS = (
    b"\x1bP",
    b"\x1b_",
    b"\x1b^",
    b"\x1bX",
    b"\xc2\x90",
    b"\xc2\x9f",
    b"\xc2\x9e",
    b"\xc2\x98",
    b"\x90",
    b"\x9f",
)
_SHORT = (
    b"\x1bc", b"\x1b7", b"\x1b8", b"\x1b=", b"\x1b>", b"\x1b(0", b"\x1b#8", b"\x1b%G", b"\x1bN", b"\x1bO", b"\x1bZ",
    b"\x1bGQ", b"\x1bD", b"\x1bE", b"\x1bH", b"\x1bM", b"\x1b~", b"\x1bn", b"\x1b|", b"\x1b", b"\x1b\x1b", b"\x1b ",
)  # fmt: skip
_NESTED = (
    b"\x1b\x1b]52;c;", b"\x1b[\x1b]52;c;", b"\x1b]\x1b]52;c;", b"\x1b\x00]52;c;", b"\x1b\xe2\x80\x8b]52;c;",
    b"\x1b\xc2\x9d52;c;", b"\xc2\x9b\xc2\x9d52;c;", b"\x1b[1\x1b[2\x1b]0;", b"\x1b]0;\x1b[", b"\x1bP\x1b]52;c;",
    b"\x1b\x7f[2J", b"\x1b\x08]0;", b"\x1b\xad]0;", b"\x1b\xed\xb2\x9d0;", b"\x1b[38;5;\x1b]0;",
)  # fmt: skip
MARKUP = (
    "[@click=app.quit]{m}[/]", "[@click=app.screenshot('{m}')]x", "[/]{m}", "[/bold]{m}", "[@click=nope(]{m}",
    "[link=javascript:alert(1)]{m}[/link]", "[bold]{m}[/bold]", "[red on blue]{m}", "[not a style]{m}", "[{m}",
    "{m}]", "[[{m}]]", r"\[{m}", "run[3] {m}", "[Errno 2] {m}", "[$primary]{m}", ":smile: {m}", "{{{{ {m} }}}}",
    "%s %d %(x)s {m}", "<script>{m}</script>", "`touch PWN` $(touch PWN) {m}",
)  # fmt: skip
HIDDEN = tuple(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cf", "Zl", "Zp"))
"""Bidi, zero width, tags, separators: all that Unicode hides."""


@dataclass(frozen=True)
class Payload:
    """One hostile text."""

    mark: str
    """What may be shown: letters and digits."""
    raw: bytes
    """The text, with its mark in front, within and behind."""
    evil: bytes
    """The part that must not be written; empty for markup, which must be shown as it is."""

    @property
    def text(self) -> str:
        """The payload for files that hold UTF-8: bytes that are none are those of Latin-1's controls."""
        return self.raw.decode("utf-8", "surrogateescape").translate({0xDC00 + byte: byte for byte in range(128, 256)})


def payloads() -> list[Payload]:
    """Return all of them, sequences first, markup last."""
    sequences = [
        *(begin + b"%d;c;%s;" % (number, b"{m}") + end for begin in _OSC_BEGINS for number in OSC for end in _ENDS),
        *(begin + b"?" * odd + b"1;{n}" + end for begin in _CSI_BEGINS for end in _CSI_ENDS for odd in (0, 1)),
        *(begin + b"{m}" + end for begin in _STRINGS for end in (b"\x1b\\", b"")),
        *(short + b"{m}" for short in (*_SHORT, *_NESTED)),
        *(bytes([code]) for code in (*range(9), *range(0x0B, 0x20), 0x7F)),
        *(bytes([0xC2, code]) for code in range(0x80, 0xA0)),
        *(bytes([code]) for code in range(0x80, 0xA0)),
        *(char.encode() for char in HIDDEN[:40]),
    ]
    made = []
    for number, sequence in enumerate(sequences, start=1000):
        mark = f"Q{number}q"
        evil = sequence.replace(b"{m}", mark.encode()).replace(b"{n}", b"%d" % (number + 6000))
        made.append(Payload(mark, mark.encode() + evil + mark.encode(), evil))
    for number, markup in enumerate(MARKUP, start=3000):
        made.append(Payload(f"Q{number}q", markup.format(m=f"Q{number}q").encode(), b""))
    return made


def sample(count: int, *, seed: int = 0) -> list[Payload]:
    """Return `count` payloads of all kinds, evenly spread; another seed gives others."""
    everything = payloads()
    step = len(everything) / count
    return [everything[(int(step * index) + seed) % len(everything)] for index in range(count)]


_COLOUR = re.compile(r"\x1b\[(\d{0,3}(?:;\d{0,3})*)m")


def breaches(written: bytes, *, own: re.Pattern[bytes] | None = None) -> list[str]:
    """Return what in the bytes of a terminal no file may put there; `own` are the program's own sequences."""
    left = own.sub(b"", written) if own is not None else written
    found = [f"byte {error.start} is no UTF-8" for error in _undecodable(left)]
    text = _COLOUR.sub(lambda match: "" if _plain(match[1]) else match[0], left.decode("utf-8", "replace"))
    for place, char in enumerate(text):
        if char not in "\r\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            found.append(f"U+{ord(char):04X} in {text[max(0, place - 30) : place + 30]!r}")
    return found[:10]


def smuggled(written: bytes) -> list[Payload]:
    """Return the payloads whose commands stand in the bytes as they are."""
    return [one for one in payloads() if len(one.evil) > 2 and one.evil in written]


def marks(written: bytes) -> set[str]:
    """Return the marks that were shown."""
    return {mark.decode() for mark in re.findall(rb"Q\d{4}q", written)}


def _plain(numbers: str) -> bool:
    # Conceal (8) and blinking (5, 6) are never arctl's; as parts of 38;5;208 they are.
    parts = numbers.split(";")
    return len(parts) > 1 or parts[0] not in ("5", "6", "8")


def _undecodable(data: bytes) -> itertools.chain[UnicodeDecodeError]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return itertools.chain([error])
    return itertools.chain()
