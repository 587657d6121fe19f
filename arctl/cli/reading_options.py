"""The options that `compare` and `report` share: which answers of runs are meant, and what decides between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arctl.cli.job_options import with_options

if TYPE_CHECKING:
    from arctl.compare import Asked

Function = TypeVar("Function", bound=Callable[..., Any])

_ANSWERS = (
    click.option("--at", default="best", show_default=True, metavar="best|last|epoch=N", help="Moment of each run."),
    click.option("--split", default="val", show_default=True, metavar="S", help="Split on which answers are compared."),
    click.option("--views", metavar="10x3", help="Predictions of so many views; by default what training wrote."),
    click.option("--head", default="", metavar="verb|noun|action", help="Of models with two heads."),
    click.option(
        "--of",
        "unit",
        type=click.Choice(("video", "clip")),
        default="video",
        show_default=True,
        help="What is a sample.",
    ),
    click.option(
        "--aggregation",
        type=click.Choice(("softmax-mean", "logit-mean")),
        default="softmax-mean",
        show_default=True,
        help="How views become one answer.",
    ),
    click.option(
        "--metric",
        type=click.Choice(("top1", "top5", "mean_class", "macro_f1")),
        default="top1",
        show_default=True,
        help="What decides between runs.",
    ),
    click.option(
        "--cluster-by",
        type=click.Choice(("group", "none")),
        default="group",
        show_default=True,
        help="Clips of one source stand or fall together, or each by itself.",
    ),
)


def reading_options(function: Function) -> Function:
    """Give a command the options of which answers are meant."""
    return with_options(function, _ANSWERS)


def asked_of(given: Mapping[str, Any]) -> Asked:
    """Return which answers were asked for."""
    from arctl.compare import Asked

    return Asked(
        at=given["at"],
        split=given["split"],
        views=given["views"],
        head=given["head"],
        level=given["unit"],
        aggregation=given["aggregation"],
    )
