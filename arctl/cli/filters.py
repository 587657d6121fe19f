"""`arctl ls --filters`, `--save-filter`, `--forget-filter`: filters that are kept under a name."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arctl.cli.context import Session, columns, echo_json, narrate
from arctl.filtering import saved


def filters_verb(session: Session, forget: str | None, *, as_json: bool) -> None:
    """Drop a filter, or list all of them."""
    if forget is not None:
        saved.forget(session.workspace, forget)
        narrate(f"@{forget} is forgotten")
        return
    found = saved.saved(session.workspace)
    if as_json:
        echo_json("arctl.filters/1", {"filters": found})
    elif not found:
        narrate("no filter is kept (keep one: `arctl ls --save-filter good --where 'val/top1>0.8'`)")
    else:
        for line in columns([(f"@{name}", text) for name, text in found.items()]):
            click.echo(line)


def keep(session: Session, name: str, where: Sequence[str]) -> None:
    """Keep the filters of one `arctl ls` as one."""
    known = saved.saved(session.workspace)
    saved.save(session.workspace, name, " ".join(where))
    narrate(f"@{name} is kept" + (" in the place of another filter" if name in known else ""))
