"""`arctl eval`: from a run and a protocol to a further run that scores its weights."""

from __future__ import annotations

from typing import Any

import click

from arctl.cli.context import Session, narrate, references
from arctl.cli.job_options import (
    answer_options,
    once_options,
    resource_options,
    resources_of,
    sending_options,
    when_of,
    when_options,
    with_options,
)
from arctl.errors import UsageError

_PROTOCOL = (
    click.option("--views", metavar="CxS", default="10x3", show_default=True, help="Clips in time x crops in space."),
    click.option("--split", metavar="S", default="val", show_default=True, help="val, test or train."),
    click.option("--checkpoint", metavar="C", default="best", show_default=True, help="best, last, or a file."),
    click.option(
        "--probe", "probes", multiple=True, metavar="P", help="Also with frames shuffled, reversed, still; repeatable."
    ),
    click.option("--speed", is_flag=True, help="Also measure the speed of the model."),
    click.option("--batch-size", type=int, metavar="N", help="Views that the model sees at a time."),
)

_WORDS = (
    click.option("--name", metavar="N", help="Name of the evaluation; by default the run's with -eval."),
    click.option("--tag", "tags", multiple=True, metavar="T", help="A word to find it by; repeatable."),
    click.option("--note", metavar="TEXT", help="What it is for."),
    click.option("--cluster", metavar="C", help="slurm, or local: this machine; by default the run's."),
    click.option("--template", metavar="T", help="Job template; `arctl template ls` lists them."),
)


@click.command("eval")
@click.argument("run", metavar="RUN")
@lambda function: with_options(function, _PROTOCOL)
@resource_options
@when_options
@lambda function: with_options(function, _WORDS)
@once_options
@sending_options
@answer_options
@click.pass_obj
def eval_command(session: Session, /, run: str, **given: Any) -> None:
    """Score a run's checkpoint with many views, on any split.

    It is a job of its own, whose failure changes nothing of RUN, and asks for what one process of RUN had unless an
    option says otherwise. The predictions land in RUN's directory, where `metrics`, `confusion` and `compare` find
    them.
    """
    from dataclasses import replace

    from arctl.cli.submit import launch
    from arctl.evaluation import evaluate
    from arctl.request import Evaluation

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    protocol = {key: given[key] for key in ("checkpoint", "split", "views", "probes", "speed", "batch_size")}
    asked = evaluate(
        session.workspace,
        Evaluation(numbers[0], **protocol),
        resources=resources_of(given),
        when=when_of(session, given),
        snapshot=False if given["no_snapshot"] else None,
    )
    for note in asked.notes:
        narrate(note)
    words = {key: given[key] for key in ("name", "tags", "note", "cluster", "template", "once") if given[key]}
    launch(session, [replace(asked.request, again=given["again"], **words)], given)
