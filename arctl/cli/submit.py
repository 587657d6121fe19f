"""`arctl submit` and `arctl rerun`: from a command line to a request, and from what was launched to a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arctl.cli.context import Session, echo_file, echo_json, narrate, references
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
from arctl.errors import SubmittedTwice, UsageError

if TYPE_CHECKING:
    from arctl.launch import Launched
    from arctl.plan import Plan
    from arctl.request import Request

Function = TypeVar("Function", bound=Callable[..., Any])

_WORDS = (
    click.option(
        "--set", "overrides", multiple=True, metavar="K=V", help="Change a key, as optim.lr=1e-4; repeatable."
    ),
    click.option("--name", metavar="N", help="Name of the run; by default the model's."),
    click.option("--tag", "tags", multiple=True, metavar="T", help="A word to find it by; repeatable."),
    click.option("--note", metavar="TEXT", help="What the run is for."),
    click.option("--group", metavar="G", help="Runs that belong together."),
    click.option("--cluster", metavar="C", help="slurm, or local: this machine."),
    click.option("--template", metavar="T", help="Job template; `arctl template ls` lists them."),
)


def _common(function: Function) -> Function:
    function = once_options(sending_options(answer_options(function)))
    return with_options(resource_options(when_options(function)), _WORDS)


class _TakesCommand(click.Command):
    """A command that takes a program and its arguments after `--`, untouched."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta["arctl.command"] = tuple(args[cut + 1 :])
        if cut < len(args) and not ctx.meta["arctl.command"]:
            raise click.UsageError("no command stands after --", ctx)
        return super().parse_args(ctx, args[:cut])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "--model M --data D [OPTIONS]  |  [OPTIONS] -- COMMAND ...")


@click.command("submit", cls=_TakesCommand)
@click.option("--model", "-m", metavar="M", help="Model; `arctl models` lists them.")
@click.option("--data", "-d", metavar="D", help="Data set: a name of `arctl data ls`, or a path.")
@click.option("--preset", metavar="P", help="A preset of the model.")
@click.option("--seeds", metavar="1,2,3", help="One run for each seed, all in one job array.")
@_common
@click.pass_context
def submit_command(
    ctx: click.Context, /, model: str | None, data: str | None, preset: str | None, **given: Any
) -> None:
    """Submit a training run, or any command after --.

    Everything is checked here, before anything queues. Prints the run and its job: `run12  job 77 on slurm`.
    """
    from arctl.request import Request

    session: Session = ctx.obj
    seeds = _seeds(given.pop("seeds"))
    command = ctx.meta["arctl.command"]
    words = _words(given) | {"when": when_of(session, given), "resources": resources_of(given)}
    base = Request(model=model, data=data, preset=preset, command=command, **words)
    if seeds and command:
        raise UsageError("--seeds is for the trainer, not for a command after --", cure="leave one of them out")
    launch(session, base.with_seeds(seeds), given)


@click.command("rerun")
@click.argument("run", metavar="RUN")
@_common
@click.pass_obj
def rerun_command(session: Session, /, run: str, **given: Any) -> None:
    """Submit a run again, with changes.

    Configuration, resources, name, tags and note are those of RUN unless an option says otherwise.
    """
    from arctl.launch import again

    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    words = {key: value for key, value in _words(given).items() if value not in (None, "", ())}
    request = again(session.workspace, numbers[0], resources=resources_of(given), when=when_of(session, given), **words)
    launch(session, [request], given)


