"""The code as it was submitted: a snapshot of the project, by its content, that the job runs from.

Edits while a job waits change nothing for it. The same content is kept once, however many runs share it.
docs/code.md says what belongs to it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from arctl.errors import ArctlError
from arctl.settings import Workspace
from arctl.snapshot import gitwork
from arctl.snapshot.copying import check_still, make, mend, relink
from arctl.snapshot.gitwork import GitFailed
from arctl.snapshot.index import Changed, Index
from arctl.snapshot.project import TREE, Entry, Project, find_package, find_project, shown
from arctl.snapshot.store import STALE_S, content_hash, missing, read_manifest, remove, strangers, sweep

TRAINER = "trainer-root"
"""Directory of a snapshot that holds the bundled trainer."""

DIFF_LIMIT = 1 << 20
"""Bytes of a difference from the commit that are kept."""

_DIGITS = 16
_WAITS = (0.1, 0.4, 1.5)


@dataclass(frozen=True)
class Snapshot:
    """The code of a run."""

    hash: str
    """The first 16 hex digits of its content's SHA-256; names its directory."""
    path: Path
    """Where a job starts: the copy of the workspace."""
    files: int
    """Files and links of the project, without the trainer."""
    bytes: int
    """Their size."""
    commit: str | None = None
    """The commit that was checked out; None without git."""
    dirty: bool = False
    """Whether the project was something else than that commit."""
    diff: str | None = None
    """The patch from the commit to it, relative to the workspace; files that git does not track are not in it."""
    trainer: Path | None = None
    """What goes into PYTHONPATH for the bundled trainer; None where it was not copied."""
    new: bool = True
    """Whether it was copied just now, and not shared with an earlier run."""
    left_out: tuple[str, ...] = ()
    """Files that may hold secrets: linked, not copied."""
    notes: tuple[str, ...] = ()
    """What the user should know about how it was taken."""
    root: Path = field(default=Path(), repr=False)
    """The workspace."""

    def facts(self) -> dict[str, object]:
        """Return what run.yaml has as `code`; paths are relative to the workspace."""
        return {
            "hash": self.hash,
            "commit": self.commit,
            "dirty": self.dirty,
            "diff": self.diff,
            "files": self.files,
            "bytes": self.bytes,
            "path": os.path.relpath(self.path, self.root),
        }


@dataclass(frozen=True)
class Pruned:
    """What `prune` did."""

    removed: tuple[str, ...]
    """Snapshots that are gone."""
    spared: tuple[str, ...]
    """Snapshots that no run names and that stay, because jobs wrote files there."""


def take(workspace: Workspace, *, trainer: Path | None) -> Snapshot:
    """Take a snapshot of a workspace's code as it is now, with the `trainer` package beside it if one is given.

    Raises UsageError where the project is too large or a file cannot be read, ArctlError where there is no room or
    no right to write, or files are written all the time. Nothing half stays.
    """
    for wait in (*_WAITS, None):
        try:
            return _taken(workspace, trainer)
        except Changed as error:
            if wait is None:
                cure = "wait until it is written, name it in .arctlignore, or submit with --no-snapshot"
                raise ArctlError("the file changes while it is copied", where=str(error), cure=cure) from error
            time.sleep(wait)
        except OSError as error:
            where = shown(str(_code(workspace)))
            cure = "make room or mend the rights there, or submit with --no-snapshot"
            raise ArctlError(f"cannot keep a copy of the code: {error.strerror}", where=where, cure=cure) from error
    raise AssertionError("a loop that returns or raises")


def look(workspace: Workspace, *, trainer: Path | None) -> Snapshot:
    """Return what `take` would give now, without a copy. Raises the UsageError that it would."""
    project, entries = _found(workspace, trainer)
    try:
        whole = content_hash(entries, Index(_code(workspace) / "index.json").hashes(entries))
    except Changed:
        whole = "0" * 64
    return _snapshot(workspace, project, whole, trainer=trainer is not None, diff=None, new=True)


def find(workspace: Workspace, name: str) -> Path | None:
    """Return the tree of the snapshot of that hash, or None where it is gone or no longer whole."""
    place = _code(workspace) / name[:_DIGITS]
    manifest = read_manifest(place)
    if manifest is None or not manifest.hash.startswith(name) or missing(place, manifest):
        return None
    return place / TREE


def trainer_of(tree: Path) -> Path | None:
    """Return what goes into PYTHONPATH for the trainer that was copied beside a snapshot's tree, if one was."""
    found = tree.parent / TRAINER
    return found if found.is_dir() else None


