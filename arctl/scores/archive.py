"""Reads a NumPy archive that may be damaged or hostile: no pickles, no links, no bomb, and no byte that its checksum
does not cover. Sizes are known from the headers before anything is unpacked.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from arctl.text import safe_line

LARGEST = 4 << 30
"""Bytes that the arrays of a file may take unpacked, together."""

MOST_ARRAYS = 64
"""Arrays that a file may hold."""

_DENSE, _RATIO = 64 << 20, 150
"""An array beyond this size that packs better than this is no measurement."""


def read(path: Path, *, only: Collection[str] = ()) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a `.npz` file by name: all, or `only` those.

    Raises OSError, ValueError, EOFError or zipfile.BadZipFile where it cannot be read as what it claims to be.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("this is no regular file")
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
            _check_sizes(members)
            try:
                return {_name(one): _array(packed, one) for one in members if not only or _name(one) in only}
            except zipfile.zlib.error as error:  # type: ignore[attr-defined]
                raise ValueError(str(error)) from error


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len(names) > MOST_ARRAYS or len(set(names)) < len(names):
        raise ValueError(f"it holds {len(names)} arrays, some of one name, or more than {MOST_ARRAYS}")
    whole = sum(member.file_size for member in members)
    if whole > LARGEST:
        largest = max(members, key=lambda member: member.file_size)
        raise ValueError(f"it takes {whole} bytes unpacked, most of them {_name(largest)}: more than {LARGEST}")
    for member in members:
        if member.file_size > max(_DENSE, _RATIO * member.compress_size):
            raise ValueError(f"{_name(member)} unpacks {member.compress_size} bytes to {member.file_size}")


def _name(member: zipfile.ZipInfo) -> str:
    return safe_line(member.filename.removesuffix(".npy"))


def _array(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    name = _name(member)
    with packed.open(member) as stream:
        version = npy.read_magic(stream)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = header(stream)
        if kind.hasobject:
            raise ValueError(f"{name} holds Python objects (pickles), which are never loaded")
    if int(np.prod(shape, dtype=object)) * kind.itemsize > member.file_size:
        raise ValueError(f"{name} is cut short: {member.file_size} bytes for {kind} {shape}")
    with packed.open(member) as stream:
        array: NDArray[Any] = np.load(stream, allow_pickle=False)
        if stream.read(1):
            raise ValueError(f"{name} has more bytes than its shape {shape} says")
    return array
