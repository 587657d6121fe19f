"""A sweep that is settled: what each element sets, by name, and what they all share. Kept as JSON beside the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from arctl.errors import DataError
from arctl.request import Request, Resources
from arctl.sweeps.values import Params, Value, keys_of, spelled, value_of

SCHEMA = "arctl.sweep-record/1"
"""Name and version of what `Sweep.facts` returns."""


@dataclass(frozen=True)
class Element:
    """One configuration of a sweep."""

    name: str
    """`<sweep>-017`: the name of its runs."""
    params: Params
    """What it sets of the keys that vary, in the order of the file."""


@dataclass(frozen=True)
class Sweep:
    """A sweep as it was settled when it was submitted."""

    name: str
    """Its name."""
    created: float
    """When it was settled, Unix seconds."""
    model: str
    """A name of the catalog."""
    data: str
    """A data set's name, or its absolute path."""
    metric: str
    """What elements are ranked by."""
    elements: tuple[Element, ...]
    """In their order."""
    preset: str | None = None
    """A preset of the model."""
    fixed: Params = field(default_factory=dict)
    """What all elements set."""
    note: str = ""
    """Free text."""
    tags: tuple[str, ...] = ()
    """Words on each run."""
    cluster: str | None = None
    """`slurm` or `local`; None takes that of arctl.yaml."""
    template: str | None = None
    """A job template; None takes the usual one."""
    max_parallel: int | None = None
    """How many elements may run at a time."""
    resources: Resources = field(default_factory=Resources)
    """What each element asks for."""

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys that any element sets, in the order of the file."""
        return keys_of(element.params for element in self.elements)

    def request(self, element: Element, **changes: Any) -> Request:
        """Return the request that makes a run of an element; `changes` are fields of it."""
        settings = {**self.fixed, **element.params}
        asked: dict[str, Any] = {
            "model": self.model,
            "data": self.data,
            "preset": self.preset,
            "overrides": tuple(f"{key}={spelled(value)}" for key, value in settings.items()),
            "resources": self.resources,
            "name": element.name,
            "tags": self.tags,
            "note": self.note,
            "cluster": self.cluster,
            "template": self.template,
            "group": self.name,
            "sweep": self.name,
            "params": {key: plain(value) for key, value in element.params.items()},
            "together": True,
        }
        return Request(**{**asked, **changes})

    def facts(self) -> dict[str, object]:
        """Return what the record's file holds."""
        shared = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "elements"}
        shared |= {"fixed": _plain(self.fixed), "tags": list(self.tags), "resources": asdict(self.resources)}
        elements = [{"name": element.name, "params": _plain(element.params)} for element in self.elements]
        return {"schema": SCHEMA, **shared, "elements": elements}


def from_facts(found: object, *, where: str) -> Sweep:
    """Return the sweep of a record's file. Raises DataError where it is damaged or newer than this arctl."""
    cure = "the runs are safe: `arctl rerun` repeats one of them"
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise DataError(f"this is no {SCHEMA}", where=where, cure=cure)
    try:
        names = {item.name for item in fields(Sweep)}
        own = {key: value for key, value in found.items() if key in names}
        resources = {item.name: own["resources"].get(item.name) for item in fields(Resources)}
        own["resources"] = Resources(**{**resources, "sbatch": tuple(resources.get("sbatch") or ())})
        own["fixed"], own["tags"] = _params(own["fixed"]), tuple(str(tag) for tag in own["tags"])
        own["elements"] = tuple(Element(str(one["name"]), _params(one["params"])) for one in own["elements"])
        return Sweep(**own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the record is damaged: {error}", where=where, cure=cure) from error


def plain(value: Value) -> object:
    """Return a value as JSON has it: lists for tuples."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _plain(params: Params) -> dict[str, object]:
    return {key: plain(value) for key, value in params.items()}


def _params(found: Mapping[str, object]) -> Params:
    return {str(key): value_of(value) for key, value in found.items()}


def named(name: str, params: Sequence[Params]) -> tuple[Element, ...]:
    """Return elements with names that sort in their order: `lr-000`, `lr-001`, ..."""
    width = max(3, len(str(len(params) - 1)))
    return tuple(Element(f"{name}-{index:0{width}d}", one) for index, one in enumerate(params))
