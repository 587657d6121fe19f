"""What the dashboard asks of its terminal and of the signals that end it."""

from __future__ import annotations

import asyncio
import locale
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App


def utf8() -> bool:
    """Tell whether the locale speaks UTF-8."""
    return "utf" in locale.getencoding().lower()


def colourless() -> bool:
    """Tell whether the user wants no colour."""
    return "NO_COLOR" in os.environ


def tick() -> float:
    """Return the seconds between two looks at the clock: fewer bytes go over SSH."""
    return 5.0 if "SSH_CONNECTION" in os.environ else 1.0


LEAVE_S = 5.0
"""Longest time that leaving in order may take where a signal asked for it."""


def leave_on_signals(app: App[Any]) -> None:
    """Leave in order when told to; after `LEAVE_S` without it, as where the terminal takes nothing any more."""

    def leave(number: int) -> None:
        guard = threading.Timer(LEAVE_S, os._exit, (128 + number,))
        guard.daemon = True
        guard.start()
        app.exit(None, 128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, leave, number)


def leave_with_the_terminal() -> None:
    """Leave at once when the terminal has gone, from a thread: textual may be waiting to write to it, for ever."""

    def watch() -> None:
        look = select.poll()
        look.register(sys.__stdin__ or 0, 0)
        while not any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in look.poll()):
            pass
        os._exit(128 + signal.SIGHUP)  # nothing is left to restore

    threading.Thread(target=watch, name="arctl-terminal", daemon=True).start()
