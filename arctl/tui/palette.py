"""The colours, once: a quiet dark ground, one accent, and a colour and a word for each state.

All is drawn in these; under another theme, or on a terminal of 16 colours, `themes` exchanges them on the way out.
"""

from __future__ import annotations

from textual.theme import Theme

from arctl.states import State

GROUND = "#0e1116"
RAISED = "#1a2130"
CURSOR = "#24405e"
EDGE = "#2b3548"
TEXT = "#d5dbe6"
MUTED = "#7d8799"
FAINT = "#4a5468"
ACCENT = "#6cb6ff"
QUIET = "#5b87b5"
SECOND = "#c3a6ff"
GOOD = "#7ee2a8"
WAIT = "#f2c96d"
BAD = "#ff7b85"

THEME = Theme(
    name="arctl",
    primary=ACCENT,
    secondary=SECOND,
    accent=WAIT,
    success=GOOD,
    warning=WAIT,
    error=BAD,
    foreground=TEXT,
    background=GROUND,
    surface="#12161e",
    panel=RAISED,
    dark=True,
    variables={"muted": MUTED, "faint": FAINT, "edge": EDGE},
)
"""The dashboard's theme."""

_STATES = {
    State.SUBMITTING: ("submitting", WAIT),
    State.UNCONFIRMED: ("unconfirmed", WAIT),
    State.REFUSED: ("refused", BAD),
    State.PENDING: ("pending", WAIT),
    State.RUNNING: ("running", f"bold {ACCENT}"),
    State.SUSPENDED: ("suspended", WAIT),
    State.COMPLETED: ("completed", GOOD),
    State.FAILED: ("failed", BAD),
    State.CANCELLED: ("cancelled", MUTED),
    State.TIMEOUT: ("time limit", BAD),
    State.OUT_OF_MEMORY: ("no memory", BAD),
    State.PREEMPTED: ("preempted", SECOND),
    State.NODE_FAIL: ("node fail", BAD),
    State.UNKNOWN: ("unknown", MUTED),
}


def state_word(state: State) -> tuple[str, str]:
    """Return the word (at most 11 characters) and the Rich style of a state: never colour alone."""
    return _STATES[state]


SHORT = {
    State.SUBMITTING: "wait",
    State.UNCONFIRMED: "wait",
    State.REFUSED: "bad",
    State.PENDING: "wait",
    State.RUNNING: "run",
    State.SUSPENDED: "wait",
    State.COMPLETED: "ok",
    State.FAILED: "bad",
    State.CANCELLED: "off",
    State.TIMEOUT: "bad",
    State.OUT_OF_MEMORY: "bad",
    State.PREEMPTED: "bad",
    State.NODE_FAIL: "bad",
    State.UNKNOWN: "off",
}
"""A shorter word for each state, for counts."""