def python_path(tree: Path, *, root: Path, trainer: Path | None = None, before: str = "") -> str:
    """Return the PYTHONPATH of a job that runs from a snapshot's tree of the workspace `root`; may be empty.

    First the trainer's copy; then the project, where it can be installed: an editable installation names the live
    files, and comes later. Then what PYTHONPATH was `before`, with the tree for what lies in the workspace.
    """
    own = []
    if any((root / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        below = (root / "src").is_dir() and not (root / "src" / "__init__.py").is_file()
        own = [tree / "src", tree] if below else [tree]
    moved = []
    for entry in before.split(os.pathsep) if before else ():
        inside = os.path.relpath(entry, root) if os.path.normpath(entry).startswith("/") else ".."
        moved.append(entry if inside == ".." or inside.startswith("../") else os.path.normpath(tree / inside))
    found = [*([] if trainer is None else [trainer]), *own, *moved]
    return os.pathsep.join(dict.fromkeys(str(entry) for entry in found))


def prune(workspace: Workspace, keep: Iterable[str]) -> Pruned:
    """Remove the snapshots whose hashes are not in `keep`, but none that was taken within the last hour.

    One that a job wrote files into stays and is named.
    """
    code, named = _code(workspace), {name[:_DIGITS] for name in keep}
    removed: list[str] = []
    spared: list[str] = []
    if not code.is_dir():
        return Pruned((), ())
    for place in sorted(code.iterdir()):
        if place.name in named or len(place.name) != _DIGITS or time.time() - place.stat().st_mtime < STALE_S:
            continue
        manifest = read_manifest(place)
        if manifest is not None and strangers(place, manifest):
            spared.append(place.name)
        elif remove(place):
            removed.append(place.name)
    sweep(code)
    return Pruned(tuple(removed), tuple(spared))


def _taken(workspace: Workspace, trainer: Path | None) -> Snapshot:
    """Take the snapshot once. Raises Changed where a file was written meanwhile, OSError, UsageError."""
    code = _prepared(workspace)
    project, entries = _found(workspace, trainer)
    index = Index(code / "index.json")
    hashes = index.hashes(entries)
    whole = content_hash(entries, hashes)
    place = code / whole[:_DIGITS]
    older = code / index.last if index.last and "/" not in index.last else None
    new = not _there(place) and make(place, entries, hashes, whole=whole, older=older)
    try:
        if not new:
            mend(place, entries, hashes, whole=whole)
        relink(place, entries, project.links, root=workspace.root)
        diff, note = _diff(workspace, project, place, entries)
    except FileNotFoundError as error:
        raise Changed(shown(str(place))) from error
    with suppress(OSError):
        index.save(entries, last=place.name)
    taken = _snapshot(workspace, project, whole, trainer=trainer is not None, diff=diff, new=new)
    return taken if note is None else replace(taken, notes=(*taken.notes, note))


def _code(workspace: Workspace) -> Path:
    return workspace.state / "code"


def _prepared(workspace: Workspace) -> Path:
    """Return the directory of the snapshots: made if need be, hidden from git, without old stages. Raises OSError."""
    code = _code(workspace)
    code.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), (code / ".gitignore").open("x", encoding="ascii") as file:
        file.write("*\n")
    sweep(code)
    return code


def _found(workspace: Workspace, trainer: Path | None) -> tuple[Project, tuple[Entry, ...]]:
    project = find_project(workspace)
    try:
        package = () if trainer is None else find_package(trainer, TRAINER)
    except FileNotFoundError as error:
        raise Changed(shown(str(error.filename))) from error
    return project, (*project.entries, *package)


def _there(place: Path) -> bool:
    """Say whether a snapshot is there, and mark it as used just now, so that nobody prunes it."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    return True


def _diff(
    workspace: Workspace, project: Project, place: Path, entries: Sequence[Entry]
) -> tuple[str | None, str | None]:
    """Write the patch from the commit beside a snapshot; return its path, and a note where there is none or half."""
    if project.commit is None or not project.changed:
        return None, None
    target = place / f"diff-{project.commit[:12]}.patch"
    path = os.path.relpath(target, workspace.root)
    if target.exists():
        return path, None
    draft = place / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        whole = gitwork.write_diff(workspace.root, project.commit, project.changed, target=draft, limit=DIFF_LIMIT)
        check_still(entries)
        draft.replace(target)
    except GitFailed as error:
        return None, f"{error}; the difference from the commit is not kept"
    finally:
        draft.unlink(missing_ok=True)
    return path, None if whole else "the difference from the commit is longer than 1 MiB; its beginning is kept"


def _snapshot(
    workspace: Workspace, project: Project, whole: str, *, trainer: bool, diff: str | None, new: bool
) -> Snapshot:
    place = _code(workspace) / whole[:_DIGITS]
    return Snapshot(
        hash=whole[:_DIGITS],
        path=place / TREE,
        files=len(project.entries),
        bytes=sum(one.size for one in project.entries if one.link is None),
        commit=project.commit,
        dirty=project.dirty,
        diff=diff,
        trainer=place / TRAINER if trainer else None,
        new=new,
        left_out=tuple(shown(path) for path in project.left_out),
        notes=project.notes,
        root=workspace.root,
    )
