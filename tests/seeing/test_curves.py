"""Curves: stitched over restarts, put on an axis, smoothed and reduced without losing an extreme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arctl import curves
from arctl.errors import NotFoundError, UsageError


def step(number: int, loss: float | str, *, per_epoch: int = 4) -> dict[str, object]:
    return {"kind": "step", "step": number, "epoch": number / per_epoch, "metrics": {"step/loss": loss}}


@pytest.fixture(scope="module")
def db(shared_lab):
    lab = shared_lab
    lab.trained(1, [0.2, "NaN", 0.6, 0.5])
    files = lab.run(2, name="restarted")
    lab.events(files, "102.0", [step(k, 10.0 - k) for k in range(1, 9)])
    resumed = {"kind": "start", "resumed_step": 4, "t": lab.began + 1000}
    lab.events(files, "102.1", [resumed, *({**step(k, 20.0 - k), "t": lab.began + 1000 + k} for k in range(5, 13))])
    return lab.index()


def test_epochs_steps_and_seconds(db) -> None:
    by_epoch = curves.load(db, 1, "val/top1")
    assert by_epoch.x.tolist() == [1, 2, 3, 4]
    assert by_epoch.y[[0, 2, 3]].tolist() == [0.2, 0.6, 0.5] and np.isnan(by_epoch.y[1])
    assert by_epoch.restarts == ()
    assert curves.load(db, 1, "val/top1", x="step").x.tolist() == [10, 20, 30, 40]
    assert curves.load(db, 1, "val/top1", x="time").x.tolist() == [20, 40, 60, 80]


def test_a_later_attempt_takes_over_where_it_went_on(db) -> None:
    curve = curves.load(db, 2, "step/loss", x="step")
    assert curve.x.tolist() == list(range(1, 13))
    assert curve.y.tolist() == [10.0 - k for k in range(1, 5)] + [20.0 - k for k in range(5, 13)]
    assert curve.restarts == (5.0,)
    assert curves.load(db, 2, "step/loss").restarts == (1.25,)
    assert curves.load(db, 2, "step/loss", x="time").restarts == (1005.0,)


def test_hours_are_those_for_which_the_trainer_ran_times_its_gpus(db) -> None:
    """Attempt 1 ran 80 s of which 4 steps counted; attempt 2 began 1000 s after the first and wrote 8 points."""
    points = curves.load_points(db, 2, "step/loss")
    assert points.running.tolist() == [10.0 * k for k in range(1, 5)] + [80.0 + k for k in range(5, 13)]
    alone = curves.curve_of(points, x="hours")
    assert alone.axis == "hours run" and alone.x.tolist() == (points.running / 3600).tolist()
    four = curves.curve_of(replace(points, gpus=4), x="hours")
    assert four.axis == "GPU-hours" and np.allclose(four.x, 4 * alone.x)
    assert four.restarts == (four.x[4],)


def test_the_best_value_is_the_highest_or_the_lowest_as_the_metric_has_it(db) -> None:
    assert curves.load(db, 1, "val/top1").best == (3.0, 0.6)
    assert curves.load(db, 1, "val/top1", x="step", smooth=0.9).best == (30.0, 0.6)
    best = curves.load(db, 1, "val/loss").best
    assert best is not None and best[0] == 4.0 and best[1] == pytest.approx(1.6)
    assert curves.load(db, 1, "train/top1").best is None


def test_a_smoothed_curve_keeps_its_values(db) -> None:
    curve = curves.load(db, 2, "step/loss", x="step", smooth=0.6)
    assert curve.raw is not None and curve.raw[0] == 9.0 and curve.raw.tolist() != curve.y.tolist()
    small = curves.reduce(curve, columns=3)
    assert small.raw is not None and small.step is not None and len(small.raw) == len(small.step) == len(small.x)
    assert curves.load(db, 2, "step/loss").raw is None


def test_an_unknown_metric_names_the_nearest(db) -> None:
    with pytest.raises(NotFoundError, match=r"run1: no metric 'val/top'.*'val/top1'"):
        curves.load(db, 1, "val/top")


def test_an_unknown_axis_and_a_wrong_smoothing_are_refused(db) -> None:
    with pytest.raises(UsageError, match="epoch"):
        curves.load(db, 1, "val/top1", x="epochs")
    for weight in (1.0, -0.1, float("nan")):
        with pytest.raises(UsageError, match="smoothing"):
            curves.load(db, 1, "val/top1", smooth=weight)


def test_smoothing_is_an_average_corrected_for_its_start() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(50)
    weight = 0.6
    smoothed = curves.smooth(values, weight)
    for at in (0, 1, 7, 49):
        shares = weight ** np.arange(at, -1, -1)
        assert smoothed[at] == pytest.approx((shares * values[: at + 1]).sum() / shares.sum())
    assert curves.smooth(values, 0.0).tolist() == values.tolist()


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 1024, 5000])
@pytest.mark.parametrize("weight", [0.01, 0.6, 0.97, 0.999])
def test_smoothing_in_blocks_is_what_a_loop_gives(count: int, weight: float) -> None:
    values = np.random.default_rng(count).standard_normal(count) + 3
    if count > 30:
        values[[0, 5, 30]] = np.nan, np.inf, -np.inf
    smoothed = curves.smooth(values, weight)
    average, trust = 0.0, 1.0
    for at, value in enumerate(values):
        if np.isfinite(value):
            average = weight * average + (1 - weight) * value
            trust *= weight
            assert smoothed[at] == pytest.approx(average / (1 - trust), rel=1e-12)
        else:
            assert np.array_equal(smoothed[at], value, equal_nan=True)


def test_smoothing_passes_gaps_through_and_leaves_constants() -> None:
    values = np.array([1.0, np.nan, 3.0, np.inf, 2.0])
    smoothed = curves.smooth(values, 0.5)
    assert np.isnan(smoothed[1]) and smoothed[3] == np.inf
    assert smoothed[[0, 2, 4]].tolist() == curves.smooth(values[[0, 2, 4]], 0.5).tolist()
    assert curves.smooth(np.full(9, 0.1), 0.9).tolist() == [0.1] * 9


def test_reduction_keeps_ends_and_extremes_of_every_column() -> None:
    rng = np.random.default_rng(1)
    count, columns = 50_000, 80
    x, y = np.arange(1.0, count + 1), rng.standard_normal(count)
    y[31_234] = 99.0
    y[12_345] = -99.0
    curve = curves.Curve(1, "a", "step/loss", x, y, (), "step")
    small = curves.reduce(curve, columns=columns)
    assert len(small.x) <= 2 * columns + 2
    assert (np.diff(small.x) > 0).all()
    assert small.x[0] == 1 and small.x[-1] == count
    assert small.y.max() == 99.0 and small.y.min() == -99.0
    column = np.minimum((x - 1) / (count - 1) * columns, columns - 1).astype(int)
    kept = np.isin(x, small.x)
    for k in range(columns):
        assert y[kept & (column == k)].max() == y[column == k].max()
        assert y[kept & (column == k)].min() == y[column == k].min()


def test_reduction_keeps_gaps_and_short_curves() -> None:
    x, y = np.arange(1000.0), np.zeros(1000)
    y[300:600] = np.nan
    small = curves.reduce(curves.Curve(1, "a", "m/n", x, y, (), "step"), columns=20)
    inside = (small.x > 310) & (small.x < 590)
    assert inside.any() and np.isnan(small.y[inside]).all()
    short = curves.Curve(1, "a", "m/n", x[:10], y[:10], (), "step")
    assert curves.reduce(short, columns=20).x.tolist() == x[:10].tolist()
