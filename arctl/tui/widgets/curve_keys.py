"""The keys of the Curves tab, for its bindings, the footer and the help page."""

from __future__ import annotations

from arctl.tui.keys import Key

KEYS: tuple[Key, ...] = (
    Key("m", "m", "metrics", "metrics", "choose the metrics that are drawn"),
    Key("M", "M", "group", "next metrics", "draw the next metrics", "next-metrics"),
    Key("s", "s", "smooth(1)", "smooth", "smooth more: 0, 0.6, 0.9, 0.97", "smooth"),
    Key("S", "S", "smooth(-1)", "smooth less", "smooth less", "smooth-less"),
    Key("L", "L", "log_scale", "log", "logarithmic scale, or linear", "log-scale"),
    Key("a", "a", "axis", "axis", "over epochs, steps, time or GPU-hours"),
    Key("left", "←", "cursor(-1)", "read", "read the values at the cursor, to the left", "cursor-left"),
    Key("right", "→", "cursor(1)", "read right", "read the values at the cursor, to the right", "cursor-right"),
    Key("plus,equals_sign", "+", "zoom(1)", "zoom", "show half as much, around the cursor", "zoom-in"),
    Key("minus", "-", "zoom(-1)", "zoom out", "show twice as much", "zoom-out"),
    Key("shift+left,less_than_sign", "<", "pan(-1)", "pan left", "move to the left", "pan-left"),
    Key("shift+right,greater_than_sign", ">", "pan(1)", "pan right", "move to the right", "pan-right"),
    Key("0", "0", "whole", "whole", "show the whole curve again"),
    Key("b", "b", "best", "best", "mark the best values, or not", "best-marks"),
    Key("escape", "esc", "drop", "drop", "take the cursor away", "drop-cursor"),
)
"""What can be done with curves."""
