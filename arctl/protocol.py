"""How a number came about: data, split, level, views, averaging, weights. Numbers with unlike protocols say nothing
about each other, so every number carries its own and a comparison looks at both first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from arctl.text import safe_line

AGGREGATIONS: Mapping[str, str] = {"softmax-mean": "mean of softmax", "logit-mean": "mean of logits"}
"""How the views of a video become one answer: the name in files, and in words."""

LEVELS = ("video", "clip")
"""`video`: the views of a video are averaged; `clip`: every view is a sample of its own."""

PROBES = ("shuffled", "reversed", "still")
"""What may be done to a clip's frames to see whether a model uses time; `still` is one frame repeated."""

_VIEWS = re.compile(r"([0-9]{1,5})x([13])")
_HEX = re.compile(r"[0-9a-f]{12,64}")
_DIGITS = 6


class Unlike(NamedTuple):
    """One respect in which two protocols differ, so that their numbers cannot be compared."""

    what: str
    """`views`."""
    a: str
    """What the first has, safe to show."""
    b: str
    """What the second has."""


@dataclass(frozen=True)
class Protocol:
    """Everything that two numbers must share, or that their readers must know. None is unknown."""

    data: str | None = None
    """The data set's name."""
    split: str = "val"
    """Its part that was evaluated."""
    level: str = "video"
    """`video` or `clip` (`LEVELS`)."""
    views: str | None = None
    """Temporal clips by spatial crops of each video: `10x3`; None where only their number is known."""
    view_count: int = 1
    """How many views of each video there are."""
    probe: str | None = None
    """What was done to the frames (`PROBES`), None for nothing."""
    sampling: str | None = None
    """How the frames of a clip lie in the video: `uniform`."""
    frames: int | None = None
    """Frames of a clip."""
    resize: tuple[int, int] | None = None
    """Height and width to which frames were scaled, pixels."""
    crop: int | None = None
    """Side of the square that the model saw, pixels."""
    aggregation: str = "softmax-mean"
    """How views are averaged (`AGGREGATIONS`)."""
    model: str | None = None
    """The model's name."""
    weights: str | None = None
    """SHA-256 of the checkpoint file; None for a file that training itself wrote."""
    weights_file: str | None = None
    """The checkpoint's name: `best.pt`."""
    epoch: int | None = None
    """After which epoch."""
    step: int | None = None
    """After which step."""
    samples: str = ""
    """12 hex digits of the samples and their true classes (`sample_hash`)."""
    classes: str = ""
    """12 hex digits of the class names in order (`class_hash`)."""
    videos: int = 0
    """How many videos were evaluated, those that could not be read included."""
    head: str = ""
    """`verb`, `noun` or `action`; empty for a model with one head."""
    precision: str | None = None
    """`fp32`, `fp16` or `bf16`."""
    hardware: str | None = None
    """The GPU, or the processor."""

    def stamp(self) -> str:
        """Return one line for people: data, level, views, averaging, sample set, weights."""
        head = f", {self.head} head" if self.head else ""
        probe = f", frames {self.probe}" if self.probe and self.probe != "still" else ""
        probe = ", one frame repeated" if self.probe == "still" else probe
        average = "every view by itself" if self.level == "clip" else AGGREGATIONS.get(self.aggregation, "")
        parts = (
            f"{self.data or 'unknown data'} {self.split}{head}",
            f"{self.level} level",
            f"{self.view_words()} view{'' if self.view_count == 1 else 's'}{probe}",
            average or safe_line(self.aggregation),
            f"{self.videos} video{'' if self.videos == 1 else 's'} #{self.samples[:_DIGITS]}",
            self.weight_words(),
        )
        return ", ".join(parts)

    def view_words(self) -> str:
        """Return the views as `10x3`, or their number where no more is known."""
        return self.views or str(self.view_count)

    def weight_words(self) -> str:
        """Return whose weights: `weights #123456`, or `weights of epoch 12` where training itself evaluated."""
        if self.weights:
            return f"weights #{self.weights[:_DIGITS]}"
        return "weights unknown" if self.epoch is None else f"weights of epoch {self.epoch}"

    def facts(self) -> dict[str, object]:
        """Return every field as JSON values, and `stamp`."""
        fields = asdict(self)
        fields["resize"] = list(self.resize) if self.resize else None
        return {"stamp": self.stamp(), **fields}

    def at(self, *, level: str, aggregation: str, head: str) -> Protocol:
        """Return the protocol of numbers that were made of the same file in another way."""
        return replace(self, level=level, aggregation=aggregation, head=head)


