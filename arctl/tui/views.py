"""The views by name; a view is imported when it is first opened."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from arctl.tui.look import Look
from arctl.tui.screens.view import View

VIEWS = {
    "compare": ("compare", "CompareScreen"),
    "sweep": ("sweep", "SweepScreen"),
    "cluster": ("cluster", "ClusterScreen"),
    "submit": ("submit", "SubmitScreen"),
}
"""Module in `screens`, and class, of each view beside that of the runs."""


def make(name: str, look: Look) -> View:
    """Return a new view."""
    module, cls = VIEWS[name]
    return cast("View", getattr(import_module(f"arctl.tui.screens.{module}"), cls)(look))
