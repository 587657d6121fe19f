"""Reads a small YAML file strictly: a size limit, no duplicate keys, messages with line and column."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError


def read_yaml(path: Path, *, limit: int) -> object:
    """Return what a YAML file of at most `limit` bytes says. Raises ConfigError with the place and the cure."""
    import yaml

    class StrictLoader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[object] = set()
            for key_node, _ in node.value:
                key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
                if key is not None and key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key!r} is given twice", key_node.start_mark
                    )
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(_read_text(path, limit=limit), Loader=StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigError(str(error.problem), where=place, cure="mend this line") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(str(error).splitlines()[0], where=str(path), cure="write plain YAML") from None
    except RecursionError:
        raise ConfigError("nested too deeply", where=str(path), cure="write plain YAML") from None


def write_yaml(path: Path, value: object) -> None:
    """Replace `path` atomically with `value` as YAML, keys in order."""
    import yaml

    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        yaml.safe_dump(value, file, sort_keys=False, allow_unicode=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read_text(path: Path, *, limit: int) -> str:
    try:
        found = path.stat()
        size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("cannot be read: no regular file", where=str(path), cure="is it the right file?")
        if size > limit:
            raise ConfigError(
                f"{size} bytes: too large for a configuration", where=str(path), cure="is it the right file?"
            )
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("is no UTF-8 text", where=str(path), cure="is it the right file?") from None
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", where=str(path), cure="arctl submit writes it, or write it by hand"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), cure="check its permissions") from None
