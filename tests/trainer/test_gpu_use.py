"""How busy the GPU is: asked seldom, in shares, and left alone where nobody can say."""

from __future__ import annotations

import torch

from trainer.gpu_use import GpuUse

CPU = torch.device("cpu")


def test_the_share_is_that_of_the_driver_and_comes_seldom() -> None:
    asked: list[torch.device] = []

    def driver(device: torch.device) -> float:
        asked.append(device)
        return 87

    use = GpuUse(CPU, seconds=3600, ask=driver)
    assert use.metrics() == {"perf/gpu_util": 0.87}
    assert use.metrics() == {} and asked == [CPU]
    eager = GpuUse(CPU, seconds=0, ask=driver)
    assert [eager.metrics(), eager.metrics()] == [{"perf/gpu_util": 0.87}] * 2


def test_a_cpu_has_none_and_a_driver_that_cannot_say_is_not_asked_again() -> None:
    assert GpuUse(CPU).metrics() == {}
    asked = []

    def broken(device: torch.device) -> float:
        asked.append(device)
        raise RuntimeError("NVML: not supported")

    use = GpuUse(CPU, seconds=0, ask=broken)
    assert [use.metrics(), use.metrics()] == [{}, {}] and len(asked) == 1


def test_a_cuda_device_without_its_driver_costs_the_run_nothing() -> None:
    if torch.cuda.is_available():
        assert set(GpuUse(torch.device("cuda")).metrics()) <= {"perf/gpu_util"}
    else:
        assert GpuUse(torch.device("cuda")).metrics() == {}
