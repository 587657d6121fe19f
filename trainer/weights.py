"""Reads a file of weights into a model, completely or not at all, and says what it did.

Only tensors and plain values are ever read (`weights_only=True`, with no way around it). A file that leaves a hole in
the network is refused: only the classifier may start anew, when the class counts differ or the file has none.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.errors import DataError
from trainer.models.parts import Head, ReadsForeignWeights, State, Translated

WRAPPERS = ("model", "state_dict", "model_state", "module")
"""Keys under which training programs keep the network's state dict, `checkpoints/best.pt` of a run among them."""
PREFIXES = ("module.", "_orig_mod.")
"""Put before every name by data-parallel and compiled wrappers."""
COUNTER = "num_batches_tracked"
"""A batch norm's step counter: old files lack it, and nothing that is measured depends on it."""
LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
"""In the head of a torch file from before the zip format; another pickle is no torch file."""
SHOWN = 3
"""Differing tensors that an error names."""


@dataclass(frozen=True)
class LoadReport:
    """What a file of weights gave to a model."""

    path: Path
    """The file."""
    sha256: str
    """Of the whole file, hexadecimal."""
    note: str
    """Which format it was in."""
    loaded: tuple[str, ...]
    """Names of the model's tensors that come from the file."""
    missing: tuple[str, ...]
    """Names that the file does not have and need not have; they keep their initial values."""
    unexpected: tuple[str, ...]
    """Keys of the file that the model has no use for (a pre-training decoder)."""
    reinitialised: tuple[str, ...]
    """The classifier's names, when it starts anew."""
    classes_in_file: int | None
    """Classes of the file's classifier; None when it has none."""

    def line(self) -> str:
        """One line for a log."""
        parts = [f"{len(self.loaded)} tensors from {self.path.name} ({self.note}, sha256 {self.sha256[:12]})"]
        if self.reinitialised:
            known = f"{self.classes_in_file} classes" if self.classes_in_file else "no classifier"
            parts.append(f"new classifier: the file has {known}")
        if self.missing:
            parts.append(f"{len(self.missing)} tensors not in the file keep their initial values")
        if self.unexpected:
            parts.append(f"{len(self.unexpected)} of the file not used")
        return "; ".join(parts)


def load_into(model: nn.Module, path: Path | str, *, name: str) -> LoadReport:
    """Load the weights file `path` into `model`, which the catalog calls `name`.

    Reads torch files and, by their ending, safetensors files; a bare state dict or one under any of `WRAPPERS`.
    The classifier starts anew when the class counts differ. Raises DataError, with the model untouched, when the file
    cannot be read or does not fill the network.
    """
    path = Path(path)
    state = read_state(path)
    translated = _translate(model, state)
    wanted = model.state_dict()
    head = _head_names(model)
    given = translated.state
    fits = _fitting(given, wanted)
    may_lack = {key for key in wanted if key.endswith(COUNTER) or key.startswith(translated.fresh)} - set(given)
    wrong = (set(wanted) - fits - head - may_lack) | (set(given) - set(wanted))
    if wrong:
        raise _mismatch(state, sorted(wrong), given=given, wanted=wanted, path=path, name=name)
    broken = [key for key in given if key in fits and not bool(torch.isfinite(given[key]).all())]
    if broken:
        raise _refusal(path, f"{broken[0]} holds values that are not finite", cure="take an earlier checkpoint")
    new_head = not head <= fits
    loaded = fits - head if new_head else fits
    model.load_state_dict({key: given[key] for key in loaded}, strict=False)
    return LoadReport(
        path=path,
        sha256=_digest(path),
        note=translated.note,
        loaded=tuple(key for key in wanted if key in loaded),
        missing=tuple(key for key in wanted if key in may_lack),
        unexpected=translated.ignored,
        reinitialised=tuple(key for key in wanted if key in head) if new_head else (),
        classes_in_file=next((given[key].shape[0] for key in head if key in given and given[key].ndim), None),
    )


def read_state(path: Path) -> State:
    """The state dict in a weights file, without wrappers and prefixes; dense tensors on the CPU.

    Raises DataError for a file that is missing, empty, cut off, no weights file at all, or that needs Python code.
    """
    check_file(path)
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for _ in range(2):
        wrapped = [found[key] for key in WRAPPERS if key in found] if isinstance(found, Mapping) else []
        found = next((inner for inner in wrapped if isinstance(inner, Mapping)), found)
    if not isinstance(found, Mapping) or not found or not all(isinstance(key, str) for key in found):
        raise _refusal(path, "holds no state dict", cure="save model.state_dict()")
    for key, tensor in found.items():
        if not isinstance(tensor, Tensor):
            raise _refusal(path, f"{key} is no tensor", cure="save model.state_dict() alone, or under 'model'")
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
            raise _refusal(path, f"{key} is no dense tensor of real numbers", cure="save dense tensors")
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in found):
            found = {key.removeprefix(prefix): tensor for key, tensor in found.items()}
    return found


