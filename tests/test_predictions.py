"""The predictions file: every layout is read, and every damage is refused with the file and the sample named."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arctl.errors import DataError, NotFoundError
from arctl.scores.predictions import read_predictions, read_speed
from tests.scored import head_arrays, logits_of, meta, scored_arrays, write

LOGITS, TARGETS = logits_of(20, 2, 6)


def refused(path: Path) -> str:
    """Return why a file is refused; its path stands before it."""
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert caught.value.where == str(path)
    return caught.value.what


def with_value(value: float, where: tuple[Any, ...]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file in which some scores are another value."""
    scores = LOGITS.copy()
    scores[where] = value
    return scored_arrays(scores, TARGETS)


def test_a_file_of_training_from_before_there_were_protocols(tmp_path: Path) -> None:
    told = '{"contract": 1, "split": "val", "epoch": 7, "views": 1, "data": "motions"}'
    path = write(tmp_path / "predictions/val-0007.npz", scored_arrays(LOGITS[:, :1], TARGETS, meta=np.array(told)))
    stored = read_predictions(path)
    assert stored.protocol.views == "1x1" and stored.protocol.weights is None and stored.protocol.epoch == 7
    assert stored.protocol.stamp().startswith("motions val, video level, 1x1 view, mean of softmax, 20 videos #")
    assert stored.ids[3] == "v0003.avi" and stored.groups[3] == "g03" and stored.classes[5] == "class5"
    np.testing.assert_array_equal(stored.scores, LOGITS[:, :1])
    np.testing.assert_array_equal(stored.targets, TARGETS)


def test_a_file_without_meta_or_groups(tmp_path: Path) -> None:
    arrays = scored_arrays(LOGITS, TARGETS)
    del arrays["groups"]
    stored = read_predictions(write(tmp_path / "predictions/test-0003.npz", arrays))
    assert stored.groups == ("",) * 20
    assert (stored.protocol.split, stored.protocol.epoch, stored.protocol.views) == ("test", 3, None)
    assert stored.protocol.view_count == 2


def test_an_evaluation_says_how_it_was_made(tmp_path: Path) -> None:
    speed = {"batch1": {"ms_per_clip": 12.5, "clips_per_s": 80.0}, "batched": {"batch": 8, "clips_per_s": 300.0}}
    arrays = scored_arrays(LOGITS, TARGETS, meta=meta("test", 4, views="2x1", speed=speed))
    path = write(tmp_path / "predictions/test-0004-2x1.npz", arrays)
    protocol = read_predictions(path).protocol
    assert (protocol.frames, protocol.resize, protocol.crop) == (16, (128, 171), 112)
    assert (protocol.model, protocol.precision, protocol.hardware) == ("r3d18", "fp16", "a GPU")
    assert protocol.stamp().endswith("weights #ababab")
    told = read_speed(path)
    assert told is not None and (told.hardware, told.precision) == ("a GPU", "fp16")
    assert told.parts == {
        "batch1": {"ms_per_clip": 12.5, "clips_per_s": 80.0},
        "batched": {"batch": 8.0, "clips_per_s": 300.0},
    }
    assert read_speed(tmp_path / "none.npz") is None


def test_the_highest_classes_alone(tmp_path: Path) -> None:
    logits, targets = logits_of(30, 2, 1200)
    path = write(tmp_path / "predictions/val-0001.npz", scored_arrays(logits, targets, highest=100))
    head = read_predictions(path).head()
    assert head.reach == 100 and len(head.classes) == 1200 and head.top is not None
    assert head.scores.shape == head.top.shape == (30, 2, 100)


