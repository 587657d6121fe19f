"""`arctl template`: the job templates, packaged and of this workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.cli import Family
from arctl.cli.context import Session, columns, echo_file, echo_json, narrate
from arctl.errors import NotFoundError, UsageError
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.templates import Template


@click.group("template", cls=Family)
def template_command() -> None:
    """List, show and check job templates."""


@template_command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def template_ls(session: Session, as_json: bool) -> None:
    """List the templates; one in templates/ hides the packaged one of its name."""
    from arctl import templates

    overrides = _overrides(session)
    found, broken = templates.every(overrides=overrides), templates.broken(overrides=overrides)
    for error in broken.values():
        narrate(f"warning: {error}")
    if as_json:
        unread = [{"name": name, "path": error.where, "why": error.what} for name, error in broken.items()]
        echo_json("arctl.templates/1", {"templates": [_facts(template) for template in found], "broken": unread})
        return
    rows = [("template", "from", "what it is for")]
    rows += [(safe_line(one.name), safe_line(str(one.path.parent)), safe_line(one.description)) for one in found]
    click.echo("\n".join(columns(rows)))


@template_command.command("show")
@click.argument("name")
@click.pass_obj
def template_show(session: Session, name: str) -> None:
    """Print a template as it is."""
    from arctl import templates

    echo_file(templates.find(name, overrides=_overrides(session)).text)


@template_command.command("check")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def template_check(session: Session, name: str | None, as_json: bool) -> None:
    """Check a template, by name or path, or all of them; exit status 2 where there is something to mend.

    What it finds is what `arctl submit` refuses.
    """
    from arctl import templates

    found = [_named(session, name)] if name is not None else templates.every(overrides=_overrides(session))
    broken = {} if name is not None else templates.broken(overrides=_overrides(session))
    places = {one.name: str(one.path) for one in found} | {key: str(error.where) for key, error in broken.items()}
    findings = {one.name: templates.check(one) for one in found} | {key: [it.what] for key, it in broken.items()}
    if as_json:
        echo_json("arctl.template-check/1", {"findings": {key: findings[key] for key in sorted(findings)}})
    for key in [] if as_json else sorted(findings):
        for finding in findings[key] or ["nothing to mend"]:
            click.echo(safe_line(f"{key}: {finding}"))
    wrong = [places[key] for key in sorted(findings) if findings[key]]
    if wrong:
        raise UsageError(f"{len(wrong)} of {len(findings)} templates need mending", where=wrong[0])


def _named(session: Session, name: str) -> Template:
    from arctl import templates

    path = Path(name)
    if path.suffix == ".sbatch" or "/" in name:
        return templates.find(path.stem, overrides=path.parent) if path.is_file() else _missing(path)
    return templates.find(name, overrides=_overrides(session))


def _missing(path: Path) -> Template:
    raise NotFoundError("there is no such template", where=str(path), cure="`arctl template ls` lists them")


def _overrides(session: Session) -> Path | None:
    """Return the workspace's own templates; outside of a workspace there are only the packaged ones."""
    try:
        return session.workspace.templates
    except NotFoundError:
        if session.explicit is not None:
            raise
        return None


def _facts(template: Template) -> dict[str, object]:
    return {
        "name": template.name,
        "path": str(template.path),
        "description": template.description,
        "variables": dict(template.variables),
    }
