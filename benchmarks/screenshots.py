"""Pictures of the dashboard, taken from the real application on a real workspace.

    python benchmarks/screenshots.py WORKSPACE OUTDIR

writes dashboard-80x24 and dashboard-160x45 as SVG, and as PNG where cairosvg is installed. The pictures are
taken once the runs have been read and the newest run with an accuracy is shown.
"""

from __future__ import annotations

import asyncio
import html
import re
import sys
from pathlib import Path

SIZES = ((80, 24), (160, 45))
FONT = "DejaVu Sans Mono, monospace"


async def take(workspace_root: Path, size: tuple[int, int], *, keys: tuple[str, ...] = ()) -> str:
    """Return an SVG of the dashboard at a size in cells, after some keys."""
    from arctl.settings import find_workspace
    from arctl.tui.app import Dashboard

    app = Dashboard(find_workspace(workspace_root))
    async with app.run_test(size=size) as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if app.snapshot.synced is not None or app.snapshot.trouble is not None:
                break
        for key in keys or _to_best(app.snapshot.runs):
            await pilot.press(key)
        await pilot.pause(1.0)
        return portable(app.export_screenshot(title=f"arctl {size[0]}x{size[1]}"))


def _to_best(runs: tuple[object, ...]) -> list[str]:
    best = [row.metrics["val/top1"].max if "val/top1" in row.metrics else -1 for row in runs]  # type: ignore[attr-defined]
    return ["j"] * best.index(max(best)) if best else []


def portable(svg: str) -> str:
    """Make a picture that looks the same everywhere: no font to download, words at their cells, shapes as shapes."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = re.sub(r"font-family:\s*Fira Code, monospace", f"font-family: {FONT}", svg)
    return _TEXT.sub(_cells, svg)


_TEXT = re.compile(r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>')
_WIDTH, _HEIGHT, _RISE = 12.2, 24.4, 18.5
_ARMS = {"│": "ud", "─": "lr", "╭": "dr", "╮": "dl", "╰": "ur", "╯": "ul", "┤": "udl", "├": "udr"}
_ARMS |= {"┬": "lrd", "┴": "lru", "└": "ur", "┌": "dr", "┐": "dl", "┘": "ul", "┼": "udlr"}
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def _cells(match: re.Match[str]) -> str:
    style, left, base, length, content = match.groups()
    text = html.unescape(content).replace("\xa0", " ")
    top, shapes = float(base) - _RISE, []
    wide = float(length) / _WIDTH > len(text) + 0.5
    for part in re.finditer(r"\S+", text) if not wide else ():
        for word in re.finditer(r"[^─-▟⠀-⣿]+|[─-▟⠀-⣿]", part[0]):
            x = float(left) + _WIDTH * (part.start() + word.start())
            boxes = _shape(word[0]) if len(word[0]) == 1 else []
            if boxes:
                shapes += [
                    f'<rect class="{style}" x="{x + a:.1f}" y="{top + b:.1f}" width="{w:.1f}" height="{h:.1f}"/>'
                    for a, b, w, h in boxes
                ]
            else:
                words = html.escape(word[0])
                size = f'textLength="{_WIDTH * len(word[0]):.1f}"'
                shapes.append(f'<text class="{style}" x="{x:.1f}" y="{base}" {size}>{words}</text>')
    return "".join(shapes) if not wide else match[0]


def _shape(char: str) -> list[tuple[float, float, float, float]]:
    """Rectangles (x, y, width, height) that make up a block, line or braille character of one cell."""
    code = ord(char)
    if 0x2800 <= code <= 0x28FF:
        dots = [place for bit, place in enumerate(_DOTS) if code - 0x2800 >> bit & 1]
        return [(_WIDTH * (0.14 + 0.5 * x), _HEIGHT * (0.08 + 0.25 * y), 3.0, 3.0) for x, y in dots]
    if 0x2581 <= code <= 0x2588:
        part = _HEIGHT * (code - 0x2580) / 8
        return [(0, _HEIGHT - part, _WIDTH + 0.2, part)]
    if char == "▌":
        return [(0, 0, _WIDTH / 2, _HEIGHT)]
    x, y, thin = _WIDTH / 2, _HEIGHT / 2, 1.3
    arms = {"u": (x - thin / 2, 0.0, thin, y), "d": (x - thin / 2, y, thin, y + 0.3)}
    arms |= {"l": (0.0, y - thin / 2, x, thin), "r": (x, y - thin / 2, x + 0.3, thin)}
    return [arms[arm] for arm in _ARMS.get(char, "")]


def main(arguments: list[str]) -> int:
    """Write the pictures."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    workspace, out = Path(arguments[0]), Path(arguments[1])
    out.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        svg = asyncio.run(take(workspace, size))
        path = out / f"dashboard-{size[0]}x{size[1]}.svg"
        path.write_text(svg, encoding="utf-8")
        print(path)
        try:
            import cairosvg
        except ImportError:
            continue
        cairosvg.svg2png(bytestring=svg.encode(), write_to=str(path.with_suffix(".png")), output_width=size[0] * 12)
        print(path.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