def differences(a: Protocol, b: Protocol) -> tuple[Unlike, ...]:
    """Return what makes the numbers of two protocols unlike; empty where they can be compared.

    Model, weights, frames, crop and precision may differ: they are what is compared. What is unknown is like anything.
    """
    names = ("data", "split", "level", "head", "probe", "aggregation", "videos", "samples", "classes")
    words = {"samples": "sample set", "classes": "class list", "videos": "number of videos"}
    found = []
    for name in names:
        if name == "aggregation" and "clip" in (a.level, b.level):
            continue
        one, other = getattr(a, name), getattr(b, name)
        unknown = name in ("data", "samples", "classes") and not (one and other)
        if one != other and not unknown:
            found.append(Unlike(words.get(name, name), _shown(one), _shown(other)))
    if a.view_count != b.view_count or (a.views and b.views and a.views != b.views):
        found.insert(3, Unlike("views", a.view_words(), b.view_words()))
    return tuple(found)


def explain(unlike: Iterable[Unlike]) -> str:
    """Return differences as part of a sentence: `views 10x3 and 1x1; split val and test`."""
    return "; ".join(f"{one.what} {one.a} and {one.b}" for one in unlike)


def sample_hash(ids: Sequence[str], *targets: Sequence[int]) -> str:
    """Return 12 hex digits that are the same for the same samples with the same true classes, in whatever order."""
    columns = (map(str, part) for part in targets)
    text = "\n".join(sorted(map("\0".join, zip(ids, *columns, strict=True))))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def class_hash(names: Sequence[str]) -> str:
    """Return 12 hex digits of class names in their order."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def view_numbers(views: str) -> tuple[int, int] | None:
    """Return clips and crops of `10x3`, None for another text."""
    match = _VIEWS.fullmatch(views)
    return (int(match[1]), int(match[2])) if match and int(match[1]) else None


def from_meta(
    meta: Mapping[str, object], *, split: str, epoch: int | None, view_count: int, variant: str = ""
) -> Protocol:
    """Return what a predictions file says of itself; whatever it lacks or says wrongly is unknown.

    Of a file without `protocol` the `variant` in its name tells views and probe; without that one view is `1x1`.
    """
    raw = meta.get("protocol")
    named = (
        dict(zip(("views", "probe"), variant.split("-"), strict=False))
        if view_numbers(variant.partition("-")[0])
        else {}
    )
    named = named or ({"views": "1x1"} if view_count == 1 else {})
    told: Mapping[str, object] = raw if isinstance(raw, Mapping) else named
    views, probe = _text(told.get("views")), _text(told.get("probe"))
    weights = _text(meta.get("weights"))
    aggregation = _text(told.get("aggregation")) or _text(meta.get("aggregation")) or "softmax-mean"
    return Protocol(
        data=_text(meta.get("data")),
        split=_text(meta.get("split")) or split,
        views=views if views and view_numbers(views) else None,
        view_count=view_count,
        probe=probe if probe in PROBES else None,
        sampling=_text(told.get("sampling")),
        frames=_whole(told.get("frames")),
        resize=_pair(told.get("resize")),
        crop=_whole(told.get("crop")),
        aggregation=aggregation if aggregation in AGGREGATIONS else "softmax-mean",
        model=_text(meta.get("model")),
        weights=weights if weights and _HEX.fullmatch(weights) else None,
        weights_file=_text(meta.get("weights_file")),
        epoch=epoch if _whole(meta.get("epoch")) is None else _whole(meta.get("epoch")),
        step=_whole(meta.get("step")),
        precision=_text(meta.get("precision")),
        hardware=_text(meta.get("hardware")),
    )


def _shown(value: object) -> str:
    return "none" if value in (None, "") else safe_line(str(value))


def _text(value: object) -> str | None:
    return safe_line(value, limit=200) or None if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _pair(value: object) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    height, width = _whole(value[0]), _whole(value[1])
    return None if height is None or width is None else (height, width)
