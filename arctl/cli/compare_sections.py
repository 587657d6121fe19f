"""The sections of a comparison's page, and the four ways to write them down: terminal, Markdown, LaTeX, CSV."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import click

from arctl.cli.tables import Cell, Column, heading, say, screen, show_table, terminal
from arctl.sections import Section
from arctl.text import safe_line, sheet_safe

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "≤": r"$\leq$", "−": "--", "κ": r"$\kappa$", "±": r"$\pm$",
}  # fmt: skip
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#])")


def show(sections: Iterable[Section]) -> None:
    """Print sections for people: on a terminal sentences are broken between words."""
    for section in sections:
        if section.title:
            heading(section.title)
        for cell in section.before:
            _say(cell)
        if section.rows:
            show_table(section.columns, section.rows)
        for cell in section.after:
            _say(cell)
        if section.drawing is not None:
            click.echo(section.drawing())


def _say(cell: Cell) -> None:
    """Print a sentence, or a line of code as it is."""
    width = screen()[0]
    if not terminal() or len(cell.text) <= width or cell.text[:1] in ("+", "-", " "):
        say(cell)
        return
    for line in textwrap.wrap(safe_line(cell.text), width, subsequent_indent="  ", break_on_hyphens=False):
        say(replace(cell, text=line))


def markdown(sections: Iterable[Section]) -> str:
    """Return sections as GitHub's Markdown, for a pull request."""
    parts: list[str] = []
    for section in sections:
        if section.title:
            parts.append(f"### {_marked(section.title)}")
        parts += [_sentence(cell) for cell in section.before if cell.text]
        if section.rows:
            parts.append("\n".join(_pipes(section)))
        parts += [_marked(cell.text) for cell in section.after]
    return "\n\n".join(parts) + "\n"


def _sentence(cell: Cell) -> str:
    return f"**{_marked(cell.text)}**" if cell.style == "bold" else _marked(cell.text)


def latex(sections: Iterable[Section]) -> str:
    """Return the tables as LaTeX for the package booktabs; sentences stand in comments and captions."""
    parts = ["% tables for \\usepackage{booktabs}"]
    for section in sections:
        if not section.rows:
            parts += [f"% {safe_line(cell.text)}" for cell in (*section.before, *section.after) if cell.text]
            continue
        columns, rows = _filled(section)
        kinds = "".join("r" if column.right else "l" for column in columns)
        words = " ".join(_escaped(cell.text.rstrip(".") + ".") for cell in (*section.before, *section.after))
        caption = f"{_escaped(section.title)}." + (f" {words}" if words else "")
        head = " & ".join(_escaped(column.title) for column in columns)
        body = "\n".join("    " + " & ".join(_escaped(_text(cell)) for cell in row) + r" \\" for row in rows)
        parts.append(
            "\\begin{table}[tb]\n  \\centering\n"
            f"  \\caption{{{caption}}}\n  \\begin{{tabular}}{{{kinds}}}\n    \\toprule\n"
            f"    {head} \\\\\n    \\midrule\n{body}\n    \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}"
        )
    return "\n".join(parts) + "\n"


def csv_lines(document: Mapping[str, object], *, unlike: str = "") -> str:
    """Return every number of a document as CSV with the columns `section`, `item`, `field`, `value`."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", "item", "field", "value", *(["unlike"] if unlike else [])])
    for path, value in _leaves(document, ()):
        section, item, field = path[0], ".".join(path[1:-1]), path[-1] if len(path) > 1 else ""
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        cell = sheet_safe(text) if isinstance(value, str) else text
        writer.writerow([sheet_safe(section), sheet_safe(item), sheet_safe(field), cell, *([unlike] if unlike else [])])
    return out.getvalue()


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, _named(inner, place)))
    else:
        yield path, value


def _named(item: object, place: int) -> str:
    """Return what an item of a list is called: by its own name where it has one, else by its place."""
    if isinstance(item, Mapping):
        for key in ("run", "key", "name", "class", "path", "label"):
            if isinstance(item.get(key), str):
                return str(item[key])
    return str(place)


def _text(cell: str | Cell) -> str:
    return safe_line(cell.text if isinstance(cell, Cell) else cell)


def _filled(section: Section) -> tuple[list[Column], list[list[str | Cell]]]:
    """Return the table without columns that may be dropped and are empty."""
    keep = [
        place
        for place, column in enumerate(section.columns)
        if not column.drop or any(_text(row[place]) not in ("", "-") for row in section.rows)
    ]
    return [section.columns[place] for place in keep], [[row[place] for place in keep] for row in section.rows]


def _pipes(section: Section) -> Iterator[str]:
    columns, rows = _filled(section)
    yield "| " + " | ".join(_marked(column.title) for column in columns) + " |"
    yield "|" + "|".join("---:" if column.right else "---" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(_marked(_text(cell)) for cell in row) + " |"


def _marked(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", safe_line(text))


def _escaped(text: str) -> str:
    letters = "".join(_LATEX.get(letter, letter) for letter in safe_line(text))
    return _MINUS.sub("$-$", letters).replace("--", "-{}-")
