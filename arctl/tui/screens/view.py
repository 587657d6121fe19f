"""What all views share: a body, a status line, a line of keys, and the keys that work everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from arctl.tui import keys
from arctl.tui.keymap import keymap, remapped
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets.status import KeyBar, StatusLine

if TYPE_CHECKING:
    from arctl.tui.app import Dashboard


class View(Screen[None]):
    """One of the dashboard's views. A subclass has `TITLE`, `KEYS`, `FOOTER`, `body` and `show`."""

    TITLE: ClassVar[str] = ""
    """Its name, as help and palette have it."""
    KEYS: ClassVar[tuple[Key, ...]] = ()
    """Its own keys."""
    FOOTER: ClassVar[tuple[str, ...]] = ()
    """Ids of the keys in the last line, unless the widget with the focus has a `FOOTER` of its own."""
    BINDINGS = keys.bindings(keys.EVERYWHERE)

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Bind the view's own keys."""
        cls.BINDINGS = keys.bindings(cls.KEYS)
        super().__init_subclass__(**kwargs)  # type: ignore[arg-type]

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]
        self.look = look
        self.snapshot = Snapshot()
        self._status = StatusLine()
        self._keys = KeyBar()
        self._sizes: dict[Widget, Size] = {}

    def on_mount(self) -> None:
        """Hear of each new layout."""
        self.screen_layout_refresh_signal.subscribe(self, self._laid_out)

    def _laid_out(self, _screen: object) -> None:
        """Tell widgets that their size has changed.

        Textual does not where something asked for a place before the new layout was drawn: it then compares that
        layout with itself.
        """
        before, self._sizes = self._sizes, {widget: widget.outer_size for widget in self.query("*")}
        for widget, size in self._sizes.items():
            if size and size != before.get(widget):
                widget.post_message(events.Resize(size, widget.virtual_size, widget.container_size))

    @property
    def dashboard(self) -> Dashboard:
        """The application, which knows the other views."""
        return cast("Dashboard", self.app)

    def body(self) -> ComposeResult:
        """Yield what stands above the status line."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Body, status, keys."""
        with Container(id="body"):
            yield from self.body()
        yield self._status
        yield self._keys

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot; called for each one while the view is open, and when it is opened."""
        self.snapshot = snapshot
        self.show_status()

    def show_status(self) -> None:
        """Say how fresh the screen is."""
        self._status.show(self.snapshot, self.dashboard.watcher.busy_since)

    def show_keys(self) -> None:
        """Show the keys of what has the focus."""
        self._keys.show(self.hints())

    def hints(self) -> tuple[Key, ...]:
        """Return the keys of the last line."""
        wanted, known = self.FOOTER, {key.id: key for key in self.key_table()}
        for widget in self._focus_chain():
            wanted = getattr(widget, "FOOTER", None) or wanted
            known |= {key.id: key for key in getattr(widget, "KEYS", ())}
            if wanted is not self.FOOTER:
                break
        names = (*(name for name in wanted if name != "back"), "help", self.way_out)
        return self._mapped(tuple(known[name] for name in names if name in known))

    @property
    def way_out(self) -> str:
        """The id of the key that the last line names last: the one that leads out of here."""
        return "back"

    def key_table(self) -> tuple[Key, ...]:
        """Return the view's own keys and those that work everywhere."""
        return self._mapped((*self.KEYS, *keys.EVERYWHERE))

    def _mapped(self, table: tuple[Key, ...]) -> tuple[Key, ...]:
        """Return keys as arctl.yaml has them."""
        return remapped(table, keymap(self.dashboard.workspace.settings.dashboard))

    def key_groups(self) -> list[tuple[str, tuple[Key, ...]]]:
        """Return the keys by section for the help screen, those of what has the focus first."""
        groups = [
            (getattr(widget, "TITLE", "") or type(widget).__name__, tuple(getattr(widget, "KEYS", ())))
            for widget in self._focus_chain()
            if getattr(widget, "KEYS", ())
        ]
        groups += [(self.TITLE, self.KEYS), ("Move", keys.MOVE), ("Everywhere", keys.EVERYWHERE)]
        return [(title, self._mapped(table)) for title, table in groups]

    def _focus_chain(self) -> list[Widget]:
        focused = self.focused
        if focused is None:
            return []
        return [node for node in focused.ancestors_with_self if isinstance(node, Widget) and node is not self]

    def on_descendant_focus(self) -> None:
        """Show the keys of what has the focus."""
        self.show_keys()

    def on_screen_resume(self) -> None:
        """Show what has come while another view was open."""
        self.show(self.dashboard.snapshot)
        self.show_keys()

    def action_view(self, name: str) -> None:
        """Go to another view."""
        self.dashboard.go_to(name)

    def action_commands(self) -> None:
        """Open the palette."""
        self.dashboard.open_palette()

    def action_help(self) -> None:
        """Show the keys of this view."""
        from arctl.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.key_groups()))

    def action_calls(self) -> None:
        """Show what the scheduler was asked, and what was done."""
        self.dashboard.open_calls()

    def action_refresh(self) -> None:
        """Look at disk and scheduler now."""
        self.dashboard.watcher.refresh()

    def action_back(self) -> None:
        """Back to the runs."""
        self.dashboard.go_to("runs")

    def action_quit(self) -> None:
        """Leave the view."""
        self.action_back()
