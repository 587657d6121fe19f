"""Exponential moving averages of curves, corrected for their start, over whole blocks at once.

A loop over a million values takes half a second, and importing scipy.signal takes longer than that.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 32
_DIGITS = 60


def moving_average(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average of `values` (N,), corrected for its start.

    `weight` in [0, 1) is the share of the past. Values that are not finite pass through and are not counted; a
    constant curve is left as it is.
    """
    finite = np.isfinite(values)
    known = values[finite]
    if weight == 0 or not len(known) or known.min() == known.max():
        return values
    averages = _carried((1 - weight) * known, weight)
    # Further on the share of what was not there is smaller than the last digit of a float.
    young = averages[: math.ceil(-_DIGITS / math.log2(weight))]
    young /= 1 - weight ** np.arange(1.0, len(young) + 1)
    if len(known) == len(values):
        return averages
    smoothed = values.copy()
    smoothed[finite] = averages
    return smoothed


def uneven_average(means: Floats, counts: Floats, weight: float) -> Floats:
    """Return the same of points of which each stands for several: `counts` (N,) values, with the mean `means` (N,)."""
    # Points side by side with one mean are one block.
    first = np.flatnonzero(np.append(True, means[1:] != means[:-1]))
    blocks, sizes = means[first], np.add.reduceat(counts, first)
    smoothed = blocks.copy()
    finite = np.flatnonzero(np.isfinite(blocks))
    shares = weight ** sizes[finite]
    average, trust = 0.0, 1.0
    found = []
    for mean, share in zip(blocks[finite].tolist(), shares.tolist(), strict=True):
        average = share * average + (1 - share) * mean
        trust *= share
        found.append(average / (1 - trust))
    smoothed[finite] = found
    return np.repeat(smoothed, np.diff(first, append=len(means)))


def _carried(terms: Floats, weight: float) -> Floats:
    """Return s with s[i] = weight s[i-1] + terms[i]: in each block by itself, then with what comes from before it."""
    count = len(terms)
    blocks = -(-count // _BLOCK)
    padded = np.zeros(blocks * _BLOCK)
    padded[:count] = terms
    ages = np.arange(_BLOCK)[None, :] - np.arange(_BLOCK)[:, None]
    shares = np.where(ages >= 0, weight ** np.maximum(ages, 0).astype(np.float64), 0.0)
    sums = padded.reshape(blocks, _BLOCK) @ shares
    if blocks > 1:
        ends = _carried(sums[:, -1], weight**_BLOCK)
        sums[1:] += ends[:-1, None] * weight ** np.arange(1.0, _BLOCK + 1)
    return np.asarray(sums.reshape(-1)[:count])
