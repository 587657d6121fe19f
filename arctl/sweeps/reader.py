"""Reads a sweep file strictly: complaints name file, line and column.

Nothing here knows the trainer's keys; `arctl.sweeps.study` checks those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from arctl.errors import UsageError, nearest
from arctl.request import Resources
from arctl.strictyaml import Block, read_block
from arctl.sweeps.draw import read_distribution
from arctl.sweeps.file import METRIC, SEED, Draws, SweepFile, sweep_name
from arctl.sweeps.values import Params, Value, value_of
from arctl.text import safe_line

_KEYS: tuple[str, ...] = ("name", "model", "data", "preset", "set", "metric", "note", "tags", "cluster", "template")
_KEYS += ("max_parallel", "resources", "grid", "list", "random", "seeds", "include", "exclude", "when")
_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_METRIC = re.compile(r"[A-Za-z0-9_./@-]{1,200}")
_OWN = {"model.name": "model", "data.name": "data", "data.root": "data"}


def read_sweep(path: Path) -> SweepFile:
    """Read and check a sweep file as far as it can be without the trainer's keys.

    Raises NotFoundError for a missing file, UsageError with file, line and column for anything else.
    """
    return _Reader(path, read_block(path)).file()


class _Reader:
    """Takes a sweep file apart and remembers where each key stands."""

    def __init__(self, path: Path, root: Block) -> None:
        self.path = path
        self.root = root
        self.places: dict[str, str] = {}
        self.parts: dict[str, str] = {}

    def file(self) -> SweepFile:
        root = self.root
        root.only(_KEYS)
        for key in root:
            self.places[key] = str(root.error(key, "").where)
        fixed, grid, drawn = self.fixed(), self.grid(), self.draws()
        seeds = tuple(int(word) for word in root.texts("seeds", pattern=re.compile(r"\d{1,9}"), example="1, 2, 3"))
        self.once("seeds", [SEED] if seeds else [])
        listed, include, exclude = self.written("list"), self.written("include"), self.written("exclude")
        self.once("list", {key for params in listed for key in params})
        file = SweepFile(
            path=self.path,
            name=sweep_name(root.text("name") or self.path.stem, where=self.places.get("name", str(self.path))),
            model=self.needed("model"),
            data=self.needed("data"),
            preset=root.text("preset"),
            fixed=fixed,
            metric=root.text("metric", pattern=_METRIC, example=METRIC) or METRIC,
            note=root.text("note", lines=True) or "",
            tags=root.texts("tags", example="lr, ablation"),
            cluster=root.text("cluster"),
            template=root.text("template"),
            max_parallel=root.whole("max_parallel", least=1),
            resources=self.resources(),
            grid=grid,
            configurations=listed,
            random=drawn,
            seeds=seeds,
            include=include,
            exclude=exclude,
            when=self.conditions(),
            places=self.places,
        )
        self.whole(file)
        return file

    def needed(self, key: str) -> str:
        word = self.root.text(key)
        if word is None:
            raise UsageError(f"{key!r} is missing", where=str(self.path), cure=f"add a line `{key}: ...`")
        return word

    def fixed(self) -> Params:
        if "set" not in self.root:
            return {}
        block = self.root.block("set")
        return {key: self.value(block, key, said) for key, said in self.keyed(block).items()}

    def grid(self) -> Mapping[str, tuple[Value, ...]]:
        if "grid" not in self.root:
            return {}
        block = self.root.block("grid")
        found: dict[str, tuple[Value, ...]] = {}
        for key, said in self.keyed(block).items():
            if not isinstance(said, list) or not said:
                raise block.error(key, "this must be a list of the values to run, as in [1e-4, 3e-4]")
            found[key] = tuple(self.value(block, key, item) for item in said)
        self.once("grid", found)
        return found

    def draws(self) -> Draws | None:
        if "random" not in self.root:
            return None
        block = self.root.block("random")
        block.only(("count", "seed", "keys"))
        for key in ("count", "keys"):
            if key not in block:
                raise self.root.error("random", f"{key!r} is missing")
        keys = block.block("keys")
        names = list(self.keyed(keys))
        if not names:
            raise block.error("keys", "name at least one key")
        self.once("random", names)
        count, seed = block.whole("count", least=1), block.whole("seed", least=0)
        return Draws(count or 1, seed or 0, {key: read_distribution(keys, key) for key in names})

    def written(self, part: str) -> tuple[Params, ...]:
        """Return a list of configurations; each is a mapping of keys to values."""
        if part not in self.root:
            return ()
        said = self.root.plain()[part]
        if not isinstance(said, list) or not said:
            raise self.root.error(part, "this must be a list of configurations, as in `- {optim.lr: 1e-4}`")
        found = []
        for number, entry in enumerate(said, start=1):
            if not isinstance(entry, dict) or not entry:
                raise self.root.error(part, f"entry {number} must be a mapping of keys to values")
            for key in entry:
                self.known(self.root, part, key, note=f"entry {number}: ")
            pairs = {
                key: self.value(self.root, part, item, note=f"entry {number}: {key}") for key, item in entry.items()
            }
            found.append(pairs)
        return tuple(found)

    def conditions(self) -> Mapping[str, Mapping[str, tuple[Value, ...]]]:
        if "when" not in self.root:
            return {}
        block = self.root.block("when")
        found: dict[str, Mapping[str, tuple[Value, ...]]] = {}
        for key in self.keyed(block, keep=True):
            own = block.block(key)
            said = self.keyed(own, keep=True)
            if not said:
                raise block.error(key, "say which key must have which value, as in {optim.name: sgd}")
            found[key] = {other: self.values(own, other, item) for other, item in said.items()}
        return found

    def resources(self) -> Resources:
        if "resources" not in self.root:
            return Resources()
        block = self.root.block("resources")
        kinds = {item.name: str(item.type) for item in fields(Resources)}
        block.only(kinds)
        found: dict[str, object] = {}
        for key in (key for key in block if key in block):
            self.places[f"resources.{key}"] = str(block.error(key, "").where)
            if kinds[key].startswith("int"):
                found[key] = block.whole(key, least=0 if key == "gpus" else 1)
            elif kinds[key].startswith("tuple"):
                found[key] = block.texts(key, example="--key=value")
            else:
                found[key] = block.text(key)
        return Resources(**found)  # type: ignore[arg-type]

    def keyed(self, block: Block, *, keep: bool = False) -> dict[str, object]:
        """Return the plain values of a block whose keys are trainer keys; `keep` leaves remembered places alone."""
        said = block.plain()
        for key in said:
            self.known(block, key, key)
            if not keep:
                self.places[key] = str(block.error(key, "").where)
        return said

    def known(self, block: Block, at: str, key: str, *, note: str = "") -> None:
        if key in _OWN:
            raise block.error(at, f"{note}{key} is the same for all elements; write `{_OWN[key]}: ...` at the top")
        if not _KEY.fullmatch(key):
            shown = safe_line(key, limit=60)
            raise block.error(at, f"{note}{shown!r} is no key of the trainer; write section.key, as in optim.lr")
        self.places.setdefault(key, str(block.error(at, "").where))

    def value(self, block: Block, key: str, said: object, *, note: str = "") -> Value:
        try:
            return value_of(said)
        except ValueError as error:
            raise block.error(key, f"{note}{': ' if note else ''}{error} is no value of a key") from error

    def values(self, block: Block, key: str, said: object) -> tuple[Value, ...]:
        """Return one value or a list of them; an empty list could never hold."""
        if said == []:
            raise block.error(key, "name at least one value")
        return tuple(self.value(block, key, item) for item in (said if isinstance(said, list) else [said]))

    def once(self, part: str, keys: Iterable[str]) -> None:
        """See that a key varies in one part alone."""
        for key in keys:
            if key in self.parts:
                raise UsageError(
                    f"{key} varies in {self.parts[key]!r} and in {part!r}",
                    where=self.places.get(part),
                    cure="leave it in one of them",
                )
            self.parts[key] = part

    def whole(self, file: SweepFile) -> None:
        """Check what concerns several parts."""
        if not (file.grid or file.configurations or file.random or file.seeds or file.include):
            cure = "add `grid:`, `list:`, `random:` or `seeds:`"
            raise UsageError("nothing varies in this sweep", where=str(self.path), cure=cure)
        if len(set(file.seeds)) < len(file.seeds):
            raise self.root.error("seeds", "a seed stands here twice")
        several = {**file.grid, **(file.random.keys if file.random else {}), **({SEED: ()} if file.seeds else {})}
        for key in file.fixed:
            if key in several:
                what = f"{key} is fixed in 'set' and varies in {self.parts[key]!r}"
                raise UsageError(what, where=self.places["set"], cure="leave it in one of them")
        known = {*file.varied, *file.fixed}
        for part, keys in (("exclude", {key for params in file.exclude for key in params}), ("when", set(file.when))):
            _all_in(self.root, part, keys, set(file.varied))
        _all_in(self.root, "when", {other for others in file.when.values() for other in others}, known)


def _all_in(root: Block, part: str, keys: set[str], known: set[str]) -> None:
    """See that a part speaks of keys alone that the file sets."""
    for key in sorted(keys - known):
        what = root.error(part, f"{key} is not varied in this file")
        raise UsageError(what.what, where=what.where, cure=nearest(key, known))


def overlaid(file: SweepFile, *, overrides: Iterable[str] = (), tags: Iterable[str] = (), **given: Any) -> SweepFile:
    """Return a sweep file with what the command line says over it; `given` are fields, None leaves them as they are.

    Raises UsageError for a `--set` of a key that varies.
    """
    import yaml

    fixed, places = dict(file.fixed), dict(file.places)
    for text in overrides:
        key, equals, said = text.partition("=")
        key, where = key.strip(), f"--set {safe_line(text, limit=80)}"
        if not equals or not _KEY.fullmatch(key) or key in _OWN:
            raise UsageError("this is no setting", where=where, cure="write --set section.key=value, as optim.lr=1e-4")
        if key in file.varied:
            raise UsageError(f"{key} varies in this sweep", where=where, cure=f"change it in {file.path.name}")
        try:
            fixed[key] = value_of(yaml.safe_load(said))
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError("its value cannot be read", where=where, cure="quote it as YAML") from error
        places[key] = where
    changes = {key: value for key, value in given.items() if value is not None}
    if "name" in changes:
        sweep_name(changes["name"], where="--name")
    asked = changes.pop("resources", Resources())
    said_here = {*changes, *(f"resources.{key}" for key, value in asdict(asked).items() if value)}
    places = {key: place for key, place in places.items() if key not in said_here}
    several = tuple(dict.fromkeys([*file.tags, *tags]))
    return replace(
        file, fixed=fixed, places=places, tags=several, resources=asked.over(asdict(file.resources)), **changes
    )
