"""The axes of a canvas: limits around what is shown, round ticks and their labels, linear or logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arctl.raster import Floats

__all__ = ["Axis", "duration", "figure", "log_axis", "round_ticks", "time_axis", "value_axis"]

_HOURS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_ROOM = 0.04
_SMALLEST, _LARGEST = -307.0, 308.2
_HUGE = 1e300
_COUNTS = ("skipped", "loss_scale")


@dataclass(frozen=True)
class Axis:
    """One axis of a canvas: its limits and its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False
    """Whether equal ratios are equally far apart; values that are not positive then have no place."""

    def place(self, values: Floats, cells: int) -> Floats:
        """Return where `values` lie on `cells` cells: 0 is `low`, `cells` is `high`, NaN is nowhere."""
        low, high = self.low, self.high
        if self.log:
            values = logarithms(values)
            low, high = math.log10(low), math.log10(high)
        return np.asarray((values - low) / (high - low) * cells)

    def value(self, share: float) -> float:
        """Return the value at a share of the way from `low` to `high`."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)


def logarithms(values: Floats) -> Floats:
    """Return the decimal logarithms of `values`; NaN where they are not positive."""
    return np.log10(np.where(values > 0, values, np.nan))


def value_axis(values: Floats, *, ticks: int, percent: bool) -> Axis:
    """Return an axis around the finite `values`; fractions are labelled in percent where `percent` is true."""
    # Twice the largest floats is no float.
    low, high = max(float(values.min()), -_HUGE), min(float(values.max()), _HUGE)
    room = (high - low) * _ROOM or max(abs(high) * 0.1, 1e-12 if high else 0.5)
    low, high = low - room, high + room
    if percent:
        # Accuracies end at 0 and 1: no room is given away beyond them.
        low, high = max(low, -0.01), min(high, 1.01)
        if high - low < 1e-9:
            low, high = low - 0.05, high + 0.05
    at = round_ticks(low, high, ticks)
    return Axis(low, high, at, _labels(at, percent=percent))


def log_axis(values: Floats, *, ticks: int, percent: bool) -> Axis:
    """Return a logarithmic axis around the finite, positive `values`."""
    low, high = math.log10(float(values.min())), math.log10(float(values.max()))
    room = (high - low) * _ROOM or 0.1
    low = min(max(low - room, _SMALLEST), _LARGEST - 0.2)
    high = max(min(high + room, _LARGEST), low + 0.2)
    bottom, top = 10.0**low, 10.0**high
    first, last = max(math.floor(low), round(_SMALLEST)), min(math.ceil(high), math.floor(_LARGEST))
    # The densest of: 1, 2 and 5 of each decade; each decade; every other decade, and so on.
    choices = [[m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5) if power < 308 or m == 1]]
    choices += [
        [10.0**power for power in range(first, last + 1) if power % each == 0]
        for each in (1, 2, 5, 10, 20, 50, 100, 200)
    ]
    inside = [tuple(at for at in choice if bottom <= at <= top) for choice in choices]
    at = next((choice for choice in inside if len(choice) <= max(ticks, 2)), inside[-1])
    if len(at) < 2:
        at = round_ticks(bottom, top, ticks)
        return Axis(bottom, top, at, _labels(at, percent=percent), log=True)
    return Axis(bottom, top, at, tuple(_labels((value,), percent=percent)[0] for value in at), log=True)


def time_axis(low: float, high: float, *, ticks: int, axis: str) -> Axis:
    """Return the horizontal axis from `low` to `high`: whole steps and epochs where there is room, hours for time."""
    if high <= low:
        low, high = low - 1.0, high + 1.0
    if axis == "time":
        days = 86400 * math.ceil((high - low) / 86400 / ticks)
        step: float = next((unit for unit in _HOURS if (high - low) / unit <= ticks), days)
        first = math.ceil(low / step)
        at = tuple(float(step * index) for index in range(first, math.floor(high / step) + 1))
        return Axis(low, high, at, tuple(duration(value) for value in at))
    whole = axis in ("step", "epoch")
    at = round_ticks(low, high, ticks, whole=whole and high - low >= 1)
    return Axis(low, high, at, _labels(at, percent=False))


def round_ticks(low: float, high: float, count: int, *, whole: bool = False) -> tuple[float, ...]:
    """Return at most `count` + 1 round numbers (1, 2, 2.5 or 5 times a power of ten) from `low` to `high`."""
    power = 10.0 ** math.floor(math.log10((high - low) / max(count, 1)))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        if whole and (step < 1 or step % 1):
            continue
        if (high - low) / step <= count:
            break
    else:
        step = max(1.0, 50 * power) if whole else 50 * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def duration(seconds: float) -> str:
    """Return a duration as people say it: `45s`, `12m`, `1h30`, `2d`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if hours < 1:
        return f"{minutes}m" + (f"{whole % 60:02d}" if whole % 60 else "")
    if hours < 48:
        return f"{hours}h" + (f"{minutes % 60:02d}" if minutes % 60 else "")
    return f"{hours // 24}d" + (f"{hours % 24}h" if hours % 24 else "")


def is_share(metric: str) -> bool:
    """Tell whether a metric is a fraction of one that people read in percent."""
    leaf = metric.rpartition("/")[2]
    return leaf.startswith("top") or leaf in ("data_wait", "gpu_util", "clip_top1", "clip_top5")


def figure(metric: str, value: float) -> str:
    """Return a value as a reading of its curve: shares in percent, bytes in GiB, the rest with four digits."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if is_share(metric):
        return f"{100 * value:.1f}%"
    if metric.startswith("sys/"):
        return f"{value / 2**30:.2f} GiB"
    if metric.rpartition("/")[2] in _COUNTS and value == round(value):
        return f"{value:.0f}"
    size = abs(value)
    if size >= 1e6 or size < 0.1:
        return f"{value:.3g}"
    return f"{value:.{max(0, 3 - max(0, math.floor(math.log10(size))))}f}"


def place_text(axis: str, x: float) -> str:
    """Return a place on an axis in words: `epoch 12.0`, `step 840`, `1h30`, `2.31 GPU-hours`."""
    if axis == "time":
        return duration(x)
    if axis == "step":
        return f"step {x:.0f}"
    return f"epoch {x:.2f}".removesuffix("0") if axis == "epoch" else f"{x:.3g} {axis}"


def _labels(at: tuple[float, ...], *, percent: bool) -> tuple[str, ...]:
    step = at[1] - at[0] if len(at) > 1 else (abs(at[0]) if at else 1.0) or 1.0
    return tuple(_number(v * 100, step * 100) + "%" if percent else _number(v, step) for v in at)


def _number(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1e4 and value % 1000 == 0 and step % 1000 == 0:
        return f"{value / 1000:g}k" if abs(value) < 1e6 else f"{value / 1e6:g}M"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3g}"
    digits = max(0, min(8, -math.floor(math.log10(abs(step)) + 1e-9)))
    if round(step, digits) != round(step, 8):
        digits += 1
    return f"{value:.{digits}f}"
