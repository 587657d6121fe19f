"""`arctl report` as somebody types it: where the file goes, what it leaves alone, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arctl.cli.report import _replace
from arctl.rundir import RunDir
from tests.compare.conftest import Study


def test_a_file_and_its_path(studied: Study, outbox: Path) -> None:
    place = outbox / "r.html"
    said = studied.arctl("report", "space-time", "run2", "-o", str(place), "--title", "My <report>")
    assert said.out == f"{place}\n" and said.err.startswith("wrote ")
    text = place.read_text()
    assert text.startswith("<!DOCTYPE html>") and "<h1>My &lt;report&gt;</h1>" in text
    assert [one.name for one in outbox.iterdir()] == ["r.html"]


def test_markdown_goes_to_stdout_or_to_a_file_that_ends_so(studied: Study, outbox: Path) -> None:
    said = studied.arctl("report", "run1", "--format", "markdown")
    assert said.out.startswith("# run1 space-time\n") and not said.err
    place = outbox / "r.md"
    studied.arctl("report", "run1", "-o", str(place))
    assert place.read_text().startswith("# run1 space-time\n")
    assert studied.arctl("report", "run1", "-o", "-").out.startswith("<!DOCTYPE html>")


def test_only_a_report_is_replaced_unasked(studied: Study, outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(outbox)
    studied.arctl("report", "run6")
    studied.arctl("report", "run6")
    mine = outbox / "report.html"
    mine.write_text("<html>mine</html>")
    said = studied.arctl("report", "run6", status=2)
    assert "report.html: this is no report, and is left alone" in said.err
    assert mine.read_text() == "<html>mine</html>"
    studied.arctl("report", "run6", "-o", "report.html")
    assert mine.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("run99",), 3, "run99"),
        (("run1", "run2", "--at", "soon"), 2, "'soon' is no moment"),
        (("run1", "--at", "soon"), 2, "'soon' is no moment"),
        (("run1", "--views", "2x2"), 2, "'2x2' are no views"),
        (("run1", "--curve", "val/top2"), 3, "no metric 'val/top2'"),
        (("run1", "-o", "/nowhere/at/all.html"), 3, "no such directory"),
        (("run1", "-o", "/tmp"), 2, "this is a directory"),
        (("run1", "run5"), 5, "their predictions cannot be compared"),
        ((), 2, "missing argument"),
    ],
)
def test_what_is_refused(studied: Study, argv: tuple[str, ...], status: int, words: str) -> None:
    assert words in studied.arctl("report", *argv, status=status).err


def test_unlike_runs_are_told_of_by_force_with_a_warning_on_every_line(studied: Study) -> None:
    text = studied.arctl("report", "run1", "run5", "--force", "--format", "markdown").out
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert len(tables) > 5
    assert all("unlike sample set" in line for lines in tables for line in lines[2:])
    assert "> **unlike sample set" in text and "There is no test" in text


def test_damaged_predictions_are_named(study: Study) -> None:
    files = study.answered(1, {1: [0, 1, 2]}, [0, 1, 2])
    study.index()
    path = files.prediction_file("val", 1)
    path.write_bytes(path.read_bytes()[:300])
    said = study.arctl("report", "run1", status=5)
    assert path.name in said.err


def test_changed_predictions_are_found_out(study: Study) -> None:
    files = study.answered(1, {1: [0, 1, 2, 2]}, [0, 1, 2, 3])
    other = study.answered(2, {1: [3, 1, 2, 2]}, [0, 1, 2, 3])
    files.prediction_file("val", 1).write_bytes(other.prediction_file("val", 1).read_bytes())
    study.index()
    said = study.arctl("report", "run1", status=5)
    assert "val-0001.npz" in said.err and "in the run's events: one of them was changed" in said.err
    text = study.arctl("report", "run1", "--force", "--format", "markdown").out
    assert "one of them was changed" in text


def test_a_damaged_configuration_is_a_note(study: Study) -> None:
    files = RunDir(study.answered(1, {1: [0, 1, 2]}, [0, 1, 2], config={"model": {"name": "x"}}).path)
    study.index()
    files.config.write_text("model: [")
    text = study.arctl("report", "run1", "--format", "markdown").out
    assert "> " in text and "config.yaml" in text


def test_a_write_that_fails_leaves_the_old_file(outbox: Path) -> None:
    place = outbox / "r.html"
    _replace(place, "old")
    with pytest.raises(UnicodeEncodeError):
        _replace(place, "new \udcff")
    assert place.read_text() == "old" and [one.name for one in outbox.iterdir()] == ["r.html"]


def test_markdown_needs_no_matplotlib(studied: Study) -> None:
    code = (
        "import sys\nsys.modules['matplotlib'] = None\nfrom arctl.cli import app\n"
        f"app.main({json.dumps(['-w', str(studied.workspace.root)])} + sys.argv[1:])"
    )
    run = [sys.executable, "-c", code, "report", "run1", "-o", "-"]
    done = subprocess.run([*run, "--format", "markdown"], capture_output=True, text=True, check=True)
    assert "| top-1 |" in done.stdout
    failed = subprocess.run(run, capture_output=True, text=True, check=False)
    assert failed.returncode == 2 and "arctl[report]" in failed.stderr and not failed.stdout


def test_views_and_samples_can_be_chosen(study: Study) -> None:
    targets = [0, 1, 2, 3] * 5
    files = study.answered(1, {1: targets}, targets)
    logits = np.zeros((20, 3, 8), dtype=np.float16)
    logits[np.arange(20), :2, targets] = 4.0
    logits[:, 2, 7] = 4.0
    protocol = {"views": "3x1", "clips": 3, "crops": 1, "probe": None}
    told = {"views": 3, "protocol": protocol, "weights": "ab" * 32}
    study.store(files, logits, targets, epoch=1, variant="3x1", meta=told)
    study.index()
    ask = ("report", "run1", "--views", "3x1", "--format", "markdown")
    videos, clips = (study.arctl(*ask, "--of", unit).out for unit in ("video", "clip"))
    assert "top-1 100.0 % " in videos and "video level, 3x1 views, mean of softmax" in videos
    assert "top-1 66.7 % " in clips and "clip level, 3x1 views, every view by itself" in clips
