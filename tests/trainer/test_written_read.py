"""What the trainer writes is what arctl reads: one head, two heads, and of many classes the highest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from arctl.scores.answers import answers
from arctl.scores.metrics import score
from arctl.scores.predictions import read_predictions
from tests.scored import logits_of
from trainer.data.annotations import Sample
from trainer.metrics import score as trainer_score
from trainer.metrics import score_top
from trainer.predictions import About, head_scores, write_heads, write_predictions


def samples(targets: np.ndarray) -> list[Sample]:
    """Return one sample for each class number."""
    return [
        Sample(id=f"v{row:03d}", group=f"g{row % 4}", target=int(target), path=Path(f"v{row:03d}.avi"))
        for row, target in enumerate(targets)
    ]


def test_the_figures_of_a_file_are_those_that_the_trainer_logged(tmp_path: Path) -> None:
    for views in (1, 3):
        logits, targets = logits_of(80, views, 12)
        logits[5], logits[9, -1] = np.nan, np.nan if views > 1 else 1
        about = About("val", 3, 30, "motions", clips=views, weights="ab" * 32 if views > 1 else None)
        names = [f"class{k}" for k in range(12)]
        given = torch.from_numpy(logits).float()
        path = write_predictions(tmp_path, given, samples=samples(targets), classes=names, about=about)
        found = score(answers(read_predictions(path)))
        logged = trainer_score(given, torch.from_numpy(targets))
        assert (found.top[1].value, found.top[5].value) == (logged.top1, logged.top5)
        assert abs(found.nll - logged.loss) < 1e-12
        assert found.unreadable == logged.unreadable == 1
        assert found.protocol.views == f"{views}x1" and found.protocol.epoch == 3


def test_two_heads_of_which_one_has_many_classes(tmp_path: Path) -> None:
    verbs, nouns = logits_of(40, 2, 7, seed=1), logits_of(40, 2, 1100, seed=2, lift=6)
    heads = {
        name: head_scores(
            torch.from_numpy(given).float(), torch.from_numpy(targets), [f"{name}{k}" for k in range(many)]
        )
        for name, (given, targets), many in (("verb", verbs, 7), ("noun", nouns, 1100))
    }
    about = About("val", 1, 10, "kitchen", clips=2, weights="cd" * 32)
    extra = {"participants": ["P01"] * 40, "tail_noun": [3], "tail_verb": [], "unseen": ["P18"]}
    path = write_heads(tmp_path, heads, samples=samples(verbs[1]), about=about, extra=extra)
    stored = read_predictions(path)
    assert stored.head("noun").reach == 100 and stored.tail["noun"] == frozenset({3})
    np.testing.assert_array_equal(stored.head("noun").targets, nouns[1])
    whole = torch.from_numpy(nouns[0]).double().softmax(2).numpy()
    clips = answers(stored, head="noun", level="clip")
    np.testing.assert_array_equal(clips.predicted, whole.argmax(2).ravel())
    found = answers(stored, head="noun")
    np.testing.assert_allclose(found.chance, whole.mean(1)[np.arange(40), nouns[1]], rtol=1e-5)
    noun = heads["noun"]
    assert noun.top_NVT is not None and noun.lse_NV is not None and noun.own_NV is not None
    logged = score_top(noun.top_NVT, noun.scores_NVT, noun.lse_NV, noun.own_NV, torch.from_numpy(nouns[1]))
    figures = score(found)
    assert (figures.top[1].value, figures.top[5].value) == (logged.top1, logged.top5)
    assert abs(figures.nll - logged.loss) < 1e-9
    assert len(answers(stored, head="action").classes) == 7700
