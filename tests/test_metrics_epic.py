"""Verb, noun and action accuracies, tail classes and unseen participants: against the rules, segment by segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from arctl.errors import DataError
from arctl.scores.epic import score_epic
from arctl.scores.predictions import Predictions, read_predictions
from tests.scored import head_arrays, logits_of, scored_arrays, write

VERBS, NOUNS = logits_of(300, 1, 97, seed=5, lift=6), logits_of(300, 1, 300, seed=6, lift=6)
PEOPLE = np.array([("P01", "P18", "P32", "P07")[row % 4] for row in range(300)])
TAIL_VERBS, TAIL_NOUNS = list(range(60, 97)), list(range(150, 300))


def stored(path: Path, **changed: NDArray[Any] | None) -> Predictions:
    """Write a two-headed file in another order than that of its ids, and read it."""
    arrays: dict[str, Any] = {"ids": np.array([f"{person}_{299 - row:03d}" for row, person in enumerate(PEOPLE)])}
    arrays |= {
        "participants": PEOPLE,
        "unseen": np.array(["P18", "P32"]),
        "meta": np.array('{"heads": ["verb", "noun"]}'),
    }
    arrays |= head_arrays(*VERBS, name="verb") | head_arrays(*NOUNS, name="noun")
    arrays |= {"tail_verb": np.array(TAIL_VERBS), "tail_noun": np.array(TAIL_NOUNS), **changed}
    return read_predictions(write(path / "a.npz", {name: value for name, value in arrays.items() if value is not None}))


def by_the_rules(rows: NDArray[np.bool_], k: int) -> dict[str, float]:
    """Return verb, noun and action top-k of some segments, the action's ranking built product by product."""
    hits: dict[str, list[bool]] = {"verb": [], "noun": [], "action": []}
    for row in np.flatnonzero(rows):
        verb, noun = softmax(VERBS[0][row, 0].astype(float)), softmax(NOUNS[0][row, 0].astype(float))
        verbs, nouns = np.argsort(-verb, kind="stable")[:100], np.argsort(-noun, kind="stable")[:100]
        pairs = sorted((-verb[v] * noun[n], v * 1000 + n) for v in verbs[:12] for n in nouns[:12])[:k]
        hits["verb"].append(VERBS[1][row] in verbs[:k])
        hits["noun"].append(NOUNS[1][row] in nouns[:k])
        hits["action"].append(VERBS[1][row] * 1000 + NOUNS[1][row] in [number for _, number in pairs])
    return {task: float(np.mean(found)) for task, found in hits.items()}


def test_the_table(tmp_path: Path) -> None:
    found = {(line.part, line.task): dict(line.top) for line in score_epic(stored(tmp_path)).lines}
    everyone, unseen = np.ones(300, dtype=bool), np.isin(PEOPLE, ["P18", "P32"])
    for k in (1, 5):
        for task, value in by_the_rules(everyone, k).items():
            assert found["all", task][k].value == pytest.approx(value, rel=1e-12), (task, k)
    for task, value in by_the_rules(unseen, 1).items():
        assert found["unseen", task][1].value == pytest.approx(value, rel=1e-12), task
        assert found["unseen", task][1].of == 150 and set(found["unseen", task]) == {1}
    tail_verb, tail_noun = np.isin(VERBS[1], TAIL_VERBS), np.isin(NOUNS[1], TAIL_NOUNS)
    for task, rows in (("verb", tail_verb), ("noun", tail_noun), ("action", tail_verb | tail_noun)):
        assert found["tail", task][1].value == pytest.approx(by_the_rules(rows, 1)[task], rel=1e-12), task
        assert found["tail", task][1].of == rows.sum()
    assert 0.1 < found["all", "action"][1].value < found["all", "verb"][1].value < 1


def test_a_file_that_says_too_little(tmp_path: Path) -> None:
    table = score_epic(stored(tmp_path, tail_verb=None, unseen=None), k=(1, 10))
    assert {line.part for line in table.lines} == {"all"} and [k for k, _ in table.lines[2].top] == [1, 10]
    assert [text.partition(":")[0] for text in table.missing] == ["tail", "unseen"]
    one = read_predictions(write(tmp_path / "b.npz", scored_arrays(*logits_of(5, 1, 4))))
    with pytest.raises(DataError, match="no verb and noun head"):
        score_epic(one)


def test_heads_of_unlike_views_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the heads have 1 and 2 views"):
        stored(tmp_path, scores_noun=NOUNS[0].repeat(2, axis=1))
    with pytest.raises(DataError, match="tail_noun holds what is no class of 300"):
        stored(tmp_path, tail_noun=np.array([300]))
    with pytest.raises(DataError, match="participants are"):
        stored(tmp_path, participants=PEOPLE[:5])
