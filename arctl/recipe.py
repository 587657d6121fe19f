"""The one door to `trainer.config` and `trainer.catalog`: checks data set and configuration before anything queues.

Nothing here loads torch. Errors of the trainer come out as arctl's own, with the same words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import ArctlError, DataError, NotFoundError, UsageError, nearest
from arctl.settings import Workspace
from arctl.strictyaml import read_block
from arctl.text import safe_line
from trainer import catalog, config
from trainer.data.annotations import read_card, read_ucf101
from trainer.errors import TrainerError

Settings = dict[str, dict[str, object]]
"""A configuration as plain sections of plain values, every key present."""

ModelCard = catalog.ModelCard
"""What is known of a model before it is built."""

CLASS_LIST = "classInd.txt"
"""The file that makes a directory a data set in the UCF101 layout."""

_GIVEN = ("model.name", "data.name", "data.root")
_TYPES = ("int", "float", "text")
_LIST_PLACES = (".", "ucfTrainTestlist")
_MOST_CLASSES = 1 << 20


@dataclass(frozen=True)
class DataSet:
    """A data set that a name led to."""

    name: str
    """What the configuration calls it."""
    root: Path
    """Its directory, absolute."""
    source: str
    """Where the name was found: `arctl.yaml`, `data/` or `path`."""
    card: Mapping[str, object]
    """What `trainer.config` wants to know: name, root, and what arctl.yaml and dataset.yaml say."""

    @property
    def lists(self) -> Path:
        """The directory with the class list and the split lists."""
        found = (self.root / place for place in _LIST_PLACES if (self.root / place / CLASS_LIST).is_file())
        return next(found, self.root)


@dataclass(frozen=True)
class Key:
    """One key of a training run's configuration."""

    name: str
    """`optim.lr`."""
    kind: str
    """What it takes, in words: `float, above 0`, `adamw or sgd`."""
    values: tuple[str, ...]
    """The words that it takes, where they can be listed."""
    meaning: str
    """What it does, in one sentence."""


def datasets(workspace: Workspace) -> list[DataSet]:
    """Return the data sets of arctl.yaml and those under data/, by name, without what their dataset.yaml says."""
    found = {name: _declared(workspace, name, read=False) for name in workspace.settings.data}
    for name in _found_names(workspace):
        if name not in found:
            found[name] = _data_set(name, workspace.root / "data" / name, "data/", {}, read=False)
    return [found[name] for name in sorted(found)]


def find_data(workspace: Workspace, name: str, *, cwd: Path | None = None) -> DataSet:
    """Return the data set of a name: a key of arctl.yaml, a directory under data/, or a path.

    Raises NotFoundError naming the nearest.
    """
    if name in workspace.settings.data:
        return _declared(workspace, name)
    inside = workspace.root / "data" / name
    if _plain_name(name) and inside.is_dir():
        return _data_set(name, inside, "data/", {})
    path = ((cwd or Path.cwd()) / Path(name).expanduser()).absolute()
    if path.is_dir() and (not _plain_name(name) or _holds_classes(path)):
        return _data_set(path.resolve().name or "data", path, "path", {})
    known = {*workspace.settings.data, *_found_names(workspace)}
    raise NotFoundError(f"no data set {safe_line(name, limit=120)!r}", cure=f"{nearest(name, known)}; `arctl data ls`")


def check_data(data: DataSet, *, split: int = 1) -> int:
    """Check cheaply that a data set can be read, and return its number of classes.

    Raises NotFoundError for a missing directory or list, DataError for a list or dataset.yaml that makes no sense.
    """
    if not data.root.is_dir():
        cure = f"correct its root in {data.source}" if data.source == "arctl.yaml" else "check the path"
        raise NotFoundError(f"the directory of data set {data.name!r} does not exist", where=str(data.root), cure=cure)
    with _translated():
        read_card(data.root)
    for file in (CLASS_LIST, f"trainlist{split:02d}.txt", f"testlist{split:02d}.txt"):
        path = data.lists / file
        if not path.is_file():
            cure = "a data set needs the UCF101 layout; `arctl data synth DIR` makes one to look at"
            raise NotFoundError(f"data set {data.name!r} has no {file}", where=str(data.root), cure=cure)
        if path.stat().st_size == 0:
            raise DataError("the list is empty", where=str(path), cure="write it again")
    return len(_class_names(data.lists / CLASS_LIST))


def check_lists(data: DataSet, *, split: int = 1) -> None:
    """Read the lists of a split as the trainer will, and see that each listed video is there.

    Raises DataError naming file and line: a label out of range, a class or a video that does not exist.
    """
    with _translated():
        read_ucf101(data.root, split=split)


