"""Runs as elements of one job array: sent once, each with its own directory, token, job id, log and end."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from arctl import control, launch
from arctl.clusters import open_cluster
from arctl.errors import ArctlError, SubmitRefused, SubmitUnconfirmed, UsageError
from arctl.launch import Launched, rehearse, rehearse_all, submit, submit_array
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.request import Request, Resources
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace, load_settings
from arctl.states import State
from arctl.sync import sync
from tests.twovideos import two_videos

ROOT = Path(__file__).parent.parent
HERE = Request(command=("sh", "-c", 'echo "in $ARCTL_RUN_DIR"'), name="here")
TRAIN = Request(model="r3d_tiny", data="motions", cluster="slurm")
SEEDS = TRAIN.with_seeds([4, 5, 6])
LINE = """line() {  # id, state, start, node, reason, name, as squeue prints them behind a mark
    mark=$(printf '%s\\n' "$@" "$FORMAT" | sed -n 's/^--format=\\([^%]*\\).*/\\1/p')
    echo "$mark$1|$2|low|$3|2026-01-01T00:00:00|60:00|59:00|1|1|1|100M|N/A|normal|root|$4||$5|$6"
}
FORMAT=$(printf '%s\\n' "$@" | grep '^--format=')
"""
QUEUED = 'job=$(sed -n "s/^#SBATCH --job-name=//p" runs/run0001/job.sbatch)'


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = init_workspace(tmp_path / "lab 100%d")
    two_videos(made.root / "data" / "motions")
    (made.root / "arctl.yaml").write_text("python: /bin/true\n")
    monkeypatch.chdir(made.root)
    return Workspace(root=made.root, settings=load_settings(made.root / "arctl.yaml"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is first on PATH, for stand-ins of Slurm's programs; they say nothing unless a test has them."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    for name in ("sbatch", "squeue", "sacct", "scontrol", "scancel"):
        does(place / name, "exit 0")
    return place


def does(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def rows(workspace: Workspace) -> list[RunRow]:
    return sorted(read.runs(workspace.db), key=lambda row: row.number)


def tokens(workspace: Workspace) -> list[str]:
    return [read_run(RunDir(path).run_yaml).token for path in sorted(workspace.runs.iterdir())]


def age(workspace: Workspace, *, seconds: float) -> None:
    """Make the runs older, so that a sync no longer thinks that somebody is about to record their jobs."""
    with sqlite3.connect(workspace.db) as connection:
        connection.execute("UPDATE runs SET created = created - ?", (seconds,))
    connection.close()


def test_each_element_is_a_run_with_its_own_log(workspace: Workspace) -> None:
    launched = submit_array(workspace, [HERE, replace(HERE, name="there")])
    places = [workspace.run_dir(1), workspace.run_dir(2)]
    assert launched == [Launched(1, "1_0", "local", places[0]), Launched(2, "1_1", "local", places[1])]
    assert set(control.wait(workspace, [1, 2], timeout=30).values()) == {State.COMPLETED}
    assert [(place / f"log-1_{k}.txt").read_text() for k, place in enumerate(places)] == [f"in {p}\n" for p in places]
    assert [(row.name, row.job_id, row.template) for row in rows(workspace)] == [
        ("here", "1_0", "array"),
        ("there", "1_1", "array"),
    ]
    assert [[job.id for job in read_run(RunDir(place).run_yaml).jobs] for place in places] == [["1_0"], ["1_1"]]


def test_one_sbatch_for_all_with_a_token_each(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", f'echo "$@" >> {programs}/calls; cp "$2" {programs}/sent; echo 77')
    launched = submit_array(workspace, SEEDS)
    assert [run.job_id for run in launched] == ["77_0", "77_1", "77_2"]
    scripts = [RunDir(run.run_dir).script for run in launched]
    assert (programs / "calls").read_text() == f"--parsable {scripts[0]}\n"
    assert {script.read_bytes() for script in scripts} == {(programs / "sent").read_bytes()}
    whole = tokens(workspace)[0].removesuffix("_0")
    assert tokens(workspace) == [f"{whole}_{k}" for k in range(3)]
    assert [row.token for row in rows(workspace)] == tokens(workspace)
    text = scripts[0].read_text()
    assert f"#SBATCH --job-name=r3d_tiny-seeds-{whole}\n" in text
    assert "#SBATCH --array=0-2\n" in text
    assert f"/lab 100%%d/.arctl/array/{whole}/%a/log-%A_%a.txt" in text
    assert (workspace.state / "array" / whole / "2").resolve() == launched[2].run_dir.resolve()
    assert 'exec /bin/true -m trainer --run-dir "$ARCTL_RUN_DIR"\n' in text
    seeds = [yaml.safe_load(RunDir(run.run_dir).config.read_text())["train"]["seed"] for run in launched]
    assert seeds == [4, 5, 6]
    assert {row.group for row in rows(workspace)} == {"r3d_tiny-seeds"}
    for run in launched:
        record = read_run(RunDir(run.run_dir).run_yaml)
        assert record.command[-1] == record.values["run_dir"] == str(run.run_dir)


def test_a_refusal_refuses_every_run(workspace: Workspace, programs: Path) -> None:
    refusal = "Batch job submission failed: Invalid job array specification"
    does(programs / "sbatch", f"echo 'sbatch: error: {refusal}' >&2; exit 1")
    with pytest.raises(SubmitRefused, match=f"{refusal}.*MaxArraySize"):
        submit_array(workspace, SEEDS)
    assert [row.state for row in rows(workspace)] == [State.REFUSED] * 3
    assert all(refusal in (row.message or "") for row in rows(workspace))
    files = [read_run(RunDir(workspace.run_dir(n)).run_yaml) for n in (1, 2, 3)]
    assert [file.submission for file in files] == ["refused"] * 3
    assert RunDir(workspace.run_dir(3)).script.is_file()


def test_an_unclear_answer_is_healed_by_sync(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1")
    with pytest.raises(SubmitUnconfirmed):
        submit_array(workspace, SEEDS)
    assert [row.state for row in rows(workspace)] == [State.UNCONFIRMED] * 3
    # The first element has left the queue already; its id follows from those of the others.
    does(programs / "squeue", f'cd "{workspace.root}"; {QUEUED}; {LINE}line "77_[1-2]" PENDING N/A "" Priority "$job"')
    age(workspace, seconds=60)
    sync(workspace, force=True)
    assert [row.job_id for row in rows(workspace)] == ["77_0", "77_1", "77_2"]
    sync(workspace, force=True)
    assert [row.state for row in rows(workspace)[1:]] == [State.PENDING] * 2
    assert [row.reason for row in rows(workspace)[1:]] == ["Priority"] * 2


def test_killed_after_sbatch_every_element_is_healed(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "kill -9 $PPID; echo 77")
    argv = [sys.executable, "-m", "arctl", "-w", str(workspace.root), "submit", "--model", "r3d_tiny"]
    argv += ["--data", "motions", "--cluster", "slurm", "--seeds", "1,2"]
    assert subprocess.run(argv, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    assert [row.state for row in rows(workspace)] == [State.SUBMITTING] * 2
    assert [row.token for row in rows(workspace)] == tokens(workspace)
    times = "2026-01-01T00:00:00|2026-01-01T00:00:00|2026-01-01T00:01:00"
    bar = 'for word; do case "$word" in --delimiter=*) bar="${word#*=}" ;; esac; done'
    sacct = f'{bar}; {QUEUED}; echo "77_0|COMPLETED|0:0|{times}|n1|None|$job" | sed "s/|/$bar/g"'
    does(programs / "sacct", f'cd "{workspace.root}"; {sacct}')
    does(
        programs / "squeue",
        f'cd "{workspace.root}"; {QUEUED}; {LINE}line 77_1 RUNNING 2026-01-01T00:00:00 n2 None "$job"',
    )
    age(workspace, seconds=60)
    report = sync(workspace, force=True)
    assert report.scheduler_errors == report.troubles == ()
    assert [row.job_id for row in rows(workspace)] == ["77_0", "77_1"]
    sync(workspace, force=True)
    assert rows(workspace)[1].state is State.RUNNING
    assert rows(workspace)[1].node == "n2"
    assert [job.id for job in read_run(RunDir(workspace.run_dir(2)).run_yaml).jobs] == ["77_1"]


def test_an_id_that_is_somebody_elses_by_now_is_left_alone(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "echo 77")
    submit_array(workspace, SEEDS[:2])
    own = tokens(workspace)[0].removesuffix("_0")
    queue = f"line 77_0 RUNNING 2026-01-01T00:00:00 n1 None x-{own}; line 77_1 RUNNING N/A n1 None x-arctl-ffffffffffff"
    does(programs / "squeue", f"{LINE}{queue}")
    does(programs / "scancel", f'echo "$@" >> {programs}/cancelled')
    report = sync(workspace, force=True)
    assert [row.state for row in rows(workspace)] == [State.RUNNING, State.PENDING]
    assert report.troubles == ("run2: slurm has given job 77_1 to somebody else",)
    outcomes = control.cancel(workspace, [1, 2])
    assert [outcome.asked for outcome in outcomes] == [True, False]
    assert (programs / "cancelled").read_text() == "77_0\n"


def test_cancelling_one_element_leaves_the_others(workspace: Workspace) -> None:
    sleeper = replace(HERE, command=("sh", "-c", "sleep 300"))
    submit_array(workspace, [sleeper, sleeper, sleeper])
    control.cancel(workspace, [1, 3])
    assert control.wait(workspace, [1, 3], timeout=30) == {1: State.CANCELLED, 3: State.CANCELLED}
    assert control.wait(workspace, [2], timeout=0)[2] in (State.PENDING, State.RUNNING)
    control.cancel(workspace, [2])
    assert control.wait(workspace, [2], timeout=30) == {2: State.CANCELLED}


def test_what_the_scheduler_says_of_an_element_stands_in_its_log(workspace: Workspace) -> None:
    submit_array(workspace, [replace(HERE, command=("sh", "-c", "echo begun; sleep 300"))])
    log = RunDir(workspace.run_dir(1)).log("1_0")
    deadline = time.monotonic() + 20
    while not (log.is_file() and log.read_text() == "begun\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    control.cancel(workspace, [1])
    assert control.wait(workspace, [1], timeout=30) == {1: State.CANCELLED}
    assert log.read_text() == "begun\n\narctl: job 1_0 cancelled\n"


def test_this_machine_finds_elements_by_token(workspace: Workspace) -> None:
    submit(workspace, HERE)
    submit_array(workspace, [HERE, HERE])
    found = {row.job_id: row.token for row in rows(workspace)}
    cluster = open_cluster("local", workspace)
    whole = found["2_1"].removesuffix("_1")
    asked = [*found.values(), whole, "arctl-ffffffffffff_0"]
    assert cluster.find(asked, since=0.0) == {token: job for job, token in found.items()} | {whole: "2"}
    assert {job: state.token for job, state in cluster.states(list(map(str, found))).items()} == found


def test_a_single_run_is_an_array_of_one(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "echo 77")
    assert submit(workspace, replace(TRAIN, template="array")).job_id == "77_0"
    assert "#SBATCH --array=0-0\n" in RunDir(workspace.run_dir(1)).script.read_text()
    local = submit(workspace, replace(HERE, template="array"))
    assert local.job_id == "1_0"
    assert control.wait(workspace, [2], timeout=30) == {2: State.COMPLETED}
    assert RunDir(local.run_dir).log("1_0").read_text() == f"in {local.run_dir}\n"


def test_an_element_is_repeated_as_a_run_of_its_own(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "echo 77")
    submit_array(workspace, [replace(one, resources=Resources(cpus=3, time="1:00:00")) for one in SEEDS])
    again = submit(workspace, launch.again(workspace, 2, overrides=("optim.lr=0.5",)))
    record = read_run(RunDir(again.run_dir).run_yaml)
    assert (again.job_id, record.template, record.rerun_of) == ("77", "single", 2)
    assert (record.values["cpus"], record.values["time"]) == (3, "1:00:00")
    config = yaml.safe_load(RunDir(again.run_dir).config.read_text())
    assert (config["train"]["seed"], config["optim"]["lr"]) == (5, 0.5)
    assert rehearse(workspace, launch.again(workspace, 2, template="array")).template.array


def test_another_template_keeps_a_job_for_each(workspace: Workspace) -> None:
    for changes in ({"template": "single"}, {"resources": Resources(gpus=2)}):
        plans = rehearse_all(workspace, [replace(one, **changes) for one in SEEDS])
        assert len({plan.script for plan in plans}) == 3
        assert [plan.values["run"] for plan in plans] == ["run1", "run2", "run3"]
        assert not plans[0].template.array


def test_a_workspace_may_have_an_array_template_of_its_own(workspace: Workspace) -> None:
    own = "#!/bin/bash\n{{ directives }}\ncd {{ elements }}/$SLURM_ARRAY_TASK_ID\nexec {{ command }}\n"
    (workspace.templates / "mine.sbatch").write_text(own)
    plans = rehearse_all(workspace, [replace(one, template="mine") for one in SEEDS])
    assert "#SBATCH --array=0-2\n" in plans[0].script


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([HERE, replace(HERE, command=("true",))], "differ in their command"),
        ([HERE, replace(HERE, resources=Resources(cpus=2))], "differ in their resources"),
        ([HERE, replace(HERE, template="single")], "differ in their template"),
        ([replace(HERE, template="single")] * 2, "'single' is for one run, not for 2"),
        ([*SEEDS[:2], replace(TRAIN, overrides=("optim.lrr=1",))], "optim.lr"),
    ],
)
def test_what_makes_no_array_is_said_before_anything_is_made(
    workspace: Workspace, requests: list[Request], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        submit_array(workspace, requests)
    assert list(workspace.runs.iterdir()) == []
    assert not workspace.db.exists()


@pytest.fixture
def small_disk(workspace: Workspace) -> Iterator[Workspace]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(workspace.runs)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield workspace
    subprocess.run(["umount", "--lazy", str(workspace.runs)], check=True)


def test_where_one_directory_does_not_fit_none_stays(small_disk: Workspace, programs: Path) -> None:
    does(programs / "sbatch", f"touch {programs}/called; echo 77")
    with pytest.raises((OSError, ArctlError), match="No space left"):
        submit_array(small_disk, TRAIN.with_seeds(range(12)))
    assert [*small_disk.runs.iterdir(), *small_disk.state.glob("array/*")] == []
    assert {row.state for row in rows(small_disk)} == {State.REFUSED}
    assert not (programs / "called").exists()
