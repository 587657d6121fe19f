"""What a person sees of an application under test, and what they type."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.app import App
from textual.pilot import Pilot

Watched = TypeVar("Watched", bound=App[Any])


class Screen(Generic[Watched]):
    """An application and its pilot."""

    def __init__(self, app: Watched, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        """Type."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until something holds; a busy machine is given time."""
        deadline = time.monotonic() + timeout
        while not true():
            if time.monotonic() > deadline:
                told = "\n".join(f"{note.severity}: {note.message}" for note in self.app._notifications)
                raise AssertionError(f"never came true; the screen shows\n{self.text}\n{told}")
            await asyncio.sleep(0.03)
            await self.pilot.pause()

    async def shows(self, *parts: str, timeout: float = 30.0) -> None:
        """Wait until the screen shows all of these."""
        await self.until(lambda: all(part in self.text for part in parts), timeout=timeout)
