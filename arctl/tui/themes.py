"""Other colours for the same screen: a light theme, one of high contrast, those of Textual, and 16-colour terminals.

Widgets draw in the colours of `palette`; a filter exchanges them on each line's way to the terminal, so that nothing
that was drawn, kept or imported needs to know of it, and a theme can be tried while the dashboard runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

from arctl.errors import UsageError, nearest
from arctl.text import safe_line
from arctl.tui import palette

if TYPE_CHECKING:
    from textual.app import App

ROLES = (
    "GROUND", "RAISED", "CURSOR", "EDGE", "TEXT", "MUTED", "FAINT", "ACCENT", "QUIET", "SECOND", "GOOD", "WAIT", "BAD"
)  # fmt: skip
"""The names of the colours in `palette`."""

_LIGHT = (
    "#fbfcfe", "#e9eef5", "#cfe3fa", "#c3ccd9", "#1d2430", "#5a6577", "#929db0", "#0b5cbd", "#3f6f9f", "#6f42c1",
    "#1a7f37", "#855700", "#c62828",
)  # fmt: skip
_CONTRAST = (
    "#000000", "#1c1c1c", "#0040a0", "#808080", "#ffffff", "#d0d0d0", "#a8a8a8", "#5cd0ff", "#9fc8ff", "#e0b0ff",
    "#5cff8f", "#ffd84d", "#ff8f8f",
)  # fmt: skip
_SIXTEEN = {True: (0, 0, 4, 8, 15, 7, 8, 14, 6, 13, 10, 11, 9), False: (15, 7, 14, 8, 0, 8, 7, 4, 4, 5, 2, 3, 1)}
"""The terminal's own colours for each role, on a dark ground and on a light one: the nearest by distance are greys."""

_LIGHT_INKS = {
    39: 26, 208: 130, 78: 28, 205: 162, 141: 92, 220: 100, 44: 30, 203: 160,
    24: 110, 94: 180, 29: 114, 89: 175, 60: 146, 100: 186, 30: 116, 88: 174, 244: 241,
}  # fmt: skip
"""The inks of curves, bright and faint, as xterm numbers: what they become on a light ground."""

READABLE = 4.5
"""The least contrast of a word with its ground (WCAG 2, AA)."""

_DEFAULT = frozenset({"GROUND", "RAISED", "TEXT"})


def _theme(name: str, colours: tuple[str, ...], *, dark: bool) -> Theme:
    made = dict(zip(ROLES, colours, strict=True))
    return Theme(
        name=name,
        primary=made["ACCENT"],
        secondary=made["SECOND"],
        accent=made["WAIT"],
        success=made["GOOD"],
        warning=made["WAIT"],
        error=made["BAD"],
        foreground=made["TEXT"],
        background=made["GROUND"],
        surface=made["RAISED"] if dark else "#f1f4f9",
        panel=made["RAISED"],
        dark=dark,
        variables=_variables(made),
    )


def names() -> tuple[str, ...]:
    """Return the names of all themes, arctl's own first."""
    return ("arctl", "light", "high-contrast", *sorted(BUILTIN_THEMES))


@cache
def roles(name: str) -> Mapping[str, str]:
    """Return the colour of each role under a theme, as Textual and CSS write it."""
    own = {"arctl": tuple(getattr(palette, role) for role in ROLES), "light": _LIGHT, "high-contrast": _CONTRAST}
    if name in own:
        return dict(zip(ROLES, own[name], strict=True))
    theme = BUILTIN_THEMES[name]
    if theme.ansi:
        numbers = dict(zip(ROLES, _SIXTEEN[theme.dark], strict=True))
        return {
            role: "ansi_default" if role in _DEFAULT else Color.from_rich_color(RichColor.from_ansi(number)).css
            for role, number in numbers.items()
        }
    return _derived(theme)


def theme(name: str) -> Theme:
    """Return a theme with the variables that arctl.tcss uses."""
    if name == "arctl":
        return palette.THEME
    if name in ("light", "high-contrast"):
        return _theme(name, _LIGHT if name == "light" else _CONTRAST, dark=name != "light")
    found = BUILTIN_THEMES[name]
    return replace(found, variables={**_variables(roles(name)), **found.variables})


def choose(app: App[Any], name: str) -> None:
    """Give an application a theme, which its `Recolour` follows. Raises UsageError for an unknown name."""
    if name not in names():
        raise UsageError(f"there is no theme {safe_line(name, limit=60)!r}", cure=nearest(name, names()))
    app.register_theme(theme(name))
    app.theme = name


