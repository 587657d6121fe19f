"""Makes an SVG of the application look the same everywhere: no fonts to load, words at their cells, shapes as paths."""

from __future__ import annotations

import html
import re

FONT = "DejaVu Sans Mono, monospace"

_TEXT = re.compile(r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>')
_WIDTH, _HEIGHT, _RISE = 12.2, 24.4, 18.5
_ARMS = {"│": "ud", "─": "lr", "╭": "dr", "╮": "dl", "╰": "ur", "╯": "ul", "┤": "udl", "├": "udr"}
_ARMS |= {"┬": "lrd", "┴": "lru", "└": "ur", "┌": "dr", "┐": "dl", "┘": "ul", "┼": "udlr"}
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
_HALVES = {"▀": (0.0, 0.0, 1.0, 0.5), "▐": (0.5, 0.0, 0.5, 1.0)}

Box = tuple[float, float, float, float]
"""A rectangle: x, y, width, height."""


def portable(svg: str) -> str:
    """Return the picture without fonts of its own, and smaller."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = re.sub(r"font-family:\s*Fira Code, monospace", f"font-family: {FONT}", svg)
    svg = re.sub(r'\s*<clipPath id="[^"]*-line-\d+">.*?</clipPath>', "", svg, flags=re.DOTALL)
    svg = _TEXT.sub(_cells, svg)
    return re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)


def _cells(match: re.Match[str]) -> str:
    style, left, base, length, content = match.groups()
    text = html.unescape(content).replace("\xa0", " ")
    if float(length) / _WIDTH > len(text) + 0.5:
        return match[0]  # wide characters: their font knows where they go
    top, words, boxes = float(base) - _RISE, [], []
    for part in re.finditer(r"[^\s─-▟⠀-⣿]+|[─-▟⠀-⣿]", text):
        x = float(left) + _WIDTH * part.start()
        shape = _shape(part[0]) if len(part[0]) == 1 else []
        boxes += [(x + a, top + b, w, h) for a, b, w, h in shape]
        if not shape:
            size = f'textLength="{_WIDTH * len(part[0]):.1f}"'
            words.append(f'<text class="{style}" x="{x:.1f}" y="{base}" {size}>{html.escape(part[0])}</text>')
    path = "".join(f"M{x:.1f} {y:.1f}h{w:.1f}v{h:.1f}h-{w:.1f}z" for x, y, w, h in _joined(boxes))
    return "".join(words) + (f'<path class="{style}" d="{path}"/>' if path else "")


def _joined(boxes: list[Box]) -> list[Box]:
    """Make one rectangle of those that follow one another on a line."""
    found: list[Box] = []
    for x, y, w, h in boxes:
        if found and found[-1][1::2] == (y, h) and abs(found[-1][0] + found[-1][2] - x) < 0.4:
            found[-1] = (found[-1][0], y, x + w - found[-1][0], h)
        else:
            found.append((x, y, w, h))
    return found


def _shape(char: str) -> list[Box]:
    """Return the rectangles that make up a block, line or braille character of one cell."""
    code = ord(char)
    if 0x2800 <= code <= 0x28FF:
        dots = [place for bit, place in enumerate(_DOTS) if code - 0x2800 >> bit & 1]
        return [(_WIDTH * (0.14 + 0.5 * x), _HEIGHT * (0.08 + 0.25 * y), 3.0, 3.0) for x, y in dots]
    if 0x2581 <= code <= 0x2588:
        part = _HEIGHT * (code - 0x2580) / 8
        return [(0, _HEIGHT - part, _WIDTH + 0.2, part)]
    if 0x2589 <= code <= 0x258F:
        return [(0, 0, _WIDTH * (0x2590 - code) / 8, _HEIGHT)]
    if char in _HALVES:
        x, y, w, h = _HALVES[char]
        return [(_WIDTH * x, _HEIGHT * y, _WIDTH * w, _HEIGHT * h)]
    mid, high, thin = _WIDTH / 2, _HEIGHT / 2, 1.3
    thick = {"━": "lr", "╍": "lr"}
    if char in thick:
        wide = 2.6
        part = _WIDTH if char == "━" else _WIDTH * 0.6
        return [((_WIDTH - part) / 2, high - wide / 2, part, wide)]
    arms = {"u": (mid - thin / 2, 0.0, thin, high), "d": (mid - thin / 2, high, thin, high + 0.3)}
    arms |= {"l": (0.0, high - thin / 2, mid, thin), "r": (mid, high - thin / 2, mid + 0.3, thin)}
    return [arms[arm] for arm in _ARMS.get(char, "")]
