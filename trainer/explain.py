"""Turns what Python, torch and the system raise into one line with a cure. torch's errors are known by name."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from trainer.config import Config
from trainer.errors import TrainerError

_TRAIN_PACKAGES = ("torch", "torchvision", "transformers", "av", "numpy", "yaml", "safetensors")


def explain(error: BaseException, *, config: Config | None, attempt: Path | None) -> TrainerError:
    """Return the trainer's own error for any other; what nobody foresaw leaves its traceback in the attempt."""
    if isinstance(error, TrainerError):
        return error
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _TRAIN_PACKAGES:
        return TrainerError(f"{error.name} is not installed", cure="pip install 'arctl[train]'")
    return _memory(error, text, config) or _system(error, text) or _unforeseen(error, text, attempt)


def _memory(error: BaseException, text: str, config: Config | None) -> TrainerError | None:
    size = f" (now {config.data.batch_size})" if config else ""
    cure = f"lower data.batch_size{size} and raise optim.accumulate by the same factor"
    if type(error).__name__ == "OutOfMemoryError":
        return TrainerError("the GPU's memory is full", where=text.partition(" Tried")[0], cure=cure)
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return TrainerError("the memory is full", cure=f"ask for more (--mem), or {cure}")
    shared = "shared memory" in text or "Bus error" in text or "bus error" in text
    if shared and isinstance(error, RuntimeError | OSError):
        return TrainerError("/dev/shm is full", cure="lower data.workers, or raise the limit on shared memory")
    return None


def _system(error: BaseException, text: str) -> TrainerError | None:
    if "DataLoader worker" in text:
        return TrainerError(
            f"a data worker died: {text}", cure="often memory: lower data.workers, or ask for more (--mem)"
        )
    if "Connection closed by peer" in text or "Connection reset by peer" in text:
        return TrainerError("another process of this run has failed", cure="see its message further up in the log")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TrainerError("no space left", where=str(error.filename or "disk"), cure="make room and start again")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return TrainerError(f"{error.strerror}", where=str(error.filename), cure="check the permissions")
    return None


def _unforeseen(error: BaseException, text: str, attempt: Path | None) -> TrainerError:
    what = f"unforeseen {type(error).__name__}: {text}"
    if attempt is None:
        return TrainerError(what, where=_place(error), cure="please report it")
    try:
        (attempt / "traceback.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return TrainerError(what, where=_place(error), cure="please report it")
    return TrainerError(what, where=_place(error), cure=f"please report it with {attempt / 'traceback.txt'}")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/trainer/" in frame.filename] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "trainer"
