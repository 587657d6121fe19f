"""From the lists of a data set to its samples, without torch: which video has which class, and who tests on what.

Everything that can be wrong in a list is found here, before a job queues or a GPU waits, and named by file and line.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.data.finder import Finder
from trainer.errors import DataError

MAX_LIST_BYTES = 256 << 20
"""A list larger than this is taken for something else."""
_ALL = "all-"
_GROUP = re.compile(r"_(g\d+)_c\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """One video and what it shows."""

    id: str
    """The video as the list names it: `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi`."""
    path: Path
    """Where it is."""
    target: int
    """Its class, from 0."""
    group: str
    """Which film it is cut from: `g08` of its class, `all-g08` where that is one film for all classes, else empty."""


@dataclass(frozen=True)
class Annotations:
    """A data set under one of its splits."""

    name: str
    """The data set's name, for people."""
    classes: tuple[str, ...]
    """Class names by target."""
    train: tuple[Sample, ...]
    """In the order of the list."""
    val: tuple[Sample, ...]
    """What a run is judged by while it trains: the validation list, or the test list where there is none."""
    flip_keeps_labels: bool
    """Whether a mirrored clip still has its class."""
    root: Path
    """The data set's directory."""
    warnings: tuple[str, ...] = ()
    """What is doubtful but no error: groups that two lists share."""
    test: tuple[Sample, ...] = ()
    """The test list where there is a validation list beside it; else empty, and `val` is the test list."""
    lists: tuple[Path, ...] = ()
    """The files that name the videos: training, test, and validation where there is one."""

    def split(self, name: str) -> tuple[Sample, ...]:
        """Return the samples of `train`, `val` or `test`. Raises DataError naming what there is, and how to make it."""
        samples = {"train": self.train, "val": self.val, "test": self.test}.get(name)
        if not samples:
            train, test = (path.name for path in self.lists[:2])
            cure = f"--split val; or move groups of {train} into a {test.replace('test', 'val')}, and test is {test}"
            what = f"no split {name!r}: there are train ({train}) and val ({test})"
            raise DataError(what, where=str(self.root), cure=cure)
        return samples


@dataclass(frozen=True)
class _Line:
    """A line of a list, and the place to name when it is wrong."""

    where: str
    words: tuple[str, ...]


def read_card(root: Path) -> Mapping[str, object]:
    """Return what a data set says of itself in `dataset.yaml`; without one it is taken for UCF101.

    Keys: `name`, `format`, `flip_keeps_labels`, `groups_span_classes` and more. Raises DataError naming the file.
    """
    default: dict[str, object] = {"name": root.name, "format": "ucf101", "flip_keeps_labels": True}
    path = root / "dataset.yaml"
    if not path.exists():
        return default
    import yaml

    try:
        with path.open("rb") as file:
            card = yaml.safe_load(file.read(1 << 20))
    except (OSError, yaml.YAMLError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"cannot be read: {first}", where=str(path), cure="mend it, or remove it for UCF101") from None
    if not isinstance(card, dict):
        raise DataError("is no mapping", where=str(path), cure="write `format: ucf101` and so on, or remove it")
    card = {**default, **card}
    if card["format"] != "ucf101":
        raise DataError(f"unknown format {card['format']!r}", where=str(path), cure="write `format: ucf101`")
    for key in ("flip_keeps_labels", "groups_span_classes"):
        if not isinstance(card.get(key, False), bool):
            raise DataError(f"{key} is neither true nor false", where=str(path), cure="write one of them")
    return card


def read_ucf101(root: Path, *, split: int = 1, check_files: bool = True) -> Annotations:
    """Read the layout of UCF101: class folders in `root` or `root/UCF-101`, lists in `root` or `root/ucfTrainTestlist`.

    `vallist01.txt` is a list of our own beside the official ones: with it, `val` is that list and `test` the test list.
    Labels count from 1 in the files and from 0 here. Names are found on disk whatever their case.
    Raises DataError naming file and line: no list, no class, a label out of range, a video that comes twice,
    is missing, or is in another class.
    """
    if not root.is_dir():
        raise DataError("no such directory", where=str(root), cure="set data.root to the data set's directory")
    card = read_card(root)
    lists = _find_lists(root, split)
    classes = _read_classes(lists / "classInd.txt")
    videos = root / "UCF-101" if (root / "UCF-101").is_dir() else root
    finder = Finder(videos)
    seen: dict[str, str] = {}
    paths = [lists / f"{kind}list{split:02d}.txt" for kind in ("train", "test", "val")]
    if not os.path.lexists(paths[2]):
        del paths[2]
    prefix = _ALL if card.get("groups_span_classes") else ""
    read = {path: _read_split(path, classes, finder, seen, labelled=path is paths[0], prefix=prefix) for path in paths}
    if check_files:
        finder.report_missing(total=sum(map(len, read.values())))
    return Annotations(
        name=str(card["name"]),
        classes=classes,
        train=read[paths[0]],
        val=read[paths[-1]],
        flip_keeps_labels=bool(card["flip_keeps_labels"]),
        root=root,
        warnings=_shared_groups(read, classes),
        test=read[paths[1]] if len(paths) == 3 else (),
        lists=tuple(paths),
    )


