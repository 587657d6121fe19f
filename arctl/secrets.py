"""What looks like a password or a key is stored, because a run needs it again, but not shown.

Names decide, not values: `api_key`, `--token`, `AWS_SECRET_ACCESS_KEY=`. Numbers, truth values and arctl's own tokens,
which name a job and open nothing, are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

HIDDEN = "(hidden)"
"""Stands where a secret would."""

_WORD = (
    r"(?:[\w.-]*(?:secret|passw(?:or)?d|passphrase|api[_-]?key|credential|private[_-]?key|access[_-]?key)[\w.-]*"
    r"|(?:[\w.-]*[._-])?token)"
)
_NAME = re.compile(_WORD, re.IGNORECASE)
_PLAIN = re.compile(
    r"['\"]?(?:[+-]?[\d.]+(?:e[+-]?\d+)?|true|false|null|~|arctl-[0-9a-f]{12}(?:_\d+)?|)['\"]?", re.IGNORECASE
)
_LINE = re.compile(rf"(\s*(?:- )?['\"]?{_WORD}['\"]?\s*:\s+)(\S.*)", re.IGNORECASE)
_OPTION = re.compile(rf"(-{{0,2}}{_WORD}=)(.+)", re.IGNORECASE | re.DOTALL)
_IN_TEXT = re.compile(rf"((?<![\w.-])-{{0,2}}{_WORD}=)([^\s'\",;]+)", re.IGNORECASE)
_ALONE = re.compile(rf"\s*- ['\"]?--{_WORD}['\"]?\s*", re.IGNORECASE)
_NEXT = re.compile(r"(\s*- )(['\"]?[^\s-].*)")


def looks_secret(name: str) -> bool:
    """Tell whether a key, an option or a variable is named like a secret."""
    return _NAME.fullmatch(name) is not None


def hidden(name: str, value: object) -> object:
    """Return the value of a key as it may be shown; mappings, lists and command lines by their parts."""
    if isinstance(value, Mapping):
        return {key: hidden(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        words = words_hidden([item for item in value if isinstance(item, str)])
        rest = iter(words)
        return [next(rest) if isinstance(item, str) else hidden(name, item) for item in value]
    if isinstance(value, str) and looks_secret(name.rpartition(".")[2]) and not _PLAIN.fullmatch(value):
        return HIDDEN
    return value


def words_hidden(words: Sequence[str]) -> list[str]:
    """Return the words of a command line: what follows `--token`, or stands behind `API_KEY=`, is hidden."""
    shown: list[str] = []
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if before.startswith("--") and looks_secret(before.lstrip("-")) and not word.startswith("-"):
            shown.append(HIDDEN)
        else:
            match = _OPTION.fullmatch(word)
            shown.append(f"{match[1]}{HIDDEN}" if match else word)
    return shown


def lines_hidden(lines: Sequence[str]) -> list[str]:
    """Return the lines of a YAML file as they may be shown: `key: value`, `--token=...`, and `- --token`, `- ...`."""
    shown: list[str] = []
    for place, line in enumerate(lines):
        alone = place > 0 and _ALONE.fullmatch(lines[place - 1])
        if match := (_NEXT.fullmatch(line) if alone else _LINE.fullmatch(line)):
            shown.append(line if _PLAIN.fullmatch(match[2].strip()) else f"{match[1]}{HIDDEN}")
        else:
            shown.append(_IN_TEXT.sub(rf"\1{HIDDEN}", line))
    return shown


def exposed(words: Sequence[str]) -> list[str]:
    """Return the names under which a command line, or `--export=A=1,API_KEY=x`, hands a secret on in the open."""
    found: list[str] = []
    for place, word in enumerate(words):
        parts = word.removeprefix("--export=").split(",") if word.startswith("--export=") else [word]
        found += [
            match[1].rstrip("=")
            for part in parts
            if (match := _OPTION.fullmatch(part)) and not _PLAIN.fullmatch(match[2])
        ]
        if words_hidden(words[place : place + 2])[1:] == [HIDDEN]:
            found.append(word)
    return list(dict.fromkeys(found))
