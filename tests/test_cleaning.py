"""`arctl clean` removes what no run needs, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any


def test_only_what_no_run_names_goes(desk_in: type[Any], tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    desk.arctl("init")
    (tmp_path / "job.py").write_text("print(1)\n")
    desk.arctl("submit", "--", "python3", "job.py")
    (tmp_path / "job.py").write_text("print(2)\n")
    desk.arctl("submit", "--template", "array", "--", "python3", "job.py")
    desk.arctl("wait", "run1", "run2")
    code = tmp_path / ".arctl" / "code"
    places = {place for place in code.iterdir() if len(place.name) == 16}
    assert len(places) == 2
    for place in places:
        os.utime(place, (1.0, 1.0))
    assert json.loads(desk.arctl("clean", "--json").stdout) == {
        "schema": "arctl.cleaned/1", "snapshots": [], "spared": [], "arrays": [],
    }  # fmt: skip
    shutil.rmtree(tmp_path / "runs" / "run0002")
    desk.arctl("rebuild")
    assert desk.arctl("clean").stdout == "1 copies of code, 1 arrays' links\n"
    (left,) = (place for place in code.iterdir() if len(place.name) == 16)
    assert (left / "tree" / "job.py").read_text() == "print(1)\n"
    desk.arctl("rerun", "run1")
    desk.arctl("wait", "@latest")


def test_without_a_registry_nothing_is_removed(desk_in: type[Any], tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    desk.arctl("init")
    desk.arctl("submit", "--", "true")
    desk.arctl("wait", "run1")
    for place in (tmp_path / ".arctl" / "code").iterdir():
        os.utime(place, (1.0, 1.0))
    before = sorted(path.name for path in (tmp_path / ".arctl" / "code").iterdir())
    (tmp_path / "runs.db").write_bytes(b"garbage" * 1000)
    assert "arctl rebuild" in desk.arctl("clean", status=5).stderr
    assert sorted(path.name for path in (tmp_path / ".arctl" / "code").iterdir()) == before
