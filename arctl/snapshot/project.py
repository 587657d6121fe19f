"""What the code of a workspace is right now: its files, what stays outside, the commit and what was changed since.

With git: what it tracks or does not ignore. Without it: what a walk finds that no ignore file names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arctl.errors import UsageError
from arctl.settings import Workspace
from arctl.snapshot import gitwork
from arctl.snapshot.choosing import IGNORE_FILE, NEVER, Chooser, arctls_own
from arctl.snapshot.gitwork import GitFailed
from arctl.snapshot.oversize import check_size, too_many
from arctl.snapshot.walking import files_below, walk
from arctl.text import safe_line

TREE = "tree"
"""Directory of a snapshot that stands for the workspace."""

MOST_LINKS = 1000
"""A directory with more entries that are left out than this gets no links to them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a symbolic link that belongs into a snapshot, as it was found."""

    name: str
    """Its place in the snapshot: `tree/src/model.py`."""
    source: Path
    """The live file, absolute."""
    mode: int
    """Its type and permissions, as `lstat` has them."""
    size: int
    """Bytes."""
    mtime_ns: int
    """When its content was changed."""
    ctime_ns: int
    """When it was changed in any way."""
    inode: int
    """Its number on its file system."""
    link: str | None = None
    """What a symbolic link says in the snapshot; None for a file."""

    @property
    def executable(self) -> bool:
        """Whether its owner may execute it."""
        return bool(self.mode & stat.S_IXUSR)


@dataclass(frozen=True)
class Project:
    """The code of a workspace."""

    entries: tuple[Entry, ...]
    """Its files and links, by name."""
    links: Mapping[str, Path] = field(default_factory=dict)
    """Places in the snapshot -> live files and directories that are not part of it."""
    commit: str | None = None
    """The commit that is checked out; None without git, or before the first one."""
    changed: tuple[str, ...] = ()
    """Tracked files that differ from the commit, relative to the workspace."""
    dirty: bool = False
    """Whether it is something else than the commit: changed, or with files that git does not track."""
    left_out: tuple[str, ...] = ()
    """Files that may hold secrets, relative to the workspace."""
    notes: tuple[str, ...] = ()
    """What the user should know about how the files were found."""


def entry(name: str, source: Path, *, link: str | None = None, follow: bool = False) -> Entry:
    """Return what a live file is now. Raises OSError where it is gone."""
    found = source.stat(follow_symlinks=follow)
    return Entry(name, source, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, link)


def find_project(workspace: Workspace) -> Project:
    """Find the code of a workspace.

    Raises UsageError where it is larger than `snapshot` in arctl.yaml allows, naming what is large, or where
    .arctlignore cannot be read.
    """
    search = _Search(workspace)
    tracked, untracked, commit, changed = search.paths()
    found, kept_untracked = [], False
    for path in sorted(tracked | untracked):
        why = search.chooser.why_not(path, tracked=path in tracked)
        if why is None and (one := search.entry(path)) is not None:
            found.append(one)
            kept_untracked |= path not in tracked
        elif why == "secret":
            search.left_out.append(path)
    entries = tuple(found)
    check_size(workspace, {one.name.partition("/")[2]: one.size for one in entries})
    changed = tuple(path for path in changed if search.chooser.why_not(path, tracked=True) is None)
    return Project(
        entries=entries,
        links=search.links(entries),
        commit=commit,
        changed=changed,
        dirty=commit is not None and bool(changed or kept_untracked),
        left_out=tuple(search.left_out),
        notes=tuple(search.notes),
    )


def find_package(directory: Path, name: str) -> tuple[Entry, ...]:
    """Return the files of a Python package, to be placed below `name` in a snapshot; links are followed."""
    found = []
    for path in files_below(directory):
        source = (directory / path).resolve()
        found.append(entry(f"{name}/{directory.name}/{path}", source, follow=True))
    return tuple(sorted(found, key=lambda one: one.name))


class _Search:
    """A search for the code of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.root = workspace.root
        self.chooser = Chooser(workspace)
        self.left_out: list[str] = []
        self.notes: list[str] = []

    def paths(self) -> tuple[set[str], set[str], str | None, tuple[str, ...]]:
        """Return the tracked paths, those that are not, the commit, and the tracked paths that differ from it."""
        top = gitwork.top_of(self.workspace.root)
        if top is not None:
            try:
                commit = gitwork.commit(self.workspace.root)
                tracked, untracked = self._listed("", top)
                if tracked or untracked:
                    changed = gitwork.changed(self.workspace.root, commit) if commit else frozenset()
                    return tracked, untracked, commit, tuple(sorted(changed))
            except GitFailed as error:
                self.notes.append(f"{error}; the files were found without git, and no commit is recorded")
        return set(), set(self._walked("")), None, ()

    def _listed(self, place: str, top: Path | None = None) -> tuple[set[str], set[str]]:
        """Return what git lists below a directory of the workspace, repositories inside of it too."""
        directory = self.workspace.root / place
        prefix = os.path.relpath(directory, top) if top is not None and not place else "."
        excludes = self.chooser.not_worth_listing("" if prefix == "." else prefix) if not place else []
        found = gitwork.listing(directory, excludes=excludes)
        tracked = {place + name for name in found.tracked}
        untracked = {place + name for name in found.untracked}
        for name in sorted(found.modules | found.strangers):
            below = self._inside(place + name, tracked=name in found.modules)
            tracked |= below[0]
            untracked |= below[1]
        return tracked, untracked

    def _inside(self, path: str, *, tracked: bool) -> tuple[set[str], set[str]]:
        """Return the files of a submodule that was checked out, or of another repository inside of the workspace."""
        here = os.path.lexists(self.root / path / ".git") and not (self.root / path).is_symlink()
        if not here or self.chooser.why_not(path, tracked=tracked, directory=True) is not None:
            return set(), set()
        try:
            return self._listed(f"{path}/")
        except GitFailed as error:
            self.notes.append(f"{error}; the files of {shown(path)} were found without git")
            return set(), set(self._walked(f"{path}/"))

    def _walked(self, place: str) -> list[str]:
        """Return what a walk finds; a project that is far too large is given up. Raises UsageError."""
        most, seen = self.workspace.settings.snapshot.max_files, []
        for path in walk(self.root, place, self.chooser, self.notes):
            seen.append(path)
            if len(seen) > 5 * most:
                raise too_many(self.workspace, seen[:-1], at_least=True)
        return seen

    def entry(self, path: str) -> Entry | None:
        """Return what belongs into the snapshot at a path, if anything does."""
        source, name = self.root / path, f"{TREE}/{path}"
        try:
            found = entry(name, source)
            if stat.S_ISLNK(found.mode):
                return entry(name, source, link=self._link_text(path, source))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=shown(str(source)), cure=cure(path)) from error
        if stat.S_ISDIR(found.mode):
            return None
        if not stat.S_ISREG(found.mode):
            self.notes.append(f"{shown(path)} is no regular file and was left out")
            return None
        return found

    def _link_text(self, path: str, live: Path) -> str:
        """Return what a link says in the snapshot: the same place there, or the live one where it leads outside."""
        target = os.path.normpath(live.parent / live.readlink())
        inside = os.path.relpath(target, self.root)
        if inside == ".." or inside.startswith("../"):
            self.notes.append(f"{shown(path)} leads outside of the workspace: jobs see {shown(target)} as it is then")
            return target
        if arctls_own(inside) or inside.partition("/")[0] in NEVER:
            return target
        return os.path.relpath(target, live.parent)

    def links(self, entries: tuple[Entry, ...]) -> dict[str, Path]:
        """Return links to the entries of the snapshot's directories that are not in it, so that relative paths work."""
        files = {one.name for one in entries}
        directories = {TREE} | {above for name in files for above in _above(name)}
        inside = files | directories
        found: dict[str, Path] = {}
        for directory in sorted(directories):
            live = self.root / directory[len(TREE) + 1 :]
            names = [
                name for name in _names(live) if name not in NEVER and not (live == self.root and arctls_own(name))
            ]
            outside = [name for name in names if f"{directory}/{name}" not in inside]
            if len(outside) > MOST_LINKS:
                what = shown(directory[len(TREE) + 1 :] or ".")
                self.notes.append(f"{what}: {len(outside):,} files are left out, too many for links to them")
            else:
                found |= {f"{directory}/{name}": live / name for name in outside}
        return found


def shown(path: str) -> str:
    """Return a path as it can be printed: names need not be UTF-8."""
    return safe_line(os.fsencode(path).decode("utf-8", "replace"), limit=200)


def cure(path: str) -> str:
    """Return what to do about a file that cannot be copied."""
    return f"name it in {IGNORE_FILE} (`/{shown(path)}`), mend it, or submit with --no-snapshot"


def _above(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _names(directory: Path) -> list[str]:
    try:
        return [path.name for path in directory.iterdir()]
    except OSError:
        return []