def _find_lists(root: Path, split: int) -> Path:
    names = ("classInd.txt", f"trainlist{split:02d}.txt", f"testlist{split:02d}.txt")
    places = (root, root / "ucfTrainTestlist")
    for place in places:
        missing = [name for name in names if not (place / name).is_file()]
        if not missing:
            return place
        if len(missing) < len(names):
            raise DataError(f"{missing[0]} is missing", where=str(place), cure="take it from the official lists")
    raise DataError(
        f"no {', '.join(names)} here or in ucfTrainTestlist/",
        where=str(root),
        cure="unpack the official lists there, or set data.root to the directory that holds them",
    )


def _lines(path: Path) -> Iterator[_Line]:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise DataError("is too large for a list", where=str(path), cure="is it the right file?")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path), cure="check its permissions") from None
    except UnicodeDecodeError:
        raise DataError("is no text", where=str(path), cure="take it from the official lists") from None
    for number, line in enumerate(text.splitlines(), start=1):
        words = tuple(line.split())
        if words:
            yield _Line(where=f"{path}:{number}", words=words)


def _read_classes(path: Path) -> tuple[str, ...]:
    classes: list[str] = []
    for line in _lines(path):
        if len(line.words) != 2 or not line.words[0].isdecimal():
            raise DataError(
                f"{' '.join(line.words)[:80]!r} is no `NUMBER CLASS`", where=line.where, cure="mend the line"
            )
        number, name = int(line.words[0]), line.words[1]
        if number != len(classes) + 1:
            raise DataError(
                f"class number {number} after {len(classes)}", where=line.where, cure="number them 1, 2, 3 ..."
            )
        if name in classes:
            raise DataError(f"class {name!r} stands there twice", where=line.where, cure="remove one")
        classes.append(name)
    if not classes:
        raise DataError("names no class", where=str(path), cure="write one `NUMBER CLASS` a line")
    return tuple(classes)


def _read_split(
    path: Path, classes: Sequence[str], finder: Finder, seen: dict[str, str], *, labelled: bool, prefix: str
) -> tuple[Sample, ...]:
    by_name = {name.casefold(): target for target, name in enumerate(classes)}
    samples = []
    for line in _lines(path):
        name = line.words[0]
        folder = _folder(name, line)
        if name in seen:
            raise DataError(f"{name} stands at {seen[name]} already", where=line.where, cure="remove one of the two")
        seen[name] = line.where
        target = by_name.get(folder.casefold())
        if target is None:
            raise DataError(f"class {folder!r} is not in classInd.txt", where=line.where, cure="mend one of the files")
        _check_label(line, classes, target, labelled=labelled)
        numbered = _GROUP.search(PurePosixPath(name).stem)
        group = f"{prefix}{numbered[1].lower()}" if numbered else ""
        samples.append(Sample(name, finder.find(name, line.where), target, group))
    if not samples:
        raise DataError("names no video", where=str(path), cure="take it from the official lists")
    return tuple(samples)


def _folder(name: str, line: _Line) -> str:
    parts = PurePosixPath(name).parts
    if len(parts) != 2 or ".." in parts or name.startswith("/") or "\0" in name:
        raise DataError(
            f"{name[:80]!r} is no CLASS/VIDEO", where=line.where, cure="name the video within its class folder"
        )
    return parts[0]


def _check_label(line: _Line, classes: Sequence[str], target: int, *, labelled: bool) -> None:
    if len(line.words) == 1 and not labelled:
        return
    if len(line.words) != 2 or not line.words[1].isdecimal():
        raise DataError(f"{' '.join(line.words)[:80]!r} is no `VIDEO LABEL`", where=line.where, cure="mend the line")
    label = int(line.words[1])
    if not 1 <= label <= len(classes):
        raise DataError(f"label {label} is not in 1..{len(classes)}", where=line.where, cure="labels count from 1")
    if label != target + 1:
        raise DataError(
            f"label {label} is {classes[label - 1]}, but the folder's class {classes[target]} is {target + 1}",
            where=line.where,
            cure="mend the label or the folder",
        )


def _shared_groups(read: Mapping[Path, Sequence[Sample]], classes: Sequence[str]) -> tuple[str, ...]:
    found = []
    for (one, first), (other, second) in itertools.combinations(read.items(), 2):
        shared = _sources(first, classes) & _sources(second, classes)
        if shared:
            said = f"clips of {len(shared)} groups, first {min(shared)}"
            found.append(f"{one.name} and {other.name} both hold {said}: accuracies will be too high")
    return tuple(found)


def _sources(samples: Sequence[Sample], classes: Sequence[str]) -> set[str]:
    return {s.group if s.group.startswith(_ALL) else f"{classes[s.target]} {s.group}" for s in samples if s.group}
