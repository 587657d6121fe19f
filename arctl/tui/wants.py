"""What the screen asks of the disk, and what it gets: a `Want` reads itself on a thread, a `Deed` changes something.

Each view and tab has its own, in `reading/` and `deeds`; the watcher knows none of them by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True, eq=False)
class Panel:
    """What a want found: a frozen value that widgets draw."""

    want: Want
    """What was asked."""


@dataclass(frozen=True)
class Want(ABC):
    """A question of the screen. Of several of one widget in a lane only the newest is answered."""

    lane: ClassVar[str]
    """Who asks: wants of one lane follow one another on one thread, lanes do not wait for each other."""

    @abstractmethod
    def read(self, workspace: Workspace) -> Panel:
        """Return the answer; runs on the lane's thread. What it raises becomes an `EmptyPanel`."""


@dataclass(frozen=True, eq=False)
class EmptyPanel(Panel):
    """Why there is nothing to show."""

    why: str
    """One line, safe to show, with its cure."""


@dataclass(frozen=True)
class Result:
    """How a deed went; one line for a toast."""

    text: str
    """What happened, safe to show or made so by who shows it."""
    good: bool = True
    """False where it did not come about."""


@dataclass(frozen=True)
class Deed(ABC):
    """Something that changes runs, jobs or settings. A dashboard that only reads does none of them."""

    apart: ClassVar[bool] = False
    """True where it changes no run and no job, and may take long: it is done beside the syncs, not between them."""

    @abstractmethod
    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Do it, and tell how it went; runs on the watcher's thread, which syncs afterwards."""

    @abstractmethod
    def command(self) -> str:
        """Return the `arctl ...` command that does the same."""


class Taker(Protocol):
    """A widget that asks: it gets the panels of its wants on the screen's thread."""

    @property
    def is_attached(self) -> bool:
        """Whether it is still part of a screen."""
        ...

    def take(self, panel: Panel) -> None:
        """Draw an answer."""
        ...
