"""How a run is configured, and in what that differs from its preset or from another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arctl import recipe
from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.facts import Facts, differing, flat, read_facts
from arctl.numerals import plain
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.secrets import hidden
from arctl.sections import DIM, Cell, Column, Row, Section
from arctl.settings import Workspace
from arctl.text import safe_line

SECTIONS = ("model", "data", "optim", "train", "fuse", "run", "resources", "env", "code")
"""In which order sections stand; others follow by name."""

_OWN = frozenset({"name", "data.name", "data.root"})
"""What a preset says nothing of."""

_CODE = ("hash", "commit", "dirty", "files", "path")


@dataclass(frozen=True)
class Entry:
    """One key of a run's set-up."""

    key: str
    """Dotted: `optim.lr`."""
    value: str | None
    """As text; None where only the other one has the key."""
    other: str | None
    """What the other one has; None where it lacks the key, or where nothing is compared."""
    differs: bool
    """Whether it is unlike the other one's."""

    @property
    def section(self) -> str:
        """`optim`."""
        return self.key.partition(".")[0] if "." in self.key else "run"

    @property
    def leaf(self) -> str:
        """`lr`."""
        return self.key.partition(".")[2] or self.key


@dataclass(frozen=True)
class Configured:
    """The set-up of a run, next to that of its preset or of another run."""

    number: int
    """The run's."""
    against: str
    """`preset finetune`, `defaults`, `run7`; empty where it stands alone."""
    entries: tuple[Entry, ...]
    """Section by section."""
    notes: tuple[str, ...]
    """Files that could not be read; why there is nothing to hold it against."""

    @property
    def differing(self) -> int:
        """How many keys differ."""
        return sum(entry.differs for entry in self.entries)

    def sections(self, *, all: bool = True) -> list[tuple[str, tuple[Entry, ...]]]:
        """Return the entries by section; without `all` only those that differ."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if all or entry.differs:
                found.setdefault(entry.section, []).append(entry)
        names = sorted(found, key=lambda name: (SECTIONS.index(name) if name in SECTIONS else len(SECTIONS), name))
        return [(name, tuple(found[name])) for name in names]


def configured(workspace: Workspace, number: int, *, against: str | int | None = "preset") -> Configured:
    """Return how a run is configured, without secrets, against its `preset`, another run's number, or nothing.

    Where there is no preset to hold it against (a command of one's own, a model that is gone) a note says so. Raises
    NotFoundError for an unknown run and one without files, UsageError for a run against itself.
    """
    row = _row(workspace, number)
    own = _facts(workspace, number)
    if against is None:
        return _stands(row, "", own, None)
    if isinstance(against, int):
        if against == number:
            raise UsageError(f"{run_name(number)} differs in nothing from itself", cure="name another run")
        _row(workspace, against)
        return _stands(row, run_name(against), own, _facts(workspace, against))
    try:
        return _stands(row, _preset_word(row), own, _preset(workspace, row))
    except ArctlError as error:
        told = _stands(row, "", own, None)
        return Configured(
            number, "", told.entries, (*told.notes, f"no preset to compare with: {safe_line(str(error))}")
        )


def page(found: Configured, *, all: bool = True, heads: bool = True) -> Iterator[Section]:
    """Give the keys by section, each that differs with what the other has; without `all` only those.

    Where it is compared with nothing all are given.
    """
    for note in found.notes:
        yield Section("", (Cell(note, "yellow"),))
    known = found.sections(all=all or not found.against)
    if not known:
        yield Section(
            "", (Cell(f"nothing differs from {found.against}" if found.against else "nothing is known", DIM),)
        )
    word = "default" if found.against == "defaults" else found.against.partition(" ")[0]
    for name, entries in known:
        rows = tuple(_row_of(entry, word) for entry in entries)
        titles = ("key", "value", "") if heads else ("", "", "")
        columns = tuple(Column(title, shrink=True) for title in titles)
        yield Section(name, columns=columns, rows=rows)


def _row_of(entry: Entry, word: str) -> Row:
    value = "(none)" if entry.value is None else entry.value
    if not entry.differs:
        return (Cell(entry.leaf), value, "")
    other = "(none)" if entry.other is None else entry.other
    return (Cell(entry.leaf, "bold"), Cell(value, "yellow"), Cell(f"({word} {other})", DIM))


def _row(workspace: Workspace, number: int) -> RunRow:
    row = read.run(workspace.db, number)
    if row is None:
        raise NotFoundError(f"no run {run_name(number)}", cure="`arctl ls` lists them")
    return row


def _facts(workspace: Workspace, number: int) -> Facts:
    """Return what is known of a run's set-up, and the state of its code. Raises NotFoundError where no file says."""
    directory = workspace.run_dir(number)
    found = read_facts(directory)
    if not found.values and not found.troubles:
        raise NotFoundError(
            f"{run_name(number)} has neither config.yaml nor run.yaml: were its files deleted?", where=str(directory)
        )
    try:
        code: Mapping[str, object] = read_run(RunDir(directory).run_yaml).code or {}
    except ArctlError:  # a damaged run.yaml is among the troubles already
        code = {}
    kept = {f"code.{key}": hidden(key, code[key]) for key in _CODE if code.get(key) is not None}
    return Facts({**found.values, **kept}, found.troubles)


def _preset_word(row: RunRow) -> str:
    return f"preset {safe_line(row.preset)}" if row.preset else "defaults"


def _preset(workspace: Workspace, row: RunRow) -> Facts:
    """Return what a submission of the same model, data and preset would have without any `--set`."""
    if row.model is None:
        raise NotFoundError("it runs a command of its own", cure="compare it with another run")
    try:
        settings = recipe.resolve(recipe.find_data(workspace, row.data or ""), model=row.model, preset=row.preset)
    except ArctlError:  # the data set is gone or its name means another place here: it says little of the preset
        settings = recipe.defaults(row.model, row.preset)
    return Facts(dict(flat(settings)), ())


def _stands(row: RunRow, against: str, own: Facts, other: Facts | None) -> Configured:
    notes = (*own.troubles, *(other.troubles if other else ()))
    if other is None:
        entries = [Entry(key, safe_line(plain(value)), None, False) for key, value in own.values.items()]
        return Configured(row.number, against, tuple(entries), notes)
    preset = not against.startswith("run")
    settings, _ = differing([own, other])
    unlike = {one.key for one in settings if not preset or (one.key in other.values and one.key not in _OWN)}
    keys = [*own.values, *(key for key in other.values if key not in own.values)]
    entries = [_entry(key, own, other, differs=key in unlike) for key in keys if not preset or key in own.values]
    return Configured(row.number, against, tuple(entries), notes)


def _entry(key: str, own: Facts, other: Facts, *, differs: bool) -> Entry:
    value, beside = (safe_line(plain(one.values[key])) if key in one.values else None for one in (own, other))
    return Entry(key, value, beside, differs)
