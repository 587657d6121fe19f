"""Pictures of the dashboard, taken from the real application on a real workspace.

    python benchmarks/screenshots.py WORKSPACE OUTDIR [PICTURE...]

writes the pictures of README.md and of docs/dashboard.md as SVG, and those of README.md as PNG too where cairosvg is
installed. Keys are typed as a person would; the runs are chosen by what they are (the best one, one that failed, a
sweep), so that a workspace with a few ended runs of each kind will do. A picture without its run is left out.
The cluster has most to show where jobs of yours wait in Slurm: name a workspace of it, and dashboard-cluster.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.pictures import portable

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from arctl.registry.rows import RunRow


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    """Its file, without what ends it."""
    size: tuple[int, int]
    """Columns and lines."""
    keys: str
    """What is typed: keys by Textual's names, `'text'` by letters, `{best}` a run's number, `...` a pause."""
    also_png: bool = False
    """Whether README shows it as PNG."""


SHOTS = (
    Shot("dashboard-160x45", (160, 45), ": 'open run{best}' enter ... escape ...", also_png=True),
    Shot("dashboard-80x24", (80, 24), ": 'open run{best}' enter ... escape ...", also_png=True),
    Shot("dashboard-submit", (110, 34), "n ... 'r3d_t' tab tab 'mot' tab tab tab 'optim.lr=2e-3' tab 'train.ep' ..."),
    Shot("dashboard-failed", (124, 32), ": 'open run{failed}' enter ... escape / 'state:failed' enter G w ..."),
    Shot("dashboard-log", (80, 24), ": 'open run{failed}' enter ... l w ..."),
    Shot("dashboard-curves", (110, 34), ": 'open run{best}' enter ... left left left left ..."),
    Shot("dashboard-confusion", (110, 34), ": 'open run{worst}' enter ... ] ] ..."),
    Shot("dashboard-compare", (110, 38), ": 'compare run{worst} run{best}' enter ... ..."),
    Shot("dashboard-sweep", (110, 30), ": 'open run{sweep}' enter ... escape 4 ..."),
    Shot("dashboard-cluster", (120, 30), "5 ..."),
    Shot("dashboard-palette", (80, 24), ": 'th' ..."),
)


async def take(workspace: Path, shot: Shot) -> str | None:
    """Return an SVG of the dashboard after some keys; None where the workspace lacks a run for it."""
    from arctl.settings import find_workspace
    from arctl.tui.app import Dashboard

    app = Dashboard(find_workspace(workspace))
    async with app.run_test(size=shot.size) as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if app.snapshot.synced is not None or app.snapshot.trouble is not None:
                break
        try:
            keys = shot.keys.format_map(chosen(app.snapshot.runs))
        except KeyError:
            return None
        await _type(pilot, keys)
        await pilot.pause(1.0)
        return portable(app.export_screenshot(title=""))


def chosen(rows: Sequence[RunRow]) -> dict[str, int]:
    """Return the runs that pictures are about, by what they are; what no run is, is left out."""
    ended = [row for row in rows if row.state == "completed" and "val/top1" in row.metrics and not row.sweep]
    ended.sort(key=lambda row: row.metrics["val/top1"].max or 0.0)
    failed = [row for row in rows if row.state == "failed" and row.model]
    swept = [row for row in rows if row.sweep]
    found = {"best": ended[-1:], "worst": ended[:1], "failed": failed[:1], "sweep": swept[:1]}
    return {what: some[0].number for what, some in found.items() if some}


async def _type(pilot: Pilot[None], keys: str) -> None:
    for at, part in enumerate(keys.split("'")):
        if at % 2:
            await pilot.press(*("space" if char == " " else char for char in part))
            await pilot.pause(0.3)
            continue
        for word in part.split():
            await (pilot.pause(1.5) if word == "..." else pilot.press(word))
            await pilot.pause(0.1)


def main(arguments: list[str]) -> int:
    """Write the pictures."""
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    workspace, out, names = Path(arguments[0]), Path(arguments[1]), arguments[2:]
    out.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        if names and shot.name not in names:
            continue
        svg = asyncio.run(take(workspace, shot))
        if svg is None:
            print(f"{shot.name}: no such run in {workspace}", file=sys.stderr)
            continue
        path = out / f"{shot.name}.svg"
        path.write_text(svg, encoding="utf-8")
        print(path)
        if shot.also_png:
            _write_png(svg, path.with_suffix(".png"), width=shot.size[0] * 12)
    return 0


def _write_png(svg: str, path: Path, *, width: int) -> None:
    try:
        import cairosvg  # type: ignore[import-untyped]
    except ImportError:
        return
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(path), output_width=width)
    print(path)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
