"""Opening runs.db, and the one place where SQLite's failures become sentences with a cure.

The settings are those of a database that may lie on a network file system: rollback journal, full sync, writers that
say so at once (`BEGIN IMMEDIATE`), no memory map. Nothing here ever deletes or initialises over a file that holds runs.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arctl.errors import ArctlError
from arctl.registry.migrations import SCHEMA, migrate
from arctl.registry.trouble import (
    PATIENCE_S,
    REBUILD,
    RegistryBusy,
    RegistryDamaged,
    RegistryFull,
    RegistryReadOnly,
    RegistryTooNew,
    explain,
)

__all__ = [
    "Connection",
    "RegistryBusy",
    "RegistryDamaged",
    "RegistryFull",
    "RegistryReadOnly",
    "RegistryTooNew",
    "begin",
    "draft",
    "explained",
    "has_runs_beside",
    "open_read",
    "open_write",
    "reading",
    "transaction",
]
from arctl.rundir import number_of

Connection = sqlite3.Connection
"""An open registry, for those outside who hand one on and do not look into it."""

APPLICATION = 0x6172_6374
"""`PRAGMA application_id` of a registry: the letters arct."""


_PRAGMAS = (
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA foreign_keys=ON",
)


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
                _hold(db)
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
    with explained(db):
        if _missing(db):
            _touch(db)
        connection = _open(db, "rwc")
        try:
            with suppress(sqlite3.OperationalError):  # it is locked where another program keeps its log open
                connection.execute("PRAGMA journal_mode=DELETE")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
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


def _touch(db: Path) -> None:
    """Make the file with the rights that the umask leaves; SQLite itself would never let a group write."""
    with suppress(OSError):
        os.close(os.open(db, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))


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
    _hold(db)
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


def _hold(db: Path) -> None:
    """Hold the lease of this host, without which nothing is written. Raises lease.RegistryHeld."""
    from arctl.registry.lease import acquire

    acquire(db)


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
            raise explain(cause, db) from error
        if isinstance(error, (UnicodeDecodeError, struct.error)):
            raise RegistryDamaged("the registry holds damaged rows", where=str(db), cure=REBUILD) from error
        raise


def _open(db: Path, mode: str) -> sqlite3.Connection:
    _refuse_second_name(db)
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
        raise RegistryDamaged("the registry is missing although there are runs", where=str(db), cure=REBUILD)
    return True


def _inode(db: Path) -> int | None:
    try:
        return db.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArctlError(f"cannot be looked at: {error.strerror}", where=str(db), cure="check the path") from error


def _refuse_second_name(db: Path) -> None:
    """Refuse a file that has another name (hard link): whoever opens it by that one never sees our journal."""
    found = db.stat() if db.exists() else None
    if found is None or found.st_nlink < 2 or not stat.S_ISREG(found.st_mode):
        return
    backups = sum(
        os.path.lexists(path) and path.stat().st_ino == found.st_ino for path in db.parent.glob(f"{db.name}.*")
    )
    if found.st_nlink > 1 + backups:
        cure = f"give it a file of its own: `cp -p {db.name} copy && mv copy {db.name}`, while no arctl runs"
        raise ArctlError("the registry's file has a second name (hard link)", where=str(db), cure=cure)


def _version(connection: sqlite3.Connection, db: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        return 0
    if application != APPLICATION or version == 0:
        raise RegistryDamaged("this database is not a registry of arctl", where=str(db), cure=REBUILD)
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1").fetchone():
        raise RegistryDamaged("somebody has put triggers or views into the registry", where=str(db), cure=REBUILD)
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
        raise RegistryDamaged("the registry is empty although there are runs", where=str(db), cure=REBUILD)
