"""The Log tab: end first, scrolling through a long log, following, wrapping, other logs, what is gone."""

from __future__ import annotations

import os
from pathlib import Path

from textual.events import MouseScrollUp

from tests.tui.logdesk import Reader, Seen, logged

SIZE = (80, 24)
LINES = b"".join(b"line %06d of a log\n" % number for number in range(1, 200_001))


async def test_a_long_log_opens_at_its_end_and_says_the_line(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, LINES)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("line 200000", "following", "line 199,978 of 200,000")
        assert seen.rows[0] == "line 199978 of a log"
        await seen.press("g")
        await seen.shows("line 000001", "line 1 of 200,000")
        assert "following" not in seen.text
        assert app.tab.note == "0%"
        await seen.press("G")
        await seen.shows("line 200000 of a log")


async def test_a_key_held_down_meets_every_line_in_order(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, LINES)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("line 200000")
        tops = []
        for _ in range(45):
            await seen.press("pageup")
            tops.append(int(seen.rows[0].split()[1]))
            assert [int(row.split()[1]) for row in seen.rows] == list(range(tops[-1], tops[-1] + 23))
        assert tops == list(range(199978 - 21, 199978 - 21 * 46, -21))
        assert len(app.tab.lines.read.lines) < 1200


async def test_the_view_stays_while_the_log_grows_and_follows_again_when_told(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, LINES)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("line 200000")
        with path.open("ab") as file:
            file.write(b"the newest line\n")
        app.tick()
        await seen.shows("the newest line", "of 200,001")
        await seen.press("k", "k")
        before = seen.rows
        with path.open("ab") as file:
            file.write(b"newer still\n" * 3000)
        app.tick()
        await seen.shows("of 203,001")
        assert seen.rows == before
        await seen.press("f")
        await seen.shows("newer still", "following")


async def test_wrapping_shows_the_whole_line_and_arrows_its_right_end(tmp_path: Path) -> None:
    long = "x" * 150 + "THE END"
    workspace, _ = logged(tmp_path, f"short\n{long}\nlast\n".encode())
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("last")
        assert "THE END" not in seen.text
        await seen.press(*["right"] * 8)
        assert seen.rows[1].endswith("THE END")
        await seen.press(*["left"] * 8, "w")
        assert seen.rows[:4] == ["short", "x" * 79, "x" * 71 + "THE END", "last"]
        assert "wrapped" in seen.text
        await seen.press("w")
        assert seen.rows[2] == "last"


async def test_wrapped_lines_are_scrolled_row_by_row(tmp_path: Path) -> None:
    lines = b"".join(b"%03d%s\n" % (number, b"." * 200) for number in range(100))
    workspace, _ = logged(tmp_path, lines)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("099...")
        await seen.press("w", "g")
        await seen.until(lambda: seen.rows[0].startswith("000"))
        await seen.press("j")
        assert seen.rows[0] == "." * 79 and seen.rows[2].startswith("001")
        await seen.press("k", "G")
        await seen.until(lambda: seen.rows[-3].startswith("099"))


async def test_another_job_s_log_is_one_key_away(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, b"of the first job\n")
    path.with_name("log-9002.txt").write_bytes(b"of the second job\n")
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("of the second job", "log-9002.txt", "2/2")
        await seen.press("o")
        await seen.shows("of the first job", "log-9001.txt", "1/2")
        app.tick()
        await seen.pilot.pause()
        assert "of the first job" in seen.text
        path.with_name("log-9003.txt").write_bytes(b"of the third job\n")
        await seen.press("o")
        await seen.shows("of the second job")
        await seen.press("o", "o")
        await seen.shows("of the third job", "3/3")


async def test_while_following_the_newest_job_s_log_takes_over(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, b"of the first job\n")
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("of the first job")
        path.with_name("log-9002.txt").write_bytes(b"of the second job\n")
        app.tick()
        await seen.shows("of the second job", "2/2", "line 1 of 1")


async def test_a_log_that_is_cut_replaced_or_deleted_says_so(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, LINES)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("of 200,000")
        await seen.press("k")
        os.truncate(path, 50)
        app.tick()
        await seen.shows("replaced or cut short", "line 000002")
        path.unlink()
        path.write_bytes(b"another file\n")
        app.tick()
        await seen.shows("another file")
        path.unlink()
        app.tick()
        await seen.shows("another file", "is gone")
        path.write_bytes(b"back again\n")
        await seen.press("G")
        await seen.shows("back again")
        assert "is gone" not in seen.text


async def test_a_run_without_a_log_says_so_and_an_empty_one_too(tmp_path: Path) -> None:
    workspace, path = logged(tmp_path, b"")
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("the log is empty")
        await seen.press("g", "G", "j", "k", "n", "escape", "y", "o", "O", "w", "f", "e")
        await seen.shows("no error in this log")
        path.write_bytes(b"now\n")
        await seen.press("f")
        app.tick()
        await seen.shows("now")
    path.unlink()
    again = Reader(workspace)
    async with again.run_test(size=SIZE) as pilot:
        await Seen(again, pilot).shows("no log yet")


async def test_the_wheel_scrolls_and_another_size_keeps_the_place(tmp_path: Path) -> None:
    workspace, _ = logged(tmp_path, LINES)
    app = Reader(workspace)
    async with app.run_test(size=SIZE) as pilot:
        seen = Seen(app, pilot)
        await seen.shows("line 200000")
        await pilot.resize_terminal(60, 12)
        await seen.until(lambda: seen.rows[-1].startswith("line 200000") and len(seen.rows) == 11)
        app.tab.lines.post_message(MouseScrollUp(app.tab.lines, 1, 1, 0, -1, 0, False, False, False))
        await seen.until(lambda: seen.rows[-1].startswith("line 199997"))
        assert "following" not in seen.text
        await pilot.resize_terminal(*SIZE)
        await seen.until(lambda: len(seen.rows) == 23)
        assert "line 199990" in seen.text
        await pilot.resize_terminal(20, 3)
        await seen.until(lambda: len(seen.rows) == 2)
        await seen.press("k", "pageup", "w", "G")
        await seen.shows("line 200000")