def check_file(path: Path) -> None:
    """Raise DataError for the usual accidents with a file, before a parser trips over them."""
    again = "download or copy it again"
    try:
        if path.is_dir():
            raise _refusal(path, "is a directory", cure="name the file in it")
        with path.open("rb") as file:
            start = file.read(512).lstrip()
    except FileNotFoundError as error:
        raise _refusal(path, "no such file", cure="set model.weights to an existing file, or to null") from error
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}", cure="check its permissions") from error
    if not start:
        raise _refusal(path, "is empty", cure=again)
    if start.startswith(b"version https://git-lfs"):
        raise _refusal(path, "is a Git LFS pointer, not the weights", cure="git lfs pull")
    if start.startswith(b"\x80") and LEGACY_MAGIC not in start[:32]:
        raise _refusal(path, "is a Python pickle, which could run code when read", cure="torch.save its tensors")
    if start.startswith(b"<"):
        raise _refusal(path, "is a web page, not weights", cure="the download needs a login or another link")


def _read_safetensors(path: Path) -> object:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise _refusal(path, "needs safetensors", cure="pip install safetensors") from error
    try:
        return load_file(path)
    except Exception as error:  # whatever a parser makes of a damaged file
        raise _refusal(path, "is cut off or no safetensors file", cure="download or copy it again") from error


def _read_torch(path: Path) -> object:
    try:
        # The authors' VideoMAE files keep their command line beside the weights; a Namespace only holds values.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        needed = re.search(r"GLOBAL ([\w.]+)", str(error))
        if needed:
            what = f"holds Python objects ({needed[1]}), which could run code when read"
            raise _refusal(path, what, cure="save model.state_dict() alone, where you trust the file") from error
        raise _refusal(path, "is cut off or no torch file", cure="download or copy it again") from error


def _translate(model: nn.Module, state: State) -> Translated:
    return model.translate(state) if isinstance(model, ReadsForeignWeights) else Translated(state)


def _head_names(model: nn.Module) -> set[str]:
    heads = {name: module for name, module in model.named_modules() if isinstance(module, Head)}
    return {f"{name}.{part}" if name else part for name, head in heads.items() for part in head.state_dict()}


def _fitting(given: State, wanted: State) -> set[str]:
    return {key for key, tensor in given.items() if key in wanted and tensor.shape == wanted[key].shape}


def _mismatch(state: State, wrong: list[str], *, given: State, wanted: State, path: Path, name: str) -> DataError:
    """Which tensors differ, a few of them, and which model of the catalog the file is nearest to."""
    told = "; ".join(_difference(key, given=given, wanted=wanted) for key in wrong[:SHOWN])
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    cure = f"use weights that were made for {name}"
    if len(_fitting(given, wanted)) < len(wanted) / 2:
        near, share = _nearest(state)
        if near and near != name:
            cure = f"it fits {near}: {share:.0%} of its tensors; use --model {near}"
    return _refusal(path, f"does not fit {name}: {told}{more}", cure=cure)


def _difference(key: str, *, given: State, wanted: State) -> str:
    if key not in given:
        return f"{key} is missing"
    if key not in wanted:
        return f"{key} is unknown"
    return f"{key} is {_size(given[key])}, not {_size(wanted[key])}"


def _size(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "one number"


def _nearest(state: State) -> tuple[str | None, float]:
    """The catalog's model that takes most from the file, and which share of its tensors that is (from a half up)."""
    from trainer.catalog import MODELS
    from trainer.config import ModelConfig
    from trainer.models import untrained

    best: tuple[str | None, float] = (None, 0.5)
    for name in MODELS:
        try:
            with torch.device("meta"):
                model = untrained(ModelConfig(name=name), classes=1)
        except ImportError:  # a library of a model that is not installed says nothing about the file
            continue
        wanted = {key: tensor for key, tensor in model.state_dict().items() if not key.endswith(COUNTER)}
        backbone = set(wanted) - _head_names(model)
        share = len(_fitting(_translate(model, state).state, wanted) & backbone) / len(backbone)
        if share > best[1]:
            best = (name, share)
    return best


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refusal(path: Path, what: str, *, cure: str) -> DataError:
    return DataError(what, where=f"model.weights {path}", cure=cure)
