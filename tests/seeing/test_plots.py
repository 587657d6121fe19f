"""Panels have the size that was asked for, show what is there, and say what is not."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from rich.cells import cell_len

from arctl import plots
from arctl.plots.axes import duration, round_ticks
from arctl.raster import Curve
from arctl.spark import sparkline

ANSI = re.compile(r"\x1b\[[0-9;]*m")
BRAILLE = re.compile(r"[\u2801-\u28ff]")


def curve(values: list[float], *, run: int = 1, metric: str = "val/top1", **more: object) -> Curve:
    x = np.arange(1.0, len(values) + 1)
    fields = {"label": metric, "restarts": (), "axis": "epoch", "x": x, "y": np.array(values), **more}
    return Curve(run=run, metric=metric, **fields)  # type: ignore[arg-type]


def sizes(panel: str) -> set[int]:
    return {cell_len(ANSI.sub("", line)) for line in panel.split("\n")}


def plain(panel: str) -> str:
    return ANSI.sub("", panel)


@pytest.mark.parametrize(("width", "height"), [(20, 6), (40, 10), (80, 24), (160, 45), (79, 11)])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_panel_of_curves_is_exactly_as_large_as_asked(width: int, height: int, ascii: bool) -> None:
    lines = [curve([0.1, 0.5, 0.8], metric="val/top1"), curve([0.2, 0.6, 0.9], metric="train/top1")]
    panel = plots.curves(lines, width=width, height=height, title="run1 top1", ascii=ascii)
    assert len(panel.split("\n")) == height
    assert sizes(panel) == {width}
    assert plain(panel).isascii() is ascii


def test_too_small_a_panel_says_so() -> None:
    assert "too small" in plots.curves([curve([1.0])], width=18, height=5)


def test_accuracies_are_in_percent_and_epochs_are_whole() -> None:
    text = plain(plots.curves([curve([0.1, 0.4, 0.6, 0.8, 0.9])], width=60, height=12))
    assert "75%" in text and "50%" in text
    assert text.split("\n")[-1].split() == ["1", "2", "3", "4", "5"]


def test_a_single_point_is_visible() -> None:
    text = plain(plots.curves([curve([0.5])], width=60, height=12))
    assert text.count("•") == 1


def test_a_gap_stays_a_gap_and_lonely_points_are_marked() -> None:
    gap = curve([0.5, 0.5, 0.5, float("nan"), float("nan"), float("inf"), 0.5, float("nan"), 0.5, 0.5])
    rows = plain(plots.curves([gap], width=71, height=9)).split("\n")
    drawn = next(row for row in rows if BRAILLE.search(row)).split("┤")[-1]
    runs = [len(list(group)) for inked, group in itertools.groupby(drawn, key=lambda c: c != " ") if inked]
    assert len(runs) == 3
    assert "•" in drawn


def test_nothing_to_draw_says_why() -> None:
    assert "no values yet" in plots.curves([], width=40, height=10)
    assert "no finite values" in plots.curves([curve([float("nan")] * 3)], width=40, height=10)


def test_runs_have_colours_and_training_is_dashed() -> None:
    values = {1: [0.1, 0.5, 0.9], 2: [0.1, 0.2, 0.3]}
    lines = [
        curve(y, run=run, metric=metric, label=f"run{run}")
        for run, y in values.items()
        for metric in ("train/top1", "val/top1")
    ]
    panel = plots.curves(lines, width=70, height=16)
    head = plain(panel.split("\n")[0])
    assert [word for word in head.split() if word.startswith(("run", "train", "val"))] == [
        "run1",
        "run2",
        "train/top1",
        "val/top1",
    ]
    inks = set(re.findall(r"38;5;(\d+)m[\u2801-\u28ff]", panel))
    assert inks == {str(plots.COLOURS[0]), str(plots.COLOURS[1])}
    dashed = plots.curves(lines[:2], width=70, height=16, colour=False)
    alone = plots.curves([curve(values[1], metric="val/top1")], width=70, height=16, colour=False)
    train = plots.curves([curve(values[1], metric="train/top1")], width=70, height=16, colour=False)
    assert "╍╍ train/top1" in dashed and "━━ val/top1" in dashed
    assert len(BRAILLE.findall(train)) == len(BRAILLE.findall(alone)), "alone, training is drawn solid"


def test_without_colour_runs_are_told_apart_by_letters() -> None:
    lines = [curve([0.1, 0.5], run=1, label="run1"), curve([0.9, 0.6], run=2, label="run2")]
    text = plots.curves(lines, width=60, height=12, colour=False)
    assert "\x1b" not in text
    body = "\n".join(text.split("\n")[1:])
    assert body.count("*") > 20 and body.count("o") > 20
    assert "** run1" in text and "oo run2" in text


def test_a_restart_is_marked() -> None:
    marked = plain(plots.curves([curve([0.1] * 9, restarts=(5.0,))], width=60, height=14))
    bare = plain(plots.curves([curve([0.1] * 9)], width=60, height=14))
    assert "restart" in marked and "restart" not in bare
    assert marked.count("│") > bare.count("│") + 5


def test_a_long_legend_wraps_and_then_counts() -> None:
    lines = [curve([0.1, 0.2], run=k, label=f"run{k} a_rather_long_name") for k in range(30)]
    panel = plots.curves(lines, width=60, height=14)
    assert sizes(panel) == {60}
    assert re.search(r"\+\d+", plain(panel))


def test_time_reads_in_hours() -> None:
    hours = curve([1.0, 2.0, 3.0], metric="val/loss", x=np.array([0.0, 3600.0, 7200.0]), axis="time")
    assert plain(plots.curves([hours], width=80, height=10)).split("\n")[-1].split()[::3][:3] == ["0s", "45m", "1h30"]


def test_a_hundred_thousand_points_are_drawn() -> None:
    rng = np.random.default_rng(0)
    count = 100_000
    noisy = [
        curve([], run=k, metric="step/loss", x=np.arange(1.0, count + 1), y=rng.standard_normal(count) + k, axis="step")
        for k in range(5)
    ]
    panel = plots.curves(noisy, width=160, height=45)
    assert sizes(panel) == {160}
    assert "100k" in panel


def test_two_panels_beside_one_another_are_as_wide_as_both() -> None:
    left = plots.curves([curve([0.1, 0.2])], width=60, height=10)
    right = plots.curves([curve([0.1, 0.2])], width=50, height=10)
    assert sizes(plots.beside(left, right)) == {112}


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(list(range(80)), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, 1, 1], 8) == "▅▅▅"
    assert sparkline([0.0, float("nan"), 1.0], 8) == "▁ █"
    assert sparkline([float("nan")], 8) == " "
    assert sparkline([], 8) == "" == sparkline([1.0], 0)
    assert sparkline([0, 5, 9], 3, ascii=True).isascii()
    assert sparkline([-1.7e308, 1.7e308], 2) == "▁█"


def test_ticks_are_round_and_inside() -> None:
    for low, high in ((0.0, 1.0), (0.113, 0.117), (-3.0, 4000.0), (1.0, 12.0), (1e-9, 2e-9)):
        ticks = round_ticks(low, high, 6)
        assert 2 <= len(ticks) <= 7
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert all(tick == int(tick) for tick in round_ticks(1, 7, 20, whole=True))


def test_durations_read_as_people_say_them() -> None:
    assert [duration(s) for s in (45, 90, 720, 3600, 5400, 172800, 180000)] == [
        "45s",
        "1m30",
        "12m",
        "1h",
        "1h30",
        "2d",
        "2d2h",
    ]


def test_stacked_panels_stand_on_the_same_axis() -> None:
    accuracy = curve([0.2, 0.6, 1.0])
    loss = curve([2.0, 1.0, 0.5, 0.4, 0.3, 0.2], metric="val/loss")
    panel = plain(plots.stacked([("top-1", [accuracy]), ("loss", [loss])], width=60, heights=[14, 12]))
    lines = panel.split("\n")
    assert sizes(panel) == {60}
    assert len(lines) == 26
    assert lines[13] == lines[25]
    assert lines[12] == lines[24]
    assert len({line.index("┤") for line in lines if "┤" in line}) == 1
    alone = plain(plots.curves([accuracy], width=60, height=14, title="top-1")).split("\n")
    assert alone[13] != lines[13]


def test_stacked_panels_of_different_quantities_keep_their_own_limits() -> None:
    steps = curve([1.0, 2.0, 3.0], metric="a/b", axis="step", x=np.array([0.0, 500.0, 1000.0]))
    lines = plain(plots.stacked([(None, [curve([1.0, 2.0])]), (None, [steps])], width=60, heights=[10, 10])).split("\n")
    assert "1000" not in lines[9]
    assert "1000" in lines[19]


def test_a_stacked_panel_without_values_leaves_the_others_alone() -> None:
    panel = plain(plots.stacked([("a", [curve([])]), ("b", [curve([0.1, 0.5])])], width=60, heights=[8, 9]))
    assert "no values yet" in panel
    assert panel.split("\n")[8:] == plain(plots.curves([curve([0.1, 0.5])], width=60, height=9, title="b")).split("\n")
