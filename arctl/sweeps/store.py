"""Where sweeps are kept: `.arctl/sweeps/NAME/`, with the file as it was submitted and what was settled from it.

The runs know their sweep and what they set, so a lost record costs only what can be sent again by itself.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.settings import Workspace
from arctl.sweeps.file import is_sweep_name
from arctl.sweeps.record import Sweep, from_facts
from arctl.text import safe_line

_RECORD = "sweep.json"
_SOURCE = "sweep.yaml"
_LIMIT = 64 << 20


def place(workspace: Workspace, name: str) -> Path:
    """Return the directory of a sweep's record."""
    return workspace.state / "sweeps" / name


def keep(workspace: Workspace, sweep: Sweep, source: bytes) -> None:
    """Write the record of a new sweep, all of it or nothing. Raises UsageError where the name is taken."""
    final = place(workspace, sweep.name)
    stage = final.with_name(f".stage-{secrets.token_hex(6)}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        stage.mkdir()
        _write(stage / _SOURCE, source)
        _write(stage / _RECORD, _text(sweep))
        stage.rename(final)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        if final.is_dir():
            raise taken(sweep.name) from error
        what = f"the sweep cannot be recorded: {error.strerror}"
        raise ArctlError(what, where=str(final), cure="check space and rights; nothing was queued") from error


def taken(name: str) -> UsageError:
    """Return the error for a sweep that exists already."""
    cure = f"`arctl sweep show {name}`; choose another --name, or `arctl sweep resubmit {name} --missing`"
    return UsageError(f"there is a sweep {name!r} already", where="--name", cure=cure)


def forget(workspace: Workspace, name: str) -> None:
    """Remove the record of a sweep of which nothing was made."""
    shutil.rmtree(place(workspace, name), ignore_errors=True)


def load(workspace: Workspace, name: str) -> Sweep:
    """Return a sweep as it was settled. Raises NotFoundError where there is no record, DataError for a damaged one."""
    if not is_sweep_name(name):
        raise NotFoundError(f"no sweep {safe_line(name, limit=80)!r} is recorded", cure="`arctl sweep ls` lists them")
    path = place(workspace, name) / _RECORD
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_LIMIT))
    except (FileNotFoundError, NotADirectoryError) as error:
        cure = "`arctl sweep ls` lists the sweeps"
        raise NotFoundError(
            f"no sweep {safe_line(name, limit=80)!r} is recorded", where=str(path), cure=cure
        ) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ArctlError(what, where=str(path), cure="check its permissions") from error
    except ValueError:
        found = None
    return from_facts(found, where=str(path))


def names(workspace: Workspace) -> list[str]:
    """Return the names of the sweeps that are recorded, sorted."""
    try:
        entries = list((workspace.state / "sweeps").iterdir())
    except OSError:
        return []
    return sorted(path.name for path in entries if not path.name.startswith(".") and (path / _RECORD).is_file())


def set_max_parallel(workspace: Workspace, sweep: Sweep, count: int | None) -> None:
    """Record how many elements may run at a time from now on."""
    path = place(workspace, sweep.name) / _RECORD
    draft = path.with_name(f".{_RECORD}.{secrets.token_hex(4)}.tmp")
    try:
        _write(draft, _text(replace(sweep, max_parallel=count)))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ArctlError(
            f"cannot be written: {error.strerror}", where=str(path), cure="check space and rights"
        ) from error


def _text(sweep: Sweep) -> bytes:
    return (json.dumps(sweep.facts(), ensure_ascii=False, indent=1) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
