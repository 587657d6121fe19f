"""Tests and intervals for paired answers, on numpy arrays: docs/comparing.md has the formulas and sources.

Two runs answered the same N samples. `correct` is (N,) bool, `targets` and `predicted` are (N,) class numbers from 0
(predicted -1: the sample could not be read, and is wrong). A is the first run, B the second; a difference is always B
minus A. Probabilities and accuracies are fractions. Where a number cannot be said it is NaN. Wrong arguments raise
arctl.errors.UsageError.

    paired      mcnemar(b, c) -> Test(p, kind)              b: only A right, c: only B right. kind "exact" or "mid-p"
                mcnemar_of(correct_a, correct_b) -> Test    the same from the samples
                flips(correct_a, correct_b) -> Flips        negative (only A right), positive, both_right, both_wrong, n
                kappa(predicted_a, predicted_b) -> float    Cohen's kappa; NaN where both always say one class
                within_classes(b_K, c_K, alpha=, how=) -> ClassTests   exact p, least p, adjusted p, which are testable
                exact_p(b, c), least_p(n)                   arrays
    bounds      mcnemar_bounds(support_K, right_a_K, right_b_K) -> Bounds   what two matrices allow; .verdict(alpha)
    many        cochran_q(correct_NR) -> CochranQ(q, df, p) ; holm(p) ; benjamini_hochberg(p) ; tarone(least_p, alpha)
    intervals   Interval(estimate, low, high, se, level) ; wilson(k, n) ; paired_interval(b, c, n) ; t_interval(values)
    power       smallest_difference(n, discordant_share) -> float ; power(n, discordant_share, difference) -> float
    clusters    clusters(groups, targets) -> Clusters | None   what is resampled together (None: no group is known)
                clustered_test(clusters, correct_a, correct_b) -> ClusteredTest   clusters flipped whole
                clustered_q(clusters, correct_NR) -> CochranQ
    bootstrap   bootstrap(targets, predicted_a, predicted_b, classes=K, clusters=None) -> Bootstrap
                .intervals["top1" | "mean_class" | "macro_f1"] -> Compared(a, b, difference), each an Interval
    seeds       over_seeds(targets, runs_a_SN, runs_b_SN, classes=K, clusters=None) -> Seeds   groups of runs
    pairs       pair_shifts(targets, predicted_a, predicted_b) -> PairShifts   confused pairs that rose and fell

Nothing here imports scipy before it is called, and nothing imports scipy.stats.
"""

from arctl.stats.bootstrapping import METRICS, Bootstrap, Compared, bootstrap
from arctl.stats.bounds import Bounds, mcnemar_bounds
from arctl.stats.clustering import ClusteredTest, Clusters, clustered_q, clustered_test, clusters
from arctl.stats.intervals import Interval, paired_interval, t_interval, wilson
from arctl.stats.many import CochranQ, benjamini_hochberg, cochran_q, holm, tarone
from arctl.stats.paired import (
    ClassTests,
    Flips,
    Test,
    exact_p,
    flips,
    kappa,
    least_p,
    mcnemar,
    mcnemar_of,
    within_classes,
)
from arctl.stats.pairs import PairShifts, pair_shifts
from arctl.stats.seeds import Seeds, over_seeds
from arctl.stats.sensitivity import power, smallest_difference

__all__ = [
    "METRICS",
    "Bootstrap",
    "Bounds",
    "ClassTests",
    "ClusteredTest",
    "Clusters",
    "CochranQ",
    "Compared",
    "Flips",
    "Interval",
    "PairShifts",
    "Seeds",
    "Test",
    "benjamini_hochberg",
    "bootstrap",
    "clustered_q",
    "clustered_test",
    "clusters",
    "cochran_q",
    "exact_p",
    "flips",
    "holm",
    "kappa",
    "least_p",
    "mcnemar",
    "mcnemar_bounds",
    "mcnemar_of",
    "over_seeds",
    "pair_shifts",
    "paired_interval",
    "power",
    "smallest_difference",
    "t_interval",
    "tarone",
    "wilson",
    "within_classes",
]
