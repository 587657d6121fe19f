"""What a comparison holds: everything that the table shows and more, for every format and for reports."""

from __future__ import annotations

from dataclasses import dataclass

from arctl.compare.arms import Arm
from arctl.compare.code import CodeDifference
from arctl.compare.cost import Cost
from arctl.compare.figures import Figure
from arctl.compare.measures import Gap, Measure
from arctl.compare.moments import Asked, Moment
from arctl.compare.ranking import Omnibus, Ranking
from arctl.compare.seeds import ArmPair, Spreads
from arctl.compare.significance import Method, Pairing
from arctl.compare.unlike import Unlikeness
from arctl.compare.verdict import Verdict
from arctl.compare.where import Where
from arctl.confusion import Difference
from arctl.facts import Setting
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.scores.metrics import Scores


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two or more runs side by side. Differences of two are always the second minus the first."""

    runs: tuple[RunRow, ...]
    """In the order in which they were named."""
    asked: Asked
    """What of them is compared."""
    method: Method
    """How the statistics are done."""
    verdict: Verdict
    """The answer in one sentence."""
    moments: tuple[Moment, ...]
    """What of each run is compared."""
    arms: tuple[Arm, ...]
    """Which of the runs are one recipe with several seeds."""
    setup: tuple[Setting, ...]
    """Settings in which they differ."""
    same: int
    """How many settings are the same."""
    hidden: int
    """Settings that differ between any two runs, and are left out."""
    code: tuple[CodeDifference, ...]
    """The code of each further run against the first's."""
    cost: tuple[Cost, ...]
    """What each has cost."""
    scores: tuple[Scores | None, ...]
    """Every figure of each run's answers; None where it has no predictions."""
    figures: tuple[Figure, ...]
    """Those figures side by side."""
    metrics: tuple[Measure, ...]
    """Every logged metric of an epoch that any of them has."""
    gaps: tuple[Gap, ...]
    """How far each overfits."""
    pairings: tuple[Pairing, ...]
    """The statistics of every two runs; empty where they cannot be paired."""
    omnibus: Omnibus | None
    """Whether any of more than two runs is unlike the others."""
    spreads: tuple[Spreads, ...]
    """The metrics of each recipe over its seeds; empty where they cannot be compared."""
    arm_pairs: tuple[ArmPair, ...]
    """The statistics of every two recipes, where one has several seeds."""
    ranking: Ranking | None
    """The order of more than two runs or recipes."""
    where: Where | None
    """Classes and confusions, for two runs."""
    confusion: Difference | None
    """What changed from the first's confusion matrix to the second's, for two runs."""
    why_no_confusion: str | None
    """Why there is none."""
    unlike: tuple[Unlikeness, ...]
    """In what they were evaluated differently; only where that was forced."""
    notes: tuple[str, ...]
    """What a reader has to know to believe the numbers."""

    @property
    def at(self) -> str:
        """`best`, `last` or `epoch=N`."""
        return self.asked.at

    @property
    def split(self) -> str:
        """Split on which their answers are compared."""
        return self.asked.split

    @property
    def epochs(self) -> tuple[float | None, ...]:
        """The epoch of each run that the logged metrics are of, None where it has none."""
        return tuple(moment.epoch for moment in self.moments)

    @property
    def labels(self) -> tuple[str, ...]:
        """`run12`, ... of each run."""
        return tuple(run_name(row.number) for row in self.runs)

    @property
    def warning(self) -> str:
        """In what they were evaluated differently, a few words; empty where they were not."""
        return ", ".join(dict.fromkeys(what for one in self.unlike for what in one.what))
