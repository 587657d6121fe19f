"""Pictures of the screens, compared with those that are stored beside this file.

What differs from one day or machine to the next (times, ages, paths) is fixed or replaced; where a picture was meant to
change, `ARCTL_UPDATE_SNAPSHOTS=1 pytest tests/tui/test_tui_snapshots.py` stores the new ones, to be looked at in a
browser before they are committed.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.widgets import Input

from arctl.rundir import RunDir
from arctl.settings import find_workspace
from arctl.sync import rebuild
from tests.compare.conftest import Study
from tests.tui import workspace as workspaces
from tests.tui.conftest import Opener, Seen
from tests.tui.sweep_world import sweeping
from tests.tui.test_tui_compare import MIXED, NEAR, SETUP, TARGETS

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "ARCTL_UPDATE_SNAPSHOTS"


@dataclass(frozen=True)
class Picture:
    """A screen that is kept."""

    name: str
    size: tuple[int, int]
    keys: str
    """What is typed, keys apart by blanks."""
    shows: tuple[str, ...]
    """What the screen holds once everything on it has been read."""
    workspace: str = "ws"
    """Which of the workspaces in the home directory."""

    @property
    def path(self) -> Path:
        """Where it is stored."""
        return SNAPSHOTS / f"{self.name}-{self.size[0]}x{self.size[1]}.svg"


PICTURES = (
    Picture("runs", (80, 24), "", ("r3d_tiny-aug", "1 failed")),
    Picture("runs", (200, 50), "j j", ("val/top1", "M next metrics", "96.4% @12", "12/12")),
    Picture("help", (80, 24), "question_mark", ("Runs", "compare the marked runs")),
    Picture("curves", (80, 24), "j j enter right right", ("epoch 2", "train/top1")),
    Picture("confusion", (120, 35), "j j j enter ] ]", ("rows true", "1 left")),
    Picture("compare", (120, 35), "j space j space c", ("Metrics on val", "val/loss", "at best"), "study"),
    Picture("submit", (80, 24), "n r 3 d _ t", ("choose a data set", "r3d_tiny")),
    Picture("sweep", (120, 35), "4", ("by 7 completed runs", "best, ○ running"), "sweep"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory with a workspace of four runs that ended, one to compare and one with a sweep."""
    home = tmp_path_factory.mktemp("home")
    small = workspaces.small(home / "ws")
    last = RunDir(small.runs / "run0004")
    workspaces.Written(last, 4, "9004", time.time() - 595, seq=200).end("completed")
    rebuild(small)
    study = Study(home / "study")
    for number, (name, answers) in enumerate((("mixed", MIXED), ("right", TARGETS), ("near", NEAR)), start=1):
        study.answered(number, {1: MIXED, 2: answers}, TARGETS, name=name, config=SETUP)
    study.index()
    sweeping(home / "sweep")
    return home


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.path.stem)
async def test_a_screen_looks_as_it_is_stored(
    picture: Picture, home: Path, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    async with opened(find_workspace(home / picture.workspace), picture.size, active=60) as seen:
        for key in picture.keys.split():
            await seen.press({"]": "right_square_bracket"}.get(key, key))
        await seen.shows(*picture.shows, timeout=30)
        drawn = await settled(seen)
    assert str(home) not in drawn
    if os.environ.get(UPDATE):
        SNAPSHOTS.mkdir(exist_ok=True)
        picture.path.write_text(drawn, encoding="utf-8")
    new = tmp_path / picture.path.name
    new.write_text(drawn, encoding="utf-8")
    same = picture.path.is_file() and picture.path.read_text(encoding="utf-8") == drawn
    assert same, f"{picture.path.name} looks different: see {new}; {UPDATE}=1 accepts it"


async def settled(seen: Seen) -> str:
    """Return the picture of a screen once it has stayed the same for a while."""
    for field in seen.app.screen.query(Input):
        field.cursor_blink = False
    before, same = "", 0
    for _ in range(100):
        await seen.pilot.pause(0.1)
        drawn = timeless(seen.app.export_screenshot(title="arctl"))
        same = same + 1 if drawn == before else 0
        if same == 3:
            return drawn
        before = drawn
    raise AssertionError("the screen does not come to rest")


def timeless(svg: str) -> str:
    """Replace what is different each time: ids, the time of the last sync, fonts that a browser would load."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    svg = re.sub(r"terminal-\d+-", "terminal-", svg)
    return re.sub(r"(synced&#160;|synced )\d\d:\d\d", r"\g<1>14:02", svg)
