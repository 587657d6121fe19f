"""YAML for people, read strictly: a mapping whose every complaint names file, line and column.

Text keys keep what was typed (`time: 1:30:00` is no number, `mem: 010` no octal); repeated keys, anchors, tags, deep
nesting and files over 1 MB are refused, so no object is ever built and nothing can explode.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from arctl.errors import ArctlError, NotFoundError, UsageError, nearest
from arctl.text import safe_line

LIMIT = 1 << 20
"""Bytes that a settings file may have."""

DEPTH = 16
"""Levels that may be nested."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_KINDS = {"tag:yaml.org,2002:null": "null", "tag:yaml.org,2002:bool": "bool", "tag:yaml.org,2002:str": "str"}
_KINDS |= {"tag:yaml.org,2002:int": "int", "tag:yaml.org,2002:float": "float"}
_KINDS["tag:yaml.org,2002:timestamp"] = "str"


class Block:
    """One mapping of the file: asked for a key, it gives a checked value, or an error with the key's place."""

    def __init__(self, path: Path, node: yaml.MappingNode | None, *, name: str = "") -> None:
        self._path = path
        self._name = name
        self._nodes: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value if node is not None else ():
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError("a key must be a word", where=self._place(key), cure="correct it")
            if key.value in self._nodes:
                raise UsageError(
                    f"the key {self._shown(key.value)} stands here a second time",
                    where=self._place(key),
                    cure="keep one of the two",
                )
            self._nodes[key.value] = (key, value)

    def __contains__(self, key: str) -> bool:
        return key in self._nodes and not self._is_null(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def only(self, known: Iterable[str]) -> None:
        """Refuse keys other than these, naming the nearest."""
        names = list(known)
        for key, (node, _) in self._nodes.items():
            if key not in names:
                cure = nearest(key, names)
                raise UsageError(f"unknown key {self._shown(key)}", where=self._place(node), cure=cure)

    def error(self, key: str, what: str) -> UsageError:
        """Return an error placed at the value of a key."""
        return UsageError(
            f"{self._shown(key)}: {what}", where=self._place(self._nodes[key][1]), cure="correct the file"
        )

    def is_scalar(self, key: str) -> bool:
        """Say whether a key holds a single value, neither list nor mapping."""
        return isinstance(self._nodes[key][1], yaml.ScalarNode)

    def text(
        self, key: str, *, pattern: re.Pattern[str] | None = None, example: str = "", lines: bool = False
    ) -> str | None:
        """Return the text of a key as it was typed; None where it is absent or null."""
        if key not in self:
            return None
        return self._text(key, self._nodes[key][1], pattern, example, lines=lines)

    def texts(self, key: str, *, pattern: re.Pattern[str] | None = None, example: str = "") -> tuple[str, ...]:
        """Return the list of texts of a key; empty where it is absent or null."""
        if key not in self:
            return ()
        node = self._nodes[key][1]
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(key, f"this must be a list, as in [{example or 'a, b'}]")
        return tuple(self._text(key, item, pattern, example, lines=False) for item in node.value)

    def choice(self, key: str, allowed: Iterable[str], *, default: str) -> str:
        """Return one of the allowed words."""
        word, known = self.text(key), list(allowed)
        if word is not None and word not in known:
            raise self.error(key, f"{word!r} is not one of {', '.join(known)}")
        return default if word is None else word

    def whole(self, key: str, *, least: int) -> int | None:
        """Return a whole number of at least `least`; None where it is absent or null."""
        word = self.text(key)
        if word is None:
            return None
        if not _WHOLE.fullmatch(word) or int(word) < least:
            raise self.error(key, f"{word!r} is no whole number of {least} or more")
        return int(word)

    def number(self, key: str, *, least: float) -> float | None:
        """Return a finite number of at least `least`; None where it is absent or null."""
        word = self.text(key)
        if word is None:
            return None
        value = _float(word)
        if value is None or not value >= least:
            raise self.error(key, f"{word!r} is no number of {least:g} or more")
        return value

    def truth(self, key: str) -> bool | None:
        """Return true or false; None where it is absent or null."""
        word = self.text(key)
        if word is None:
            return None
        if word not in ("true", "false"):
            raise self.error(key, f"{word!r} is neither true nor false")
        return word == "true"

    def block(self, key: str) -> Block:
        """Return the mapping under a key; an empty one where it is null."""
        node = self._nodes[key][1]
        if self._is_null(key):
            return Block(self._path, None, name=self._inner(key))
        if not isinstance(node, yaml.MappingNode):
            raise self.error(key, "this must be a mapping of keys to values")
        return Block(self._path, node, name=self._inner(key))

    def plain(self) -> dict[str, object]:
        """Return the whole block as plain Python values, for keys that somebody else checks."""
        return {key: self._plain(key, node) for key, (_, node) in self._nodes.items()}

    def _plain(self, key: str, node: yaml.Node) -> object:
        if isinstance(node, yaml.MappingNode):
            return Block(self._path, node, name=self._inner(key)).plain()
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(key, item) for item in node.value]
        kind = _KINDS[node.tag]
        if kind == "null":
            return None
        if kind == "bool":
            return str(node.value).lower() in ("true", "yes", "on")
        if kind == "int" and _WHOLE.fullmatch(node.value):
            return int(node.value)
        number = _float(node.value) if kind == "float" else None
        return node.value if number is None else number

    def _text(self, key: str, node: yaml.Node, pattern: re.Pattern[str] | None, example: str, *, lines: bool) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(key, "this must be a single value")
        value = str(node.value)
        if not value or (not lines and "\n" in value):
            raise self.error(key, "this must be one line of text" if value else "this must not be empty")
        if pattern is not None and not pattern.fullmatch(value):
            raise self.error(key, f"{safe_line(value, limit=80)!r} does not look like {example}")
        return value

    def _is_null(self, key: str) -> bool:
        node = self._nodes[key][1]
        return isinstance(node, yaml.ScalarNode) and _KINDS[node.tag] == "null"

    def _inner(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _shown(self, key: str) -> str:
        return repr(safe_line(self._inner(key), limit=80))

    def _place(self, node: yaml.Node) -> str:
        return _place(self._path, node.start_mark)


def read_block(path: Path) -> Block:
    """Read a YAML file whose top level is a mapping (or nothing).

    Raises NotFoundError for a missing file, UsageError with line and column for anything else.
    """
    text = _read(path)
    try:
        _check(path, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        what = safe_line(" ".join(str(part) for part in (error.context, error.problem) if part))
        mark = error.problem_mark or error.context_mark
        raise UsageError(f"no valid YAML: {what}", where=_place(path, mark), cure="correct the file") from error
    except yaml.YAMLError as error:
        what = safe_line(str(error), limit=200)
        raise UsageError(f"no valid YAML: {what}", where=str(path), cure="correct the file") from error
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise UsageError("the top level must be a mapping of keys to values", where=str(path), cure="correct the file")
    return Block(path, node)


def plain_document(content: bytes) -> object:
    """Return what a file that a program wrote says, in plain types; None for an empty one.

    Raises yaml.YAMLError or ValueError for a repeated key, for an alias, which could grow without end when it is
    written again, for deep nesting, and for a tag that would build an object.
    """
    loader = _LOADER(content)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _see_that_it_is_plain(root)
        return loader.construct_document(node=root)
    finally:
        loader.dispose()


def _see_that_it_is_plain(root: yaml.Node) -> None:
    seen: set[int] = set()
    nodes = [(root, 1)]
    while nodes:
        node, depth = nodes.pop()
        place = f"line {node.start_mark.line + 1}"
        if id(node) in seen:
            raise ValueError(f"{place}: aliases are not supported here")
        seen.add(id(node))
        if depth > DEPTH:
            raise ValueError(f"{place}: nested deeper than {DEPTH} levels")
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if twice := next((key for key, times in Counter(keys).items() if times > 1), None):
                raise ValueError(f"{place}: the key {twice!r} stands there twice")
            nodes += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += [(part, depth + 1) for part in node.value]


def _check(path: Path, text: str) -> None:
    """Walk the file's events before anything is built from them."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        what = None
        if depth > DEPTH:
            what = f"nested deeper than {DEPTH} levels"
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            what = "anchors and aliases are not supported here"
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            what = f"the tag {safe_line(event.tag, limit=60)!r} is not supported here"
        if what:
            raise UsageError(what, where=_place(path, event.start_mark), cure="write the value out")


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError("this is no regular file", where=str(path), cure="name a YAML file")
            raw = file.read(LIMIT + 1)
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=str(path), cure="check the path") from error
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise ArctlError(f"cannot read it: {reason}", where=str(path), cure="check its permissions") from error
    if len(raw) > LIMIT:
        raise UsageError("the file is larger than 1 MB", where=str(path), cure="name a YAML file of settings")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError("this is not UTF-8 text", where=f"{path}:{line}", cure="save it as UTF-8") from error


def _place(path: Path, mark: Any) -> str:
    return str(path) if mark is None else f"{path}:{mark.line + 1}:{mark.column + 1}"


def _float(word: str) -> float | None:
    try:
        value = float(word.replace("_", "x"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
