"""What a view shows of curves: a window, a logarithmic scale, best points, the curve before smoothing, a cursor."""

from __future__ import annotations

import re

import numpy as np

from arctl import curves, plots
from arctl.plots.axes import figure, log_axis, place_text
from arctl.raster import Curve, cut, window
from tests.seeing.test_plots import BRAILLE, curve, plain, sizes


def labels(panel: str) -> list[str]:
    return plain(panel).split("\n")[-1].split()


def upright(panel: str) -> list[str]:
    return re.findall(r"^ *(\S+)┤", plain(panel), re.MULTILINE)


def test_a_window_shows_its_part_from_edge_to_edge_and_scales_to_it() -> None:
    line = curve([0.1 * k for k in range(11)], metric="val/loss")
    whole = plots.curves([line], width=60, height=12)
    part = plots.curves([line], width=60, height=12, view=plots.View(window=(4.5, 6.5)))
    assert sizes(part) == {60}
    assert labels(whole)[-1] == "10" and set(labels(part)) <= {"5", "6"}
    values = [float(word) for word in upright(part)]
    assert min(values) > 0.3 and max(values) < 0.6
    inked = [row for row in plain(part).split("\n") if BRAILLE.search(row)]
    assert any(row.rstrip()[-1] != " " and len(row.rstrip()) == 60 for row in inked), "the line goes on to the edge"


def test_a_window_without_points_has_the_line_between_its_neighbours_or_says_so() -> None:
    line = curve([0.0, 1.0])
    between = plots.curves([line], width=60, height=12, view=plots.View(window=(1.2, 1.4)))
    assert BRAILLE.search(between)
    assert "no values here" in plots.curves([line], width=60, height=12, view=plots.View(window=(5.0, 6.0)))


def test_a_logarithmic_scale_has_decades_and_tells_of_what_it_cannot_show() -> None:
    falling = curve([1000.0, 10.0, 0.1, 0.001], metric="val/loss")
    panel = plots.curves([falling], width=60, height=16, view=plots.View(log=True))
    assert {"0.01", "1", "100"} == set(upright(panel)) and "log epoch" in panel
    rows = [at for at, row in enumerate(plain(panel).split("\n")) if BRAILLE.search(row)]
    assert len(rows) >= 12, "equal ratios are equally far apart: the line goes straight through the canvas"
    odd = curve([1.0, 0.0, -2.0, 0.1], metric="val/loss")
    told = plain(plots.curves([odd], width=60, height=12, view=plots.View(log=True)))
    assert "2 not above 0: left out" in told
    nothing = plots.curves([curve([0.0, -1.0])], width=70, height=12, view=plots.View(log=True))
    assert "nothing above 0" in nothing
    assert log_axis(np.array([0.31, 0.33]), ticks=5, percent=True).labels[0].endswith("%")
    assert 2 <= len(log_axis(np.array([1e-300, 1e300]), ticks=8, percent=False).ticks) <= 8


def test_the_largest_and_smallest_floats_are_drawn() -> None:
    for values in ([-1.7e308, 1.7e308, 0.0], [5e-324, 1.7e308], [1e-310, 2e-310]):
        for log in (False, True):
            panel = plots.curves([curve(values, metric="a/b")], width=60, height=12, view=plots.View(log=log))
            assert BRAILLE.search(panel) or "•" in panel


def test_the_best_value_is_marked_and_written_where_there_is_room() -> None:
    line = curve([0.2, 0.9, 0.5, 0.4], best=(2.0, 0.9))
    assert "◆" in plots.curves([line], width=60, height=12) and "90.0%" in plots.curves([line], width=60, height=12)
    assert "B" in plain(plots.curves([line], width=60, height=12, ascii=True)).split("\n", 1)[1]
    away = plots.curves([line], width=60, height=12, view=plots.View(window=(2.5, 4.0)))
    assert "◆" not in away


