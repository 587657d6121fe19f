"""Where the videos of a list are, whatever the case of their names on disk, without torch."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.errors import DataError


class Finder:
    """Finds videos by the names that lists give them, with one directory listing for each class folder."""

    def __init__(self, videos: Path) -> None:
        self._videos = videos
        self._folders: dict[str, tuple[Path, set[str], dict[str, str]]] = {}
        self._missing: list[tuple[str, str]] = []

    def find(self, name: str, where: str) -> Path:
        """Return the path of `CLASS/VIDEO`, whatever the case on disk; one that is not there is kept for the report."""
        folder, file = name.split("/")
        if folder not in self._folders:
            self._folders[folder] = self._list(folder)
        path, exact, folded = self._folders[folder]
        if file not in exact:
            if file.casefold() in folded:
                return path / folded[file.casefold()]
            self._missing.append((name, where))
        return path / file

    def report_missing(self, *, total: int) -> None:
        """Raise DataError where a list names videos that are not there."""
        if not self._missing:
            return
        name, where = self._missing[0]
        if len(self._missing) == total:
            raise DataError(
                f"none of the {total} listed videos is there, first {name}",
                where=str(self._videos),
                cure="put the class folders there or in UCF-101/, or set data.root",
            )
        raise DataError(
            f"{len(self._missing)} of {total} listed videos are missing, first {name}",
            where=where,
            cure=f"copy them to {self._videos}, or take the lines out of the list",
        )

    def _list(self, folder: str) -> tuple[Path, set[str], dict[str, str]]:
        path = self._videos / folder
        if not path.is_dir():
            alike = [entry for entry in _listing(self._videos) if entry.casefold() == folder.casefold()]
            path = self._videos / alike[0] if alike else path
        files = _listing(path)
        return path, set(files), {file.casefold(): file for file in files}


def _listing(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names alone: thirteen thousand Path objects cost more
    except OSError:
        return []
