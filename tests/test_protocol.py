"""Protocols: what makes two numbers unlike, what may differ, and what a hostile file cannot make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arctl.protocol import Protocol, class_hash, differences, explain, from_meta, sample_hash, view_numbers

ONE = Protocol(
    data="motions",
    split="val",
    views="10x3",
    view_count=30,
    model="r3d18",
    weights="ab" * 32,
    epoch=12,
    samples="0123456789ab",
    classes="ba9876543210",
    videos=336,
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": "ucf101"}, "data motions and ucf101"),
        ({"split": "test"}, "split val and test"),
        ({"level": "clip"}, "level video and clip"),
        ({"views": "5x3", "view_count": 15}, "views 10x3 and 5x3"),
        ({"views": None, "view_count": 15}, "views 10x3 and 15"),
        ({"views": "30x1"}, "views 10x3 and 30x1"),
        ({"probe": "shuffled"}, "probe none and shuffled"),
        ({"aggregation": "logit-mean"}, "aggregation softmax-mean and logit-mean"),
        ({"samples": "ffffffffffff"}, "sample set 0123456789ab and ffffffffffff"),
        ({"classes": "ffffffffffff"}, "class list ba9876543210 and ffffffffffff"),
        ({"head": "verb"}, "head none and verb"),
        ({"split": "test", "videos": 9}, "split val and test; number of videos 336 and 9"),
    ],
)
def test_what_makes_numbers_unlike(changed: dict[str, object], said: str) -> None:
    other = replace(ONE, **changed)  # type: ignore[arg-type]
    assert explain(differences(ONE, other)) == said
    assert len(differences(other, ONE)) == len(differences(ONE, other))


def test_what_is_compared_may_differ() -> None:
    other = replace(ONE, model="tsm", weights="cd" * 32, epoch=3, step=9, frames=8, crop=224, precision="bf16")
    assert differences(ONE, other) == ()
    assert differences(ONE, replace(ONE, data=None, samples="", views=None)) == ()


def test_the_average_of_views_means_nothing_to_single_clips() -> None:
    clips = replace(ONE, level="clip")
    assert differences(clips, replace(clips, aggregation="logit-mean")) == ()


def test_stamps() -> None:
    assert ONE.stamp() == ("motions val, video level, 10x3 views, mean of softmax, 336 videos #012345, weights #ababab")
    still = replace(ONE, level="clip", probe="still", weights=None, head="verb", videos=1, views=None, view_count=1)
    assert still.stamp() == (
        "motions val, verb head, clip level, 1 view, one frame repeated, every view by itself, 1 video #012345, "
        "weights of epoch 12"
    )
    assert Protocol().stamp().startswith("unknown data val") and Protocol().stamp().endswith("weights unknown")
    assert ONE.facts()["stamp"] == ONE.stamp() and ONE.facts()["view_count"] == 30


def test_hashes_know_the_order_where_it_counts() -> None:
    assert sample_hash(["a", "b"], [1, 2]) == sample_hash(["b", "a"], [2, 1])
    assert sample_hash(["a", "b"], [1, 2]) != sample_hash(["a", "b"], [2, 1])
    assert sample_hash(["a", "b"], [1, 2]) != sample_hash(["a", "b"], [1, 2], [0, 0])
    assert class_hash(["a", "b"]) != class_hash(["b", "a"])
    assert len(class_hash(["\udc80"])) == len(sample_hash(["\udc80"], [0])) == 12


@pytest.mark.parametrize("text", ["2x2", "0x3", "10x3x1", "10", "", "-1x3", "1x1\n", "\u0661x1", "100000x1"])
def test_texts_that_are_no_views(text: str) -> None:
    assert view_numbers(text) is None


def test_meta_that_is_wrong_is_unknown() -> None:
    told = {"data": "a\x1b[2Jb\nc", "weights": "../etc", "epoch": True, "step": -1, "split": 5}
    told |= {"protocol": {"views": "2x2", "probe": "upside", "frames": "16", "resize": [1], "aggregation": "vote"}}
    found = from_meta(told, split="val", epoch=3, view_count=4)
    assert found.data == "ab c" and found.weights is None and found.epoch == 3 and found.step is None
    assert (found.views, found.probe, found.frames, found.resize) == (None, None, None, None)
    assert found.aggregation == "softmax-mean" and found.split == "val"


def test_old_files_are_known_by_their_name() -> None:
    assert from_meta({}, split="val", epoch=1, view_count=1).views == "1x1"
    assert from_meta({}, split="val", epoch=1, view_count=6).views is None
    found = from_meta({}, split="val", epoch=1, view_count=6, variant="2x3-still")
    assert (found.views, found.probe) == ("2x3", "still")
    assert from_meta({}, split="val", epoch=1, view_count=1, variant="fused").views == "1x1"
