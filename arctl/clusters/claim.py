"""One asker at a time: a claim file that names its holder, and that nobody has to wait for once the holder is dead.

Made with O_EXCL, which holds between hosts as well, where file locks often do not.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arctl.processes import boot_id, namespace, started


@dataclass(frozen=True)
class Claim:
    """The right to do something that only one process shall do."""

    path: Path
    """The claim file."""
    nonce: str
    """Tells this claim from those before and after it."""

    def release(self) -> None:
        """Give the right back, unless somebody else has taken it for dead."""
        if (_read(self.path) or {}).get("nonce") == self.nonce:
            self.path.unlink(missing_ok=True)


def claim(path: Path, *, patience_s: float) -> Claim | None:
    """Take the right; None where somebody else has it.

    A holder that is dead on this machine is succeeded at once, any other one after `patience_s` seconds.
    Raises OSError where the file cannot be written.
    """
    held = _read(path)
    if held is not None and _is_over(path, held, patience_s):
        _put_away(path, held)
    nonce = secrets.token_hex(8)
    told = {"nonce": nonce, "where": _where(), "pid": os.getpid(), "started": started(os.getpid()), "at": time.time()}
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return None
    try:
        os.write(file, json.dumps(told).encode("ascii"))
    finally:
        os.close(file)
    return Claim(path, nonce)


def _where() -> str:
    return f"{boot_id()} {namespace()}"


def _is_over(path: Path, held: dict[str, Any], patience_s: float) -> bool:
    if held.get("where") == _where() and started(held["pid"]) != held.get("started"):
        return True
    try:
        return abs(time.time() - path.stat().st_mtime) > patience_s
    except FileNotFoundError:
        return False


def _put_away(path: Path, held: dict[str, Any]) -> None:
    """Remove the claim of the dead, and no other one that came in between."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with suppress(OSError):
        path.rename(aside)
        if (_read(aside) or {}).get("nonce") != held.get("nonce"):
            with suppress(FileExistsError):
                path.hardlink_to(aside)
        aside.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a claim says; an empty one says nothing, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        return found if isinstance(found, dict) and isinstance(found.get("pid"), int) else {"pid": 0, "started": None}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {"pid": 0, "started": None}
