"""Whether the files that a run starts from can be read, here and as far as anyone can tell where it will run."""

from __future__ import annotations

import os
import shlex
import stat
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from arctl.plan import Plan
from arctl.preflight.finding import Finding
from arctl.secrets import exposed

OWN_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")
"""Directories that every machine has for itself."""

_ZIP = b"PK\x03\x04"
_POINTER = b"version https://git-lfs"


def check(configs: Sequence[Mapping[str, Mapping[str, object]]]) -> list[Finding]:
    """Return what is wrong with the weights, data and cache directories that configurations name."""
    found: list[Finding] = []
    for path in _named(configs, "model", "weights"):
        found += _weights(path)
    for path in _named(configs, "data", "root"):
        if _there(path) and not os.access(path, os.R_OK | os.X_OK):
            found.append(Finding("error", "you may not read this directory", str(path), "ask its owner"))
    for path in _named(configs, "data", "cache_dir"):
        found += _cache(path)
    return found


def exposures(plans: Sequence[Plan]) -> list[Finding]:
    """Return the secrets that jobs are given in the open: command lines and scripts are read by others."""
    words = dict.fromkeys(word for plan in plans for word in (*plan.request.resources.sbatch, *plan.command))
    cure = "keep it in a file of mode 0600 that the job reads, or in the environment that you submit from"
    what = "it stands in the job's script and on a command line, where others can read it"
    return [Finding("warning", what, name, cure) for name in exposed(list(words))]


def unshared(paths: Collection[Path]) -> list[Finding]:
    """Return the paths that other machines than this one will not find: those in its own temporary places."""
    cure = "use a directory that all nodes share"
    return [
        Finding("warning", f"{place} is this machine's own: the nodes have another", str(path), cure)
        for path in sorted(set(paths))
        for place in OWN_PLACES
        if path.is_relative_to(place)
    ]


def templates(paths: Collection[Path], *, workspace: Path) -> list[Finding]:
    """Return the job templates that somebody else may have written: a template is code, which runs as this user."""
    found: list[Finding] = []
    try:
        trusted = {0, os.getuid(), workspace.stat().st_uid}
    except OSError:
        return found
    for path in sorted(set(paths)):
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_uid not in trusted:
            what = "this template belongs to somebody else, and the job runs it as you"
            found.append(Finding("warning", what, str(path), "copy it if you trust it"))
        elif status.st_mode & stat.S_IWOTH:
            what = "everybody may change this template, and the job runs it as you"
            found.append(Finding("warning", what, str(path), f"chmod o-w {shlex.quote(str(path))}"))
    return found


def places(configs: Sequence[Mapping[str, Mapping[str, object]]]) -> set[Path]:
    """Return the paths of weights and data that configurations name."""
    return {*_named(configs, "model", "weights"), *_named(configs, "data", "root")}


def _named(configs: Sequence[Mapping[str, Mapping[str, object]]], section: str, key: str) -> list[Path]:
    words = dict.fromkeys(str(value) for config in configs if (value := config.get(section, {}).get(key)))
    return [Path(word) for word in words]


def _weights(path: Path) -> Iterator[Finding]:
    where, cure = str(path), "correct model.weights, or fetch the file again"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                yield Finding("error", "the weights are no file", where, cure)
                return
            head = file.read(512)
    except OSError as error:
        yield Finding("error", f"the weights cannot be read: {(error.strerror or '').lower()}", where, cure)
        return
    if not head:
        yield Finding("error", "the weights file is empty", where, cure)
    elif head.startswith(_POINTER):
        yield Finding("error", "this is a git-lfs pointer, not the weights", where, "git lfs pull")
    elif head.lstrip()[:1] == b"<" and b"html" in head.lower():
        yield Finding("error", "this is a web page, not weights: the download failed", where, cure)
    elif head.startswith(_ZIP) and not zipfile.is_zipfile(path):
        yield Finding("error", "the weights file is cut off: its end is missing", where, cure)


def _cache(path: Path) -> Iterator[Finding]:
    standing = next((place for place in (path, *path.parents) if _there(place)), path)
    if not os.access(standing, os.W_OK | os.X_OK):
        what = "decoded frames cannot be kept here: no permission to write"
        yield Finding("warning", what, str(path), "correct data.cache_dir")


def _there(path: Path) -> bool:
    """Say whether there is something, also where this user may not look."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True
