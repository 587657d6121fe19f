"""`arctl models`: the catalog, read without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arctl.cli.context import columns, echo_json

if TYPE_CHECKING:
    from arctl.recipe import ModelCard


@click.command("models")
@click.argument("name", required=False)
@click.option("--preset", metavar="P", help="Show the values under this preset.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def models_command(name: str | None, preset: str | None, as_json: bool) -> None:
    """List the models, or show one.

    With NAME: every key of its configuration with the value that a run gets unless --preset or --set changes it.
    """
    from arctl import recipe

    if name is not None:
        _show(name, preset, as_json=as_json)
        return
    if preset is not None:
        raise click.UsageError("--preset needs the NAME of a model")
    cards = recipe.models()
    if as_json:
        echo_json("arctl.models/1", {"models": [_facts(card) for card in cards]})
        return
    rows = [("model", "params", "frames", "crop", "what it is")]
    rows += [(c.name, f"{c.params:.1f} M", str(c.frames), str(c.crop), c.description) for c in cards]
    click.echo("\n".join(columns(rows)))


def _show(name: str, preset: str | None, *, as_json: bool) -> None:
    from arctl import recipe

    card, settings = recipe.model(name), recipe.defaults(name, preset)
    for key in ("name", "root"):
        settings["data"].pop(key)
    if as_json:
        echo_json("arctl.model/1", {**_facts(card), "preset": preset, "config": settings})
        return
    click.echo(f"{card.name}: {card.description}")
    click.echo(f"{card.params:.2f} M parameters at {card.params_classes} classes")
    click.echo(f"presets: {', '.join(recipe.presets(name))}\n")
    rows = [(f"{section}.{key}", _spell(value)) for section, keys in settings.items() for key, value in keys.items()]
    click.echo("\n".join(columns(rows)))


def _facts(card: ModelCard) -> dict[str, object]:
    from arctl import recipe

    return {
        "name": card.name,
        "family": card.family,
        "description": card.description,
        "params": round(card.params * 1_000_000),
        "params_classes": card.params_classes,
        "frames": card.frames,
        "resize": list(card.resize),
        "crop": card.crop,
        "presets": recipe.presets(card.name),
    }


def _spell(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
