"""Which files of a workspace belong to its code: never, secret, ignored, or in. Patterns only; no file is opened here
but `.arctlignore`.
"""

from __future__ import annotations

import fnmatch
import os
import re
from pathlib import Path

from arctl.errors import UsageError
from arctl.settings import Workspace
from arctl.snapshot.ignorefile import escaped, parse

IGNORE_FILE = ".arctlignore"
"""What a workspace names, in the syntax of .gitignore, to be left out of its snapshots."""

USUAL = (
    "/data",
    ".venv",
    "venv",
    "node_modules",
    ".ipynb_checkpoints",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    "*.pyc",
    "*.pt",
    "*.pth",
    "*.ckpt",
    "*.safetensors",
    "*.sif",
)
"""Patterns that leave files out unless git tracks them or a `!` line of .arctlignore keeps them."""

NEVER = frozenset({".git", ".hg", ".svn", "__pycache__"})
"""Names that are neither copied nor linked, wherever they are."""

SECRETS = (
    ".env",
    ".env.*",
    ".netrc",
    ".pgpass",
    "*.pem",
    "*.key",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "credentials*",
)
"""Names, in any case, of files and directories that are never copied."""

_LIMIT = 1 << 20
_SECRET = re.compile("|".join(fnmatch.translate(name) for name in SECRETS), re.IGNORECASE)


def arctls_own(path: str) -> bool:
    """Say whether a path, relative to the workspace, is the registry or arctl's state, which jobs leave alone."""
    first = path.partition("/")[0]
    return first == ".arctl" or first.startswith("runs.db")


class Chooser:
    """Says of paths, relative to the workspace, whether they are left out, and why."""

    def __init__(self, workspace: Workspace) -> None:
        self.own = parse(_lines(workspace.root / IGNORE_FILE))
        self.usual = parse([*USUAL, *_data_roots(workspace)])
        self._of_directories: dict[tuple[str, bool], str | None] = {}

    def why_not(self, path: str, *, tracked: bool = False, directory: bool = False) -> str | None:
        """Return `never`, `secret` or `ignored`, or None for what is in. Directories above are asked first."""
        above = path.rpartition("/")[0]
        if above:
            key = (above, tracked)
            if key not in self._of_directories:
                self._of_directories[key] = self.why_not(above, tracked=tracked, directory=True)
            if (why := self._of_directories[key]) is not None:
                return why
        return self.alone(path, tracked=tracked, directory=directory)

    def alone(
        self, path: str, *, tracked: bool = False, directory: bool = False, said: bool | None = None
    ) -> str | None:
        """Return the same for a path whose directories are known to be in.

        `said` is what other ignore files say of it: they go before the usual patterns and after .arctlignore.
        """
        name = path.rpartition("/")[2]
        if name in NEVER or path == "runs" or arctls_own(path):
            return "never"
        if _SECRET.fullmatch(name):
            return "secret"
        verdict = self.own.verdict(path, directory=directory)
        if verdict is None:
            verdict = said
        if verdict is None and not tracked:
            verdict = self.usual.verdict(path, directory=directory)
        return "ignored" if verdict else None

    def not_worth_listing(self, prefix: str) -> list[str]:
        """Return patterns that spare git from listing what is left out, for a workspace at `prefix` of its top."""
        place = f"/{escaped(prefix)}/" if prefix else "/"
        always = [f"{place}runs", f"{place}.arctl"]
        if any(pattern.keeps for pattern in self.own.patterns):
            return always
        return [*always, *(f"{place}{text[1:]}" if text.startswith("/") else text for text in USUAL)]


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), cure="mend or remove it") from error
    if len(content) > _LIMIT:
        raise UsageError("longer than 1 MiB", where=str(path), cure="name directories instead of files")
    return os.fsdecode(content).split("\n")


def _data_roots(workspace: Workspace) -> list[str]:
    """Return patterns for the data sets of arctl.yaml that lie inside the workspace."""
    found = []
    for card in workspace.settings.data.values():
        root = os.path.normpath(workspace.root / Path(str(card.get("root", ""))).expanduser())
        inside = os.path.relpath(root, workspace.root)
        if inside != "." and not inside.startswith(".."):
            found.append("/" + escaped(inside))
    return found
