"""Which answers runs have, by split, views and head: what the Confusion tab and the Compare view go through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from arctl.protocol import view_numbers
from arctl.rundir import PredictionName, RunDir

VERB, NOUN, ACTION = "verb", "noun", "action"
"""The heads of a model of verbs and nouns, and what both together answer."""


class Source(NamedTuple):
    """Some of the answers of a run."""

    split: str
    """`val`."""
    variant: str
    """"" of training, `10x3` of an evaluation, `1x1-shuffled` of a probe, `fused`."""
    head: str
    """`verb`, `noun`, `action`; empty for a model with one head."""

    def words(self) -> str:
        """Return it in few words: `val 10x3`."""
        return " ".join(word for word in (self.split, self.variant, self.head and f"{self.head}s") if word)

    def options(self) -> list[str]:
        """Return what `arctl compare` takes for it: `--views 10x3 --head verb`."""
        named = (
            ("--split", "" if self.split == "val" else self.split),
            ("--views", self.variant),
            ("--head", self.head),
        )
        return [word for option, value in named if value for word in (option, value)]


TRAINING = Source("val", "", "")
"""What training wrote on the validation split, of a model with one head."""


def with_action(heads: Iterable[str]) -> tuple[str, ...]:
    """Return what can be asked of a model with these heads: of verbs and nouns also the action."""
    names = tuple(heads)
    return (*names, ACTION) if {VERB, NOUN} <= set(names) else names


def shared(directories: Sequence[Path]) -> tuple[Source, ...]:
    """Return the answers that every run has, of which a comparison can be asked; validation and training first."""
    from arctl.scores.predictions import read_heads

    every = [RunDir(directory).prediction_names() for directory in directories]
    ways = set.intersection(*(_ways(names) for names in every)) if every else set()
    files = [{(name.split, name.variant) for name in names} for names in every]
    # One view of each video is what training evaluates: it is named twice only where a run has both.
    twice = {split for run in files for split, variant in run if variant == "1x1" and (split, "") in run}
    ways = {way for way in ways if way[1] != "1x1" or (way[0], "") not in ways or way[0] in twice}
    newest = [max(names, key=lambda name: name.epoch) for names in every if names]
    heads = [with_action(read_heads(name.path)) for name in newest]
    common = [head for head in heads[0] if all(head in other for other in heads)] if heads else []
    return tuple(
        Source(split, variant, head)
        for split, variant in sorted(ways, key=lambda way: (way[0] != "val", way))
        for head in common
    )


def _ways(names: Sequence[PredictionName]) -> set[tuple[str, str]]:
    """Return the splits and views that `arctl compare --split --views` finds; no views is what training wrote."""
    found = {(name.split, name.variant) for name in names if view_numbers(name.variant.partition("-")[0])}
    for split in {name.split for name in names}:
        variants = {name.variant for name in names if name.split == split}
        plain = [variant for variant in variants if view_numbers(variant) or variant == "fused"]
        if "" in variants:
            found |= {(split, ""), (split, "1x1")}
        elif len(plain) == 1:
            found.add((split, ""))
    return found
