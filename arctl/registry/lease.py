"""One host at a time writes runs.db: a lease directory beside it says which.

SQLite's locks hold between the processes of one machine, but on many network file systems not between two login nodes,
and then both would report success and one would lose. `mkdir` and `rename` do exclude there.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from arctl.errors import ArctlError
from arctl.processes import boot_id, namespace, started
from arctl.registry.connect import RegistryReadOnly
from arctl.text import safe_line

BEAT_S = 30.0
"""How often whoever writes says that the host is alive, at most, seconds."""

LIVE_S = 300.0
"""A host that has not written for so long has lost its lease, seconds."""

_UNFINISHED_S = 10.0  # a lease without an owner is on its way so long, and then its maker died
_OWNER = "owner.json"

_entered: dict[tuple[Path, int], int] = {}
_trusted: set[Path] = set()
_notes: dict[Path, str] = {}


class RegistryHeld(RegistryReadOnly):
    """Another host writes this registry; here it can be read."""


@dataclass(frozen=True)
class Owner:
    """The host that writes a registry."""

    host: str
    """Its name."""
    boot: str
    """Its boot id."""
    machine: str
    """Its machine id, which outlives a boot."""
    pid: int
    """The process that wrote last, or a moment before."""
    since: float
    """When the host took the lease, Unix seconds by its clock."""
    heartbeat: float
    """When it last wrote, by its clock; how long that is ago, the file's own time tells (`holder`)."""

    @property
    def is_here(self) -> bool:
        """Whether that is this machine, since whichever boot."""
        own = _this_host(self.since)
        same_boot = bool(own.boot) and own.boot == self.boot
        return same_boot or (bool(own.machine) and (own.machine, own.host) == (self.machine, self.host))

    def __str__(self) -> str:
        """As a person is told."""
        day = "%H:%M" if abs(time.time() - self.since) < 43200 else "%b %d %H:%M"
        return (
            f"{safe_line(self.host, limit=64)} (pid {self.pid}, since {time.strftime(day, time.localtime(self.since))})"
        )


def acquire(db: Path, *, take_over: bool = False) -> None:
    """Make sure that this host may write a registry, before each write; its processes share the lease.

    A lease whose holder has not written for LIVE_S is taken over (`news` says so), a live one with `take_over` alone.
    Raises RegistryHeld where another host has it. Where no lease can be made, the registry itself says why not.
    """
    if db.absolute() in _trusted or db.name.startswith("."):
        return
    deadline = time.monotonic() + _UNFINISHED_S
    while time.monotonic() < deadline:
        try:
            if _enter(db, take_over=take_over):
                return
        except FileNotFoundError:
            if not _make(_place(db)):
                return
        except OSError:
            return
    raise RegistryHeld("its lease changes hands all the time", where=str(_place(db)), cure="run the command again")


def holder(db: Path) -> tuple[Owner, float] | None:
    """Return the host that holds the lease and how long ago it last wrote, seconds; None where nobody has it."""
    try:
        found = _owner(_place(db))
        return None if found is None else (found, _age(db, _place(db) / _OWNER))
    except OSError:
        return None


def trust(db: Path) -> None:
    """Do without a lease in this process, since the file system's locks hold between hosts."""
    _trusted.add(db.absolute())


def news(db: Path) -> str | None:
    """Return, once, from whom this process has taken the lease over."""
    return _notes.pop(db.absolute(), None)


def release(db: Path) -> None:
    """Give the lease back unless another process of this machine uses it; a process does so by itself as it ends."""
    place = _place(db)
    with suppress(OSError, ArctlError):
        _entered.pop((db.absolute(), os.getpid()), None)
        (place / _entry()).unlink(missing_ok=True)
        found = _owner(place)
        if found is None or not found.is_here or _users(place):
            return
        aside = _aside(place)
        place.rename(aside)
        if _users(aside) and not place.exists():
            aside.rename(place)
        else:
            shutil.rmtree(aside, ignore_errors=True)


