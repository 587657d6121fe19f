"""The filter language of `arctl ls --where` and of the dashboard: text in, a test of runs out; nothing is read here."""

from arctl.filtering.fields import Context, Field, lookup
from arctl.filtering.haystack import Haystack
from arctl.filtering.parsing import Filter, every, parse

__all__ = ["Context", "Field", "Filter", "Haystack", "every", "lookup", "parse"]
