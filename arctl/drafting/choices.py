"""What the fields of a form can hold: models, presets, data sets, keys, templates, and what the site has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arctl import recipe, templates
from arctl.clusters import slurm_site
from arctl.settings import CLUSTERS, Workspace
from arctl.text import safe_line

Words = tuple[tuple[str, str], ...]
"""Words with what they mean, safe to show."""


@dataclass(frozen=True)
class Choices:
    """What can be chosen."""

    fields: Mapping[str, Words] = field(default_factory=dict)
    """Words by field."""
    presets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The presets of each model."""
    keys: tuple[recipe.Key, ...] = ()
    """The keys of a configuration."""


@dataclass(frozen=True)
class Site:
    """What the site offers to a job, as far as Slurm says so."""

    fields: Mapping[str, Words] = field(default_factory=dict)
    """Words by field: partition, account, qos, gpu_type."""


def choices(workspace: Workspace) -> Choices:
    """Return what can be chosen without asking a scheduler."""
    models = recipe.models()
    found = templates.every(overrides=workspace.templates)
    return Choices(
        {
            "model": tuple((card.name, f"{card.params:g}M, {card.description}") for card in models),
            "data": tuple((safe_line(data.name), safe_line(str(data.root))) for data in recipe.datasets(workspace)),
            "cluster": tuple(zip(CLUSTERS, ("this machine", "the queue of the site"), strict=True)),
            "template": tuple((safe_line(one.name), safe_line(one.description, limit=120)) for one in found),
            "hold": (("yes", "wait until somebody releases it"), ("no", "")),
        },
        {card.name: tuple(recipe.presets(card.name)) for card in models},
        tuple(recipe.keys()),
    )


def site() -> Site:
    """Return what Slurm says that there is; asked at most every ten minutes. Nothing where nobody answers."""
    told = slurm_site.ask()
    partitions = told.partitions or ()
    nodes = [(gres.kind, node) for node in told.kinds or () for gres in node.gres if gres.kind]
    types: dict[str, str] = {}
    for kind in sorted({str(kind) for kind, _ in nodes}):
        types[kind] = "in " + ", ".join(sorted({name for at, node in nodes if at == kind for name in node.partitions}))
    accounts = told.associations or ()
    return Site(
        {
            "partition": _plain({one.name: "the default" if one.default else "" for one in partitions}),
            "gpu_type": _plain(types),
            "account": _plain({one.account: "" for one in accounts}),
            "qos": _plain(dict.fromkeys((name for one in accounts for name in one.qos), "")),
        }
    )


def _plain(words: Mapping[str, str]) -> Words:
    return tuple((safe_line(word), safe_line(meaning)) for word, meaning in words.items())
