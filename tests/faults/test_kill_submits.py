"""A submission, a resume and a sweep, each killed at every step: nothing half, nothing twice, nothing lost.

After each kill the next ordinary command finds all consistent; then that one is killed at every step as well.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.runfile import read_run
from arctl.states import State
from tests.faults.laboratory import Copies, Lab, ended_run
from tests.faults.steps import each_kill

SUBMIT = ("submit", "--name", "a", "--", "true")
SWEEP = "name: lr\nmodel: r3d_tiny\ndata: motions\nlist: [{optim.lr: 0.1}, {optim.lr: 0.2}, {optim.lr: 0.3}]\n"


def test_a_submission_killed_at_every_step(lab: Lab, tmp_path: Path) -> None:
    copies = Copies(lab, tmp_path / "aside")
    queued = 0
    for step, ended in each_kill(lambda step: copies.fresh().arctl(*SUBMIT, kill_at=step), least=20):
        lab.check()
        lab.arctl("ls", "--json")
        assert len(lab.jobs()) <= 1, step
        queued += len(lab.jobs())
        if ended.out:
            assert [row.job_id for row in lab.rows().values()] == list(lab.jobs()) == ["71"]
        if lab.rows():
            lab.age()
        lab.arctl("sync")
        for row in lab.rows().values():
            assert row.state is (State.PENDING if lab.jobs() else State.UNCONFIRMED), (step, row)
            assert lab.jobs() or "was never queued" in (row.message or "")
        lab.check_settled(rebuild=step % 3 == 0)
        if step % 5 == 0:
            before = len(lab.jobs())
            lab.arctl(*SUBMIT[:1], "--again", *SUBMIT[1:])
            assert len(lab.jobs()) == before + 1, step
    assert queued > 3


@pytest.mark.parametrize("when", ["deaf", "mute"])
def test_killed_while_sbatch_works_and_again_while_it_is_healed(lab: Lab, tmp_path: Path, when: str) -> None:
    """`deaf`: before Slurm has the job; `mute`: after, and nobody ever read its id."""
    (lab.slurm / when).touch()
    assert lab.arctl(*SUBMIT, status=None, kill_at=10_000).killed
    assert [row.state for row in lab.rows().values()] == [State.SUBMITTING]
    lab.age()
    copies = Copies(lab, tmp_path / "aside")
    for step, _ in each_kill(lambda step: copies.fresh().arctl("sync", kill_at=step), least=8):
        lab.check()
        lab.arctl("sync")
        (row,) = lab.rows().values()
        assert row.state is (State.PENDING if when == "mute" else State.UNCONFIRMED), (step, row)
        assert (row.job_id or None) == ("71" if when == "mute" else None)
        if when == "mute":
            assert [job.id for job in read_run(lab.workspace.run_dir(1) / "run.yaml").jobs] == ["71"]
        lab.check_settled(rebuild=step % 3 == 0)


def test_a_resume_killed_at_every_step_and_sent_again_once(lab: Lab, tmp_path: Path) -> None:
    ended_run(lab)
    copies = Copies(lab, tmp_path / "aside")
    queued = lost = 0
    for step, _ in each_kill(lambda step: copies.fresh().arctl("resume", "run1", kill_at=step), least=15):
        lab.check()
        assert len(lab.jobs()) <= 1, step
        lab.age(1000.0)
        lab.arctl("sync")
        (row,) = lab.rows().values()
        jobs = [job.id for job in read_run(lab.workspace.run_dir(1) / "run.yaml").jobs]
        if lab.jobs():
            queued += 1
            assert (row.state, row.job_id, jobs) == (State.PENDING, "72", ["71", "72"]), step
            lab.arctl("resume", "run1", status=2)
            assert list(lab.jobs()) == ["72"]
            lab.check_settled(rebuild=step % 3 == 0)
        else:
            lost += row.state is State.UNCONFIRMED
            assert row.state in (State.TIMEOUT, State.UNCONFIRMED) and jobs == ["71"], step
            lab.arctl("resume", "run1")
            (row,) = lab.rows().values()
            assert (row.state, row.job_id) == (State.PENDING, "72") and list(lab.jobs()) == ["72"], step
            assert lab.jobs()["72"] == row.token
    assert queued > 3 and lost > 3


def test_a_sweep_killed_at_every_step_and_its_missing_elements_sent_again(lab: Lab, tmp_path: Path) -> None:
    (lab.root / "lr.yaml").write_text(SWEEP)
    copies = Copies(lab, tmp_path / "aside")
    argv = ("sweep", "submit", str(lab.root / "lr.yaml"), "--cluster", "slurm")
    mended = 0
    for step, _ in each_kill(lambda step: copies.fresh().arctl(*argv, kill_at=step), least=40, every=4):
        lab.check()
        assert len(lab.jobs()) in (0, 3), step
        if lab.rows():
            lab.age()
        lab.arctl("sync")
        assert all((row.job_id is not None) == bool(lab.jobs()) for row in lab.rows().values()), step
        if not (lab.workspace.state / "sweeps" / "lr").is_dir():
            assert not lab.rows()
            lab.arctl(*argv)
        elif not lab.jobs():
            lab.arctl("sweep", "resubmit", "lr", "--missing")
            mended += 1
        assert len(lab.jobs()) == 3, step
        alive = {row.job_id: row.params for row in lab.rows().values() if row.job_id}
        assert sorted(lab.jobs()) == sorted(map(str, alive)), step
        assert sorted(float(str(params["optim.lr"])) for params in alive.values() if params) == [0.1, 0.2, 0.3]
    assert mended > 3