def resolve(data: DataSet, *, model: str, preset: str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the checked configuration of a new run. Raises UsageError naming the key and the nearest one."""
    with _translated():
        made = config.resolve(model=model, data=data.card, preset=preset, overrides=tuple(overrides))
        return _with_paths(config.to_dict(made))


def revise(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Return the configuration of an earlier run's config.yaml with some keys changed."""
    with _translated():
        settings = config.to_dict(config.load(path))
        for text in overrides:
            key, value = config.parse_override(text)
            section, _, name = key.partition(".")
            settings.setdefault(section, {})[name] = value
        changed = ", ".join(f"--set {text}" for text in overrides)
        return _with_paths(config.to_dict(config.from_dict(settings, where=changed or str(path))))


def models() -> list[catalog.ModelCard]:
    """Return the catalog, in its order."""
    return list(catalog.MODELS.values())


def model(name: str) -> catalog.ModelCard:
    """Return a model's card. Raises NotFoundError naming the nearest."""
    if name not in catalog.MODELS:
        raise NotFoundError(f"no model {safe_line(name, limit=80)!r}", cure=nearest(name, catalog.MODELS))
    return catalog.MODELS[name]


def presets(name: str) -> list[str]:
    """Return the presets of a model."""
    return catalog.preset_names(model(name).name)


def defaults(name: str, preset: str | None = None) -> Settings:
    """Return every key with the value that a model gives it, before a data set has its say."""
    with _translated():
        made = config.resolve(model=model(name).name, data={"name": "DATA", "root": "/DATA"}, preset=preset)
        return config.to_dict(made)


def trainer_package() -> Path:
    """Return the directory of the trainer's package."""
    return Path(catalog.__file__).parent


def trainer_path(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables by which any Python finds this trainer: PYTHONPATH in a checkout, nothing once installed."""
    root = trainer_package().parent
    if root.name in ("site-packages", "dist-packages"):
        return {}
    before = (os.environ if env is None else env).get("PYTHONPATH")
    return {"PYTHONPATH": f"{root}{os.pathsep}{before}" if before else str(root)}


def keys() -> list[Key]:
    """Return every key of a configuration that can be set, in the order of config.yaml."""
    told = [line for name, section in config.SECTIONS.items() for line in config.describe(name, section)]
    return [Key(name, kind, _values(kind), meaning) for name, kind, _, meaning in told if name not in _GIVEN]


def parse_override(text: str) -> tuple[str, object]:
    """Return key and value of `section.key=value`. Raises UsageError where it cannot be read."""
    with _translated():
        return config.parse_override(text)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TrainerError as error:
        kind = {2: UsageError, 5: DataError}.get(error.exit_code, ArctlError)
        raise kind(error.what, where=error.where, cure=error.cure) from error


def _with_paths(settings: Settings) -> Settings:
    """Make a weights file absolute and see that it is there: the job runs in another directory."""
    weights = settings["model"].get("weights")
    if isinstance(weights, str):
        path = Path(weights).expanduser().absolute()
        if not path.is_file():
            raise NotFoundError("there is no such weights file", where=str(path), cure="correct model.weights")
        settings["model"]["weights"] = str(path)
    return settings


def _values(kind: str) -> tuple[str, ...]:
    return tuple(word for word in kind.split(" or ") if " " not in word and word not in _TYPES)


def _declared(workspace: Workspace, name: str, *, read: bool = True) -> DataSet:
    card = workspace.settings.data[name]
    root = (workspace.root / Path(str(card["root"])).expanduser()).absolute()
    return _data_set(name, root, "arctl.yaml", card, read=read)


def _data_set(name: str, root: Path, source: str, card: Mapping[str, object], *, read: bool = True) -> DataSet:
    said: dict[str, object] = {}
    if read and (root / "dataset.yaml").is_file():
        said = read_block(root / "dataset.yaml").plain()
    kept: dict[str, object] = {key: said[key] for key in ("format", "flip_keeps_labels", "description") if key in said}
    return DataSet(name=name, root=root, source=source, card={**kept, **card, "name": name, "root": str(root)})


def _found_names(workspace: Workspace) -> list[str]:
    """Return the directories under data/ that hold a class list."""
    places = workspace.root / "data"
    return [path.name for path in places.iterdir() if _holds_classes(path)] if places.is_dir() else []


def _holds_classes(path: Path) -> bool:
    return any((path / place / CLASS_LIST).is_file() for place in _LIST_PLACES)


def _plain_name(name: str) -> bool:
    return bool(name) and "/" not in name and name not in (".", "..", "~")


def _class_names(path: Path) -> list[str]:
    """Read `index name` lines; the rest of the check is the trainer's."""
    if path.stat().st_size > _MOST_CLASSES:
        raise DataError("the class list is larger than 1 MB", where=str(path), cure="is it the right file?")
    names: list[str] = []
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if words and (len(words) != 2 or not words[0].isdecimal()):
            shown = safe_line(line, limit=60)
            raise DataError(f"{shown!r} is no class line", where=f"{path}:{number}", cure="write `1 ClassName`")
        names.extend(words[1:])
    if not names:
        raise DataError("the class list is empty", where=str(path), cure="write one `1 ClassName` line for each class")
    return names
