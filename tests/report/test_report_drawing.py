"""Figures of reports: their elements can stand in one page, their letters are letters, their lines are the curves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest

from arctl.compare.moments import Asked
from arctl.compare.significance import Method
from arctl.confusion import Confusion, Difference
from arctl.errors import NotFoundError
from arctl.report import matrix_plots
from arctl.report.curve_plots import curve_plot, panels, spoken
from arctl.report.drawing import label, svg
from arctl.report.findings import Findings, gather, shared_order
from arctl.report.range_plots import Range, range_plot
from tests.compare.conftest import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def words(drawing: str) -> list[str]:
    """Return the letters that a figure shows."""
    return ["".join(one.itertext()).strip() for one in ElementTree.fromstring(drawing).iter("text")]


def findings(study: Study, *numbers: int, **more: object) -> Findings:
    method = Method(resamples=0)
    return gather(study.workspace, numbers, asked=Asked(), method=method, **more)  # type: ignore[arg-type]


def matrix(predicted: list[int], targets: list[int], classes: int) -> Confusion:
    names = tuple(f"c{k}" for k in range(classes))
    ids = tuple(str(k) for k in range(len(targets)))
    return Confusion(1, "val", 1, names, ids, np.array(targets), np.array(predicted))


@pytest.mark.parametrize(
    "text", ["$\\frac{1}{2}$", "<b>&amp;</b>", "跑步 бег", "a\x1b[31m\u202eb", "\ufffe", "$", "${x"]
)
def test_letters_are_shown_as_they_are(text: str) -> None:
    def draw(figure: Figure) -> None:
        figure.text(0.5, 0.5, label(text))

    assert words(svg(draw, width=2, height=1, name="n")) == [label(text)]


def test_labels_are_cut_and_safe() -> None:
    assert label("x" * 100) == "x" * 59 + "…" and label("a\nb\x07") == "a b" and label("\uffff") == "\ufffd"


def test_two_figures_share_no_name() -> None:
    ranges = [Range("a", "s", 0.5, 0.4, 0.6)]
    one, other = (range_plot(ranges, name=name, axis="x") for name in ("one", "other"))
    ids = [set(re.findall(r'id="([^"]+)"', drawing)) for drawing in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', one)) <= ids[0]
    assert "<style" not in one and "xmlns" not in one and "http" not in one
    assert one == range_plot(ranges, name="one", axis="x")


def test_a_mean_is_drawn_over_the_seeds_of_a_recipe(studied: Study) -> None:
    found = findings(studied, 3, 4, 1)
    lines = panels(found)["top1"]
    members = [one.curve for one in lines if one.thin and one.curve.metric == "val/top1"]
    (mean,) = [one.curve for one in lines if one.seed == -1 and one.curve.metric == "val/top1"]
    assert [one.run for one in members] == [3, 4]
    assert np.allclose(mean.y, (members[0].y + members[1].y) / 2) and list(mean.x) == [1, 2]
    assert "run3+run4 mvit, mean of 2 seeds" in words(curve_plot(found))


def test_restarts_are_marked_and_curves_told_in_words(studied: Study) -> None:
    found = findings(studied, 7)
    curve = next(one for one in found.curves if one.metric == "val/top1")
    assert curve.restarts == (3.0,) and list(curve.x) == [1, 2, 3]
    assert "run7 val/top1: from " in spoken(found) and "to 95.0 % at epoch 3" in spoken(found)
    assert "dashed: on the training split" in words(curve_plot(found))


def test_curves_can_be_chosen(studied: Study) -> None:
    found = findings(studied, 1, metrics=["perf/clips_per_s"])
    assert list(panels(found)) == ["clips_per_s"]
    assert "dashed: on the training split" not in words(curve_plot(found))
    with pytest.raises(NotFoundError, match="no metric 'val/top2'"):
        findings(studied, 1, metrics=["val/top2"])


def test_cells_of_a_matrix_are_percent_of_the_true_class() -> None:
    one = matrix([0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1], 3)
    shown = words(matrix_plots.matrix_plot(one, np.arange(3), name="m"))
    assert sorted(text for text in shown if text.isdigit()) == ["25", "50", "50", "75"]
    assert shown.count("c2") == 2


def test_a_difference_has_signs() -> None:
    a, b = matrix([0, 1, 1, 1], [0, 0, 1, 1], 2), matrix([0, 0, 0, 1], [0, 0, 1, 1], 2)
    shown = words(matrix_plots.difference_plot(Difference(a, b), np.arange(2), name="d"))
    assert sorted(text for text in shown if text[:1] in "+-") == ["+50", "+50", "-50", "-50"]


def test_many_classes_share_cells() -> None:
    count = 3806
    targets = list(range(0, count, 2))
    one = matrix([k + 1 for k in targets], targets, count)
    assert matrix_plots.block_size(count) == 20 and matrix_plots.block_size(200) == 1
    drawing = matrix_plots.matrix_plot(one, shared_order([one]), name="m")
    assert len(drawing) < 100_000 and f"true class, {count} in all" in words(drawing)


def test_of_many_classes_those_without_samples_and_answers_are_left_out() -> None:
    one, other = matrix([7, 8, 9], [7, 8, 8], 201), matrix([7, 8, 20], [7, 8, 8], 201)
    assert sorted(shared_order([one, other]).tolist()) == [7, 8, 9, 20]
    assert len(shared_order([matrix([0, 1], [0, 1], 200)])) == 200
