"""What the Compare view writes: the comparison as a file of the workspace, as `arctl compare --json` prints it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from arctl.rundir import run_name
from arctl.tui.reading.compare import ComparePanel, CompareWant, RefusedPanel
from arctl.tui.reading.sources import TRAINING
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True)
class ExportComparison(Deed):
    """Write a comparison as JSON into the workspace."""

    apart: ClassVar[bool] = True
    want: CompareWant
    """What is compared."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Write it and tell where it is."""
        import json

        from arctl import compare
        from arctl.text import safe_json

        panel = self.want.read(workspace)
        if isinstance(panel, RefusedPanel):
            yield Result(panel.why, good=False)
            return
        assert isinstance(panel, ComparePanel)
        place = workspace.root / self.place
        place.parent.mkdir(exist_ok=True)
        draft = place.with_name(f".{place.name}.tmp")
        document = {"schema": compare.SCHEMA, **compare.to_json(panel.comparison)}
        text = json.dumps(document, ensure_ascii=False, separators=(", ", ": "))
        draft.write_text(safe_json(text) + "\n", encoding="utf-8")
        draft.replace(place)
        yield Result(f"written: {place}")

    @property
    def place(self) -> Path:
        """The file's place in the workspace."""
        numbers = self.want.numbers
        name = "-".join(map(run_name, numbers[:6])) + ("-more" if len(numbers) > 6 else "")
        of = [] if self.want.source in (None, TRAINING) else self.want.source.words().split()
        return Path("reports") / f"{'-'.join([name, *of])}.json"

    def command(self) -> str:
        """Return `arctl compare ... --json > FILE`."""
        words = ["arctl", "compare", *map(run_name, self.want.numbers)]
        words += [] if self.want.at == "best" else ["--at", self.want.at]
        words += [] if self.want.source is None else self.want.source.options()
        words += ["--force"] if self.want.force else []
        return f"{shlex.join([*words, '--json'])} > {shlex.quote(str(self.place))}"
