"""How the values of a matrix become colours, shades and words: chosen for dark cells and for colour-blind eyes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arctl.sparse import Flags, Floats, Sparse, block_flags, folded

RIGHT = (235, 23, 23, 30, 30, 37, 37, 44, 44, 80)
"""xterm colours of a recall, 0 to 1."""
WRONG = (234, 52, 88, 124, 160, 202, 208, 214, 220, 221)
"""xterm colours of the share of a row that was taken for another class."""
BETTER = (234, 24, 24, 25, 31, 32, 38, 39, 45, 81)
"""xterm colours of an improvement."""
WORSE = (234, 94, 94, 130, 130, 166, 166, 202, 208, 214)
"""xterm colours of a loss."""

_BRIGHT = frozenset({37, 38, 39, 44, 45, 80, 81, 202, 208, 214, 220, 221})
_EMPTY = 238
_STRETCH = 0.6
_LEAST = {"true": 0.005, "pred": 0.005, "all": 0.0005, "none": 0.5}
_MARKS: dict[bool, dict[tuple[int, ...], str]] = {
    False: {RIGHT: " ·░▒▓█", WRONG: " ·░▒▓█", BETTER: " '+*&@", WORSE: " .-=≡█"},
    True: {RIGHT: " .:+#@", WRONG: " .:+#@", BETTER: " '+*&@", WORSE: " .-=%M"},
}


@dataclass(frozen=True, eq=False)
class Extra:
    """One more column beside the classes."""

    head: str
    """What stands above it."""
    short: str
    """The same where there is little room."""
    values: Floats
    """(M,) in the unit of the cells."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A matrix, or a block of one, that is to be drawn: M classes in the order of the rows."""

    classes: tuple[str, ...]
    """(M,) names."""
    numbers: tuple[int, ...]
    """(M,) each class's place in the data set's list, from 1."""
    cells: Sparse
    """(M, M) shares from 0 to 1 or counts, or differences of them."""
    rows_known: Flags
    """(M,) false where a row has nothing to be a share of."""
    columns_known: Flags
    """(M,) false where a column has nothing to be a share of."""
    extras: tuple[Extra, ...]
    """Columns for what is in no class, or in none of those that are drawn."""
    unit: str
    """What cells are a share of: `true` (row), `pred` (column), `all`; `none` for counts."""
    signed: bool
    """True for differences."""
    colour: bool
    """False draws shades of ink."""
    ascii: bool
    """True keeps shades and words to ASCII."""

    @property
    def legend(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Words and ramps of the two kinds of cell."""
        return (("better", BETTER), ("worse", WORSE)) if self.signed else (("right", RIGHT), ("wrong", WRONG))

    @property
    def measure(self) -> str:
        """What the numbers are, in words."""
        if self.unit == "none":
            return "in samples"
        whole = {"true": "of the row", "pred": "of the column", "all": "of all samples"}[self.unit]
        return f"in points {whole}" if self.signed else f"in % {whole}"

    @cached_property
    def strongest(self) -> float:
        """The value that has the strongest colour: 1 for shares of a row or column, else the largest there is."""
        if self.unit in ("true", "pred") or not len(self.cells.values):
            return 1.0
        return max(float(np.abs(self.cells.values).max()), _LEAST[self.unit])

    def grid(self, size: int = 1) -> Floats:
        """Return the (B, B) values of blocks of `size` classes (`sparse.folded`); NaN where nothing is known."""
        grid = folded(self.cells, size, known=self.rows_known & self.columns_known)
        grid[block_flags(~self.rows_known, size)] = np.nan
        grid[:, block_flags(~self.columns_known, size)] = np.nan
        return grid

    def paints(self, values: Floats, diagonal: Flags) -> NDArray[np.int64]:
        """Return the xterm colours of values of any shape."""
        right, steps = self._levels(values, diagonal)
        ramps = np.array([ramp for _, ramp in self.legend])
        return np.where(np.isnan(values), _EMPTY, ramps[np.where(right, 0, 1), steps])

    def shades(self, values: Floats, diagonal: Flags) -> NDArray[np.str_]:
        """Return the characters that stand for values of any shape where there is no colour."""
        right, steps = self._levels(values, diagonal)
        marks = [_MARKS[self.ascii][ramp] for _, ramp in self.legend]
        lines = np.array([[mark[-(-step * (len(mark) - 1) // 9)] for step in range(10)] for mark in marks])
        return np.where(np.isnan(values), "?", lines[np.where(right, 0, 1), steps])

    def tile(self, text: str, ground: int) -> str:
        """Return `text` on a colour of `paints`; as it is where there is no colour."""
        if not self.colour:
            return text
        ink = 16 if ground in _BRIGHT else 244 if text.strip() in ("·", ".", "-") else 255
        return f"\x1b[38;5;{ink};48;5;{ground}m{text}\x1b[0m"

    def bar(self, ramp: tuple[int, ...]) -> str:
        """Return the ramp as it is drawn, weakest first."""
        if self.colour:
            return "".join(f"\x1b[48;5;{ink}m \x1b[0m" for ink in dict.fromkeys(ramp))
        return _MARKS[self.ascii][ramp][1:]

    def words(self, value: float) -> str:
        """Return a value in per cent or samples, at most five characters; nothing much is a dot."""
        if np.isnan(value):
            return "-"
        if abs(value) < _LEAST[self.unit]:
            return "." if self.ascii else "·"
        sign = "+" if self.signed else ""
        if self.unit == "none":
            return f"{value:{sign}.0f}" if abs(value) < 9999.5 else f"{value / 1000:{sign}.0f}k"
        digits = 1 if self.unit == "all" and abs(value) < 0.9995 else 0
        return f"{100 * value:{sign}.{digits}f}"

    def _levels(self, values: Floats, diagonal: Flags) -> tuple[Flags, NDArray[np.int64]]:
        """Return which values are on the first ramp of the legend, and their step on it, 0 to 9.

        All but recall is stretched: few per cent matter there.
        """
        known = np.nan_to_num(values)
        size = np.minimum(1.0, np.abs(known) / self.strongest)
        right = (known > 0) == diagonal if self.signed else np.broadcast_to(diagonal, known.shape)
        linear = np.broadcast_to(diagonal & (not self.signed), known.shape)
        steps = (np.where(linear, size, size**_STRETCH) * 9 + 0.5).astype(np.int64)
        return right, np.where(np.abs(known) >= _LEAST[self.unit], np.maximum(steps, 1), 0)
