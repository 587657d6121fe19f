"""The dashboard on a real terminal, over a workspace whose every text is hostile: every screen, tab and dialogue."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.reliability.hostile import RUNS, hostile
from tests.reliability.payloads import breaches, marks, payloads, smuggled
from tests.reliability.terminal import Terminal, environment

OWN = re.compile(
    rb"\x1b\[\d{1,3};\d{1,3}H|\x1b\[\?(?:7|25|1000|1003|1004|1006|1015|1049|2004|2026|2048)[hl]"
    rb"|\x1b\[\?20(?:26|48)\$p|\x1b\[[<>=]\d*u|\x1b\]22;default\x07"
)
"""What Textual writes: the cursor's place, modes of the screen, mouse and paste, and the shape of the pointer."""


SCREENS = (
    (b"/", b"drop"),
    (b"?", b"keys"),
    (b":", b"commands"),
    (b"n", b"The form is not whole"),
    (b"5", b"in use now"),
    (b"4", b"elements"),
    (b"@", b"asked and done"),
    (b"C", b"columns"),
    (b"F", b"saved filters"),
    (b"w", b"Job"),
    (b"e", b"note of run"),
)
"""Keys of the list, and what is read on the screen that each opens."""


def test_no_screen_lets_a_payload_through(tmp_path: Path) -> None:
    workspace = hostile(tmp_path / "ws\x1b]0;Q0009q\x07")
    command = [sys.executable, "-m", "arctl"]
    terminal = Terminal(command, cwd=workspace.root, env=environment(), size=(160, 80))

    def press(*keys: bytes, quiet: float = 0.06) -> None:
        for key in keys:
            terminal.type(key)
            terminal.settled(quiet=quiet)

    def opens(key: bytes, *words: bytes) -> None:
        since = len(terminal.written)
        terminal.type(key)
        terminal.until(lambda raw: bool(raw) and all(word in raw for word in words), since=since)
        terminal.settled(quiet=0.1)

    # What was opened is left before the next key is typed: esc and a key in one breath are alt and that key.
    def leaves(key: bytes = b"\x1b") -> None:
        opens(key, b"runs in ")

    terminal.until(lambda raw: b"synced" in raw)
    for tab in (b"Curves", b"Log", b"Config", b"Confusion"):
        assert tab in terminal.written
    for _ in range(RUNS - 1):
        press(b"j", b"]")
    press(b" ", b"k", b" ", b"j", b"]", b"]")
    press(b"l", b"\r", b"g")
    for _ in range(0, len(payloads()), 65):
        press(b"\x06")
    leaves()
    opens(b"c", b"Verdict", b"Predictions")
    press(b"]", b"]", b"]", b"]", b"]")
    leaves()
    for key, word in SCREENS:
        opens(key, word)
        if key in b"/:":
            press(b"Q1")
        leaves(b"1" if key == b"4" else b"\x1b")  # from a board esc leads to the list of sweeps
    opens(b"\x1b")  # from the tab to the list
    opens(b"\x1b")  # without marks
    opens(b"gx", b"Cancel run6")
    leaves()
    press(b"q")
    assert terminal.close() == 0

    raw = terminal.written
    assert breaches(raw, own=OWN) == []
    assert smuggled(raw) == []
    assert raw.count(b"\x1b[?1049h") == raw.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in raw and b"fault of arctl" not in raw
    shown = marks(raw)
    log = {one.mark for one in payloads()}
    assert len(shown & log) > 500, f"{len(shown & log)} of {len(log)} lines of the log came into sight"
