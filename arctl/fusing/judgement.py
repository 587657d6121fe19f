"""Did combining improve it, and on which classes? The fusion against the best of the runs that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arctl.compare.significance import Method, Pairing, pairing
from arctl.compare.verdict import Verdict, of_pair
from arctl.compare.where import Where, where
from arctl.fusing.fusion import Fusion, Part
from arctl.rundir import run_name
from arctl.scores.answers import Answers
from arctl.scores.metrics import Scores, score
from arctl.states import LIVE

FUSED = "fused"
"""What the fusion is called beside `run12`."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What fusing has brought on one split."""

    part: Part
    """The split."""
    labels: tuple[str, ...]
    """`run12`, ..., and last `fused`."""
    scores: tuple[Scores, ...]
    """The figures of each run, and last of the fusion."""
    heads: tuple[tuple[str, tuple[Scores, ...]], ...]
    """The same of each of several heads; empty for one."""
    best: int
    """Place of the best single run."""
    chosen_on: str
    """The split on which that run was found to be the best."""
    pair: Pairing
    """Fusion minus best single run."""
    verdict: Verdict
    """Whether the fusion is better, in a sentence."""
    where: Where
    """The classes that rose and fell."""


def judge(fusion: Fusion, *, method: Method | None = None) -> tuple[Judgement, ...]:
    """Return what fusing has brought, split by split.

    The best single run is the one with the highest top-1, then the lowest loss, on the split of the search, or else on
    `val`, where that is there; on the split itself where it is not.
    """
    method = method or Method()
    method.check()
    known = {part.lineup.split: part.answers for part in fusion.parts}
    chosen_on = next((split for split in (fusion.wanted.search_on, "val") if split in known), None)
    labels = (*fusion.labels, FUSED)
    found = []
    for part in fusion.parts:
        split = chosen_on or part.lineup.split
        best = _best(known[split][:-1])
        found.append(_judged(part, known[part.lineup.split], labels, best, split, method))
    return tuple(found)


def _best(singles: Sequence[Answers]) -> int:
    scores = [score(one, k=(1,)) for one in singles]
    return min(range(len(scores)), key=lambda place: (-scores[place].top[1].hits, scores[place].nll))


def _judged(
    part: Part, said: tuple[Answers, ...], labels: tuple[str, ...], best: int, chosen_on: str, method: Method
) -> Judgement:
    single, fused = said[best], said[-1]
    pair = pairing(single, fused, places=(best, len(said) - 1), method=method)
    names = (*part.lineup.heads, "action") if len(part.lineup.heads) > 1 else ()
    return Judgement(
        part=part,
        labels=labels,
        scores=tuple(_scored(one, method) for one in said),
        heads=tuple((name, tuple(_scored(one, method) for one in part.of_head(name))) for name in names),
        best=best,
        chosen_on=chosen_on,
        pair=pair,
        verdict=of_pair(pair, labels, method),
        where=where(single, fused, correction=method.correction, confidence=method.confidence),
    )


def _scored(said: Answers, method: Method) -> Scores:
    known = [k for k in (5,) if k < len(said.classes) and k <= said.reach]
    return score(said, k=(1, *known), level=method.confidence)


def notes(fusion: Fusion, judgements: Sequence[Judgement]) -> Iterator[str]:
    """Give every doubt about the numbers in one sentence each."""
    searched, on = fusion.searched, fusion.wanted.search_on
    if searched is not None and not any(part.crossed == 0 for part in fusion.parts):
        yield (
            f"the weights were chosen on {on}, the split that is shown, and there is no test split: the fused numbers "
            "are cross-fitted, which is honest about the weights but not a number on new videos"
        )
    if searched is not None and not searched.folds:
        yield f"{on} has a single video: weights for it cannot be found without it, so they are equal"
    elif searched is not None and searched.by == "videos":
        yield f"no two groups are known on {on}: it was cut video by video, so clips of one source may flatter"
    for row in fusion.runs:
        if row.state in LIVE:
            yield f"{run_name(row.number)} is {row.state}: its figures may still change"
    for part, one in zip(fusion.parts, judgements, strict=True):
        split = part.lineup.split
        if 0 < part.crossed < len(part.lineup.ids):
            yield f"{part.crossed} videos of {split} are in {on} too: they have weights that were found without them"
        chosen = [member.run for member in part.lineup.members if member.selected_on == split]
        newest = [member.run for member in part.lineup.members if member.chosen == "newest"]
        if newest and fusion.wanted.at == "best":
            yield f"nothing says which epoch of {', '.join(newest)} is best on {split}: the newest was taken"
        if chosen:
            yield f"the epochs of {', '.join(chosen)} were chosen on {split}: numbers on {split} flatter them all"
        if one.scores[-1].unreadable:
            lost = f"{one.scores[-1].unreadable} of {len(part.lineup.ids)} videos of {split}"
            yield f"{lost} could not be read by every run, and count as wrong in the fusion"
        if one.chosen_on == split:
            yield f"{one.labels[one.best]} was found to be the best single run on {split} itself, which flatters it"
