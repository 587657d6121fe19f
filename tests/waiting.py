"""Waiting in tests for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(what: Callable[[], Any], *, seconds: float = 120) -> Any:
    """Return the first thing that `what` returns and that counts as true; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found
