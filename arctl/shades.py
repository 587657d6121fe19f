"""How the values of a matrix become colours, shades and words: chosen for dark cells and for colour-blind eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arctl.raster import Floats

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
_MARKS: dict[bool, dict[tuple[int, ...], str]] = {
    False: {RIGHT: " ·░▒▓█", WRONG: " ·░▒▓█", BETTER: " '+*&@", WORSE: " .-=≡█"},
    True: {RIGHT: " .:+#@", WRONG: " .:+#@", BETTER: " '+*&@", WORSE: " .-=%M"},
}


@dataclass(frozen=True, eq=False)
class Sheet:
    """A matrix that is to be drawn."""

    classes: tuple[str, ...]
    """(K,) names in the order of the rows."""
    numbers: tuple[int, ...]
    """(K,) each class's place in the data set's list, from 1."""
    values: Floats
    """(K, K) shares from 0 to 1, or differences of them from -1 to 1; NaN where there is nothing."""
    unread: Floats | None
    """(K,) the same for samples that could not be read, None where there are none."""
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

    def level(self, value: float, *, diagonal: bool) -> tuple[tuple[int, ...], int]:
        """Return the ramp and the step on it. All but recall is stretched: few per cent matter there."""
        size = min(1.0, abs(value))
        if self.signed:
            ramp, share = BETTER if (value > 0) == diagonal else WORSE, size**_STRETCH
        else:
            ramp, share = (RIGHT, size) if diagonal else (WRONG, size**_STRETCH)
        step = int(share * (len(ramp) - 1) + 0.5)
        return ramp, max(step, 1) if size >= 0.005 else 0

    def paint(self, value: float, *, diagonal: bool) -> int:
        """Return the xterm colour of a value."""
        if np.isnan(value):
            return _EMPTY
        ramp, step = self.level(value, diagonal=diagonal)
        return ramp[step]

    def tile(self, value: float, text: str, *, diagonal: bool) -> str:
        """Return `text` on the value's colour."""
        if not self.colour:
            return text
        ground = self.paint(value, diagonal=diagonal)
        ink = 16 if ground in _BRIGHT else 244 if text.strip() in ("·", ".", "-") else 255
        return f"\x1b[38;5;{ink};48;5;{ground}m{text}\x1b[0m"

    def shade(self, value: float, *, diagonal: bool) -> str:
        """Return the character that stands for a value where there is no colour."""
        if np.isnan(value):
            return "?"
        ramp, step = self.level(value, diagonal=diagonal)
        marks = _MARKS[self.ascii][ramp]
        return marks[-(-step * (len(marks) - 1) // (len(ramp) - 1))]

    def bar(self, ramp: tuple[int, ...]) -> str:
        """Return the ramp as it is drawn, weakest first."""
        if self.colour:
            return "".join(f"\x1b[48;5;{ink}m \x1b[0m" for ink in dict.fromkeys(ramp))
        return _MARKS[self.ascii][ramp][1:]

    def words(self, value: float) -> str:
        """Return a value in per cent, at most four characters; nothing much is a dot."""
        if np.isnan(value):
            return "-"
        if abs(value) < 0.005:
            return "." if self.ascii else "·"
        return f"{100 * value:+.0f}" if self.signed else f"{100 * value:.0f}"
