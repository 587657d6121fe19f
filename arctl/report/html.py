"""A report as one HTML file that needs nothing else: no network, no script, no font, no file beside it.

Every text passes `_text`, so that nothing that a run, a class or a clip is called can become markup; the policy in the
head forbids a browser to load or run anything all the same.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from arctl.report.page import Block, Cell, Code, Drawing, Report, Section, Table, Text
from arctl.text import safe, safe_line

GENERATOR = "arctl report"
"""Names this program in the head, so that a file can be known as a report."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_TONES = {"best": "best", "better": "better", "worse": "worse", "weak": "weak"}
_KINDS = {"answer": "answer", "warning": "warning", "note": "note", "small": "small"}


def render(report: Report) -> str:
    """Return the whole file."""
    sections = [one for one in report.sections if one.blocks]
    return "\n".join([*_head(report), *_contents(sections), *_body(report, sections), "</body>", "</html>", ""])


def _head(report: Report) -> Iterator[str]:
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f'<meta name="generator" content="{GENERATOR}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light">'
    yield '<link rel="icon" href="data:,">'
    yield f"<title>{_text(report.title)}</title>"
    yield f"<style>\n{style}</style>"
    yield "</head>"
    yield "<body>"
    yield f"<header>\n<h1>{_text(report.title)}</h1>\n<p>{_text(report.subtitle)}</p>\n</header>"


def _contents(sections: list[Section]) -> Iterator[str]:
    yield '<nav aria-label="Contents">\n<ul>'
    for place, section in enumerate(sections, start=1):
        yield f'<li><a href="#part{place}">{_text(section.title)}</a></li>'
    yield "</ul>\n</nav>"


def _body(report: Report, sections: list[Section]) -> Iterator[str]:
    yield "<main>"
    if report.warning:
        yield f'<p class="warning" role="alert">{_text(report.banner)}</p>'
    for place, section in enumerate(sections, start=1):
        yield f'<section id="part{place}" aria-labelledby="head{place}">'
        yield f'<h2 id="head{place}">{_text(section.title)}</h2>'
        for block in section.blocks:
            yield from _block(block, report)
        yield "</section>"
    yield "</main>"


def _block(block: Block, report: Report) -> Iterator[str]:
    if isinstance(block, Text):
        yield f"<p{_class(_KINDS.get(block.kind, ''))}>{_text(report.warned(block.text))}</p>"
    elif isinstance(block, Table):
        yield from _table(block, report)
    elif isinstance(block, Drawing):
        yield f'<figure role="group" aria-label="{_text(block.caption)}">'
        yield f'<div class="wide" tabindex="0">{_labelled(block.draw(), block.alt)}</div>'
        yield f"<figcaption>{_text(report.warned(block.caption))}{_protocol(block.protocol)}</figcaption>"
        yield "</figure>"
    else:
        yield from _code(block)


def _labelled(drawing: str, alt: str) -> str:
    """Return an `<svg>` that is one image to those who hear it, with its words."""
    return drawing.replace("<svg", f'<svg role="img" aria-label="{_text(alt, limit=2000)}"', 1)


def _table(table: Table, report: Report) -> Iterator[str]:
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{_text(table.caption)}">'
    yield f"<table>\n<caption>{_text(report.warned(table.caption))}</caption>"
    heads = [f'<th scope="col"{_class("right" if one.right else "")}>{_text(one.title)}</th>' for one in table.heads]
    heads += ['<th scope="col">warning</th>'] if report.warning else []
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        first, *others = row
        cells = [f'<th scope="row">{_text(first.text if isinstance(first, Cell) else first)}</th>']
        cells += [_cell(cell, right=head.right) for cell, head in zip(others, table.heads[1:], strict=True)]
        cells += [f'<td class="warning">{_text(report.warning)}</td>'] if report.warning else []
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody>\n</table>"
    yield f"{_protocol(table.protocol)}</div>"


def _cell(cell: str | Cell, *, right: bool) -> str:
    given = cell if isinstance(cell, Cell) else Cell(cell)
    words = " ".join(filter(None, ("right" if right else "", _TONES.get(given.tone, ""))))
    return f"<td{_class(words)}>{_text(given.text)}</td>"


def _class(words: str) -> str:
    return f' class="{words}"' if words else ""


def _protocol(lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return f'<p class="protocol">{"<br>".join(_text(line) for line in lines)}</p>'


def _code(block: Code) -> Iterator[str]:
    lines = "\n".join(html.escape(safe(line).replace("\n", " ")) for line in block.lines)
    yield f"<p>{_text(block.caption)}</p>"
    yield f'<pre tabindex="0" aria-label="{_text(block.caption)}"><code>{lines}</code></pre>'


def _text(text: str, *, limit: int = 1000) -> str:
    return html.escape(safe_line(text, limit=limit))
