"""The Log tab's jumps: a text, an expression, errors, times, restarts; and lines that try to harm the terminal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from arctl.tui.look import Look
from tests.tui.logdesk import Reader, Seen, logged
from tests.tui.workspace import POISON

SIZE = (80, 24)
BEGIN = time.mktime((2026, 11, 20, 22, 0, 0, 0, 0, -1))
TRACE = ["Traceback (most recent call last):", '  File "x.py", line 3, in <module>', "ValueError: bad split"]


def story() -> bytes:
    """A log of two starts: a line each ten seconds, an error in each start, a few words that are sought."""
    lines = ["frame_tiny on cpu, fp32: 864 training, 336 validation videos"]
    for number in range(6000):
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(BEGIN + 10 * number))
        lines.append(f"[{clock}] step {number} loss {7 - number / 1000:.3f} val error: 0.25")
        if number in (1000, 3000):
            lines += TRACE
        if number == 3000:
            lines.append(
                "slurmstepd: error: *** JOB 9001 ON node1 CANCELLED AT 2026-11-21T06:20:00 DUE TO JOB REQUEUE ***"
            )
            lines += ["resumed from last.pt: step 2900, epoch 3", lines[0]]
    lines[2000] += " Needle one"
    lines[5000] += " needle two"
    return "\n".join(lines).encode() + b"\n"


async def test_a_text_is_found_marked_and_found_again_around_the_end(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, story())
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("step 5999", "of 6,010")
        await seen.press("g", "slash")
        await seen.shows("find", "re:loss=(nan|inf)")
        await seen.type("needle")
        await seen.shows("Needle one", "'needle'", "line 1,994 of 6,010")
        assert app.tab.lines.sees(app.tab.lines.hit)
        await seen.press("n")
        await seen.shows("needle two")
        await seen.press("n")
        await seen.shows("Needle one", "from the top on")
        await seen.press("N")
        await seen.shows("needle two", "from the end on")
        await seen.press("y")
        assert app.copied.endswith("needle two")
        await seen.press("slash")
        await seen.type("Needle two")
        await seen.shows("no match for 'Needle two'")
        await seen.press("escape")
        assert app.tab.lines.hit is None and "no match" not in seen.text


async def test_an_expression_is_found_and_a_bad_one_is_named(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, story())
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("step 5999")
        await seen.press("g", "slash")
        await seen.type("re:step (77|88)8 ")
        await seen.shows("step 778 loss")
        await seen.press("slash")
        await seen.type("re:(")
        await seen.shows("no regular expression")
        await seen.press("slash", "escape", "slash")
        assert app.tab.line.kind == "find"
        await seen.press("escape")
        assert app.tab.lines.has_focus


async def test_errors_are_found_one_by_one_and_figures_are_none(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, story())
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("step 5999")
        await seen.press("e")
        await seen.shows("Traceback", "step 1000", "ValueError: bad split")
        await seen.press("E")
        await seen.shows("step 3000", "ValueError: bad split")
        await seen.press("E")
        await seen.until(lambda: app.tab.lines.text_at(app.tab.lines.hit or 0).startswith("slurmstepd"))
        await seen.press("E")
        await seen.shows("no later error")
        await seen.press("g", "O")
        await seen.until(lambda: seen.rows[0].startswith("resumed from last.pt"))
        await seen.press("O")
        await seen.shows("no later start")


async def test_times_are_jumped_to_and_words_that_are_none_are_refused(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, story())
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("step 5999")
        for typed, clock in (
            ("23:30", "2026-11-20 23:30:00"),
            ("-1h", "2026-11-21 13:39:50"),
            ("08:00:05", "08:00:10"),
        ):
            await seen.press("t")
            await seen.type(typed)
            await seen.until(lambda: clock in seen.rows[0])  # noqa: B023
            await seen.shows("written at")
        await seen.press("t")
        await seen.type("noon")
        await seen.shows("'noon' is no time")


async def test_a_log_without_times_says_so(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, b"epoch 1/2  train loss 1.9\n")
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("epoch 1/2")
        await seen.press("t")
        await seen.type("14:02")
        await seen.shows("the lines of log-9001.txt say no time")


async def test_hostile_lines_command_nothing_and_draw_in_ascii_without_colour(tmp_path: Path) -> None:
    text = "\n".join(POISON).encode() + b"\n\xff\xfe\x00bytes\n" + bytes(range(256)) * 8 + b"\nfine\n" + b"x\n" * 100
    workspace, _ = logged(tmp_path, text)
    app = Reader(workspace, Look(ascii=True, colour=False))
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("following")
        await seen.press("g")
        await seen.shows("fine", "[@click=app.bell]x[/]", "bytes")
        assert not any(char in seen.text for char in "\x1b\x07\x9b\x9d\u202e\u200b\x00")
        assert any(row.endswith("|") for row in seen.text.split("\n"))
        await seen.press("slash")
        await seen.type("[@click")
        await seen.shows("'[@click'")


async def test_a_long_search_can_be_stopped(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, b"first\n")
    block = b"".join(b"epoch %d step %d loss 0.1 and so on\n" % (number, number) for number in range(30_000))
    with path.open("wb") as file:
        for _ in range(60):
            file.write(block)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("epoch 29999")
        await seen.press("g", "slash")
        await seen.type("re:[a-z]+ [a-z]+ [a-z]+ never")
        while "esc stops" not in app.tab.line.said:
            await asyncio.sleep(0.01)
        await seen.press("escape")
        await seen.shows("stopped")
        await seen.press("j", "j")
        await seen.until(lambda: "epoch 2 step 2" in seen.rows[0])
