"""From the text of a filter to a test of runs: every term must hold. Strict on a command line, lenient while typing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from arctl.errors import ArctlError, NotFoundError, UsageError, nearest
from arctl.filtering.fields import Context, Field, lookup
from arctl.filtering.terms import Asked, Predicate, compiled, free
from arctl.filtering.words import LONGEST, Token, scan
from arctl.registry.rows import RunRow
from arctl.text import safe_line

HAS = "has"
"""The key of `has:val/top1`, which asks whether there is a value at all."""

DEEPEST = 8
"""How many saved filters may stand in one another."""

_JOINING = frozenset({"AND", "OR", "NOT", "&&", "||", "&"})


@dataclass(frozen=True)
class Term:
    """One condition."""

    bind: Callable[[Context], Predicate]
    """Returns its test."""
    fields: tuple[Field, ...] = ()
    """What it asks for; nothing for free words."""


@dataclass(frozen=True)
class Filter:
    """A filter that can be applied to runs, all of whose terms must hold. An empty one holds for all."""

    text: str = ""
    """As it was typed."""
    terms: tuple[Term, ...] = ()
    """Its conditions, those of saved filters among them."""
    problem: str | None = None
    """While typing: what is left out, and why, in one line."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that it asks for."""
        return tuple(field for term in self.terms for field in term.fields)

    @property
    def needs_config(self) -> bool:
        """Whether the context must hold configurations."""
        return bool(self.config_keys)

    @property
    def config_keys(self) -> frozenset[str]:
        """The keys of configurations that it asks for."""
        return frozenset(field.config for field in self.fields if field.config is not None)

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics whose summaries the rows must have."""
        return frozenset(field.metric for field in self.fields if field.metric is not None)

    @property
    def needs(self) -> frozenset[str]:
        """What of the context it needs: any of `configs`, `hours`, `outlooks`."""
        return frozenset(field.needs for field in self.fields if field.needs)

    def bind(self, context: Context) -> Predicate:
        """Return the test for rows under what is known; the way to go through many."""
        tests = [term.bind(context) for term in self.terms]
        if not tests:
            return lambda _: True
        return reduce(_both, tests)

    def matches(self, row: RunRow, context: Context) -> bool:
        """Tell whether a run is wanted."""
        return self.bind(context)(row)

    def chosen(self, rows: Iterable[RunRow], context: Context) -> list[RunRow]:
        """Return the rows that are wanted, in their order."""
        found = list(rows)
        for term in self.terms:  # one term after another: no call that only calls others
            found = list(filter(term.bind(context), found))
        return found


def parse(
    text: str,
    *,
    typing: bool = False,
    saved: Mapping[str, str] | None = None,
    metrics: Collection[str] | None = None,
    where: str = "filter",
) -> Filter:
    """Read a filter. `saved` are the texts behind `@name`, `metrics` the names that any run has, where known.

    Raises UsageError with the column of the term that is wrong; NotFoundError for an unknown `@name`. While `typing`
    nothing is raised: a term that is wrong or not whole yet is left out, and `problem` says so.
    """
    reading = _Reading(saved or {}, metrics, typing)
    if len(text) > LONGEST:
        what = f"a filter has {LONGEST} characters at most, not {len(text)}"
        if typing:
            return Filter(text, (), what)
        raise UsageError(what, where=where, cure="save a part of it: `arctl ls --save-filter NAME --where ...`")
    terms: list[Term] = []
    problem = None
    for token in scan(text):
        try:
            terms += reading.terms(token)
        except ArctlError as error:
            place = f"column {token.column}"
            if not typing:
                raise type(error)(error.what, where=f"{where}, {place}", cure=error.cure) from error
            cure = f" ({error.cure})" if error.cure else ""
            problem = problem or f"{place}: {error.what}{cure}"
    return Filter(text, tuple(terms), problem)


def _both(one: Predicate, two: Predicate) -> Predicate:
    return lambda row: one(row) and two(row)


def every(filters: Sequence[Filter]) -> Filter:
    """Return the filter that holds where all of these do."""
    text = " ".join(one.text for one in filters)
    problem = next((one.problem for one in filters if one.problem), None)
    return Filter(text, tuple(term for one in filters for term in one.terms), problem)


@dataclass(frozen=True)
class _Reading:
    """What terms are read by."""

    saved: Mapping[str, str]
    metrics: Collection[str] | None
    typing: bool
    within: tuple[str, ...] = ()
    """The saved filters that are being read, outermost first."""

    def terms(self, token: Token) -> list[Term]:
        """Return the conditions of a term. Raises ArctlError without a place."""
        unfinished = self.typing and token.open
        if token.trouble and not (unfinished and token.trouble.startswith("a quote")):
            cure = "all terms must hold; alternatives are state:running,pending"
            raise UsageError(token.trouble, cure=cure if "brackets" in token.trouble else None)
        if token.key is not None:
            return [self._compared(token, token.key, beginning=unfinished)]
        word = token.values[0] if token.values else ""
        if not word:
            raise UsageError("a word is missing" if token.negated or token.quoted else "a term is missing")
        if word.startswith("@") and not token.quoted:
            return self._saved(word[1:], negated=token.negated)
        if word[0] in "<>=!~:" and not token.quoted:
            raise UsageError(f"a field is missing before {word[0]!r}", cure="as in val/top1>0.8; quotes make it text")
        if word in _JOINING and not token.quoted:
            cure = "all terms must hold; alternatives are state:running,pending, and a minus negates"
            raise UsageError(f"{word} is no word of a filter", cure=cure)
        return [Term(free([value for value in token.values if value], negated=token.negated))]

    def _compared(self, token: Token, key: str, *, beginning: bool) -> Term:
        if key.casefold() == HAS:
            return self._has(token)
        try:
            found = lookup(key, metrics=self.metrics)
        except UsageError as error:
            text = key[0].isdigit() or (token.values and token.values[0].startswith("//"))  # 12:30, http://...
            raise UsageError(error.what, cure="in quotes it is looked for as text" if text else error.cure) from error
        values = tuple(value for value in token.values if value or token.quoted)
        if not values:
            raise UsageError(f"{found.key}{token.operator} needs a value")
        asked = Asked(found, token.operator, values, token.negated, beginning and not token.quoted)
        return Term(compiled(asked), (found,))

    def _has(self, token: Token) -> Term:
        """Ask whether there is a value at all."""
        if len(token.values) != 1 or token.operator not in (":", "="):
            raise UsageError("has: needs one field", cure="has:val/top1, has:cfg.optim.lr, -has:note")
        field, negated = lookup(token.values[0], metrics=self.metrics), token.negated

        def bind(context: Context) -> Predicate:
            get = field.bind(context)
            return lambda row: ((value := get(row)) is not None and value not in ("", ()) and value == value) != negated

        return Term(bind, (field,))

    def _saved(self, name: str, *, negated: bool) -> list[Term]:
        shown = "@" + safe_line(name, limit=80)
        if name not in self.saved:
            cure = nearest("@" + name, ["@" + one for one in self.saved]) if self.saved else "none is saved yet"
            raise NotFoundError(f"no saved filter {shown!r}", cure=cure)
        if name in self.within or len(self.within) >= DEEPEST:
            raise UsageError(f"the saved filter {shown!r} holds itself", cure="save it anew")
        inner = _Reading(self.saved, self.metrics, False, (*self.within, name))
        try:
            terms = [term for token in scan(self.saved[name]) for term in inner.terms(token)]
        except ArctlError as error:
            raise type(error)(f"in the saved filter {shown!r}: {error.what}", cure=error.cure) from error
        return [_negated(terms)] if negated else terms


def _negated(terms: Sequence[Term]) -> Term:
    """Return the condition that holds where not all of these do."""

    def bind(context: Context) -> Predicate:
        tests = [term.bind(context) for term in terms]
        return lambda row: not all(test(row) for test in tests)

    return Term(bind, tuple(field for term in terms for field in term.fields))
