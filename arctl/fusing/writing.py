"""The files of a fused run, by docs/run-directory.md: what a trainer would have written of one evaluation."""

from __future__ import annotations

import json
import os
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import yaml

from arctl.fusing.fusion import EPOCH, Fusion, Part
from arctl.fusing.judgement import Judgement
from arctl.protocol import view_numbers
from arctl.rundir import CONTRACT, RunDir
from arctl.runfile import RunFile
from arctl.runtext import text_of
from arctl.scores.metrics import Scores

PACKAGES = ("arctl", "numpy", "scipy", "pyyaml")
"""Whose versions env.json records."""


def fill(files: RunDir, run: RunFile, number: int, fusion: Fusion, judgements: Sequence[Judgement]) -> None:
    """Write the whole directory of a fused run, each file flushed to the disk. Raises OSError."""
    attempt = f"local-{int(run.created)}.0"
    place = files.attempts / attempt
    for directory in (files.path, files.predictions, files.attempts, place):
        directory.mkdir(parents=True, exist_ok=True)
    for part in fusion.parts:
        _predictions(_file_of(files, part), part, run.values)
    _text(place / "claim.json", json.dumps(_claim(attempt, run.created), indent=1) + "\n")
    _text(place / "env.json", json.dumps(_environment(), indent=1) + "\n")
    _text(place / "events.jsonl", _lines(_events(files, attempt, run.created, judgements)))
    _text(files.current, f"{attempt}\n")
    _text(files.config, yaml.safe_dump({"fuse": dict(run.values)}, sort_keys=False))
    _text(files.run_yaml, text_of(replace(run, number=number)))
    for directory in (place, files.predictions, files.path):
        _flush(directory)


def _file_of(files: RunDir, part: Part) -> Path:
    return files.prediction_file(part.lineup.split, EPOCH, part.lineup.variant)


def _predictions(path: Path, part: Part, facts: Mapping[str, object]) -> None:
    """Write the predictions of a split."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **_arrays(part, facts))
        file.flush()
        os.fsync(file.fileno())


def _arrays(part: Part, facts: Mapping[str, object]) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    stored = part.stored
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {
        "ids": np.array(stored.ids, dtype=np.str_),
        "groups": np.array(stored.groups, dtype=np.str_),
        "meta": np.array(json.dumps(_meta(part, facts))),
    }
    for name, head in stored.heads.items():
        tail = f"_{name}" if name else ""
        arrays |= {"targets" + tail: head.targets, "scores" + tail: head.scores.astype(np.float16)}
        arrays["classes" + tail] = np.array(head.classes, dtype=np.str_)
        if head.top is not None and head.lse is not None and head.own is not None:
            arrays |= {"top" + tail: head.top, "lse" + tail: head.lse, "own" + tail: head.own}
    if stored.participants:
        arrays["participants"] = np.array(stored.participants, dtype=np.str_)
    for name, rare in stored.tail.items():
        arrays[f"tail_{name}"] = np.array(sorted(rare), dtype=np.int64)
    if stored.unseen:
        arrays["unseen"] = np.array(sorted(stored.unseen), dtype=np.str_)
    return arrays


def _meta(part: Part, facts: Mapping[str, object]) -> dict[str, object]:
    """Return what the predictions file says of itself."""
    told = part.stored.protocol
    numbers = view_numbers(told.views) if told.views else None
    protocol = {
        "views": told.views,
        "clips": numbers[0] if numbers else None,
        "crops": numbers[1] if numbers else None,
        "probe": told.probe,
        "sampling": told.sampling,
        "frames": told.frames,
        "resize": list(told.resize) if told.resize else None,
        "crop": told.crop,
        "aggregation": told.aggregation,
        "level": told.level,
    }
    return {
        "contract": CONTRACT,
        "split": told.split,
        "epoch": told.epoch,
        "step": told.step,
        "views": told.view_count,
        "protocol": protocol if told.views else None,
        "aggregation": told.aggregation,
        "level": told.level,
        "data": told.data,
        "weights": told.weights,
        "weights_file": None,
        "model": told.model,
        "precision": told.precision,
        "hardware": told.hardware,
        "speed": None,
        "heads": [name for name in part.stored.heads if name] or None,
        "fusion": {**facts, "epochs": [m.epoch for m in part.lineup.members], "cross_fitted": part.crossed},
    }


def _events(files: RunDir, attempt: str, started: float, judgements: Sequence[Judgement]) -> list[dict[str, object]]:
    """Return the events of a run that did nothing but evaluate."""
    start = {"kind": "start", "contract": CONTRACT, "attempt": attempt, "host": socket.gethostname()}
    start |= {"pid": os.getpid(), "epochs": EPOCH, "steps_per_epoch": 0, "resumed_step": None, "device": "cpu"}
    events: list[dict[str, object]] = [{"t": started, **start}]
    for one in judgements:
        lineup = one.part.lineup
        path = _file_of(files, one.part).relative_to(files.path)
        told = {"split": lineup.split, "epoch": EPOCH, "step": EPOCH, "metrics": _metrics(one)}
        told |= {"predictions": str(path), "unreadable": one.scores[-1].unreadable}
        events.append({"t": time.time(), "kind": "eval", **told})
    message = f"{len(judgements[0].labels) - 1} runs fused"
    end = {"status": "completed", "exit_code": 0, "message": message, "epoch": EPOCH, "step": EPOCH}
    return [*events, {"t": time.time(), "kind": "end", **end}]


def _metrics(one: Judgement) -> dict[str, float]:
    """Return the figures of a split by the names that evaluations give them: `val/top1` or `val@10x3/top1`."""
    lineup = one.part.lineup
    family = f"{lineup.split}@{lineup.variant}" if lineup.variant else lineup.split
    found = _named(family, one.scores[-1])
    for name, scores in one.heads:
        found |= _named(f"{name}@{family}", scores[-1])
    return found


def _named(family: str, scores: Scores) -> dict[str, float]:
    tops = {f"{family}/top{k}": share.value for k, share in scores.top.items()}
    return {f"{family}/loss": scores.nll, **tops} if scores.nll == scores.nll else tops


def _lines(events: Sequence[Mapping[str, object]]) -> str:
    return "\n" + "".join(json.dumps({"seq": seq, **event}) + "\n" for seq, event in enumerate(events))


def _claim(attempt: str, now: float) -> dict[str, object]:
    who = {"host": socket.gethostname(), "pid": os.getpid(), "boot_id": None, "job_id": None, "restart": 0}
    return {"attempt": attempt, **who, "time": now}


def _environment() -> dict[str, object]:
    versions = {name: _version(name) for name in PACKAGES}
    unknown = dict.fromkeys(("torch", "torchvision", "cuda", "cudnn", "driver", "gpus"))
    here = {"cpus": len(os.sched_getaffinity(0)), "host": socket.gethostname(), "packages": versions}
    return {"python": platform.python_version(), **unknown, **here}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _text(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _flush(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
