"""Workspaces for the tests of comparisons: runs whose events say exactly what their predictions say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arctl.rundir import RunDir
from tests.seeing.conftest import MOTIONS, Lab

HIGH = 4.0
"""Logit of the class that a run answers; all others have 0."""


class Study(Lab):
    """A workspace whose runs have answers, and events that were computed from them."""

    def answered(
        self,
        number: int,
        predicted: Mapping[int, Sequence[int]],
        targets: Sequence[int],
        *,
        groups: Sequence[str] | None = None,
        classes: Sequence[str] = MOTIONS,
        ids: Sequence[str] | None = None,
        variant: str = "",
        split: str = "val",
        end: str | None = "completed",
        **told: Any,
    ) -> RunDir:
        """Make a run that gave the answers `predicted` after each epoch; -1 is a sample that could not be read."""
        files = self.run(number, **told)
        events: list[dict[str, Any]] = []
        for epoch, answers in predicted.items():
            logits = np.zeros((len(targets), 1, len(classes)), dtype=np.float16)
            for row, answer in enumerate(answers):
                logits[row] = np.nan if answer < 0 else 0
                if answer >= 0:
                    logits[row, 0, answer] = HIGH
            self.store(
                files,
                logits,
                targets,
                epoch=epoch,
                groups=groups,
                classes=classes,
                ids=ids,
                split=split,
                variant=variant,
            )
            known = _figures(logits[:, 0].astype(np.float64), np.array(targets))
            train = {"train/loss": 0.5, "train/top1": 0.9, "perf/clips_per_s": 100.0 + epoch}
            said = {f"{split}/{name}": value for name, value in known.items()} | {"gap/top1": 0.9 - known["top1"]}
            events.append({"kind": "epoch", "epoch": epoch, "step": 10 * epoch, "metrics": train, "seconds": 5.0})
            events.append({"kind": "eval", "split": split, "epoch": epoch, "step": 10 * epoch, "metrics": said})
        last = max(predicted)
        if end is not None:
            events.append(
                {"kind": "end", "status": end, "exit_code": 0, "message": None, "epoch": last, "step": 10 * last}
            )
        self.events(files, f"{100 + number}.0", events)
        return files

    def store(
        self,
        files: RunDir,
        logits: np.ndarray,
        targets: Sequence[int],
        *,
        epoch: int,
        groups: Sequence[str] | None = None,
        classes: Sequence[str] = MOTIONS,
        ids: Sequence[str] | None = None,
        split: str = "val",
        variant: str = "",
        meta: Mapping[str, object] | None = None,
    ) -> Path:
        """Write a predictions file of logits (N, V, K)."""
        count = len(targets)
        path = files.prediction_file(split, epoch, variant)
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"contract": 1, "split": split, "epoch": epoch, "data": "motion", **(meta or {})}
        np.savez(
            path,
            ids=np.array(
                list(ids) if ids is not None else [f"clip{row:05d}.avi" for row in range(count)], dtype=np.str_
            ),
            groups=np.array(list(groups) if groups is not None else [""] * count, dtype=np.str_),
            targets=np.array(targets, dtype=np.int64),
            scores=logits,
            classes=np.array(list(classes), dtype=np.str_),
            meta=np.array(json.dumps(told)),
        )
        return path


def _figures(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Top-1, top-5 and mean loss, straight from their definitions; what could not be read is wrong and has no loss."""
    read = ~np.isnan(logits).any(axis=1)
    order = np.argsort(-np.nan_to_num(logits), axis=1, kind="stable")
    rank = (order == targets[:, None]).argmax(axis=1)
    chance = np.exp(logits[read]) / np.exp(logits[read]).sum(axis=1, keepdims=True)
    loss = -np.log(chance[np.arange(read.sum()), targets[read]])
    return {
        "top1": float((read & (rank < 1)).mean()),
        "top5": float((read & (rank < 5)).mean()),
        "loss": float(loss.mean()),
    }


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "study")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One workspace for the tests of a module that only look."""
    return Study(tmp_path_factory.mktemp("shared") / "study")
