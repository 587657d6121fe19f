"""What the Submit view does: submit a form, and go on with a run that ended early; by the same path as the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arctl.rundir import run_name
from arctl.tui.reading import trouble
from arctl.tui.wants import Deed, Result

if TYPE_CHECKING:
    from arctl.drafting import Draft
    from arctl.launch import Launched
    from arctl.settings import Workspace


@dataclass(frozen=True)
class Sent:
    """How a submission ended."""

    numbers: tuple[int, ...] = ()
    """The runs whose jobs are queued."""
    why: str = ""
    """Why the others are not, or none is; empty where all went well."""


@dataclass(frozen=True)
class SubmitDraft(Deed):
    """Submit what a form says."""

    draft: Draft
    """The form."""
    base: Draft | None = None
    """How it began, where a run is repeated."""
    tell: Callable[[Sent], object] = field(default=lambda sent: None, compare=False, repr=False)
    """Hears how it ended, on the watcher's thread, once."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Check again, make the runs, queue their jobs. A job that may be queued is never sent twice."""
        done: list[Launched] = []
        said: list[str] = []
        why = "it was broken off"
        try:
            self._send(workspace, done, said)
            why = ""
        except Exception as error:
            why = trouble(error)
        finally:
            self.tell(Sent(tuple(one.number for one in done), why))
        yield from (Result(text) for text in said)
        if done:
            yield Result(_line(done))
        if why:
            yield Result(f"not submitted: {why}" if not done else f"the others were not submitted: {why}", good=False)

    def _send(self, workspace: Workspace, done: list[Launched], said: list[str]) -> None:
        from arctl.drafting import requests_of
        from arctl.errors import UsageError
        from arctl.launch import rehearse_all, submit_plans

        requests, wrong = requests_of(workspace, self.draft, self.base)
        for name, error in wrong.items():
            raise UsageError(f"{name}: {error.what}", cure=error.cure)
        submit_plans(workspace, rehearse_all(workspace, requests), tell=done.append, say=said.append)

    def command(self) -> str:
        """Return the line that submits the same; a secret in it is not shown."""
        import shlex

        from arctl.drafting import command_line
        from arctl.secrets import words_hidden

        return shlex.join(words_hidden(command_line(self.draft, self.base)))


@dataclass(frozen=True)
class ResumeRun(Deed):
    """Queue a further job of a run that stopped before its end."""

    number: int
    """The run."""

    def do(self, workspace: Workspace) -> Iterator[Result]:
        """Examine it as a submission is, then queue it from its checkpoint."""
        from arctl.preflight import examine
        from arctl.resume import rehearse_resume, resume

        found = examine(workspace, [rehearse_resume(workspace, self.number)], expect=False)
        for finding in found:
            if finding.level == "error":
                yield Result(f"{run_name(self.number)} was not resumed: {finding}", good=False)
                return
        done = resume(workspace, self.number)
        yield Result(f"{done.run} goes on as job {done.job_id} on {done.cluster}")

    def command(self) -> str:
        """Return the line that does the same."""
        return f"arctl resume {run_name(self.number)}"


def _line(done: list[Launched]) -> str:
    first, last = done[0], done[-1]
    if len(done) == 1:
        return f"{first.run} submitted as job {first.job_id}"
    return f"{first.run} to {last.run} submitted as jobs {first.job_id} to {last.job_id}"