def test_two_heads(tmp_path: Path) -> None:
    verbs, nouns = logits_of(10, 1, 4, seed=1), logits_of(10, 1, 7, seed=2)
    arrays = {"ids": np.array([f"P01_{row}" for row in range(10)]), "participants": np.array(["P01"] * 10)}
    arrays |= head_arrays(*verbs, name="verb") | head_arrays(*nouns, name="noun")
    arrays |= {"tail_verb": np.array([3]), "tail_noun": np.array([5, 6]), "unseen": np.array(["P18"])}
    arrays["meta"] = np.array('{"heads": ["verb", "noun"]}')
    stored = read_predictions(write(tmp_path / "a.npz", arrays))
    assert stored.tail == {"verb": frozenset({3}), "noun": frozenset({5, 6})} and stored.unseen == {"P18"}
    assert len(stored.head("noun").classes) == 7
    with pytest.raises(DataError, match="say which head"):
        _ = stored.scores
    with pytest.raises(DataError, match="no head 'adverb'"):
        stored.head("adverb")


@pytest.mark.parametrize(
    ("value", "where", "said"),
    [
        (np.nan, (3, 1, 2), "sample 'v0003.avi', view 1: 1 of 6 scores are NaN"),
        (np.nan, (4, 0, slice(0, 5)), "sample 'v0004.avi', view 0: 5 of 6 scores are NaN"),
        (np.inf, (19, 1, 0), "sample 'v0019.avi', view 1: a score is infinite"),
        (-np.inf, (0, 0), "sample 'v0000.avi', view 0: a score is infinite"),
    ],
)
def test_scores_that_are_no_numbers(tmp_path: Path, value: float, where: tuple[Any, ...], said: str) -> None:
    for kind in (np.float16, np.float32, ">f2"):
        arrays = with_value(value, where)
        arrays["scores"] = arrays["scores"].astype(kind)
        assert said in refused(write(tmp_path / "a.npz", arrays))


def test_a_view_that_is_nan_throughout_could_not_be_read(tmp_path: Path) -> None:
    stored = read_predictions(write(tmp_path / "a.npz", with_value(np.nan, (3, 1))))
    assert np.isnan(stored.scores[3, 1]).all() and np.isfinite(stored.scores[3, 0]).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ids": np.array(["a.avi"] * 20)}, "sample 'a.avi' is there 20 times"),
        ({"ids": np.arange(20)}, "ids are int64 (20,)"),
        ({"ids": np.array([f"v{row}" for row in range(19)])}, "shapes ids (19,)"),
        ({"targets": np.full(20, 6)}, "sample 'v0000.avi' has class 6 of 6"),
        ({"targets": np.full(20, -1)}, "has class -1 of 6"),
        ({"targets": np.ones(20)}, "targets float64"),
        ({"classes": np.array(["a", "b"])}, "classes (2,)"),
        ({"classes": np.array(["a", "b", "c", "d", "e", "b"])}, "class 'b' is there twice"),
        ({"classes": np.array(["a", "b", "", "d", "e", "f"])}, "class 2 of 6 has no name"),
        ({"scores": LOGITS[:, :, 0]}, "scores (20, 2)"),
        ({"scores": LOGITS[:, :0]}, "scores (20, 0, 6)"),
        ({"scores": LOGITS.astype(np.int32)}, "scores int32"),
        ({"groups": np.array(["g"] * 3)}, "groups are <U1 (3,)"),
        ({"meta": np.array("{")}, "meta is no JSON"),
        ({"meta": np.array("[1]")}, "meta is no JSON object"),
        ({"meta": np.array('{"heads": ["verb"]}')}, "no array targets_verb"),
        ({"meta": meta("val", 2, views="2x1")}, "says val after epoch 2, its name val after epoch 1"),
        ({"meta": meta("test", 1, views="2x1")}, "says test after epoch 1"),
        ({"meta": meta("val", 1, views="10x3")}, "says 10x3 views and holds 2"),
    ],
)
def test_arrays_that_do_not_hold_together(tmp_path: Path, changed: dict[str, NDArray[Any]], said: str) -> None:
    path = tmp_path / "predictions/val-0001.npz"
    assert said in refused(write(path, {**scored_arrays(LOGITS, TARGETS), **changed}))


def test_a_file_under_the_name_of_another(tmp_path: Path) -> None:
    arrays = scored_arrays(LOGITS, TARGETS, meta=meta("val", 1, views="2x1", probe="shuffled"))
    path = write(tmp_path / "predictions/val-0001-2x1-reversed.npz", arrays)
    assert "says 2x1 shuffled, its name 2x1 reversed" in refused(path)


