"""The keys of the Compare view."""

from __future__ import annotations

from arctl.tui.keys import Key

KEYS = (
    Key("right_square_bracket", "]", "tab(1)", "next tab", "next part of the comparison", "next-part"),
    Key("left_square_bracket", "[", "tab(-1)", "last tab", "part before", "last-part"),
    Key("tab", "tab", "other_side", "side", "to the other side of a wide screen", "other-side"),
    Key("s", "s", "swap", "swap", "swap the first run and the second", "swap"),
    Key("p", "p", "pair", "pair", "of several runs: the next two, then all again", "next-pair"),
    Key("v", "v", "source", "views", "other answers: split, views, probe, verbs and nouns", "answers"),
    Key("t", "t", "moment", "best/last", "compare the best epochs, or the last ones", "moment"),
    Key("m", "m", "metric(1)", "metric", "draw the next metrics", "next-metric"),
    Key("M", "M", "metric(-1)", "last metric", "draw the metrics before", "last-metric"),
    Key("a", "a", "every", "every class", "list every class, or the first of them", "every-class"),
    Key("slash", "/", "find", "find", "find a class; among the predictions only its samples", "find-class"),
    Key("e", "e", "export", "export", "write it as a report (arctl report)", "export-report"),
    Key("E", "E", "export_json", "json", "write it as JSON (arctl compare --json)", "export-json"),
    Key("f", "f", "force", "force", "compare what was evaluated in unlike ways", "force"),
    Key("y", "y", "copy", "copy", "copy the verdict", "copy-verdict"),
)
"""What can be done with a comparison."""
