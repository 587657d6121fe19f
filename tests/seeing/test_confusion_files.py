"""The matrix of every kind of predictions file: several views, the highest classes only, two heads, probes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arctl import confusion
from arctl.errors import DataError, NotFoundError
from arctl.rundir import RunDir
from arctl.scores.answers import load_answers


def write(files: RunDir, name: str, *, meta: dict[str, object] | None = None, **arrays: np.ndarray) -> Path:
    path = files.predictions / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    split, epoch = name.split("-")[:2]
    told = {"contract": 1, "split": split, "epoch": int(epoch), **(meta or {})}
    count = len(next(value for key, value in arrays.items() if key.startswith("scores")))
    ids = np.array([f"v_{index:04d}.avi" for index in range(count)][::-1])
    np.savez(path, ids=ids, groups=np.full(count, "g01"), meta=np.array(json.dumps(told)), **arrays)
    return path


def dense(count: int, views: int, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, size=(count, views, classes)).astype(np.float16)
    targets = np.where(rng.random(count) < 0.5, scores.sum(axis=1).argmax(axis=1), rng.integers(classes, size=count))
    return {"scores": scores, "targets": targets, "classes": np.array([f"c{k:04d}" for k in range(classes)])}


def highest(arrays: dict[str, np.ndarray], kept: int) -> dict[str, np.ndarray]:
    """The layout of more than 1,000 classes."""
    scores, targets = arrays["scores"], arrays["targets"]
    top = np.argsort(-scores, axis=2, kind="stable")[:, :, :kept].astype(np.int32)
    own = np.take_along_axis(scores, targets[:, None, None], axis=2)[:, :, 0]
    lse = np.log(np.exp(scores.astype(np.float64)).sum(axis=2)).astype(np.float32)
    return {**arrays, "scores": np.take_along_axis(scores, top, axis=2), "top": top, "own": own, "lse": lse}


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("kept", [None, 20])
@pytest.mark.parametrize("lost", [False, True])
def test_it_says_what_the_answers_say(lab, views: int, kept: int | None, lost: bool) -> None:
    files = lab.run(1)
    arrays = dense(500, views, 60)
    arrays["scores"][:40] = np.round(arrays["scores"][:40])  # equal scores: the lower class comes first
    if kept is not None:
        arrays = highest(arrays, kept)
    if lost:
        for key in ("scores", *(("own", "lse") if kept else ())):
            arrays[key][7:9] = np.nan
    write(files, "val-0001", **arrays)
    matrix, told = confusion.load(files.path, 1), load_answers(files.path, 1)
    assert matrix.ids == told.ids and (matrix.targets == told.targets).all()
    assert (matrix.predicted == told.predicted).all()
    assert matrix.unreadable.sum() == (2 if lost else 0)
    assert matrix.top1 == told.correct().mean()
    assert matrix.protocol == told.protocol and matrix.sure is None
    sure = confusion.load(files.path, 1, sure=True)
    assert (sure.predicted == matrix.predicted).all()
    assert np.allclose(sure.sure, told.confidence, equal_nan=True)


def test_of_many_classes_only_cells_that_hold_something_are_kept(lab) -> None:
    files = lab.run(1)
    write(files, "val-0001", **highest(dense(200, 1, 3806), 10))
    matrix = confusion.load(files.path, 1)
    assert matrix.cells.size == 3806 and len(matrix.cells.values) <= 200 == matrix.cells.values.sum()


def test_two_heads_have_a_matrix_each_and_one_together(lab) -> None:
    files = lab.run(1)
    verb, noun = dense(60, 1, 4, seed=1), dense(60, 1, 5, seed=2)
    heads = {f"{key}_{name}": value for name, part in (("verb", verb), ("noun", noun)) for key, value in part.items()}
    write(files, "val-0001", meta={"heads": ["verb", "noun"]}, **heads)
    with pytest.raises(DataError, match="--head verb"):
        confusion.load(files.path, 1)
    found = {head: confusion.load(files.path, 1, head=head) for head in ("verb", "noun", "action")}
    right = {
        name: part["scores"][:, 0].argmax(axis=1) == part["targets"] for name, part in (("verb", verb), ("noun", noun))
    }
    assert found["verb"].top1 == right["verb"].mean() and found["noun"].top1 == right["noun"].mean()
    assert found["action"].top1 == (right["verb"] & right["noun"]).mean()
    assert found["noun"].protocol is not None and found["noun"].protocol.head == "noun"


def test_views_and_probes_are_files_of_their_own(lab) -> None:
    files = lab.run(1)
    right = dense(30, 1, 4)
    right["targets"] = right["scores"][:, 0].argmax(axis=1)
    told = {"views": "10x3", "probe": None, "level": "video", "aggregation": "softmax-mean"}
    shuffled = {**told, "views": "1x1", "probe": "shuffled"}
    write(files, "val-0003", **dense(30, 1, 4))
    write(files, "val-0003-10x3", meta={"protocol": told}, **{**right, "scores": np.repeat(right["scores"], 30, 1)})
    wrong = (right["targets"] + 1) % 4
    write(files, "val-0003-1x1-shuffled", meta={"protocol": shuffled}, **{**right, "targets": wrong})
    assert 0 < confusion.load(files.path, 1).top1 < 1
    assert confusion.load(files.path, 1, views="10x3").top1 == 1
    assert confusion.load(files.path, 1, probe="shuffled").top1 == 0
    with pytest.raises(NotFoundError, match="10x3"):
        confusion.load(files.path, 1, views="5x3")
