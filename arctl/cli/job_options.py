"""The options that `submit`, `rerun`, `resume`, `eval` and `sweep` share: what a job asks for and waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arctl.cli.context import Session, references

if TYPE_CHECKING:
    from arctl.request import Resources, When

Function = TypeVar("Function", bound=Callable[..., Any])

_RESOURCES = (
    click.option("--gpus", type=int, metavar="N", help="GPUs on each node."),
    click.option("--gpu-type", metavar="T", help="Type of the GPUs, as `arctl nodes` names it."),
    click.option("--nodes", type=int, metavar="N", help="Nodes."),
    click.option("--cpus", type=int, metavar="N", help="CPU cores on each node."),
    click.option("--mem", metavar="M", help="Memory of each node, as 32G."),
    click.option("--time", metavar="T", help="Time limit: minutes, 8:00:00 or 2-12:00:00."),
    click.option("--partition", metavar="P", help="Slurm partition."),
    click.option("--account", metavar="A", help="Account that pays."),
    click.option("--qos", metavar="Q", help="Quality of service."),
    click.option("--constraint", metavar="F", help="Features of the nodes, as a100&nvlink."),
    click.option("--exclude", metavar="N", help="Nodes to keep away from, as gpu2,gpu[7-9]."),
    click.option("--sbatch", multiple=True, metavar="--K=V", help="A further directive; repeatable, and it wins."),
)

_WHEN = (
    click.option("--after", multiple=True, metavar="RUN", help="Start when RUN has ended; repeatable."),
    click.option("--after-ok", multiple=True, metavar="RUN", help="Start when RUN is complete; repeatable."),
    click.option("--begin", metavar="T", help="Start no sooner: 22:00, now+2hours, 2026-12-01T08:00."),
    click.option("--hold", is_flag=True, help="Wait until `scontrol release`."),
)


_SENDING = (
    click.option("--no-snapshot", is_flag=True, help="Run the live code, not a copy of it as it is now."),
    click.option("--force", is_flag=True, help="Submit although the preflight says no."),
)


_TWICE = (
    click.option("--once", metavar="KEY", help="Send nothing where a run has this key already: for cron jobs."),
    click.option("--again", is_flag=True, help="Send it although the same is being submitted right now."),
)

_ANSWER = (
    click.option("--dry-run", is_flag=True, help="Print the script and the configuration; queue nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print a JSON document."),
)


def resource_options(function: Function) -> Function:
    """Give a command the options of what a job asks for."""
    return with_options(function, _RESOURCES)


def when_options(function: Function) -> Function:
    """Give a command the options of what a job waits for."""
    return with_options(function, _WHEN)


def sending_options(function: Function) -> Function:
    """Give a command the options of how a job is sent."""
    return with_options(function, _SENDING)


def once_options(function: Function) -> Function:
    """Give a command the options of what shall be sent once, or again."""
    return with_options(function, _TWICE)


def answer_options(function: Function) -> Function:
    """Give a command the options of how it answers."""
    return with_options(function, _ANSWER)


def resources_of(given: Mapping[str, Any]) -> Resources:
    """Return what was asked for."""
    from arctl.request import Resources

    return Resources(**{key: given[key] for key in Resources.__dataclass_fields__})


def when_of(session: Session, given: Mapping[str, Any]) -> When:
    """Return what the job shall wait for. Raises NotFoundError for a run that there is not."""
    from arctl.request import When

    after, after_ok = (tuple(references(session, given[key])) if given[key] else () for key in ("after", "after_ok"))
    return When(after=after, after_ok=after_ok, hold=given["hold"], begin=given["begin"])


def with_options(function: Function, options: tuple[Callable[[Function], Function], ...]) -> Function:
    """Give a command some options; help lists them in their order."""
    for option in reversed(options):
        function = option(function)
    return function
