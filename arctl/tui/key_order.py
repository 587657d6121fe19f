"""Keys in the order in which they were typed, also where several come at once, as they do over a slow line.

Textual hands a key to the widget that has the focus when it arrives; what an earlier key moves or opens may not be
there yet, so that `/lr` typed fast would lose its letters or, worse, do what `l` and `r` do in the list.
"""

from __future__ import annotations

import time
from collections import deque

from textual import events
from textual.app import App
from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

PATIENCE_S = 2.0
"""Longest time that keys wait for a page that is being opened."""

_AGAIN_S = 0.005


def takes_text(widget: Widget | None) -> bool:
    """Tell whether letters are for a widget, and no commands: an input, or what says so by `takes_text`."""
    return isinstance(widget, Input) or getattr(widget, "takes_text", False)


class OrderedKeys(App[None]):
    """An application in which each key meets what the keys before it have made of the screen."""

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._held: deque[events.Key] = deque()
        self._page: Screen[object] | None = None
        self._page_since = 0.0

    async def on_event(self, event: events.Event) -> None:
        """Hold keys back while the page that they are for is being opened; drop clicks on what has just gone."""
        if isinstance(event, events.MouseDown) and self._gone(event):
            return
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._held or not self._settled():
            self._held.append(event)
            if len(self._held) == 1:
                self.set_timer(_AGAIN_S, self._release)
        else:
            await super().on_event(event)

    def _gone(self, event: events.MouseDown) -> bool:
        """Tell whether a click meets a widget that was taken away since it was painted, as toasts are by a click."""
        try:
            widget, _ = self.screen.get_widget_at(int(event.x), int(event.y))
        except NoWidget:
            return False
        return widget.parent is None

    async def _release(self) -> None:
        while self._held and self._settled():
            await super().on_event(self._held.popleft())
        if self._held:
            self.set_timer(_AGAIN_S, self._release)

    def _settled(self) -> bool:
        """Tell whether the page on top can take a key: it is there, and so is the focus that it begins with."""
        page, now = self.screen, time.monotonic()
        if page is not self._page:
            self._page, self._page_since = page, now
        if now - self._page_since > PATIENCE_S:
            return True
        if not page.is_mounted:
            return False
        if page.focused is not None or page.AUTO_FOCUS == "":
            return True
        return not any(widget.display and widget.focusable and takes_text(widget) for widget in page.query("*"))

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Do what a key means at once, unless text is being typed."""
        if priority and not takes_text(self.focused):
            return await super()._check_bindings(key, True) or await super()._check_bindings(key)
        return await super()._check_bindings(key, priority)
