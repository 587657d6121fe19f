"""What a test set could show: the smallest difference that McNemar's test would find most of the time."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from arctl.errors import UsageError
from arctl.stats.checks import as_share


def smallest_difference(
    n: float, discordant_share: float, *, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0
) -> float:
    """Return the smallest true difference in accuracy that a test at `alpha` finds with probability `power`.

    `n` samples, of which the share `discordant_share` is right in one run only; `design_effect` is how much clusters
    inflate the variance (`ClusteredTest.design_effect`). NaN where no difference could be found: too few discordant
    samples. Solves n = (z_alpha sqrt(s) + z_power sqrt(s - d^2))^2 / d^2 for d. Source: Miettinen 1968, Connor 1987.
    """
    as_share("power", power)
    share = _share(n, discordant_share, design_effect)
    size, z_alpha, z_power = n / design_effect, _z(1 - alpha / 2), _z(power)
    if share == 0:
        return float("nan")
    inside = size * z_alpha**2 - (size + z_power**2) * (z_alpha**2 - z_power**2)
    if inside < 0:
        return float("nan")
    found = sqrt(share) * (sqrt(size) * z_alpha + (1 if z_power >= 0 else -1) * sqrt(inside)) / (size + z_power**2)
    return found if found <= share else float("nan")


def power(
    n: float, discordant_share: float, difference: float, *, alpha: float = 0.05, design_effect: float = 1.0
) -> float:
    """Return the probability that a test at `alpha` finds a true difference in accuracy of this size."""
    share, size = _share(n, discordant_share, design_effect), n / design_effect
    if abs(difference) > share:
        raise UsageError(f"a difference of {difference:g} needs as large a share of discordant samples, not {share:g}")
    spread = share - difference**2
    away = sqrt(size) * abs(difference) - _z(1 - alpha / 2) * sqrt(share)
    return float(away >= 0) if spread <= 0 else NormalDist().cdf(away / sqrt(spread))


def _share(n: float, discordant_share: float, design_effect: float) -> float:
    if n <= 0 or design_effect <= 0 or not 0 <= discordant_share <= 1:
        raise UsageError(
            f"n={n:g}, discordant_share={discordant_share:g}, design_effect={design_effect:g}: not a test set"
        )
    return float(discordant_share)


def _z(probability: float) -> float:
    return NormalDist().inv_cdf(as_share("a probability", probability))
