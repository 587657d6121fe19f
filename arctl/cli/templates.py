"""`arctl template`: the job templates, packaged and of this workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.cli import Family
from arctl.cli.context import Session, columns, echo_json
from arctl.errors import NotFoundError, UsageError

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

    found = templates.every(overrides=_overrides(session))
    if as_json:
        echo_json("arctl.templates/1", {"templates": [_facts(template) for template in found]})
        return
    rows = [("template", "from", "what it is for")]
    rows += [(one.name, str(one.path.parent), one.description) for one in found]
    click.echo("\n".join(columns(rows)))


@template_command.command("show")
@click.argument("name")
@click.pass_obj
def template_show(session: Session, name: str) -> None:
    """Print a template as it is."""
    from arctl import templates

    click.echo(templates.find(name, overrides=_overrides(session)).text, nl=False)


@template_command.command("check")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def template_check(session: Session, name: str | None, as_json: bool) -> None:
    """Check a template, by name or path, or all of them; exit status 2 where there is something to mend."""
    from arctl import templates

    found = [_named(session, name)] if name is not None else templates.every(overrides=_overrides(session))
    findings = {template.name: templates.check(template) for template in found}
    if as_json:
        echo_json("arctl.template-check/1", {"findings": findings})
    for template in [] if as_json else found:
        for finding in findings[template.name] or ["nothing to mend"]:
            click.echo(f"{template.name}: {finding}")
    wrong = [template for template in found if findings[template.name]]
    if wrong:
        raise UsageError(f"{len(wrong)} of {len(found)} templates need mending", where=str(wrong[0].path))


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
