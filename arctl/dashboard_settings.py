"""The `dashboard:` part of arctl.yaml: theme, keys, columns, what makes a noise, how often it looks.

Names of themes, actions and columns are the dashboard's own to check, so that a slip in one of them holds up no
submission; `places` tells it where each stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arctl.errors import UsageError, nearest
from arctl.strictyaml import Block

THEME = "arctl"
"""The theme of a dashboard whose arctl.yaml names none."""


@dataclass(frozen=True)
class DashboardSettings:
    """How the dashboard looks and behaves."""

    theme: str = THEME
    """Name of its colours: `arctl`, `light`, `high-contrast`, or a theme that Textual has built in."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other keys for its actions, by the action's name: `cancel` to `ctrl+x`."""
    columns: tuple[str, ...] = ()
    """Columns of the list of runs, left to right; none means the usual ones."""
    sort: str | None = None
    """Column that the list is sorted by, with a leading `-` the other way round; None is newest first."""
    bell: bool = False
    """Whether the terminal's bell rings when a run has ended."""
    osc9: bool = False
    """Whether the terminal is asked for a notification on the desktop when a run has ended (OSC 9)."""
    readonly: bool = False
    """Whether everything that changes runs or jobs is refused, as with `arctl --readonly`."""
    refresh_s: float = 2.0
    """Seconds between two looks at the disk while runs are live; five times as long when none is."""
    places: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where `theme`, `sort`, `columns` and each of `keys.<action>` stands: `arctl.yaml:12:5`."""

    def wrong(self, key: str, what: str, *, cure: str) -> UsageError:
        """Return the error for a value that the dashboard does not know, placed where it stands."""
        return UsageError(f"'dashboard.{key}': {what}", where=self.places.get(key, "arctl.yaml"), cure=cure)

    def unknown(self, key: str, kind: str, word: str, known: tuple[str, ...]) -> UsageError:
        """Return the error for a name that is none of the known ones, with the nearest."""
        return self.wrong(key, f"there is no {kind} {word!r}", cure=nearest(word, known))


def read_dashboard(block: Block) -> DashboardSettings:
    """Read the block. Raises UsageError with line and column."""
    usual = DashboardSettings()
    block.only(set(DashboardSettings.__dataclass_fields__) - {"places"})
    keys = block.block("keys") if "keys" in block else None
    places = {name: _place(block, name) for name in ("theme", "sort", "columns") if name in block}
    if keys is not None:
        places |= {f"keys.{action}": _place(keys, action) for action in keys}
    refresh_s = block.number("refresh_s", least=0.5)
    return DashboardSettings(
        theme=block.text("theme") or usual.theme,
        keys={action: _keys(keys, action) for action in keys} if keys is not None else {},
        columns=block.texts("columns"),
        sort=block.text("sort"),
        bell=block.truth("bell") or False,
        osc9=block.truth("osc9") or False,
        readonly=block.truth("readonly") or False,
        refresh_s=usual.refresh_s if refresh_s is None else refresh_s,
        places=places,
    )


def _keys(block: Block, action: str) -> tuple[str, ...]:
    """Return the keys of an action: one, or a list of them."""
    if action in block and block.is_scalar(action):
        return (block.text(action) or "",)
    found = block.texts(action)
    if not found:
        raise block.error(action, "name a key, as in ctrl+x, or several, as in [x, ctrl+x]")
    return found


def _place(block: Block, key: str) -> str:
    return block.error(key, "").where or ""
