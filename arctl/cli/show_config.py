"""`arctl show RUN --config`: how a run is configured, and in what that differs from its preset or another run."""

from __future__ import annotations

from dataclasses import asdict

from arctl.cli.context import Session, echo_json, references
from arctl.errors import UsageError
from arctl.rundir import run_name

SCHEMA = "arctl.config/1"
"""Name and version of what `--json` prints."""


def show_config(session: Session, number: int, *, against: str, differing: bool, as_json: bool) -> None:
    """Print every key of a run's set-up, or only the differing ones.

    `against` is `preset`, `nothing`, or names another run. Raises UsageError for a word that names several runs.
    """
    from arctl import configured
    from arctl.cli.compare_sections import show
    from arctl.cli.tables import Cell, say

    found = configured.configured(session.workspace, number, against=_other(session, against))
    if as_json:
        entries = [asdict(entry) for entry in found.entries if entry.differs or not differing]
        document = {"run": run_name(number), "against": found.against or None, "differing": found.differing}
        echo_json(SCHEMA, {**document, "entries": entries, "notes": list(found.notes)})
        return
    words = f": {found.differing} of {len(found.entries)} keys differ from {found.against}" if found.against else ""
    say(Cell(run_name(number), "bold"), words)
    show(configured.page(found, all=not differing))


def _other(session: Session, against: str) -> str | int | None:
    if against == "preset":
        return against
    if against == "nothing":
        return None
    numbers = references(session, [against])
    if len(numbers) != 1:
        raise UsageError(f"{against!r} names {len(numbers)} runs", where="--against", cure="name one")
    return numbers[0]
