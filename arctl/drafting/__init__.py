"""What a half-filled form of a submission means: the requests that it makes, its errors by field, its command line.

A draft is words as somebody typed them. Nothing here knows a screen, and nothing is made or queued.
"""

from arctl.drafting.choices import Choices, Site, choices, site
from arctl.drafting.draft import FIELDS, Draft, changes, command_line, fill, locked
from arctl.drafting.sketch import Sketch, sketch
from arctl.drafting.words import override_words, requests_of

__all__ = [
    "FIELDS",
    "Choices",
    "Draft",
    "Site",
    "Sketch",
    "changes",
    "choices",
    "command_line",
    "fill",
    "locked",
    "override_words",
    "requests_of",
    "site",
    "sketch",
]
