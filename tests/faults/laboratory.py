"""A lab for faults: a workspace on a Slurm of shell scripts that remembers its jobs, and questions about both."""

from __future__ import annotations

import re
import shutil
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, number_of
from arctl.runfile import JobFile, change_run, read_run
from arctl.settings import Workspace
from tests.faults.steps import Ended, Server, arctl

SBATCH = """#!/bin/sh
here=$(dirname "$0"); for script; do :; done
case " $* " in *" --test-only "*) exit 0;; esac
[ -e "$here/deaf" ] && { kill -9 $PPID; exit 1; }
name=$(sed -n 's/^#SBATCH --job-name=//p' "$script")
array=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
id=$((70 + $(cat "$here/ids" 2>/dev/null || echo 0) + 1)); echo $((id - 70)) > "$here/ids"
[ -n "$array" ] || echo "$id|$name" >> "$here/jobs"
[ -z "$array" ] || for n in $(seq 0 "$array"); do echo "${id}_$n|$name"; done >> "$here/jobs"
[ -e "$here/mute" ] && kill -9 $PPID
echo "$id"
"""
SQUEUE = """#!/bin/sh
here=$(dirname "$0"); for last; do :; done
mark=${last#--format=}; mark=${mark%%%*}
[ -e "$here/jobs" ] || exit 0
while IFS='|' read -r id name; do
  echo "$mark$id|PENDING|cpu|N/A|2026-01-01T00:00:00|10:00|10:00|1|1|1|1G|N/A|normal|lab||(null)|Priority|$name"
done < "$here/jobs"
"""
CONFIG = "#!/bin/sh\necho 'AccountingStorageType = (null)none'\necho 'MaxArraySize = 1001'\n"


@dataclass(frozen=True)
class Lab:
    """A workspace and its Slurm."""

    workspace: Workspace
    """The workspace; its files lie below `root`."""
    slurm: Path
    """The directory of Slurm's programs, and of the jobs that they remember."""
    server: Server
    """What runs its commands."""

    @property
    def root(self) -> Path:
        """Where it is."""
        return self.workspace.root

    def arctl(self, *argv: str, kill_at: int = 0, status: int | None = 0) -> Ended:
        """Run `arctl ARGV` in the workspace, as `steps.arctl` does."""
        return arctl(self.root, *argv, kill_at=kill_at, status=status, server=self.server)

    def jobs(self) -> dict[str, str]:
        """Return the jobs that Slurm has: id -> the token in their name."""
        path = self.slurm / "jobs"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split("|")[0]: re.findall(r"arctl-[0-9a-f]{12}", line)[-1] for line in lines}

    def rows(self) -> dict[int, RunRow]:
        """Return the runs of the registry."""
        return {row.number: row for row in read.runs(self.workspace.db)}

    def age(self, seconds: float = 1000.0) -> None:
        """Let time pass for hand-overs: what died some seconds ago died a while ago."""
        connection = sqlite3.connect(self.workspace.db)
        with connection:
            connection.execute("UPDATE runs SET created = created - ?1, handed = handed - ?1", (seconds,))
        connection.close()

    def check(self) -> None:
        """See that nothing is half: the registry is whole, and so is every run directory."""
        if self.workspace.db.exists():
            connection = sqlite3.connect(self.workspace.db)
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            connection.close()
        for path in self.workspace.runs.iterdir() if self.workspace.runs.is_dir() else ():
            if number_of(path) is not None:
                record = read_run(RunDir(path).run_yaml)
                scripts = [script.read_text() for script in path.glob("job*.sbatch")]
                assert record.number == number_of(path) and any(record.token[:18] in text for text in scripts)

    def check_settled(self, *, rebuild: bool = True) -> None:
        """See that each job belongs to one run, that each run knows its own, and that a rebuild says the same."""
        known = [(row.job_id, row.token) for row in self.rows().values() if row.job_id is not None]
        carried = self.jobs()
        assert sorted(job for job, _ in known) == sorted(carried), (known, carried)
        assert all(token.startswith(carried[str(job)]) for job, token in known)
        assert all(row.submission == "submitted" for row in self.rows().values() if row.job_id)
        if not rebuild:
            return
        before = {number: told(row) for number, row in self.rows().items() if self.workspace.run_dir(number).exists()}
        for row in self.rows().values():
            if row.job_id is not None:
                assert read_run(RunDir(self.workspace.run_dir(row.number)).run_yaml).jobs[-1].id == row.job_id
        self.arctl("rebuild")
        self.age()
        self.arctl("sync")
        assert {number: told(row) for number, row in self.rows().items()} == before


def told(row: RunRow) -> tuple[object, ...]:
    """Return what of a run a rebuild has to bring back."""
    metrics = repr(sorted(row.metrics.items()))
    return (row.number, row.token, row.name, row.state, row.submission, row.job_id, row.tags, row.sweep, metrics)


class Copies:
    """Makes copies of a lab at one and the same place, so that paths in its files stay true."""

    def __init__(self, lab: Lab, aside: Path) -> None:
        self._lab, self._aside = lab, aside
        for path in (lab.root, lab.slurm):
            shutil.copytree(path, aside / path.name, symlinks=True)

    def fresh(self) -> Lab:
        """Put the lab back as it was at first."""
        for path in (self._lab.root, self._lab.slurm):
            shutil.rmtree(path)
            shutil.copytree(self._aside / path.name, path, symlinks=True)
        return self._lab


def ended_run(lab: Lab) -> None:
    """Submit a run whose job, 71, has ended at its time limit long ago; Slurm has forgotten it."""
    lab.arctl("submit", "--name", "long", "--", "true")
    (lab.slurm / "jobs").unlink()
    connection = sqlite3.connect(lab.workspace.db)
    with connection:
        connection.execute("UPDATE jobs SET state = 'timeout', source = 'sacct', submitted = 1000, asked_at = 2000, "
                           "ended = 2000, exit_code = 0")  # fmt: skip
        connection.execute("UPDATE runs SET state = 'timeout', created = 1000, ended = 2000")
    connection.close()
    long_ago = (JobFile("slurm", "71", 1000.0),)
    change_run(lab.workspace.run_dir(1) / "run.yaml", lambda run: replace(run, created=1000.0, jobs=long_ago))
