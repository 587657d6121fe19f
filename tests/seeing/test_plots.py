"""Panels have the size that was asked for, show what is there, and say what is not."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from rich.cells import cell_len

from arctl import heatmap, plots
from arctl.confusion import difference, from_scores
from arctl.matrix import Confusion
from arctl.raster import Curve, duration, fold, round_ticks, similar_order
from arctl.spark import sparkline

ANSI = re.compile(r"\x1b\[[0-9;]*m")
BRAILLE = re.compile(r"[\u2801-\u28ff]")


def curve(values: list[float], *, run: int = 1, metric: str = "val/top1", **more: object) -> Curve:
    x = np.arange(1.0, len(values) + 1)
    fields = {"label": metric, "restarts": (), "axis": "epoch", "x": x, "y": np.array(values), **more}
    return Curve(run=run, metric=metric, **fields)  # type: ignore[arg-type]


def matrix(classes: int, *, each: int = 20, right: float = 0.7, seed: int = 0, run: int = 1) -> Confusion:
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(classes), each)
    answers = np.where(rng.random(len(targets)) < right, targets, (targets ^ 1) % classes)
    scores = np.zeros((len(targets), 1, classes), np.float16)
    scores[np.arange(len(targets)), 0, answers] = 5
    return from_scores(scores, targets, tuple(f"Class{k:03d}" for k in range(classes)), run=run)


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


@pytest.mark.parametrize("classes", [2, 8, 30, 101, 400])
@pytest.mark.parametrize(("width", "height"), [(80, 23), (160, 44), (60, 12), (40, 10)])
@pytest.mark.parametrize("colour", [True, False])
def test_heat_maps_are_exactly_as_large_as_asked(classes: int, width: int, height: int, colour: bool) -> None:
    one = matrix(classes)
    other = matrix(classes, right=0.9, seed=1, run=2)
    for panel in (
        plots.confusion(one, width=width, height=height, colour=colour),
        plots.confusion(one, width=width, height=height, colour=colour, order="confused"),
        plots.difference(difference(one, other), width=width, height=height, colour=colour),
    ):
        assert len(panel.split("\n")) == height
        assert sizes(panel) == {width}


def test_few_classes_carry_their_percentages_and_names() -> None:
    one = matrix(8, right=0.7)
    text = heatmap.confusion(one, width=80, height=12, colour=False)
    for k, row in enumerate(text.split("\n")[1:9]):
        shown = [0 if word == "·" else int(word) for word in row.split()[2:]]
        assert shown == [round(100 * rate) for rate in one.rates[k, :-1]]
        assert f"Class{k:03d}" in row


def test_colour_tells_right_from_wrong_and_better_from_worse() -> None:
    perfect, broken = matrix(8, right=1.0), matrix(8, right=0.0)
    assert "48;5;80m" in heatmap.confusion(perfect, width=80, height=12)
    assert "48;5;221m" not in heatmap.confusion(perfect, width=80, height=12).split("\n")[1]
    assert "48;5;221m" in heatmap.confusion(broken, width=80, height=12).split("\n")[1]
    solved = heatmap.difference(difference(broken, perfect), width=80, height=12).split("\n")[1]
    ruined = heatmap.difference(difference(perfect, broken), width=80, height=12).split("\n")[1]
    assert "48;5;81m" in solved and "48;5;214m" not in solved
    assert "48;5;214m" in ruined and "48;5;81m" not in ruined


def test_unreadable_samples_have_their_own_column() -> None:
    scores = np.zeros((4, 1, 2), np.float16)
    scores[:, 0, 0] = 3
    scores[3] = np.nan
    one = from_scores(scores, np.array([0, 0, 1, 1]), ("a", "b"))
    text = heatmap.confusion(one, width=60, height=7, colour=False)
    assert "unread" in text.split("\n")[0]
    assert text.split("\n")[2].split()[2:] == ["50", "·", "50"]


def test_wide_class_names_keep_the_table_straight() -> None:
    scores = np.eye(3, dtype=np.float16)[:, None, :]
    one = from_scores(scores, np.arange(3), ("左に動く", "右に動く", "回る"))
    assert sizes(heatmap.confusion(one, width=60, height=8)) == {60}


def test_blocks_keep_the_worst_confusion_and_the_mean_recall() -> None:
    values = np.zeros((5, 5))
    np.fill_diagonal(values, [1.0, 0.5, 0.2, 0.4, 0.9])
    values[0, 3] = 0.3
    folded = fold(values, 2)
    assert folded.shape == (3, 3)
    assert folded[0, 1] == 0.3
    assert np.allclose(np.diagonal(folded), [0.75, 0.3, 0.9])
    change = fold(-values, 2)
    assert change[0, 1] == -0.3, "of differences the largest in size is kept, with its sign"


def test_the_confused_order_puts_mixed_up_classes_side_by_side() -> None:
    rates = np.eye(6) * 0.5
    for one, other in ((0, 5), (1, 4), (2, 3)):
        rates[one, other] = rates[other, one] = 0.5
    places = {int(k): place for place, k in enumerate(similar_order(rates))}
    for one, other in ((0, 5), (1, 4), (2, 3)):
        assert abs(places[one] - places[other]) == 1


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