def test_one_class_and_no_samples(tmp_path: Path) -> None:
    one = scored_arrays(LOGITS[:, :, :1], np.zeros(20, dtype=np.int64).tolist())
    assert "it has one class, 'class0'" in refused(write(tmp_path / "a.npz", one))
    assert "no samples" in refused(write(tmp_path / "b.npz", scored_arrays(LOGITS[:0], [])))


@pytest.mark.parametrize("missing", ["ids", "targets", "scores", "classes"])
def test_an_array_is_missing(tmp_path: Path, missing: str) -> None:
    arrays = scored_arrays(LOGITS, TARGETS)
    del arrays[missing]
    assert missing in refused(write(tmp_path / "a.npz", arrays))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.npz", scored_arrays(LOGITS, TARGETS)).read_bytes()
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        (tmp_path / "b.npz").write_bytes(whole[:length])
        assert refused(tmp_path / "b.npz").startswith("damaged predictions: ")


def test_a_byte_that_was_changed_in_the_scores(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays = scored_arrays(LOGITS, TARGETS)
    np.savez(path, **arrays)  # type: ignore[arg-type]  # stored, so that the byte is a score's
    whole = bytearray(path.read_bytes())
    whole[whole.index(LOGITS.tobytes()) + 41] ^= 1
    path.write_bytes(whole)
    assert "CRC" in refused(path)


def test_pickles_bombs_and_what_is_no_file(tmp_path: Path) -> None:
    arrays = scored_arrays(LOGITS, TARGETS, ids=np.array([{"a": 1}] * 20, dtype=object))
    assert "Python objects" in refused(write(tmp_path / "a.npz", arrays))
    (tmp_path / "b.npz").write_bytes(pickle.dumps({"ids": 1}))
    assert "damaged" in refused(tmp_path / "b.npz")
    target = write(tmp_path / "c.npz", scored_arrays(LOGITS, TARGETS))
    (tmp_path / "d.npz").symlink_to(target)
    assert "damaged" in refused(tmp_path / "d.npz")
    os.mkfifo(tmp_path / "e.npz")
    assert "no regular file" in refused(tmp_path / "e.npz")
    with pytest.raises(NotFoundError):
        read_predictions(tmp_path / "f.npz")


def header(shape: tuple[int, ...]) -> bytes:
    """Return the beginning of an array of float16."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f2", "fortran_order": False, "shape": shape})
    return out.getvalue()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("scores.npy", header((1 << 20, 1, 40)) + bytes(80 << 20))
    assert path.stat().st_size < 1 << 20
    assert "scores unpacks" in refused(path)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("scores.npy", header((1 << 40,)) + bytes(64))
    assert "scores is cut short: " in refused(path)


@pytest.mark.parametrize(
    ("name", "where", "value", "said"),
    [
        ("top", (2, 0, 3), 5000, "sample 'v0002.avi', view 0 has a class beyond the class list"),
        ("top", (2, 0, 98), -1, "a class beyond the class list"),
        ("scores", (5, 1, 50), 60.0, "sample 'v0005.avi', view 1 has scores that do not fall"),
        ("lse", (7, 0), -5.0, "a sum below its highest score"),
        ("lse", (7, 0), np.nan, "that is not finite"),
        ("own", (8, 1), 30.0, "an own score"),
    ],
)
def test_highest_classes_that_were_tampered_with(
    tmp_path: Path, name: str, where: tuple[int, ...], value: float, said: str
) -> None:
    arrays = scored_arrays(*logits_of(10, 2, 1200), highest=100)
    arrays[name][where] = value
    assert said in refused(write(tmp_path / "a.npz", arrays))


def test_highest_classes_without_what_belongs_to_them(tmp_path: Path) -> None:
    arrays = scored_arrays(*logits_of(10, 2, 1200), highest=100)
    arrays["top"][3, 1, 1] = arrays["top"][3, 1, 0]
    assert "a class twice" in refused(write(tmp_path / "a.npz", arrays))
    del arrays["lse"]
    assert "no array lse" in refused(write(tmp_path / "a.npz", arrays))
