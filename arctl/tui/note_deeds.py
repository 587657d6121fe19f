"""What people say about runs: notes and tags, changed as `arctl note` and `arctl tag` do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arctl.rundir import run_name
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True)
class SetNote(Deed):
    """Replace the note of a run, unless somebody else changed it meanwhile."""

    number: int
    """The run."""
    text: str
    """The note."""
    was: str | None = None
    """The note as it was read before; None to replace any."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Write it."""
        from arctl.labels import set_note

        said = set_note(workspace, self.number, self.text, was=self.was)
        yield Result(f"{run_name(self.number)}: its note is {'written' if said else 'gone'}")

    def command(self) -> str:
        """Return `arctl note ...`."""
        what = ["--", self.text] if self.text.strip() else ["--clear"]
        return shlex.join(["arctl", "note", run_name(self.number), *what])


@dataclass(frozen=True)
class ChangeTags(Deed):
    """Add tags to runs, and take some away."""

    numbers: tuple[int, ...]
    """The runs."""
    add: tuple[str, ...] = ()
    """Tags to add."""
    remove: tuple[str, ...] = ()
    """Tags to take away."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Change them, run by run; one that cannot be changed keeps none from it."""
        from arctl.errors import ArctlError
        from arctl.labels import change_tags

        done: list[int] = []
        for number in self.numbers:
            try:
                tags = change_tags(workspace, number, add=self.add, remove=self.remove)
            except ArctlError as error:
                yield Result(f"{run_name(number)}: {error}", good=False)
            else:
                done.append(number)
                if len(self.numbers) == 1:
                    yield Result(f"{run_name(number)}: {'tags ' + ' '.join(tags) if tags else 'no tags'}")
        if len(self.numbers) > 1 and done:
            yield Result(f"{len(done)} runs are tagged anew")

    def command(self) -> str:
        """Return `arctl tag ...`."""
        words = [f"+{tag}" for tag in self.add] + [f"-{tag}" for tag in self.remove]
        return shlex.join(["arctl", "tag", *map(run_name, self.numbers), *words])


def retag(numbers: Sequence[int], text: str) -> list[ChangeTags]:
    """Return the deed that a text means: `base +paper -debug` adds two tags and takes one away; none for no text."""
    words = text.replace(",", " ").split()
    remove = tuple(dict.fromkeys(word[1:] for word in words if word.startswith("-")))
    add = tuple(dict.fromkeys(word.removeprefix("+") for word in words if not word.startswith("-")))
    return [ChangeTags(tuple(numbers), add, remove)] if numbers and words else []
