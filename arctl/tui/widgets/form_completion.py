"""What can complete the word at the cursor of a form's field. Pure: texts and choices in, words out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arctl.tui.widgets.form_fields import OVERRIDES, FormField

if TYPE_CHECKING:
    from arctl.drafting.choices import Choices, Words

_KEY = re.compile(r"(?:^|\s)([\w.]+)(?==|$)")

SHOWN = 6
"""Most candidates that are shown."""


@dataclass(frozen=True)
class Candidate:
    """A word that may be meant."""

    word: str
    """What stands in the field once it is taken."""
    meaning: str = ""
    """What it is, in a few words."""


@dataclass(frozen=True)
class Known:
    """Everything that completions are made of."""

    choices: Choices | None = None
    """What the workspace has."""
    site: Mapping[str, Words] = field(default_factory=dict)
    """What the site has, by field."""
    runs: Words = ()
    """Runs to wait for."""
    tags: Words = ()
    """Tags that runs have."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The value that each key of the configuration has now."""
    model: str = ""
    """The model in the form, whose presets are offered."""


def candidates(field: FormField, text: str, known: Known) -> list[Candidate]:
    """Return what may complete the text before the cursor: first what begins so, then what holds it."""
    word = text.split(" ")[-1] if field.words else text
    key, equals, begun = word.partition("=")
    if field.name == OVERRIDES and equals:
        values = _values(key, known)
        return [Candidate(f"{key}={value}", now) for value, now in _like(begun, values)]
    found = _like(word, _offered(field, known))
    if field.name == OVERRIDES:
        return [Candidate(f"{key}=", meaning) for key, meaning in found]
    return [Candidate(*one) for one in found]


def completed(field: FormField, text: str, word: str) -> str:
    """Return the text before the cursor with its last word replaced."""
    if not field.words:
        return word
    return " ".join([*text.split(" ")[:-1], word])


def hint(field: FormField, text: str, known: Known) -> str:
    """Return what a field takes; of an override, what its key takes, and what it is now."""
    if field.name != OVERRIDES or known.choices is None:
        return field.hint
    begun = _KEY.findall(text)  # a value may have blanks in brackets
    key = begun[-1] if begun else ""
    one = next((one for one in known.choices.keys if one.name == key), None)
    if one is None:
        return field.hint
    now = f"; now {known.values[key]}" if key in known.values else ""
    return f"{one.kind}{now}. {one.meaning}"


def _like(word: str, offered: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    low = word.lower()
    starts = [one for one in offered if one[0].lower().startswith(low)]
    inside = [one for one in offered if low and low in one[0].lower() and one not in starts]
    found = [*starts, *inside][:SHOWN]
    return [] if len(found) == 1 and found[0][0] == word else found


def _offered(field: FormField, known: Known) -> Sequence[tuple[str, str]]:
    if field.name in ("after", "after_ok"):
        return known.runs
    if field.name == "tags":
        return known.tags
    if known.choices is None:
        return ()
    if field.name == OVERRIDES:
        return [(key.name, _now(key.name, known) or key.kind) for key in known.choices.keys]
    if field.name == "preset":
        return [(name, "") for name in known.choices.presets.get(known.model, ())]
    return known.choices.fields.get(field.name) or known.site.get(field.name, ())


def _values(key: str, known: Known) -> Sequence[tuple[str, str]]:
    keys = known.choices.keys if known.choices is not None else ()
    now = known.values.get(key)
    found = next((one.values for one in keys if one.name == key), ())
    return [(value, "now" if value == now else "") for value in found]


def _now(key: str, known: Known) -> str:
    return f"now {known.values[key]}" if key in known.values else ""
