"""Weights for the clusters of a test set, one set for each resample: the design of the bootstrap.

Classes that share a cluster are resampled together, others each by itself (stratified). From a stratum of G clusters G
- 1 are drawn with replacement and weighted by G / (G - 1): with few clusters the usual G draws give too small a
variance (Rao and Wu 1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.stats.clustering import Clusters

_BLOCK = 100_000


@dataclass(frozen=True, eq=False)
class Design:
    """The strata of C clusters. Clusters are numbered anew so that strata of one size lie together."""

    cluster: NDArray[np.int64]
    """(N,) the new number of each sample's cluster."""
    sizes: tuple[tuple[int, int], ...]
    """(how many strata, clusters in each), in the order of the numbers."""
    how: str
    """What is drawn, in words."""

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return sum(strata * size for strata, size in self.sizes)

    @property
    def df(self) -> int:
        """Degrees of freedom: clusters less strata."""
        return sum(strata * (size - 1) for strata, size in self.sizes)

    def weights(self, rng: np.random.Generator, resamples: int) -> NDArray[np.float32]:
        """Draw (C, `resamples`) weights."""
        result = np.empty((self.clusters, resamples), dtype=np.float32)
        start = 0
        for strata, size in self.sizes:
            stop = start + strata * size
            _draw(rng, result[start:stop].reshape(strata, size, resamples))
            start = stop
        return result


def _draw(rng: np.random.Generator, weights: NDArray[np.float32]) -> None:
    """Fill (strata, size, resamples) weights, in blocks that fit into the cache."""
    strata, size, resamples = weights.shape
    if size == 1:
        weights[:] = 1
        return
    kind = np.uint16 if size <= 65536 else np.uint32
    wide = max(1, min(resamples, _BLOCK // size))
    high = max(1, min(strata, _BLOCK // (size * wide)))
    for top in range(0, strata, high):
        for left in range(0, resamples, wide):
            block = weights[top : top + high, :, left : left + wide]
            rows = block.shape[0] * block.shape[2]
            drawn = rng.integers(0, size, size=(rows, size - 1), dtype=kind)
            cells = drawn + np.arange(0, rows * size, size)[:, None]
            counts = np.bincount(cells.reshape(-1), minlength=rows * size)
            block[:] = counts.reshape(block.shape[0], block.shape[2], size).transpose(0, 2, 1)
    weights *= np.float32(size / (size - 1))


def design(targets: NDArray[np.int64], clustered: Clusters | None) -> Design:
    """Divide the clusters of (N,) targets into strata; without clusters each sample is one."""
    index = np.arange(len(targets)) if clustered is None else clustered.index
    count = len(targets) if clustered is None else clustered.count
    together = _components(index, targets, count)
    strata, merged = _no_single(np.unique(together, return_inverse=True)[1].reshape(-1))
    sizes = np.bincount(strata)
    order = np.lexsort((strata, sizes[strata]))
    number = np.empty(count, dtype=np.int64)
    number[order] = np.arange(count)
    groups = tuple((int(many), int(size)) for size, many in zip(*np.unique(sizes, return_counts=True), strict=True))
    return Design(number[index], groups, _words(clustered, len(sizes), len(np.unique(targets)), merged))


def _components(index: NDArray[np.int64], targets: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return for each cluster the lowest class that it is linked with, over any chain of classes and clusters."""
    pairs = np.unique(np.stack([index, targets]), axis=1)
    label = np.arange(int(targets.max()) + 1)
    while True:
        lowest = np.full(count, len(label))
        np.minimum.at(lowest, pairs[0], label[pairs[1]])
        better = label.copy()
        np.minimum.at(better, pairs[1], lowest[pairs[0]])
        if (better == label).all():
            return lowest
        label = better


def _no_single(strata: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Merge strata of one cluster, which cannot be resampled alone; a lone one with the smallest other."""
    sizes = np.bincount(strata)
    single = np.flatnonzero(sizes == 1)
    if not len(single) or len(sizes) == 1:
        return strata, 0
    if len(single) == 1:
        other = int(np.argmin(np.where(sizes == 1, sizes.max() + 1, sizes)))
        single = np.append(single, other)
    merged = np.where(np.isin(strata, single), single[0], strata)
    return np.unique(merged, return_inverse=True)[1].reshape(-1), len(single)


def _words(clustered: Clusters | None, strata: int, classes: int, merged: int) -> str:
    what = "samples" if clustered is None else f"{clustered.count} groups"
    if strata == 1 and classes > 1:
        return f"{what} over all classes, because groups span them"
    where = "within each class" if strata == classes else f"within {strata} sets of classes"
    pooled = f", {merged} of them too small to be drawn from alone" if merged else ""
    return f"{what} {where}{pooled}"
