"""Patterns of files to leave out, in the syntax of .gitignore: which of them decides about a path.

git answers for its own files; these are for `.arctlignore`, for what is usually left out, and for projects without git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One line of an ignore file."""

    regex: re.Pattern[str]
    """Matches a path relative to the directory of the file."""
    only_directories: bool
    """Whether it ends with a slash: files and links are not meant."""
    keeps: bool
    """Whether it begins with `!`: what it matches is not ignored after all."""


@dataclass(frozen=True)
class Ignore:
    """The patterns of one ignore file, or of several: the last one that matches a path decides."""

    patterns: tuple[Pattern, ...] = ()
    """In the order of the file."""

    def verdict(self, path: str, *, directory: bool) -> bool | None:
        """Say whether a path itself is ignored: True, False where a `!` line keeps it, None where no line matches.

        `path` is relative with forward slashes. Whether a directory above it is ignored is for the caller to ask first.
        """
        for pattern in reversed(self.patterns):
            if (directory or not pattern.only_directories) and pattern.regex.fullmatch(path):
                return not pattern.keeps
        return None

    def __add__(self, other: Ignore) -> Ignore:
        return Ignore(self.patterns + other.patterns)


def parse(lines: Iterable[str]) -> Ignore:
    """Return the patterns of an ignore file's lines. A line that makes no sense matches nothing."""
    return Ignore(tuple(pattern for line in lines if (pattern := _pattern(line.rstrip("\r\n"))) is not None))


def escaped(path: str) -> str:
    """Return a path as a pattern that matches it alone."""
    return re.sub(r"([\\*?\[\]!# ])", r"\\\1", path)


def _pattern(line: str) -> Pattern | None:
    line = re.sub(r"((?:^|[^\\])(?:\\\\)*) +$", r"\1", line)
    if not line or line.startswith("#"):
        return None
    keeps = line.startswith("!")
    text = line[1:] if keeps else line
    only_directories = text.endswith("/")
    text = text.removesuffix("/")
    anchored = "/" in text
    parts = text.removeprefix("/").split("/")
    if not text or parts == [""]:
        return None
    try:
        regex = re.compile("".join(_parts(parts if anchored else ["**", *parts])), re.DOTALL)
    except re.error:
        return None
    return Pattern(regex, only_directories, keeps)


def _parts(parts: list[str]) -> Iterator[str]:
    """Yield the regular expression of a pattern's parts: `**` stands for any number of directories."""
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "**":
            yield ".+" if last else "(?:.+/)?"
        else:
            yield "".join(_pieces(part)) + ("" if last else "/")


def _pieces(part: str) -> Iterator[str]:
    """Yield the regular expression of a part without slashes. Raises re.error where it can match nothing."""
    position = 0
    while position < len(part):
        letter = part[position]
        position += 1
        if letter == "*":
            yield "[^/]*"
        elif letter == "?":
            yield "[^/]"
        elif letter == "[":
            found = re.compile(r"[!^]?\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*\]", re.DOTALL).match(part, position)
            if found is None:
                raise re.error("a bracket is not closed")
            yield _class(found[0][:-1])
            position = found.end()
        elif letter == "\\":
            if position == len(part):
                raise re.error("nothing stands after the backslash")
            yield re.escape(part[position])
            position += 1
        else:
            yield re.escape(letter)


_NAMED = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "xdigit": "0-9a-fA-F",
    "punct": r"!-/:-@\[-`{-~",
}


def _class(inside: str) -> str:
    """Return the regular expression of what stands between brackets."""
    negated = inside[:1] in ("!", "^")
    out, rest = [], inside[1:] if negated else inside
    for piece in re.findall(r"\[:[a-z]+:\]|\\.|.", rest, re.DOTALL):
        if len(piece) > 2:
            out.append(_NAMED.get(piece[2:-2], ""))
        elif piece == "-":
            out.append("-")
        else:
            out.append(re.escape(piece[-1]))
    letters = "".join(out)
    if letters.startswith("-"):
        letters = "\\" + letters
    return f"(?!/)[{'^' if negated else ''}{letters}]"
