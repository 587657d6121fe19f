"""`arctl curves`: two panels by default, any metric by name, every point as JSON."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def lab(shared_lab):
    shared_lab.trained(1, [0.2, 0.6, 0.9], name="r3d_tiny")
    shared_lab.trained(2, [0.1, "NaN", 0.4], name="frame_tiny")
    shared_lab.run(3, name="silent")
    shared_lab.index()
    return shared_lab


def test_loss_and_top1_are_drawn_for_every_run(lab) -> None:
    said = lab.arctl("curves", "run1", "run2", "--width", "80", "--height", "24")
    lines = said.out.splitlines()
    assert len(lines) == 24 and all(len(line) == 80 for line in lines)
    assert lines[0].startswith("loss") and "run1 r3d_tiny" in lines[0] and "run2 frame_tiny" in lines[0]
    assert lines[12].startswith("top1") and "75%" in said.out
    assert said.err == "run2 val/top1: 1 values are not finite, and left out\n"


def test_wide_screens_have_the_panels_side_by_side(lab) -> None:
    lines = lab.arctl("curves", "run1", "--width", "160", "--height", "20").out.splitlines()
    assert len(lines) == 20 and {len(line) for line in lines} == {160}
    assert "loss" in lines[0][:30] and "top1" in lines[0][80:]


def test_ascii_where_the_locale_has_no_more(lab) -> None:
    out = lab.arctl("curves", "run1", "--width", "60", "--height", "16", encoding="ascii").out
    assert out.isascii() and "-+-" in out and "ooo" in out


def test_all_points_are_in_the_json(lab) -> None:
    document = lab.arctl("curves", "run1", "run2", "-m", "val/top1", "--x", "step", "--smooth", "0.5", "--json").json
    assert document["schema"] == "arctl.curves/1" and document["x"] == "step"
    one, two = document["curves"]
    assert (one["run"], one["metric"], one["step"]) == ("run1", "val/top1", [10, 20, 30])
    assert one["value"] == [0.2, 0.6, 0.9] and one["epoch"] == [1, 2, 3] and one["time"] == [20, 40, 60]
    assert one["smoothed"][0] == pytest.approx(0.2) and one["restarts"] == []
    assert two["value"] == [0.1, "NaN", 0.4]


def test_metrics_can_be_listed(lab) -> None:
    out = lab.arctl("curves", "run1", "--list").out.split()
    assert out == ["gap/top1", "perf/clips_per_s", "train/loss", "train/top1", "val/loss", "val/top1"]


def test_what_is_not_there_is_named_with_the_nearest(lab) -> None:
    assert "'val/top1'" in lab.arctl("curves", "run1", "-m", "val/top", status=3).err
    assert "run3: no metrics yet" in lab.arctl("curves", "run3", status=3).err
    assert "run3 has no" in lab.arctl("curves", "run1", "run3", "--height", "16").err
    assert "smoothing" in lab.arctl("curves", "run1", "--smooth", "1", status=2).err
    assert "'time'" in lab.arctl("curves", "run1", "--x", "weeks", status=2).err
    assert "--height" in lab.arctl("curves", "run1", "--height", "8", "--width", "80", status=2).err


def test_values_at_a_place_are_printed_and_marked(lab) -> None:
    out = lab.arctl("curves", "run1", "-m", "val/top1", "--at", "2.5", "--smooth", "0.5", "--width", "60").out
    assert out.splitlines()[-1] == "val/top1 60.0% (smoothed 46.7%) at epoch 2.0, step 20"
    assert sum("│" in line[8:] for line in out.splitlines()) > 10
    said = lab.arctl("curves", "run1", "run2", "-m", "val/loss", "--x", "step", "--at", "5").out.splitlines()[-2:]
    assert said == ["run1 r3d_tiny val/loss -: begins at step 10", "run2 frame_tiny val/loss -: begins at step 10"]


def test_a_window_a_logarithm_and_the_best_mark(lab) -> None:
    shown = lab.arctl(
        "curves", "run1", "-m", "val/top1", "--from", "1.5", "--log", "--width", "60", "--height", "14"
    ).out
    assert shown.splitlines()[-1].split() == ["2", "3"]
    assert "log epoch" in shown and "◆" in shown and "90.0%" in shown
    assert "◆" not in lab.arctl("curves", "run1", "-m", "val/top1", "--no-best").out
    some = lab.arctl("curves", "run1", "-m", "val/top1", "--x", "time", "--to", "1m", "--at", "45s", "--json").json
    (one,) = some["curves"]
    assert one["time"] == [20, 40, 60] and one["hours"] == pytest.approx([t / 3600 for t in one["time"]])
    assert one["best"] == {"x": 60, "value": 0.9}
    assert one["at"] == {"x": 40, "step": 20, "epoch": 2, "value": 0.6}


def test_hours_say_when_nobody_knows_the_gpus(lab) -> None:
    said = lab.arctl("curves", "run1", "-m", "val/top1", "--x", "hours")
    assert "hours run" in said.out and "run1: its GPUs are not known" in said.err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--from", "3", "--to", "2"], "nothing lies from 3 to 2"),
        (["--at", "noon"], "'noon' is no place on the axis 'epoch'"),
        (["--x", "time", "--at", "5 parsecs"], "1h30m"),
        (["--from", "nan"], "no place"),
        (["--from", "99"], "nothing lies there"),
    ],
)
def test_places_that_are_none_are_refused(lab, argv: list[str], word: str) -> None:
    assert word in lab.arctl("curves", "run1", *argv, status=2).err
