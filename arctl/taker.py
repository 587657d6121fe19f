"""Takes values out of a mapping that a file held, and says which key holds something else than it should."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arctl.errors import DataError


class Taker:
    """Takes checked values out of a mapping; `cure` is what helps where one is wrong."""

    def __init__(self, path: Path, found: Mapping[Any, Any], *, cure: str) -> None:
        self.path = path
        self.cure = cure
        self._found = found

    def wrong(self, key: str, wanted: str) -> DataError:
        """Return the error for a key that does not hold what is wanted."""
        return DataError(f"{key}: {wanted} is wanted", where=str(self.path), cure=self.cure)

    def maybe(self, key: str, *kinds: type) -> Any:
        """Return a value of one of these kinds; None where it is absent or null. Raises DataError."""
        value = self._found.get(key)
        if value is None:
            return None
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise self.wrong(key, " or ".join(kind.__name__ for kind in kinds))
        if isinstance(value, int | float) and not abs(value) < 1 << 53:
            raise self.wrong(key, "a smaller number")
        return value

    def of(self, key: str, *kinds: type) -> Any:
        """Return a value of one of these kinds. Raises DataError for any other, and for none."""
        value = self.maybe(key, *kinds)
        if value is None:
            raise self.wrong(key, " or ".join(kind.__name__ for kind in kinds))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty where it is absent. Raises DataError."""
        values = self.maybe(key, list) or []
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "a list of text")
        return tuple(values)
