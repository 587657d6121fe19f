"""What can be asked for by name (actions, verbs with arguments, runs, saved filters), and what a typed text may mean.

Pure of the screen: `offers` is told what there is, and says what a text may mean, the likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.fuzzy import FuzzySearch

from arctl.rundir import run_name
from arctl.text import safe_line

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from arctl.registry.rows import RunRow

MOST = 60
"""Offers that a query gets."""

_NUMBER = re.compile(r"(?:run)?(\d{1,18})")


@dataclass(frozen=True)
class Command:
    """Something that happens without being told more."""

    name: str
    """What people type: `next tab`, `cancel`."""
    meaning: str
    """A line that says what it does."""
    key: str
    """The key that does it, as people write it; empty for none."""
    action: str | Callable[[], object]
    """What runs: an action as Textual spells it, or a function."""
    target: DOMNode | None = None
    """Whose action it is."""
    also: tuple[str, ...] = ()
    """Other names, which must be typed whole: `q`."""


@dataclass(frozen=True)
class Verb:
    """Something that takes what is typed behind it."""

    name: str
    """The first word: `theme`."""
    takes: str
    """What follows, as a placeholder: `NAME`."""
    meaning: str
    """A line that says what it does."""
    do: Callable[[str], object]
    """What runs, with the rest of the line. May raise ArctlError."""
    choices: Callable[[], Iterable[str]] = tuple
    """What may follow, where that is known."""


@dataclass(frozen=True)
class Offer:
    """One line of the palette."""

    name: str
    """What it is, safe to show."""
    meaning: str
    """What it does, safe to show."""
    key: str
    """The key that does the same."""
    do: Command | Callable[[], object] | None
    """What runs; None where more must be typed."""
    fill: str
    """What the tab key makes of the typed text."""


def offers(
    query: str,
    *,
    commands: Sequence[Command],
    verbs: Sequence[Verb] = (),
    runs: Sequence[RunRow] = (),
    open_run: Callable[[int], object] = lambda number: None,
    filters: Mapping[str, str] | None = None,
    use_filter: Callable[[str], object] = lambda text: None,
) -> list[Offer]:
    """Return what a text may mean, the likeliest first; for nothing typed, all there is to do."""
    text = query.strip().lstrip(":").strip()
    word, _, rest = text.partition(" ")
    if not text:
        return [*map(_command, commands), *(_verb(verb, "") for verb in verbs)][:MOST]
    number = _number(text, runs)
    exact = [_command(one) for one in commands if word in (*one.also, one.name) and not rest]
    typed = [offer for verb in verbs if verb.name == word for offer in _verb_offers(verb, rest.strip())]
    first = [*([_run(number, open_run)] if number is not None else []), *exact, *typed]
    if typed and rest:
        return first[:MOST]
    saved = [
        _filter(name, kept, use_filter) for name, kept in sorted((filters or {}).items()) if text.lstrip("@") in name
    ]
    named = [_run(row, open_run) for row in _named(text, runs) if row is not number]
    close = _close(text, commands, verbs)
    known = {offer.name for offer in first}
    return [*first, *(offer for offer in (*close, *saved, *named) if offer.name not in known)][:MOST]


def _number(text: str, runs: Sequence[RunRow]) -> RunRow | None:
    match = _NUMBER.fullmatch(text.lower())
    return next((row for row in runs if match and row.number == int(match[1])), None)


def _named(text: str, runs: Sequence[RunRow]) -> list[RunRow]:
    """Return the runs whose name, or number as it is written, holds the text; at most as many as are shown."""
    part, found = text.casefold(), []
    for row in runs:
        if part in row.name.casefold() or run_name(row.number).startswith(part):
            found.append(row)
            if len(found) == MOST:
                break
    return found


def _close(text: str, commands: Sequence[Command], verbs: Sequence[Verb]) -> list[Offer]:
    """Return commands and verbs that are spelled alike, the closest first; then those whose meaning holds the text."""
    search = FuzzySearch()
    every = [(one.name, one.meaning, _command(one)) for one in commands]
    every += [(verb.name, verb.meaning, _verb(verb, "")) for verb in verbs]
    scored = [(search.match(text, name)[0], meaning, offer) for name, meaning, offer in every]
    alike = sorted((one for one in scored if one[0] > 0), key=lambda one: -one[0])
    meant = [one for one in scored if one[0] <= 0 and text.casefold() in one[1].casefold()]
    return [offer for _, _, offer in (*alike, *meant)]


def _command(one: Command) -> Offer:
    return Offer(one.name, safe_line(one.meaning), one.key, one, one.name)


def _verb(verb: Verb, rest: str) -> Offer:
    shown = f"{verb.name} {safe_line(rest, limit=200) or verb.takes}"
    return Offer(shown, safe_line(verb.meaning), "", partial(verb.do, rest) if rest else None, f"{verb.name} {rest}")


def _verb_offers(verb: Verb, rest: str) -> list[Offer]:
    """Return what a verb does with the rest of the line, and what may stand there."""
    choices = list(verb.choices())
    near = [choice for choice in choices if rest.casefold() in choice.casefold() and choice != rest]
    near.sort(key=lambda choice: not choice.startswith(rest))
    whole = [_verb(verb, rest)] if not choices or rest in choices or not near else []
    return [*whole, *(_verb(verb, choice) for choice in near)]


def _run(row: RunRow, open_run: Callable[[int], object]) -> Offer:
    name = f"{run_name(row.number)} {safe_line(row.name, limit=60)}"
    said = " ".join(word for word in (str(row.state), safe_line(row.model or "", limit=40), *row.tags) if word)
    return Offer(name, safe_line(said, limit=120), "", partial(open_run, row.number), run_name(row.number))


def _filter(name: str, kept: str, use: Callable[[str], object]) -> Offer:
    shown = f"@{safe_line(name, limit=60)}"
    return Offer(shown, f"filter {safe_line(kept, limit=200)}", "", partial(use, kept), shown)
