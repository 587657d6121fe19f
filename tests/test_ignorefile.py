"""Ignore files mean here what they mean to git: git itself is asked, about patterns of every kind and random ones."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from arctl.snapshot.ignorefile import Ignore, escaped, parse

PATHS = """
a a.py a.pt b/a.pt b/c/a.pt b/c/d.txt b/cc b/c/d/e/a foo foo/bar foo/bar/a x/foo/bar x/foo foo.d/bar a/b/foo/q
build/x src/build/x src/a.log #x !y [z] q? aXb a-b a]b ab.tmp/k deep/er/and/deeper/foo/bar .hid .hid/a d1/x d2/x dA/x
"""


def ignored_by_git(directory: Path, lines: list[str], paths: list[str]) -> set[str]:
    """Return the paths that git ignores; each is a file, alone in a repository."""
    (directory / ".gitignore").write_text("\n".join(lines) + "\n")
    asked = "".join(f"{path}\0" for path in paths)
    command = ["git", "-C", str(directory), "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.split("\0")) - {""}


def ignored_here(ignore: Ignore, path: str) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[: k + 1]) for k in range(len(parts) - 1)]
    return any(ignore.verdict(place, directory=True) for place in above) or bool(ignore.verdict(path, directory=False))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def agree(repository: Path, lines: list[str]) -> None:
    mine = {path for path in PATHS.split() if ignored_here(parse(lines), path)}
    assert mine == ignored_by_git(repository, lines, PATHS.split()), lines


@pytest.mark.parametrize(
    "lines",
    [
        ["*.pt"],
        ["/a"],
        ["foo"],
        ["foo/"],
        ["foo/bar"],
        ["/foo/"],
        ["**/foo/bar"],
        ["foo/**"],
        ["b/**/a.pt"],
        ["b/**/**/a"],
        ["**"],
        ["**/"],
        ["b/*"],
        ["b/*/a.pt"],
        ["d[0-9]"],
        ["d[!0-9]"],
        ["d[^0-9]/"],
        ["d[[:digit:]]"],
        ["d[[:upper:]]"],
        ["a[]X]b"],
        ["a[!]]b"],
        ["a[-x]b"],
        ["a[x-]b"],
        ["a?b"],
        ["q\\?"],
        ["\\#x", "\\!y", "\\[z\\]"],
        ["#x"],
        ["[z"],
        ["a.py   "],
        ["a.py\\ "],
        ["*", "!a.py"],
        ["*", "!*/", "!*.txt"],
        ["b/", "!b/c/d.txt"],
        ["b/*", "!b/c/", "b/c/d*"],
        ["foo*/bar"],
        ["a**"],
        ["fo**o"],
        ["/"],
        ["//a"],
        ["", "   ", "!"],
        ["\\"],
        ["a.py\\"],
        [".*"],
        ["build", "!src/build"],
    ],
    ids=" ; ".join,
)
def test_each_kind_of_pattern_means_what_git_says(repository: Path, lines: list[str]) -> None:
    agree(repository, lines)


def test_random_patterns_mean_what_git_says(repository: Path) -> None:
    dice = random.Random(20)
    pieces = [
        "a",
        "b",
        "c",
        "foo",
        "bar",
        "*",
        "**",
        "?",
        "/",
        "/",
        "[a-c]",
        "[!a]",
        ".pt",
        "d",
        "x",
        "\\a",
        "{a}",
        ".",
    ]
    for _ in range(300):
        made = [
            dice.choice(["", "", "!"]) + "".join(dice.choice(pieces) for _ in range(dice.randint(1, 6)))
            for _ in range(dice.randint(1, 4))
        ]
        # git takes `d**/x` for `d` and then `**/x`, against its own manual.
        made = [line for line in made if not re.search(r"[^/!]\*\*", line)]
        agree(repository, made)


@pytest.mark.parametrize("name", ["plain", "with space ", "st*r", "qu?s", "br[a]ck", "b\\s", "#h", "!n", "ü"])
def test_an_escaped_path_matches_itself_alone(repository: Path, name: str) -> None:
    ignore = parse([escaped(name)])
    assert ignore.verdict(name, directory=False) is True
    assert ignore.verdict(name + "x", directory=False) is None
    assert ignored_by_git(repository, [escaped(name)], [name, name + "x"]) == {name}


def test_a_name_that_is_no_utf8_can_be_ignored() -> None:
    name = os.fsdecode(b"caf\xe9.bin")
    assert parse(["*.bin"]).verdict(name, directory=False) is True
    assert parse([name]).verdict(name, directory=False) is True
