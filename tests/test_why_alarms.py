"""What is out of bounds is said, and what a healthy run writes is not."""

from __future__ import annotations

import pytest

from arctl.why.alarms import Tail, alarms


def said(metric: str, values: list[float], **more: str) -> list[str]:
    return [alarm.text for alarm in alarms({metric: Tail(range(1, len(values) + 1), values)}, **more)]


@pytest.mark.parametrize(
    ("metric", "values", "words"),
    [
        ("perf/data_wait", [0.0] * 300 + [0.43] * 200, "GPU waits for data 43% of the time"),
        ("perf/gpu_util", [0.2] * 5, "GPU computes only 20% of the time"),
        ("perf/clips_per_s", [100.0] * 300 + [40.0] * 20, "clips/s fell to 40% of what is usual"),
        ("optim/loss_scale", [65536.0, 2.0], "loss scale fell to 2"),
        ("optim/skipped", [float(k // 10) for k in range(200)], "19 of the last 200 steps were skipped"),
        ("optim/grad_norm", [1.0, 2.0, *[float("inf")] * 3, float("nan")], "gradient norm not finite since step 3"),
    ],
)
def test_a_figure_out_of_bounds_has_its_sentence(metric: str, values: list[float], words: str) -> None:
    (text,) = said(metric, values)
    assert text.startswith(words)


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("perf/data_wait", [0.9] * 10 + [0.1] * 200),
        ("perf/data_wait", [0.9] * 5),
        ("perf/gpu_util", [0.2, 0.2]),
        ("perf/clips_per_s", [100.0] * 200 + [60.0] * 20),
        ("optim/loss_scale", [65536.0, 1024.0]),
        ("optim/skipped", [float(k // 150) for k in range(200)]),
        ("optim/grad_norm", [float("inf"), 1.0, float("inf"), 2.0, float("inf"), float("inf")]),
        ("optim/grad_norm", []),
        ("optim/lr", [float("nan")] * 50),
    ],
)
def test_what_is_usual_is_not_told(metric: str, values: list[float]) -> None:
    assert said(metric, values) == []


def test_a_run_without_a_gpu_is_not_said_to_have_one() -> None:
    assert said("perf/data_wait", [0.5] * 20, device="model") == ["model waits for data 50% of the time"]
