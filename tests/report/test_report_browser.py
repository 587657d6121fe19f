"""A report in a real browser: it shows, says nothing on the console, asks the network for nothing, and prints."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from arctl import report
from tests.compare.conftest import Study
from tests.report.browser import printed, visit

BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
"""Inks of the curves of the first and the second run."""


@pytest.fixture(scope="module")
def written(studied: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("written") / "report.html"
    place.write_text(report.write(report.report(studied.workspace, 1, 2), "html"), encoding="utf-8")
    return place


def inked(image: np.ndarray, ink: tuple[int, int, int], *, thin: bool = False) -> np.ndarray:
    """Return the rows in which at least three pixels have an ink; thin lines are paler."""
    near = np.abs(image - np.array(ink) / 255).max(axis=2) < (0.2 if thin else 0.02)
    return np.flatnonzero(near.sum(axis=1) >= 3)


def test_it_shows_in_silence_and_alone(written: Path, tmp_path: Path) -> None:
    seen = visit(written, tmp_path, width=1000, height=4000)
    assert seen.console == [] and seen.requests == set()
    assert seen.image.shape == (4000, 1000, 3)
    assert seen.image[0, 0].min() == 1.0  # white paper
    dark = seen.image.max(axis=2) < 0.4
    assert 0.005 < dark.mean() < 0.2
    assert dark[:, 500:].any() and not dark[:, 990:].any()
    for ink in (BLUE, ORANGE):  # curves, and intervals of the classes further down
        rows = inked(seen.image, ink)
        assert len(rows) > 60 and rows.max() - rows.min() > 800


def test_it_fits_a_telephone(written: Path, tmp_path: Path) -> None:
    seen = visit(written, tmp_path, width=500, height=3000)
    dark = seen.image.max(axis=2) < 0.4
    assert seen.console == [] and dark.any() and not dark[:, 492:].any()
    assert len(inked(seen.image, BLUE, thin=True)) > 20


def test_it_prints_on_pages_of_a4(written: Path, tmp_path: Path) -> None:
    pdf = printed(written, tmp_path)
    pages = re.findall(rb"/Type\s*/Page\b", pdf)
    sizes = {tuple(round(float(x)) for x in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", pdf)}
    assert pdf.startswith(b"%PDF-") and 4 <= len(pages) <= 14
    assert sizes == {(0, 0, 595, 842)}


def test_a_page_that_is_neither_silent_nor_alone_is_found_out(tmp_path: Path) -> None:
    place = tmp_path / "bad.html"
    place.write_text(
        '<!DOCTYPE html><p>hi</p><img src="http://127.0.0.1:9/x.png"><script>console.error("boom")</script>'
    )
    seen = visit(place, tmp_path, width=300, height=200)
    assert seen.requests == {"http://127.0.0.1:9/x.png"}
    assert any('"boom"' in line for line in seen.console)


def test_the_policy_stops_what_should_not_be_there(written: Path, tmp_path: Path) -> None:
    place = tmp_path / "injected.html"
    bad = '<img src="http://127.0.0.1:9/x.png"><script>console.error("boom")</script></main>'
    place.write_text(written.read_text(encoding="utf-8").replace("</main>", bad), encoding="utf-8")
    seen = visit(place, tmp_path, width=300, height=200)
    assert seen.requests == set()
    assert len(seen.console) == 2 and all("Content Security Policy" in line for line in seen.console)