@click.command("resume")
@click.argument("run", metavar="RUN")
@resource_options
@when_options
@click.option("--force", is_flag=True, help="Submit although the preflight says no.")
@click.option("--dry-run", is_flag=True, help="Print the script; queue nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def resume_command(session: Session, /, run: str, dry_run: bool, as_json: bool, force: bool, **given: Any) -> None:
    """Go on with a run that ended early, from its checkpoint.

    A further job of the same run: its directory, configuration and code are as they were; an option changes what the
    job asks for, as --time 8:00:00.
    """
    from arctl.cli.preflight import check_first
    from arctl.resume import rehearse_resume, resume

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    resources, when = resources_of(given), when_of(session, given)
    plan = rehearse_resume(session.workspace, numbers[0], resources=resources, when=when)
    if dry_run:
        _show([plan], as_json=as_json)
    check_first(session.workspace, [plan], force=force, dry=dry_run)
    if dry_run:
        return
    done = resume(session.workspace, numbers[0], resources=resources, when=when)
    if as_json:
        echo_json("arctl.submitted/1", {"runs": [done.facts()]})
    else:
        click.echo(_line(done))
    narrate(f"follow it with `arctl logs -f {done.run}`")


def _words(given: dict[str, Any]) -> dict[str, Any]:
    words = {key: given[key] for key in ("overrides", "name", "tags", "group", "cluster", "template", "once", "again")}
    return {**words, "note": given["note"] or "", "snapshot": False if given["no_snapshot"] else None}


def _seeds(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    seeds = text.split(",")
    if not all(seed.isascii() and seed.isdecimal() and len(seed) < 10 for seed in seeds) or len(set(seeds)) < len(
        seeds
    ):
        raise UsageError(f"cannot read {text!r}", where="--seeds", cure="write different whole numbers, as in 1,2,3")
    return tuple(int(seed) for seed in seeds)


def launch(session: Session, requests: Sequence[Request], given: Mapping[str, Any]) -> None:
    """Submit requests as one array or one by one, or show what that would do, and say what came of it."""
    from arctl.cli.preflight import check_first
    from arctl.launch import rehearse_all, submit_plans

    plans = rehearse_all(session.workspace, requests)
    if given["dry_run"]:
        _show(plans, as_json=given["as_json"])
        check_first(session.workspace, plans, force=given["force"], dry=True)
        return
    check_first(session.workspace, plans, force=given["force"])
    done: list[Launched] = []

    def tell(run: Launched) -> None:
        done.append(run)
        if not given["as_json"]:
            click.echo(_line(run))

    try:
        submit_plans(session.workspace, plans, tell=tell, say=narrate)
    except SubmittedTwice as error:
        if error.under_way:
            raise
        narrate(str(error))
        if not given["as_json"]:
            click.echo(f"run{error.number}")
            return
        echo_json("arctl.submitted/1", {"runs": [], "had": f"run{error.number}"})
        return
    finally:
        if given["as_json"] and done:
            echo_json("arctl.submitted/1", {"runs": [launched.facts() for launched in done]})
    narrate(f"follow it with `arctl logs -f {done[-1].run}`")


def _line(launched: Launched) -> str:
    return f"{launched.run}  job {launched.job_id} on {launched.cluster}"


def _show(plans: Sequence[Plan], *, as_json: bool) -> None:
    """Print scripts and configurations: of an array one script, and of each further element what is its own."""
    if as_json:
        echo_json("arctl.plan/1", {"runs": [plan.facts() for plan in plans]})
        return
    first = plans[0]
    several = first.template.array and len(plans) > 1
    for plan in plans:
        if plan is first or not several:
            echo_file(plan.script)
        if plan.config is not None:
            own = plan if plan is first or not several else _own_part(plan, first)
            whose = f" of {plan.values['run']}" if several else ""
            click.echo(f"\n# config.yaml{whose}{'' if own is plan else ': as above, but for'}")
            echo_file(own.config_text())
    narrate("a dry run: nothing was queued; the run's number and token are given when it is submitted")


def _own_part(plan: Plan, first: Plan) -> Plan:
    """Return the plan with those keys of its configuration alone that differ from the first's."""
    from dataclasses import replace

    config, other = plan.config or {}, first.config or {}
    differs = {
        section: {key: value for key, value in keys.items() if other.get(section, {}).get(key) != value}
        for section, keys in config.items()
    }
    return replace(plan, config={section: keys for section, keys in differs.items() if keys})
