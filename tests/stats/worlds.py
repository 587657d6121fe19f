"""Simulated test sets: clips that come in clusters, and two runs of which neither is better."""

from dataclasses import dataclass

import numpy as np

from arctl import stats


@dataclass(frozen=True, eq=False)
class World:
    """One simulated test set."""

    targets: np.ndarray
    groups: np.ndarray
    runs: tuple[np.ndarray, ...]

    @property
    def clusters(self) -> stats.Clusters:
        films = int(self.groups.max()) + 1
        spans = len(np.unique(self.groups * 1000 + self.targets)) > films
        return stats.Clusters(self.groups, films, spans, 0)

    @property
    def right(self) -> list[np.ndarray]:
        return [run == self.targets for run in self.runs]


def world(
    rng: np.random.Generator,
    *,
    classes: int = 8,
    groups: int = 7,
    clips: int = 5,
    spans: bool = False,
    alike: float = 0.3,
    accuracy: float = 0.75,
    runs: int = 2,
) -> World:
    """Draw `groups` films of a class (or over all classes), each of `clips` clips, and runs of one true accuracy.

    `alike` is the correlation of a run's hits within a film: 0 for independent clips. Half of what makes a film hard is
    common to the runs.
    """
    films = groups if spans else groups * classes
    group = np.repeat(np.arange(films), clips)
    targets = rng.integers(0, classes, films * clips) if spans else group // groups
    common = _ability(rng, films, alike, accuracy)
    found = []
    for _ in range(runs):
        own = _ability(rng, films, alike, accuracy)
        ability = np.where(rng.random(films) < 0.5, common, own)[group]
        wrong = (targets + rng.integers(1, classes, len(targets))) % classes
        found.append(np.where(rng.random(len(targets)) < ability, targets, wrong))
    return World(targets, group, tuple(found))


def _ability(rng: np.random.Generator, films: int, alike: float, accuracy: float) -> np.ndarray:
    if alike == 0:
        return np.full(films, accuracy)
    size = 1 / alike - 1
    return rng.beta(accuracy * size, (1 - accuracy) * size, films)


def usual(successes: int, trials: int, probability: float, *, at: float = 0.001) -> bool:
    """Whether a binomial count is one of the central 1 - `at`: fails by chance once in a thousand seeds."""
    from scipy.stats import binom

    low, high = binom.ppf([at / 2, 1 - at / 2], trials, probability)
    return bool(low <= successes <= high)