class Recolour(LineFilter):
    """Exchanges the palette's colours for those of the theme; on a terminal of 16 colours, for the terminal's own."""

    def __init__(self, app: App[Any], *, sixteen: bool | None = None) -> None:
        """Follow the theme of an application; whether its terminal has 16 colours is seen, unless `sixteen` says so."""
        super().__init__()
        self._app = app
        self._told = sixteen
        self._name = ""
        self._colours: Mapping[tuple[int, int, int], RichColor] = {}
        self._inks: Mapping[tuple[int, int, int], RichColor] = {}
        self._styles: dict[Style, Style] = {}

    @property
    def needed(self) -> bool:
        """Whether anything is exchanged at all; where not, leave the filter out of `get_line_filters`."""
        return not self._app.no_color and (self._app.theme != palette.THEME.name or self._sixteen)

    @property
    def _sixteen(self) -> bool:
        if self._told is not None:
            return self._told
        return not self._app.is_headless and self._app.console.color_system == "standard"

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line in the theme's colours."""
        if self._app.theme != self._name:
            self._name = self._app.theme
            self._colours = exchange(self._name, sixteen=self._sixteen)
            self._inks = {} if theme(self._name).dark else light_inks()
            self._styles = {}
        return [
            segment if segment.style is None else Segment(segment.text, self._style(segment.style), segment.control)
            for segment in segments
        ]

    def _style(self, style: Style) -> Style:
        found = self._styles.get(style)
        if found is None:
            colour, ground = self._ink(style) or self._colour(style.color), self._colour(style.bgcolor)
            found = style if colour is None and ground is None else style + Style(color=colour, bgcolor=ground)
            if len(self._styles) < 4096:
                self._styles[style] = found
        return found

    def _ink(self, style: Style) -> RichColor | None:
        """Return what the ink of a curve becomes; words in the cells of a map stay as they are."""
        if not self._inks or style.color is None or style.color.is_default:
            return None
        ground = style.bgcolor
        if ground is not None and not ground.is_default and Color.from_rich_color(ground).brightness < 0.5:
            return None
        # By now Textual may have turned the number into red, green and blue.
        return self._inks.get(style.color.get_truecolor())

    def _colour(self, colour: RichColor | None) -> RichColor | None:
        if colour is None or colour.type is not ColorType.TRUECOLOR or colour.triplet is None:
            return None
        red, green, blue = colour.triplet
        return self._colours.get((red, green, blue))


@cache
def light_inks() -> Mapping[tuple[int, int, int], RichColor]:
    """Return what the ink of each curve, as red, green and blue, becomes on a light ground."""
    inks = {number: RichColor.from_ansi(number) for pair in _LIGHT_INKS.items() for number in pair}
    colours = {number: ink.get_truecolor() for number, ink in inks.items()}
    return {(*colours[dark],): inks[light] for dark, light in _LIGHT_INKS.items()}


@cache
def exchange(name: str, *, sixteen: bool) -> Mapping[tuple[int, int, int], RichColor]:
    """Return what each colour of the palette, as red, green and blue, becomes under a theme."""
    wanted = roles(name)
    colours = {role: Color.parse(value).rich_color for role, value in wanted.items()}
    found: dict[tuple[int, int, int], RichColor] = {}
    if sixteen and not _is_ansi(name):
        shown = theme(name)
        colours = {role: RichColor.from_ansi(_SIXTEEN[shown.dark][place]) for place, role in enumerate(ROLES)}
        found = {_triplet(value): colours[role] for role, value in wanted.items()}
        # What stands raised in Textual's own widgets lies on the ground as well.
        found[_triplet(shown.to_color_system().generate()["surface"])] = colours["GROUND"]
    return found | {_triplet(getattr(palette, role)): colours[role] for role in ROLES}


def _derived(theme: Theme) -> Mapping[str, str]:
    """Return the roles of a theme of Textual's: mixed where it has none, and far enough from the ground to be read."""
    mixed = theme.to_color_system().generate()
    needed = ("foreground", "background", "primary", "secondary", "success", "warning", "error", "panel")
    made = {key: Color.parse(mixed[key]) for key in needed}
    text, ground, primary = made["foreground"], made["background"], made["primary"]
    words = {
        "TEXT": text,
        "MUTED": ground.blend(text, 0.65),
        "ACCENT": primary,
        "QUIET": ground.blend(primary, 0.7),
        "SECOND": made["secondary"],
        "GOOD": made["success"],
        "WAIT": made["warning"],
        "BAD": made["error"],
    }
    return {
        "GROUND": ground.hex6,
        "RAISED": made["panel"].hex6,
        "CURSOR": ground.blend(primary, 0.25).hex6,
        "EDGE": ground.blend(text, 0.25).hex6,
        "FAINT": _readable(ground.blend(text, 0.4), ground, least=2.5).hex6,
        **{role: _readable(colour, ground, least=READABLE).hex6 for role, colour in words.items()},
    }


def _readable(colour: Color, ground: Color, *, least: float) -> Color:
    """Return a colour, moved towards white or black until its contrast with the ground is at least `least`."""
    far = Color.parse("white" if ground.brightness < 0.5 else "black")
    return next((moved for part in range(11) if contrast(moved := colour.blend(far, part / 10), ground) >= least), far)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _variables(made: Mapping[str, str]) -> dict[str, str]:
    return {"muted": made["MUTED"], "faint": made["FAINT"], "edge": made["EDGE"]}


def _is_ansi(name: str) -> bool:
    return name in BUILTIN_THEMES and BUILTIN_THEMES[name].ansi


def _triplet(colour: str) -> tuple[int, int, int]:
    red, green, blue = Color.parse(colour).rgb
    return (red, green, blue)
