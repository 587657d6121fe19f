"""A monkey at the dashboard: seeded keys, clicks, wheels and sizes, as nobody would type them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from textual import events
from textual.keys import key_to_character

from tests.tui.conftest import Seen

BOUND = (
    *"jkgGhlqvcbzxRUwetEyrnFfsma123456ABCDHIKLMNOPSTVXYZ0789",
    *("slash", "question_mark", "colon", "at", "space", "comma", "full_stop", "minus", "plus", "equals_sign"),
    *("right_square_bracket", "left_square_bracket", "less_than_sign", "greater_than_sign", "underscore", "tab"),
    *("enter", "enter", "enter", "escape", "escape", "up", "down", "left", "right", "home", "end", "pageup"),
    *("pagedown", "backspace", "delete", "shift+tab", "ctrl+d", "ctrl+u", "ctrl+f", "ctrl+b", "ctrl+a", "ctrl+p"),
    *("ctrl+r", "ctrl+s", "ctrl+e", "ctrl+k", "ctrl+w", "ctrl+l", "ctrl+n", "ctrl+o", "ctrl+t", "ctrl+v", "f1"),
    *("number_sign", "dollar_sign", "percent_sign", "quotation_mark", "apostrophe", "left_parenthesis", "asterisk"),
)
"""Keys that do something somewhere, and some that do nothing."""

TYPED = ("state:running", "val/top1>0.5", "-note:x", "(", '"', "cfg.optim.lr<=1e-4", "age<2d or", "名前", "[/]", "@")
"""What is typed into whatever takes text."""

SIZES = ((1, 1), (20, 5), (40, 12), (79, 23), (80, 24), (100, 24), (120, 35), (161, 45), (200, 50))
"""Columns and lines."""


def deeds(seed: int, steps: int) -> Iterator[tuple[str, object]]:
    """Give what the monkey does: `key`, `type`, `size`, `click` or `wheel`, and with what."""
    chance = random.Random(seed)
    for _ in range(steps):
        roll = chance.random()
        if roll < 0.80:
            yield "key", chance.choice(BOUND)
        elif roll < 0.86:
            yield "type", chance.choice(TYPED)
        elif roll < 0.90:
            yield "size", chance.choice(SIZES)
        else:
            place = (chance.random(), chance.random())
            yield "click" if roll < 0.96 else "wheel", (place, chance.choice((1, 1, 2)))


async def act(seen: Seen, kind: str, what: object) -> None:
    """Do one thing and let the dashboard answer a little: a monkey types faster than disks read."""
    if kind == "size":
        assert isinstance(what, tuple)
        await seen.pilot.resize_terminal(*what)
    if what == "q":
        await seen.pilot.pause()
    for event in _events(seen, kind, what):
        driver = seen.app._driver
        assert driver is not None
        driver.process_message(event)
    for _ in range(3):
        await asyncio.sleep(0.005)


def _events(seen: Seen, kind: str, what: object) -> list[events.Event]:
    app = seen.app
    if kind == "key":
        # The last way out stays shut until the end: leaving is a step of its own.
        left = what == "q" and app.screen is app.runs
        return [] if left else [events.Key(str(what), key_to_character(str(what)))]
    if kind == "type":
        return [events.Key("space" if char == " " else char, char) for char in str(what)]
    if kind == "size":
        return []
    assert isinstance(what, tuple)
    (right, down), times = what
    x, y = int(right * app.size.width), int(down * app.size.height)
    rest = (False, False, False, x, y)
    if kind == "wheel":
        return [(events.MouseScrollDown if times == 1 else events.MouseScrollUp)(None, x, y, 0, 1, 0, *rest)]
    return [cls(None, x, y, 0, 0, 1, *rest) for cls in (events.MouseDown, events.MouseUp)] * times
