"""What the list of runs can change; each is what a command of `arctl` does, and names it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arctl.rundir import run_name
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True)
class CancelRuns(Deed):
    """Cancel runs that wait or run."""

    numbers: tuple[int, ...]
    """The runs."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Cancel them."""
        from arctl import control

        for outcome in control.cancel(workspace, self.numbers):
            yield Result(f"{outcome.run}: {outcome.said}", good=outcome.asked)

    def command(self) -> str:
        """Return `arctl cancel ...`."""
        return shlex.join(["arctl", "cancel", *map(run_name, self.numbers)])


@dataclass(frozen=True)
class SaveFilter(Deed):
    """Keep a filter under a name, or forget it."""

    name: str
    """Its name."""
    text: str
    """The filter; empty to forget it."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Keep or forget it."""
        from arctl.filtering import saved

        if self.text:
            saved.save(workspace, self.name, self.text)
            yield Result(f"@{self.name} is {self.text}")
        else:
            saved.forget(workspace, self.name)
            yield Result(f"@{self.name} is forgotten")

    def command(self) -> str:
        """Return `arctl ls --save-filter ...`."""
        return shlex.join(["arctl", "ls", "--save-filter", self.name, "--where", self.text])
