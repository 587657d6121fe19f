"""What is written into the workspace to be kept or passed on: reports, and comparisons as JSON."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from arctl.rundir import run_name
from arctl.tui.reading.compare import CompareWant
from arctl.tui.reading.sources import TRAINING
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True)
class Export(Deed):
    """Write a file that is named after the runs; one of that name is replaced once the new one is whole."""

    apart: ClassVar[bool] = True
    want: CompareWant
    """The runs, and which of their answers."""

    @property
    @abstractmethod
    def ending(self) -> str:
        """What the file's name ends in: `html`."""

    @abstractmethod
    def text(self, workspace: Workspace) -> str:
        """Return what is written. Raises what the command does."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Write it and tell where it is."""
        place = workspace.root / self.place
        text = self.text(workspace)
        place.parent.mkdir(exist_ok=True)
        draft = place.with_name(f".{place.name}.tmp")
        draft.write_text(text, encoding="utf-8")
        draft.replace(place)
        yield Result(f"written: {place}")

    @property
    def place(self) -> Path:
        """The file's place in the workspace: `reports/run1-run2-val-10x3.json`."""
        numbers = self.want.numbers
        name = "-".join(map(run_name, numbers[:6])) + ("-more" if len(numbers) > 6 else "")
        of = [] if self.want.source in (None, TRAINING) else self.want.source.words().split()
        return Path("reports") / f"{'-'.join([name, *of])}.{self.ending}"

    def words(self, verb: str) -> list[str]:
        """Return the command without its output: `arctl report run1 run2 --views 10x3`."""
        words = ["arctl", verb, *map(run_name, self.want.numbers)]
        words += [] if self.want.at == "best" else ["--at", self.want.at]
        words += [] if self.want.source is None else self.want.source.options()
        return words + (["--force"] if self.want.force else [])


@dataclass(frozen=True)
class ExportReport(Export):
    """Write a report: HTML, or Markdown where nothing draws its figures."""

    @property
    def ending(self) -> str:
        """`html` or `md`."""
        return "html" if find_spec("matplotlib") else "md"

    def text(self, workspace: Workspace) -> str:
        """Return the report."""
        from arctl import report

        one = report.report(workspace, *self.want.numbers, asked=self.want.asked(), force=self.want.force)
        return report.write(one, "html" if self.ending == "html" else "markdown")

    def command(self) -> str:
        """Return `arctl report ... -o FILE`."""
        return shlex.join([*self.words("report"), "-o", str(self.place)])


@dataclass(frozen=True)
class ExportComparison(Export):
    """Write a comparison as `arctl compare --json` prints it."""

    @property
    def ending(self) -> str:
        """`json`."""
        return "json"

    def text(self, workspace: Workspace) -> str:
        """Return the document."""
        import json

        from arctl import compare
        from arctl.text import safe_json

        document = {"schema": compare.SCHEMA, **compare.to_json(self.want.compared(workspace).comparison)}
        return safe_json(json.dumps(document, ensure_ascii=False, separators=(", ", ": "))) + "\n"

    def command(self) -> str:
        """Return `arctl compare ... --json > FILE`."""
        return f"{shlex.join([*self.words('compare'), '--json'])} > {shlex.quote(str(self.place))}"
