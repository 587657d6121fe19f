"""Reports on runs: one HTML file that needs nothing else, or Markdown for a pull request.

A report computes nothing of its own: its numbers are those of `arctl.compare`, of one run those that it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence

from arctl import __version__
from arctl.compare.moments import Asked
from arctl.compare.significance import Method
from arctl.errors import UsageError
from arctl.report import html, markdown
from arctl.report.classes import classes
from arctl.report.confusions import confusions
from arctl.report.findings import gather
from arctl.report.numbers import metrics, tests
from arctl.report.overview import answer, cost, curves, setup, software
from arctl.report.page import Report
from arctl.report.words import moment
from arctl.settings import Workspace

__all__ = ["FORMATS", "Report", "html", "markdown", "report", "write"]

FORMATS = ("html", "markdown")
"""What a report can be written as."""


def report(
    workspace: Workspace,
    *numbers: int,
    asked: Asked | None = None,
    method: Method | None = None,
    curves_of: Sequence[str] = (),
    title: str = "",
    force: bool = False,
) -> Report:
    """Return a report on runs.

    `curves_of` are the logged metrics to draw, by default loss and top-1. Raises what `compare.compare` raises, and
    NotFoundError for a metric that none of the runs has.
    """
    if not numbers:
        raise UsageError("a report needs a run", cure="name one, as in `arctl report run12`")
    found = gather(
        workspace, numbers, asked=asked or Asked(), method=method or Method(), metrics=curves_of, force=force
    )
    names = (" against " if len(found.runs) == 2 else ", ").join(
        f"{label} {row.name}" for label, row in zip(found.labels, found.runs, strict=True)
    )
    made = f"Written by arctl {__version__} on {moment(found.made)} from {workspace.root.name}."
    warning = f"unlike {found.warning}" if found.warning else ""
    sections = (answer, setup, cost, curves, metrics, tests, classes, confusions, software)
    return Report(title or names, made, warning, tuple(part(found) for part in sections))


def write(one: Report, form: str) -> str:
    """Return a report as `html` or `markdown`. Raises UsageError where figures are wanted and cannot be drawn."""
    return markdown.render(one) if form == "markdown" else html.render(one)
