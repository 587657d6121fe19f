"""Curves of long runs in the dashboard: nothing is hidden, and a window shows every point."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from arctl import curves
from arctl.settings import Workspace
from arctl.tui.reading.curves import CurvesPanel, CurvesWant
from arctl.tui.reading.system import SystemPanel, SystemWant
from tests.tui import workspace as workspaces

STEPS = 30_000
SPIKE, GAP = 23_457, range(21_000, 21_050)


def loss(step: int) -> float | str:
    if step == SPIKE:
        return 99.0
    return "NaN" if step in GAP else 1 + math.exp(-step / 9000) + 0.2 * math.sin(step * 1.7)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = workspaces.init_workspace(tmp_path_factory.mktemp("long") / "ws")
    run = workspaces.new_run(workspace, 1, "long", age=STEPS + 100)
    run.start(30, steps=1000)
    path = Path(run.files.events(f"{run.job}.0"))
    with path.open("a", encoding="utf-8") as file:
        for step in range(1, STEPS + 1):
            metrics = {"step/loss": loss(step), "perf/data_wait": 0.5 if step > STEPS - 300 else 0.0}
            event = {"seq": step, "t": run.began + step, "kind": "step", "step": step, "epoch": step / 1000}
            file.write(json.dumps({**event, "metrics": metrics}) + "\n")
    workspaces.rebuild(workspace)
    return workspace


def read(workspace: Workspace, **asked: object) -> CurvesPanel:
    panel = CurvesWant(1, 120, 40, metrics=("step/loss",), **asked).read(workspace)  # type: ignore[arg-type]
    assert isinstance(panel, CurvesPanel)
    return panel


def test_the_whole_curve_shows_the_one_spike(workspace: Workspace) -> None:
    panel = read(workspace)
    (line,) = panel.curves
    assert panel.extent == (0.001, 30.0)
    assert len(line.x) < 2000 and np.nanmax(line.y) == 99.0
    assert line.x[np.nanargmax(line.y)] == pytest.approx(SPIKE / 1000)
    every = curves.load(workspace.db, 1, "step/loss")
    assert np.nanmin(line.y) == np.nanmin(every.y)


@pytest.mark.parametrize("x", ["epoch", "step", "time", "hours"])
def test_a_window_shows_every_point_on_each_axis(workspace: Workspace, x: str) -> None:
    every = curves.load(workspace.db, 1, "step/loss", x=x)
    window = float(every.x[20_900]), float(every.x[21_100])
    (line,) = read(workspace, x=x, window=window).curves
    assert line.step is not None
    inside = (line.step > 20_901) & (line.step <= 21_100)
    assert line.step[inside].tolist() == list(range(20_902, 21_101))
    assert np.isnan(line.y).sum() == len(GAP)


def test_smoothing_in_a_window_is_that_of_all_points(workspace: Workspace) -> None:
    exact = curves.load(workspace.db, 1, "step/loss", smooth=0.97)
    (line,) = read(workspace, smooth=0.97, window=(10.0, 10.2)).curves
    assert line.step is not None
    inside = (line.x >= 10.0) & (line.x <= 10.2)
    expected = exact.y[np.searchsorted(exact.x, line.x[inside])]
    assert np.allclose(line.y[inside], expected, rtol=1e-6)
    (whole,) = read(workspace, smooth=0.97).curves
    near = exact.y[np.searchsorted(exact.x, whole.x)]
    ordinary = np.isfinite(whole.y) & (np.abs(whole.x - SPIKE / 1000) > 0.5) & (whole.x > 0.2)
    assert np.nanmax(np.abs(whole.y - near)[ordinary]) < 0.1, "means of blocks, smoothed, lie on the smoothed curve"


def test_alarms_look_at_the_newest_steps_one_by_one(workspace: Workspace) -> None:
    panel = SystemWant(1, 120, 40).read(workspace)
    assert isinstance(panel, SystemPanel)
    assert [alarm.text for alarm in panel.alarms] == ["model waits for data 50% of the time"]
