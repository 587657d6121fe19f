"""A report as GitHub's Markdown, for a pull request: the same tables; of a figure its words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arctl.report.page import Block, Cell, Code, Drawing, Report, Table, Text
from arctl.text import safe, safe_line

_MARKED = re.compile(r"([\\`*_\[\]<>|~$&])")
_START = re.compile(r"^(\d+)([.)])|^([-+=:#])")
_LINK = re.compile(r"(?i)\b(https?|ftp)(://)|\b(www)(\.)")
_MENTION = re.compile(r"@(?=\w)|#(?=\d)")


def render(report: Report) -> str:
    """Return the whole text."""
    parts = [f"# {_text(report.title)}", _text(report.subtitle)]
    parts += [f"> **{_inline(report.banner)}**"] if report.warning else []
    for section in report.sections:
        if section.blocks:
            parts.append(f"## {_text(section.title)}")
            parts += [part for block in section.blocks for part in _block(block, report)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, report: Report) -> Iterator[str]:
    if isinstance(block, Text):
        yield _paragraph(block, report)
    elif isinstance(block, Table):
        yield f"**{_inline(report.warned(block.caption))}**"
        yield "\n".join(_table(block, report.warning))
        yield from _protocol(block.protocol)
    elif isinstance(block, Drawing):
        yield f"**{_inline(report.warned(block.caption))}** {_inline(block.alt, limit=2000)}"
        yield from _protocol(block.protocol)
    else:
        yield _text(block.caption)
        yield _code(block)


def _paragraph(block: Text, report: Report) -> str:
    text = report.warned(block.text)
    if block.kind == "answer":
        return f"**{_inline(text)}**"
    return f"> {_text(text)}" if block.kind in ("note", "warning") else _text(text)


def _table(table: Table, warning: str) -> Iterator[str]:
    extra = ["warning"] if warning else []
    yield "| " + " | ".join([*(_inline(head.title) for head in table.heads), *extra]) + " |"
    yield "|" + "|".join([*("---:" if head.right else "---" for head in table.heads), *(["---"] * len(extra))]) + "|"
    for row in table.rows:
        yield "| " + " | ".join([*map(_cell, row), *([_inline(warning)] if warning else [])]) + " |"


def _cell(cell: str | Cell) -> str:
    text = _inline(cell.text if isinstance(cell, Cell) else cell)
    return f"**{text}**" if isinstance(cell, Cell) and cell.tone == "best" and text else text


def _protocol(lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield "<sub>" + "<br>".join(_inline(line) for line in lines) + "</sub>"


def _code(block: Code) -> str:
    lines = [safe(line).replace("\n", " ") for line in block.lines]
    longest = max([2, *(len(run) for line in lines for run in re.findall(r"`+", line))])
    fence = "`" * (longest + 1)
    return "\n".join([fence, *lines, fence])


def _text(text: str, *, limit: int = 1000) -> str:
    """Return the text of a line of its own: nor does its beginning make a list or a heading of it."""
    line = _inline(text, limit=limit)
    return _START.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", line)


def _inline(text: str, *, limit: int = 1000) -> str:
    """Return text that is shown as it is: no markup, no link, no mention of a person or of an issue."""
    line = _MARKED.sub(r"\\\1", safe_line(text, limit=limit))
    line = _LINK.sub(lambda found: f"{found[1] or found[3]}\\{found[2] or found[4]}", line)
    return _MENTION.sub(lambda found: f"{found[0]}<!-- -->", line)
