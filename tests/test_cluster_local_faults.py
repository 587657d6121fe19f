"""The local cluster when things go wrong around it: killed submitters, many at once, full disks, files in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl.clusters.base import JobState, Submission
from arctl.clusters.local import LocalCluster
from arctl.errors import SubmitRefused
from arctl.states import ENDED, State


def submit(cluster: LocalCluster, run_dir: Path, body: str) -> str:
    script = run_dir / "job.sbatch"
    script.write_text(f"#!/bin/bash\n{body}\n")
    return cluster.submit(Submission(script, run_dir, "arctl-0123456789ab", run_dir / "log-%j.txt", {}))


def ended(cluster: LocalCluster, job_id: str) -> JobState:
    deadline = time.monotonic() + 20
    while (state := cluster.states([job_id])[job_id]).state not in ENDED:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def test_a_job_outlives_the_process_that_submits_it(tmp_path: Path) -> None:
    script = tmp_path / "job.sbatch"
    script.write_text("#!/bin/bash\nsleep 1; echo done\n")
    code = (
        "import sys; from pathlib import Path; from arctl.clusters.local import LocalCluster\n"
        "from arctl.clusters.base import Submission\n"
        "here = Path(sys.argv[1])\n"
        "job = Submission(here / 'job.sbatch', here, 't', here / 'log-%j.txt', {})\n"
        "print(LocalCluster(here / 'local').submit(job), flush=True)\n"
        "import os, signal; os.killpg(0, signal.SIGKILL)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SLURM_JOB_ID": "5", "ARCTL_JOB_ID": "9"}
    args = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(args, env=env, capture_output=True, text=True, start_new_session=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", -signal.SIGKILL)
    assert ended(LocalCluster(tmp_path / "local"), "1").state is State.COMPLETED
    assert (tmp_path / "log-1.txt").read_text() == "done\n"


def test_ids_are_unique_when_many_submit_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from arctl.clusters.local import LocalCluster\n"
        "from arctl.clusters.base import Submission\n"
        "here = Path(sys.argv[1]); cluster = LocalCluster(here / 'local')\n"
        "job = Submission(script=here / 's', run_dir=here, token='t', log=here / 'log-%j.txt', directives={})\n"
        "print(*[cluster.submit(job) for _ in range(3)])\n"
    )
    (tmp_path / "s").write_text("#!/bin/bash\ntrue\n")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    args = [sys.executable, "-c", code, str(tmp_path)]
    many = [subprocess.Popen(args, env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = sorted(int(word) for one in many for word in one.communicate()[0].split())
    assert ids == list(range(1, 13))
    cluster = LocalCluster(tmp_path / "local")
    assert {ended(cluster, str(job)).state for job in ids} == {State.COMPLETED}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let tests mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_queues_nothing_and_says_so(tmp_path: Path, small: Path) -> None:
    with pytest.raises(SubmitRefused, match=r"No space left.*free space"):
        submit(LocalCluster(small / "local"), tmp_path, "true\n#" + "x" * 100_000)
    assert list((small / "local" / "jobs").iterdir()) == [] and not list((small / "local").glob(".new*"))


def test_a_job_that_fills_the_disk_still_has_its_end_recorded(tmp_path: Path, small: Path) -> None:
    cluster = LocalCluster(small / "local")
    job = submit(cluster, tmp_path, f"cat /dev/zero > '{small}/fill'; exit 3")
    state = ended(cluster, job)
    assert (state.state, state.exit_code) == (State.FAILED, 3)
    assert (small / "fill").stat().st_size > 0


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".arctl").write_text("a file in the way")
    with pytest.raises(SubmitRefused, match="could not be queued"):
        submit(LocalCluster(tmp_path / ".arctl" / "local"), tmp_path, "true")
