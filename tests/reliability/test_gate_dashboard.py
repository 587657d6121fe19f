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


def test_no_screen_lets_a_payload_through(tmp_path: Path) -> None:
    workspace = hostile(tmp_path / "ws\x1b]0;Q0009q\x07")
    command = [sys.executable, "-m", "arctl"]
    terminal = Terminal(command, cwd=workspace.root, env=environment(), size=(160, 80))

    def press(*keys: bytes, quiet: float = 0.1) -> None:
        for key in keys:
            terminal.type(key)
            terminal.settled(quiet=quiet)

    terminal.until(lambda raw: b"synced" in raw)
    for tab in (b"Curves", b"Log", b"Config", b"Confusion"):
        assert tab in terminal.written
    for _ in range(RUNS - 1):
        press(b"j", b"]", quiet=0.06)
    press(b" ", b"k", b" ", b"j", b"]", b"]")
    press(b"l", b"\r", b"g")
    for _ in range(0, len(payloads()), 65):
        press(b"\x06", quiet=0.06)
    press(b"\x1b", quiet=0.2)
    since = len(terminal.written)
    press(b"c")
    terminal.until(lambda raw: b"Verdict" in raw and b"Predictions" in raw, since=since)
    press(b"]", b"]", b"]", b"]", b"]")
    press(b"\x1b", quiet=0.2)
    for opened in ((b"/", b"Q1"), (b"?",), (b":", b"Q1"), (b"n",), (b"5",), (b"4",), (b"@",), (b"C",), (b"F",)):
        press(*opened)
        press(b"\x1b", quiet=0.2)
    press(b"1", b"w")
    press(b"1", b"e")
    press(b"\x1b", quiet=0.2)
    press(b"1")
    press(b"g", b"x")
    terminal.until(lambda raw: b"Cancel run6" in raw)
    press(b"\x1b", quiet=0.2)
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
