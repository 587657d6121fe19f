"""What can go wrong with runs.db, each with its cure, and SQLite's words for it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from arctl.errors import ArctlError, DataError
from arctl.text import safe_line

PATIENCE_S = 30.0
"""How long a process waits for another one's lock, seconds."""

REBUILD = "`arctl rebuild` makes it anew from the run directories and keeps the old file"
"""The cure of a registry that is lost or damaged."""


class RegistryDamaged(DataError):
    """runs.db is no registry, or a damaged one; the run directories still hold everything."""


class RegistryBusy(ArctlError):
    """Another process has been writing for longer than `PATIENCE_S`."""


class RegistryTooNew(ArctlError):
    """runs.db was written by a newer arctl."""


class RegistryReadOnly(ArctlError):
    """runs.db, or its directory, cannot be written."""


class RegistryFull(ArctlError):
    """The disk is full."""


def explain(error: sqlite3.Error, db: Path) -> ArctlError:
    """Return what an error of SQLite means for the registry `db`, and its cure."""
    code = getattr(error, "sqlite_errorname", None) or ""
    where, text = str(db), safe_line(str(error))
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "no such table" in text or "no such column" in text:
        return RegistryDamaged(f"the registry is damaged: {text}", where=where, cure=REBUILD)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        what = f"another process has been writing to the registry for more than {PATIENCE_S:.0f} s"
        return RegistryBusy(what, where=where, cure="try again; if it lasts, look for a hanging arctl")
    if code.startswith("SQLITE_CONSTRAINT"):
        return ArctlError(f"the registry has that already: {text}", where=where, cure="`arctl ls --all` lists the runs")
    if code == "SQLITE_READONLY_DBMOVED":
        return RegistryBusy("the registry was replaced while it was open", where=where, cure="run the command again")
    if code == "SQLITE_READONLY_ROLLBACK":
        what = "a writer died here and this user may not tidy up after it"
        return RegistryReadOnly(what, where=where, cure="let the owner run any arctl command")
    unwritable = not os.access(db.parent, os.W_OK) or (db.exists() and not os.access(db, os.W_OK))
    if code.startswith("SQLITE_READONLY") or (code.startswith("SQLITE_CANTOPEN") and unwritable):
        return RegistryReadOnly(
            "the registry cannot be written", where=where, cure="check the rights of file and directory"
        )
    if code == "SQLITE_FULL":
        return RegistryFull(
            "the disk is full; nothing that was stored is lost", where=where, cure="free some space, run again"
        )
    if code.startswith("SQLITE_CANTOPEN"):
        cure = "it must be a file in an existing directory"
        return ArctlError("the registry cannot be opened", where=where, cure=cure)
    return ArctlError(
        f"the registry failed: {text}", where=where, cure="check disk and quota; `arctl rebuild` if it lasts"
    )
