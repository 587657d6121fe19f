"""The Notes tab: what people said about the run, what it comes from, what came of it, who scored it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from arctl.rundir import run_name
from arctl.text import safe, safe_line
from arctl.tui import palette, wording
from arctl.tui.messages import TabNoted, Wanted
from arctl.tui.reading.notes import NotePanel, NotesPanel, NotesWant, NoteWant
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.text_page import TextPage, heading, labelled

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow
    from arctl.tui.look import Look


class NotesTab(TextPage):
    """Note, tags, group, sweep and relatives."""

    TITLE: ClassVar[str] = "Notes"
    FOOTER: ClassVar[tuple[str, ...]] = ("back", "next-tab", "note", "tags")

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.note = ""
        """A short text for the tab strip."""
        self._look = look
        self._row: RunRow | None = None

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run; it is read again where it has changed."""
        if fresh:
            self.show([], fresh=True)
        if fresh or _words(row) != _words(self._row):
            self.app.post_message(Wanted(NotesWant(row.number), self))
        self._row = row

    def edit(self) -> None:
        """Open the editor, with the note as run.yaml has it now."""
        if self._look.readonly:
            self.notify("this dashboard only reads (--readonly)", severity="warning", markup=False)
        elif self._row is not None:
            self.app.post_message(Wanted(NoteWant(self._row.number, time.time()), self))

    def take(self, panel: Panel) -> None:
        """Draw what was read, or open the editor with it."""
        row = self._row
        if isinstance(panel, NotesPanel) and row is not None and panel.row.number == row.number:
            note = f"{len(panel.lineage.evaluations)} evaluations" if panel.lineage.evaluations else ""
            if note != self.note:
                self.note = note
                self.post_message(TabNoted())
            self.show(list(_page(panel)), fresh=False)
        elif isinstance(panel, NotePanel) and row is not None and panel.number == row.number:
            from arctl.tui.screens.note_editor import NoteEditor

            kept = getattr(self.app, "unwritten", {}).get(row.number)
            self.app.push_screen(NoteEditor(row.number, row.name, panel.note, kept))
        elif isinstance(panel, EmptyPanel) and isinstance(panel.want, NoteWant):
            self.notify(panel.why, severity="error", timeout=12, markup=False)
        elif isinstance(panel, EmptyPanel):
            self.show([Text(panel.why, style=palette.WAIT)], fresh=True)


def _words(row: RunRow | None) -> tuple[object, ...]:
    return () if row is None else (row.number, row.note, row.tags, row.group, row.sweep, row.state)


def _page(panel: NotesPanel) -> Iterator[Text]:
    row = panel.row
    yield heading("Note")
    if row.note.strip():
        for line in safe(row.note, limit=8192).splitlines():
            yield Text(line.expandtabs(4), style=palette.TEXT)
    else:
        yield Text("none yet: e writes one", style=palette.MUTED)
    yield Text()
    yield labelled(
        "tags", " ".join(safe_line(tag, limit=64) for tag in row.tags) or "none: t adds some", palette.SECOND
    )
    yield labelled("group", safe_line(row.group or "") or wording.NOTHING)
    yield labelled("sweep", safe_line(row.sweep or "") or wording.NOTHING)
    if row.params:
        said = ", ".join(f"{key}={value}" for key, value in row.params.items())
        yield labelled("sets", safe_line(said, limit=800))
    yield from _relatives(panel)


def _relatives(panel: NotesPanel) -> Iterator[Text]:
    found = panel.lineage
    if found.scored is not None:
        yield from _runs("Scores the weights of", [found.scored])
    if found.parents:
        yield from _runs("Repeats", found.parents)
    if found.children:
        yield from _runs("Repeated by", found.children)
    if found.evaluations:
        yield from _runs("Evaluations of it", found.evaluations, panel.ways)


def _runs(title: str, rows: Sequence[RunRow], ways: Sequence[str] = ()) -> Iterator[Text]:
    yield Text()
    yield heading(title)
    for place, row in enumerate(rows):
        word, style = palette.state_word(row.state)
        said = safe_line(ways[place], limit=120) if ways else safe_line(row.note, limit=120)
        best, _ = wording.best(row.metrics, "val/top1")
        top1 = f"  {wording.percent(best)}" if best is not None else ""
        yield Text.assemble(
            (f"{run_name(row.number):<11} ", f"bold {palette.TEXT}"),
            (f"{word:<11} ", style),
            (safe_line(row.name, limit=60), palette.TEXT),
            (top1, palette.TEXT),
            (f"  {said}" if said else "", palette.MUTED),
        )
