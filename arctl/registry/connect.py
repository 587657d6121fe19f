"""Opening runs.db, and the one place where SQLite's failures become sentences with a cure.

The settings are those of a database that may lie on a network file system: rollback journal, full sync, writers that
say so at once (`BEGIN IMMEDIATE`), no memory map. Nothing here ever deletes or initialises over a file that holds runs.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arctl.errors import ArctlError, DataError
from arctl.registry.migrations import SCHEMA, migrate
from arctl.rundir import number_of
from arctl.text import safe_line

APPLICATION = 0x6172_6374
"""`PRAGMA application_id` of a registry: the letters arct."""

PATIENCE_S = 30.0
"""How long a process waits for another one's lock, seconds."""

_REBUILD = "`arctl rebuild` makes it anew from the run directories and keeps the old file"
_PRAGMAS = (
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA foreign_keys=ON",
)


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


def open_read(db: Path) -> sqlite3.Connection | None:
    """Open a registry for looking; None where there is none yet.

    Raises RegistryDamaged, RegistryTooNew and the like; a file of an older arctl is brought up to date first.
    """
    if _missing(db):
        return None
    with explained(db):
        connection = _open(db, "rw")
        try:
            version = _version(connection, db)
            if version == 0:
                _refuse_over_runs(connection, db)
                connection.close()
                return None
            if version < SCHEMA:
                migrate(connection, db)
            connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_write(db: Path) -> sqlite3.Connection:
    """Open a registry for writing, making it where there is none and no run directory says that there was.

    The connection begins no transaction by itself.
    """
    _missing(db)
    with explained(db):
        connection = _open(db, "rwc")
        try:
            if connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] != "delete":
                raise ArctlError("another process keeps a write-ahead log open", where=str(db), cure="end it")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA cache_size=-32768")
            version = _version(connection, db)
            if version == 0:
                _create(connection, db)
            elif version < SCHEMA:
                migrate(connection, db)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def reading(db: Path) -> Iterator[sqlite3.Connection | None]:
    """Give a connection for looking (None where there is no registry) and close it; failures are explained."""
    connection = open_read(db)
    try:
        with explained(db):
            yield connection
    finally:
        if connection is not None:
            connection.close()


@contextmanager
def transaction(db: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection inside one write transaction: all of it is stored, or nothing. Failures are explained."""
    connection = begin(db)
    try:
        with explained(db):
            yield connection
            connection.execute("COMMIT")
    except BaseException:
        with explained(db):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    finally:
        connection.close()


def begin(db: Path) -> sqlite3.Connection:
    """Open for writing and take the write lock; the caller commits and closes.

    A registry that a rebuild replaces meanwhile is opened again, so that nothing is written into the old file.
    """
    while True:
        before = _inode(db)
        connection = open_write(db)
        try:
            with explained(db):
                connection.execute("BEGIN IMMEDIATE")
            if before == _inode(db):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()


@contextmanager
def explained(db: Path) -> Iterator[None]:
    """Turn what SQLite raises in this block, directly or through SQLAlchemy, into an ArctlError."""
    try:
        yield
    except ArctlError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, sqlite3.Error):
            raise _explain(cause, db) from error
        if isinstance(error, (UnicodeDecodeError, struct.error)):
            raise RegistryDamaged("the registry holds damaged rows", where=str(db), cure=_REBUILD) from error
        raise


def _open(db: Path, mode: str) -> sqlite3.Connection:
    uri = f"{db.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def has_runs_beside(db: Path) -> bool:
    """Tell whether run directories lie beside a registry, so that it cannot be a new one; a draft may be (`draft`)."""
    try:
        found = (path / "run.yaml" for path in (db.parent / "runs").iterdir() if number_of(path) is not None)
        return not db.name.startswith(".") and any(path.exists() for path in found)
    except OSError:
        return False


def draft(db: Path) -> Path:
    """Return where a rebuild makes the registry that will replace `db`."""
    return db.with_name(f".{db.name}.new-{os.getpid()}")


def _missing(db: Path) -> bool:
    """Tell whether there is no registry yet; one that is missing although there are runs is an error."""
    runs = has_runs_beside(db)
    if _inode(db) is not None:
        return False
    if runs:
        raise RegistryDamaged("the registry is missing although there are runs", where=str(db), cure=_REBUILD)
    return True


def _inode(db: Path) -> int | None:
    try:
        return db.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArctlError(f"cannot be looked at: {error.strerror}", where=str(db), cure="check the path") from error


def _version(connection: sqlite3.Connection, db: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        return 0
    if application != APPLICATION or version == 0:
        raise RegistryDamaged("this database is not a registry of arctl", where=str(db), cure=_REBUILD)
    if version > SCHEMA:
        raise RegistryTooNew(
            f"a newer arctl wrote this registry (schema {version}, this one knows {SCHEMA})",
            where=str(db),
            cure="use that arctl, or upgrade this one",
        )
    return version


def _create(connection: sqlite3.Connection, db: Path) -> None:
    from arctl.registry.tables import statements

    ddl = statements()
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, db) == 0:
            _refuse_over_runs(connection, db)
            for statement in ddl:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _refuse_over_runs(connection: sqlite3.Connection, db: Path) -> None:
    if has_runs_beside(db) and _version(connection, db) == 0:
        raise RegistryDamaged("the registry is empty although there are runs", where=str(db), cure=_REBUILD)


def _explain(error: sqlite3.Error, db: Path) -> ArctlError:
    code = getattr(error, "sqlite_errorname", None) or ""
    where, text = str(db), safe_line(str(error))
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "no such table" in text or "no such column" in text:
        return RegistryDamaged(f"the registry is damaged: {text}", where=where, cure=_REBUILD)
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
        return ArctlError(
            "the registry cannot be opened", where=where, cure="it must be a file in an existing directory"
        )
    return ArctlError(
        f"the registry failed: {text}", where=where, cure="check disk and quota; `arctl rebuild` if it lasts"
    )
