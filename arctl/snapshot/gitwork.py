"""Asks git what a project is: its files, its commit, what was changed since. Reads only, and never waits for ever.

Programs that a repository's settings name to watch, show or compare files are not run. Where git is missing, broken or
refuses the directory, the caller learns why and goes on without it.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.text import safe_line

TIMEOUT_S = 60.0
"""The longest wait for one answer of git; a large repository on a cold network disk takes its time."""

_LEAKING = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|INDEX_VERSION|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE"
    r"|PREFIX|EXTERNAL_DIFF|DIFF_OPTS|(?:ICASE|GLOB|NOGLOB|LITERAL)_PATHSPECS|TRACE.*)"
)
_SETTINGS = ("core.fsmonitor=false", "diff.relative=false")
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "-O/dev/null", *_PREFIXES)
_AT_ONCE = 200


class GitFailed(Exception):
    """git is missing, refused, broke or gave no answer; the text says which."""


@dataclass(frozen=True)
class Listing:
    """The files of a work tree below a directory, relative to it; some may be gone from the disk."""

    tracked: frozenset[str]
    """Files that git tracks."""
    untracked: frozenset[str]
    """Files that git neither tracks nor ignores."""
    modules: frozenset[str]
    """Directories that are repositories of their own and tracked: submodules."""
    strangers: frozenset[str]
    """Directories that are repositories of their own and not tracked."""


def top_of(directory: Path) -> Path | None:
    """Return the nearest directory at or above that has a `.git`, or None. git itself is not asked."""
    return next((place for place in (directory, *directory.parents) if os.path.lexists(place / ".git")), None)


def listing(directory: Path, *, excludes: Sequence[str] = (), timeout: float = TIMEOUT_S) -> Listing:
    """Return the files of the work tree below a directory that is in one. Raises GitFailed.

    `excludes` are patterns, from the top of the work tree, of untracked files that are not worth listing.
    """
    options = [word for pattern in excludes for word in ("--exclude", pattern)]
    wanted = ("--stage", "--others", "--exclude-standard")
    said = _ask(directory, "ls-files", "-z", "-t", *wanted, *options, timeout=timeout)
    found: dict[str, set[str]] = {kind: set() for kind in ("tracked", "untracked", "modules", "strangers")}
    for line in said.split(b"\0"):
        if line.startswith(b"? "):
            found["strangers" if line.endswith(b"/") else "untracked"].add(os.fsdecode(line[2:].rstrip(b"/")))
        elif line:
            facts, _, name = line.partition(b"\t")
            found["modules" if facts[2:8] == b"160000" else "tracked"].add(os.fsdecode(name))
    return Listing(**{kind: frozenset(names) for kind, names in found.items()})


def commit(directory: Path) -> str | None:
    """Return the commit that is checked out, 40 or 64 hex digits; None before the first one. Raises GitFailed."""
    try:
        return _ask(directory, "rev-parse", "--verify", "--quiet", "HEAD").decode("ascii", "replace").strip() or None
    except GitFailed as error:
        if str(error) == "git ended with status 1":
            return None
        raise


def changed(directory: Path, since: str) -> frozenset[str]:
    """Return the tracked files below a directory, relative to it, that differ from a commit. Raises GitFailed."""
    said = _ask(directory, "diff", "--name-only", "-z", "--relative", *_PLAIN_DIFF, since, "--", ".")
    return frozenset(os.fsdecode(name) for name in said.split(b"\0") if name)


def write_diff(directory: Path, since: str, paths: Sequence[str], *, target: Path, limit: int) -> bool:
    """Write the difference of some files from a commit as a patch for `git apply`, and say whether it is whole.

    It is cut after `limit` bytes. Raises GitFailed, or OSError where it cannot be written.
    """
    room = limit
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        for start in range(0, len(paths), _AT_ONCE):
            names = [f":(literal){path}" for path in paths[start : start + _AT_ONCE]]
            patch = _ask(directory, "diff", "--binary", *_PLAIN_DIFF, since, "--", *names, limit=room + 1)
            file.write(patch[:room])
            room -= len(patch)
            if room < 0:
                file.write(b"\n# cut here: the whole difference is longer\n")
                break
        file.flush()
        os.fsync(file.fileno())
    return room >= 0


def _ask(directory: Path, *args: str, limit: int | None = None, timeout: float = TIMEOUT_S) -> bytes:
    """Run git in a directory and return what it printed, at most `limit` bytes of it."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    process = _start(["git", "-C", str(directory), *settings, *args])
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout, stop)
    timer.daemon = True
    timer.start()
    try:
        said, wrong = _read(process, limit)
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
    if late.is_set():
        raise GitFailed(f"git gave no answer within {timeout:.0f} s")
    if process.returncode and (limit is None or len(said) < limit):
        words = safe_line(_gist(wrong.decode("utf-8", "replace")), limit=160)
        raise GitFailed(
            f"git: {words.removeprefix('fatal: ')}" if words else f"git ended with status {process.returncode}"
        )
    return said


def _start(args: Sequence[str]) -> subprocess.Popen[bytes]:
    env = {key: value for key, value in os.environ.items() if not _LEAKING.fullmatch(key)}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(args, env=env, stdin=quiet, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise GitFailed(f"git cannot be started: {error.strerror}") from error


def _read(process: subprocess.Popen[bytes], limit: int | None) -> tuple[bytes, bytes]:
    """Return stdout and stderr, both drained at once; a process that has said enough is stopped."""
    if limit is None:
        return process.communicate()
    assert process.stdout is not None and process.stderr is not None
    wrong: list[bytes] = []
    stderr = process.stderr
    drain = threading.Thread(target=lambda: wrong.append(stderr.read()), daemon=True)
    drain.start()
    said = process.stdout.read(limit)
    if len(said) >= limit:
        process.kill()
    process.stdout.close()
    drain.join()
    stderr.close()
    process.wait()
    return said, b"".join(wrong)


def _gist(stderr: str) -> str:
    """Return the line that says why git ended: a warning may stand before it."""
    lines = stderr.splitlines()
    return next((line for line in lines if line.startswith("fatal: ")), lines[0] if lines else "")
