"""A visit of a page by a real headless Chromium: what it said on its console, what it asked for, how it looks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
)  # fmt: skip
_OWN = "not an origin"
"""What Chromium calls the initiator of requests that no page has made."""


@dataclass(frozen=True)
class Visit:
    """What a browser has seen."""

    console: list[str]
    """Lines of its console."""
    requests: set[str]
    """Addresses that the page asked for, its own file aside."""
    image: np.ndarray
    """(H, W, 3) the screenshot, 0 to 1."""


def chromium() -> str:
    """Return the browser's program; skip without one, unless ARCTL_REQUIRE_CHROMIUM is set."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("ARCTL_REQUIRE_CHROMIUM"):
            pytest.fail("ARCTL_REQUIRE_CHROMIUM is set, and there is no Chromium")
        pytest.skip("no Chromium here")
    return found


def visit(page: Path, room: Path, *, width: int, height: int) -> Visit:
    """Open a page in a window of that many pixels."""
    from matplotlib.image import imread

    log, shot = room / "net.json", room / "shot.png"
    said = _run(room, f"--log-net-log={log}", f"--window-size={width},{height}", f"--screenshot={shot}", page.as_uri())
    console = [line for line in said.splitlines() if ":CONSOLE:" in line]
    return Visit(console, _requests(log.read_text(), page), np.asarray(imread(shot))[:, :, :3])


def printed(page: Path, room: Path) -> bytes:
    """Print a page and return the PDF."""
    place = room / "page.pdf"
    _run(room, "--no-pdf-header-footer", f"--print-to-pdf={place}", page.as_uri())
    return place.read_bytes()


def _run(room: Path, *argv: str) -> str:
    profile = room / "profile"
    command = [chromium(), *_FLAGS, f"--user-data-dir={profile}", *argv]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _requests(log: str, page: Path) -> set[str]:
    try:
        events = json.loads(log)["events"]
    except ValueError:  # a browser that ends while it writes leaves the last brackets out
        events = json.loads(re.sub(r",\s*$", "", log) + "]}")["events"]
    told = [one["params"] for one in events if isinstance(one.get("params"), dict)]
    made = {str(one["url"]) for one in told if "url" in one and one.get("initiator", _OWN) != _OWN}
    return {url for url in made if url != page.as_uri() and not url.startswith("data:")}