def test_the_curve_before_smoothing_lies_behind_and_counts_for_the_limits() -> None:
    raw = np.array([0.0, 1.0] * 20)
    line = curve([0.5] * 40, metric="step/loss", raw=raw)
    panel = plots.curves([line], width=60, height=14)
    assert "38;5;24m" in panel and f"38;5;{plots.COLOURS[0]}m" in panel
    assert {"0", "1.00"} <= set(upright(panel))
    letters = plots.curves([line], width=60, height=14, ascii=True, colour=False)
    assert "'" in letters and "*" in letters


def test_a_cursor_is_a_line_through_every_canvas_that_shows_it() -> None:
    drawing = plots.draw(
        [("a", [curve([0.1, 0.5, 0.9])]), ("b", [curve([1.0, 2.0, 3.0], metric="val/loss")])],
        width=60,
        heights=[12, 10],
        colour=True,
        ascii=False,
    )
    crossed = drawing.with_cursor(2.0, ascii=False)
    one, other = drawing.frames
    assert one is not None and other is not None
    column = one.left + (one.column(2.0) or 0)
    rows = crossed.text(colour=False).split("\n")
    for frame in (one, other):
        marks = [rows[row][column] for row in range(frame.top, frame.top + frame.rows)]
        assert marks.count("│") >= frame.rows - 2 and len(marks) == frame.rows
    assert sizes(crossed.text(colour=True)) == {60}
    assert drawing.with_cursor(9.0, ascii=False) == drawing, "beyond the canvas there is nothing to mark"
    assert one.column(one.at(17)) == 17 and one.column(99.0) is None


def test_points_of_a_window_have_one_neighbour_on_either_side() -> None:
    line = curve([float(k) for k in range(100)], step=np.arange(100.0), epoch=np.arange(100.0) / 10)
    part = window(line, 20.5, 30.0)
    assert part.x.tolist() == list(range(20, 32))
    assert part.step is not None and part.step.tolist() == list(range(19, 31))
    x, y = cut(part.x, part.y, 20.5, 30.0)
    assert x[0] == 20.5 and y[0] == 19.5 and x[-1] == 30.0
    gap = cut(np.array([0.0, 1.0]), np.array([np.nan, 1.0]), 0.5, 2.0)
    assert np.isnan(gap[1][0]), "nothing is made up beside a gap"


def test_a_reading_is_the_newest_point_at_or_before() -> None:
    step = np.array([10.0, 20.0, 30.0])
    one = curve([0.2, 0.6, 0.9], step=step, epoch=np.array([1.0, 2.0, 3.0]))
    late = curve([5.0], metric="val/loss", x=np.array([2.5]))
    (read,) = curves.read_at([one, late], 2.4)
    assert (read.metric, read.value, read.step, read.epoch, read.smoothed) == ("val/top1", 0.6, 20, 2.0, None)
    assert [found.x for found in curves.read_at([one, late], 99.0)] == [3.0, 2.5]
    assert curves.read_at([one], 0.9) == []


def test_values_and_places_read_as_people_say_them() -> None:
    said = [figure("val/top1", 0.813), figure("sys/rss", 2**31), figure("val/loss", 1.23456), figure("optim/lr", 1e-4)]
    assert said == ["81.3%", "2.00 GiB", "1.235", "0.0001"]
    assert [figure("a/b", value) for value in (np.nan, np.inf, 0.0, 12345.6)] == ["NaN", "inf", "0", "12346"]
    assert place_text("epoch", 12.0) == "epoch 12.0" and place_text("epoch", 3.25) == "epoch 3.25"
    assert place_text("time", 5400) == "1h30" and place_text("GPU-hours", 2.314) == "2.31 GPU-hours"


def test_wide_characters_take_two_cells() -> None:
    named = Curve(1, "名前", "val/top1", np.arange(3.0), np.arange(3.0) / 3, (), "epoch")
    assert sizes(plots.curves([named], width=40, height=8, title="名" * 60)) == {40}
