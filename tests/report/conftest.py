"""Workspaces whose runs are reported on, with names that try to break out of every format."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.compare.conftest import Study

HOSTILE = "</td></table><script>alert(1)</script>|$\\frac{1}{2}$`_*x*_`\"'&amp;"
"""The name of a class."""

CLASSES = ("Left", "Right", "Up", "Down", HOSTILE, "跑步", "Approach", "Recede")
SAMPLES = 240
VOID = ("meta", "link", "br", "img")


class Page(HTMLParser):
    """What an HTML file is made of, by a parser that is not a browser; it fails on tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._open and self._open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def row(self, name: str) -> list[str]:
        """Return the cells beside the first row of that name."""
        return next(row[1:] for row in self.rows if row and row[0] == name)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such element."""
        return [attrs for name, attrs in self.tags if name == tag]


def answers(seed: int, share: float, targets: np.ndarray, *, unread: int = 0) -> list[int]:
    """Return answers of which a share is right, the others the next class; the last ones could not be read."""
    rng = np.random.default_rng(seed)
    given = np.where(rng.random(len(targets)) < share, targets, (targets + 1) % len(CLASSES))
    given[len(given) - unread :] = -1
    return [int(value) for value in given]


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Runs 1 and 2 differ; 3 and 4 are two seeds; 5 has other samples; 6 has nothing; 7 was started again."""
    study = Study(tmp_path_factory.mktemp("report") / "lab & <co>")
    targets = np.arange(SAMPLES) % len(CLASSES)
    groups = [f"film{k // 6}" for k in range(SAMPLES)]
    told = {"targets": targets.tolist(), "groups": groups, "classes": CLASSES}

    def run(number: int, first: float, last: float, *, seed: int, model: str, **more: object) -> None:
        given = {1: answers(number, first, targets), 2: answers(10 + number, last, targets, unread=3)}
        config = {"model": {"name": model}, "optim": {"lr": 0.01}, "train": {"epochs": 2, "seed": seed}}
        study.answered(number, given, config=config, **{**told, **more})  # type: ignore[arg-type]

    run(1, 0.4, 0.9, seed=0, model="r3d_tiny", name="space-time", note="a note with <b>marks</b>", tags=("demo",))
    run(2, 0.3, 0.5, seed=0, model="frame_tiny", name="frames-only")
    run(3, 0.5, 0.88, seed=1, model="mvit", name="mvit")
    run(4, 0.5, 0.92, seed=2, model="mvit", name="mvit")
    run(5, 0.5, 0.9, seed=0, model="r3d_tiny", name="other-data", groups=None, ids=[f"x{k}" for k in range(SAMPLES)])
    study.run(6, name="nothing")
    run(7, 0.5, 0.9, seed=3, model="r3d_tiny", name="restarted")
    again = [
        {"kind": "start", "resumed_step": 20},
        {"kind": "eval", "split": "val", "epoch": 3, "step": 30, "metrics": {"val/top1": 0.95, "val/loss": 0.2}},
    ]
    study.events(study_files(study, 7), "108.0", again)
    study.index()
    return study


def study_files(study: Study, number: int):  # type: ignore[no-untyped-def]
    """Return the files of a run."""
    from arctl.rundir import RunDir

    return RunDir(study.workspace.run_dir(number))


def numbers(text: str) -> list[float]:
    """Return every number in a text."""
    return [float(found) for found in re.findall(r"[-+]?\d+(?:\.\d+)?", text)]


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    """A directory to write reports into."""
    place = tmp_path / "out"
    place.mkdir()
    return place


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "study")
