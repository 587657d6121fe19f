"""Random values of a sweep: each key draws from its own stream, so that a key more changes no other key's values.

The same file gives the same values with any Python: only `random()` of the generator is used.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist

from arctl.strictyaml import Block
from arctl.sweeps.values import Value, value_of

DIGITS = 6
"""Significant digits of a drawn number: what a table shows is what is run."""

KINDS = ("uniform", "loguniform", "int", "normal", "choice")
"""The distributions."""

_BOUNDS = ("low", "high")


@dataclass(frozen=True)
class Distribution:
    """Where the values of a key are drawn from."""

    kind: str
    """One of KINDS."""
    numbers: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest value; of a normal distribution its mean and standard deviation."""
    choices: tuple[Value, ...] = ()
    """The values of a choice."""
    low: float | None = None
    """Least value of a normal distribution, which is cut there."""
    high: float | None = None
    """Greatest value of a normal distribution."""

    def draws(self, count: int, *, seed: int, key: str) -> list[Value]:
        """Return the first `count` values of a key's stream."""
        stream = random.Random(f"{seed}:{key}")
        return [self.value(stream.random()) for _ in range(count)]

    def value(self, share: float) -> Value:
        """Return the value below which `share` (0 to 1) of all values lie."""
        a, b = self.numbers
        if self.kind == "choice":
            return self.choices[int(share * len(self.choices))]
        if self.kind == "int":
            return int(a) + int(share * (int(b) - int(a) + 1))
        if self.kind == "normal":
            return self._normal(share)
        number = math.exp(_between(math.log(a), math.log(b), share)) if self.kind == "loguniform" else None
        return _rounded(_between(a, b, share) if number is None else number, a, b)

    def _normal(self, share: float) -> Value:
        bell = NormalDist(*self.numbers)
        low = 0.0 if self.low is None else bell.cdf(self.low)
        high = 1.0 if self.high is None else bell.cdf(self.high)
        number = bell.inv_cdf(min(max(_between(low, high, share), 1e-12), 1 - 1e-12))
        return _rounded(number, self.low, self.high)


def read_distribution(parent: Block, key: str) -> Distribution:
    """Read `{uniform: [0, 0.5]}` and the like under a key. Raises UsageError with its place."""
    block = parent.block(key)
    block.only((*KINDS, *_BOUNDS))
    kinds = [kind for kind in KINDS if kind in block]
    if len(kinds) != 1:
        raise parent.error(
            key, "name one distribution, as in {loguniform: [1e-5, 1e-2]}; there are " + ", ".join(KINDS)
        )
    kind = kinds[0]
    bounds = [word for word in _BOUNDS if word in block]
    if bounds and kind != "normal":
        raise block.error(bounds[0], f"only a normal distribution is cut; {kind} has its ends already")
    if kind == "choice":
        return Distribution(kind, choices=_choices(block))
    numbers = _pair(block, kind)
    for holds, what in _rules(kind, *numbers):
        if not holds:
            raise block.error(kind, what)
    low, high = (block.number(word, least=-math.inf) for word in _BOUNDS)
    if low is not None and high is not None and not low < high:
        raise block.error("high", "this must be above low")
    made = Distribution(kind, numbers, low=low, high=high)
    if kind == "normal" and not _possible(made):
        raise block.error(kind, "nearly no value lies between low and high")
    return made


def _rules(kind: str, a: float, b: float) -> list[tuple[bool, str]]:
    if kind == "normal":
        return [(b > 0, "the second number is the standard deviation, above 0")]
    rules = [(a < b, "the first number must be below the second")]
    if kind == "loguniform":
        rules.append((a > 0, "both numbers must be above 0"))
    if kind == "int":
        rules.append((a == int(a) and b == int(b), "both numbers must be whole"))
    return rules


def _possible(made: Distribution) -> bool:
    bell = NormalDist(*made.numbers)
    low = 0.0 if made.low is None else bell.cdf(made.low)
    high = 1.0 if made.high is None else bell.cdf(made.high)
    return high - low > 1e-6


def _pair(block: Block, kind: str) -> tuple[float, float]:
    said = block.plain()[kind]
    found = [value_of(item) for item in said] if isinstance(said, list) and not _nested(said) else []
    numbers = [float(item) for item in found if isinstance(item, int | float) and not isinstance(item, bool)]
    if len(numbers) != 2 or len(found) != 2:
        raise block.error(kind, "this must be a list of two numbers")
    return numbers[0], numbers[1]


def _choices(block: Block) -> tuple[Value, ...]:
    said = block.plain()["choice"]
    if not isinstance(said, list) or not said:
        raise block.error("choice", "this must be a list of values")
    try:
        return tuple(value_of(item) for item in said)
    except ValueError as error:
        raise block.error("choice", f"{error} is no value of a key") from error


def _nested(items: list[object]) -> bool:
    return any(isinstance(item, list | dict) for item in items)


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share


def _rounded(number: float, low: float | None, high: float | None) -> Value:
    """Return a number with few digits, still inside its ends."""
    number = float(f"{number:.{DIGITS}g}")
    if low is not None and number < low:
        number = low
    if high is not None and number > high:
        number = high
    return value_of(number)