def _make(place: Path) -> bool:
    """Make a lease of this host's, unless somebody was faster; False where none can be made."""
    try:
        place.mkdir()
    except FileExistsError:
        return True
    except OSError:
        return False
    try:
        _write_owner(place)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _enter(db: Path, *, take_over: bool) -> bool:
    """Use the lease that there is; False where it has to be looked at again."""
    place = _place(db)
    before = place.stat().st_ino
    found = _owner(place)
    if found is None:
        if _age(db, place) > _UNFINISHED_S / 2:
            _put_away(place, before)
        time.sleep(0.02)
        return False
    if not found.is_here:
        age = _age(db, place / _OWNER)
        if age < LIVE_S and not take_over:
            raise RegistryHeld(
                f"arctl on {found} writes it, last {age:.0f} s ago; here it can only be read",
                where=str(db),
                cure=f"work there, or `arctl --take-over ...`; after {LIVE_S / 60:.0f} min of silence it is free",
            )
        if _put_away(place, before):
            _notes[db.absolute()] = f"the registry was {found}'s, silent for {age / 60:.0f} min: taken over"
        return False
    if abs(time.time() - (place / _OWNER).stat().st_mtime) > BEAT_S or found.boot != _this_host(0.0).boot:
        _write_owner(place, since=found.since, inode=before)
    if _entered.get((db.absolute(), os.getpid())) != before:
        _sign(db, before)
    return place.stat().st_ino == before


def _sign(db: Path, inode: int) -> None:
    """Note that this process uses the lease, so that nobody else of this machine gives it back meanwhile."""
    with suppress(PermissionError):
        (_place(db) / _entry()).touch()
    if (db.absolute(), os.getpid()) not in _entered:
        atexit.register(_at_exit, db, os.getpid())
    _entered[db.absolute(), os.getpid()] = inode


def _at_exit(db: Path, pid: int) -> None:
    if pid == os.getpid():
        release(db)


def _put_away(place: Path, inode: int) -> bool:
    """Remove a lease, and no other one that has come into its place."""
    aside = _aside(place)
    try:
        place.rename(aside)
    except FileNotFoundError:
        return False
    if aside.stat().st_ino != inode and not place.exists():
        aside.rename(place)
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _users(place: Path) -> list[str]:
    """Return the entries of processes that live, as far as this machine can tell; the dead ones' are removed."""
    alive = []
    for path in place.glob("user-*"):
        space, pid, began = [*path.name.split("-"), "", "", ""][1:4]
        if space == namespace() and pid.isdigit() and started(int(pid)) != began:
            path.unlink(missing_ok=True)
        else:
            alive.append(path.name)
    return alive


def _entry() -> str:
    return f"user-{namespace()}-{os.getpid()}-{started(os.getpid())}"


def _owner(place: Path) -> Owner | None:
    """Read who has a lease; None where it does not say (yet). Raises FileNotFoundError where there is no lease."""
    try:
        return Owner(**json.loads((place / _OWNER).read_text(encoding="utf-8")))
    except FileNotFoundError:
        place.stat()
        return None
    except (ValueError, TypeError, RecursionError):
        return None


def _write_owner(place: Path, *, since: float | None = None, inode: int | None = None) -> None:
    """Say that this host has the lease, in the very directory that was looked at: another's is left alone."""
    own = asdict(_this_host(time.time() if since is None else since))
    directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if inode is not None and os.fstat(directory).st_ino != inode:
            return
        draft = f".{_OWNER}.{os.getpid()}.{secrets.token_hex(4)}"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
        with os.fdopen(file, "w", encoding="utf-8") as text:
            json.dump(own, text)
        os.replace(draft, _OWNER, src_dir_fd=directory, dst_dir_fd=directory)  # relative to a descriptor
    finally:
        os.close(directory)


def _this_host(since: float) -> Owner:
    return Owner(*_identity(os.environ.get("ARCTL_HOST")), os.getpid(), since, time.time())


@lru_cache(maxsize=2)
def _identity(named: str | None) -> tuple[str, str, str]:
    """Return name, boot id and machine id of this host; `named` plays all three, as a test of two hosts needs it."""
    if named:
        return named, named, named
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    return socket.gethostname(), boot_id(), machine


def _age(db: Path, path: Path) -> float:
    """Return how long ago a file was written, by the file system's own clock: hosts' clocks differ."""
    probe = db.with_name(f".{db.name}.clock-{os.getpid()}-{secrets.token_hex(4)}")
    now = time.time()
    with suppress(OSError):
        probe.touch(exist_ok=False)
        now = probe.stat().st_mtime
        probe.unlink()
    return max(0.0, now - path.stat().st_mtime)


def _place(db: Path) -> Path:
    return db.with_name(f"{db.name}.lease")


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(8)}")
