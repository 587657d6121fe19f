"""Sent once: the same submission under way, keys, arrays cut to what the scheduler takes, what a job waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.errors import ArctlError, SubmitRefused, SubmittedTwice
from arctl.launch import rehearse_all, shares, submit, submit_array
from arctl.registry import read, write
from arctl.request import Request, Resources, When
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace
from arctl.states import State

ROOT = Path(__file__).parent.parent
HI = Request(command=("true",), name="hi", cluster="slurm", snapshot=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "lab")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory first on PATH: an sbatch that counts its calls and gives 71, 72, ...; a Slurm of arrays up to 4."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    does(
        place / "sbatch", f'cat "$2" >> {place}/sent; echo x >> {place}/calls; echo $((70 + $(wc -l < {place}/calls)))'
    )
    does(place / "scontrol", "echo 'MaxArraySize            = 4'")
    for name in ("squeue", "sacct", "scancel"):
        does(place / name, "exit 0")
    return place


def does(program: Path, script: str) -> None:
    program.write_text(f'#!/bin/sh\ncase "$*" in *--test-only*) exit 1;; esac\n{script}\n')
    program.chmod(0o755)


def calls(programs: Path) -> int:
    return len((programs / "calls").read_text().splitlines()) if (programs / "calls").exists() else 0


def arctl(workspace: Workspace, *argv: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), *argv]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_same_at_the_same_time_makes_one_job(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", f"echo x >> {programs}/calls; sleep 3; echo 77")
    asked = ["submit", "--cluster", "slurm", "--name", "hi", "--", "true"]
    running = [arctl(workspace, *asked) for _ in range(4)]
    ends = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert sorted(status for _, status in ends) == [0, 4, 4, 4]
    said = [err for (_, err), status in ends if status == 4]
    assert all("run1 is the same, and is being handed over right now by process" in line for line in said)
    assert all("--again" in line for line in said)
    assert calls(programs) == 1
    assert [row.job_id for row in read.runs(workspace.db)] == ["77"]


def test_one_after_the_other_is_two_jobs(workspace: Workspace, programs: Path) -> None:
    assert [submit(workspace, HI).job_id for _ in range(2)] == ["71", "72"]


def test_while_a_hand_over_is_unsettled_only_again_sends_another(workspace: Workspace, programs: Path) -> None:
    does(programs / "sbatch", "echo 'Socket timed out' >&2; exit 1")
    for _ in range(2):
        with pytest.raises(ArctlError) as caught:
            submit(workspace, HI)
    assert isinstance(caught.value, SubmittedTwice) and caught.value.number == 1
    does(programs / "sbatch", "echo 78")
    assert submit(workspace, replace(HI, note="another")).number == 2, "another request is none of its business"
    assert submit(workspace, replace(HI, again=True)).number == 3


def test_a_key_is_for_one_run_alone(workspace: Workspace, programs: Path) -> None:
    nightly = ["submit", "--cluster", "slurm", "--once", "nightly-2026-12-01", "--", "true"]
    assert arctl(workspace, *nightly).communicate(timeout=60)[0].startswith("run1  job 71")
    said = arctl(workspace, *nightly)
    out, err = said.communicate(timeout=60)
    assert (out, said.returncode) == ("run1\n", 0)
    assert "run1 has this key already: nothing was sent" in err
    assert calls(programs) == 1
    assert read_run(RunDir(workspace.run_dir(1)).run_yaml).once == "nightly-2026-12-01"
    odd = arctl(workspace, "submit", "--once", "a b", "--", "true")
    assert "--once" in odd.communicate(timeout=60)[1] and odd.returncode == 2


def test_arrays_are_cut_to_what_the_scheduler_takes(workspace: Workspace, programs: Path) -> None:
    elements = [replace(HI, name=f"e{index}", group="many") for index in range(10)]
    launched = submit_array(workspace, elements, throttle=4)
    assert [run.job_id for run in launched] == [
        "71_0", "71_1", "71_2", "72_0", "72_1", "72_2", "73_0", "73_1", "73_2", "73_3",
    ]  # fmt: skip
    sent = (programs / "sent").read_text()
    assert [line for line in sent.splitlines() if "--array" in line] == [
        "#SBATCH --array=0-2%2", "#SBATCH --array=0-2%1", "#SBATCH --array=0-3%1",
    ]  # fmt: skip
    links = sorted((workspace.state / "array").glob("*/*"))
    assert {link.resolve() for link in links} == {run.run_dir.resolve() for run in launched}
    assert len({read_run(RunDir(run.run_dir).run_yaml).token for run in launched}) == 10
    scripts = [RunDir(run.run_dir).script for run in launched]
    assert len({script.stat().st_ino for script in scripts}) == 3, "the elements of an array share one script"


def test_what_was_queued_before_a_refusal_stays(workspace: Workspace, programs: Path) -> None:
    count = f"echo x >> {programs}/calls; n=$(wc -l < {programs}/calls)"
    does(
        programs / "sbatch",
        f"{count}; [ $n = 2 ] && {{ echo 'Invalid partition name specified' >&2; exit 1; }}; echo 7$n",
    )
    told: list[str] = []
    with pytest.raises(SubmitRefused):
        submit_array(workspace, [replace(HI, name=f"e{n}") for n in range(12)], tell=lambda run: told.append(run.run))
    rows = sorted(read.runs(workspace.db), key=lambda row: row.number)
    assert [row.state for row in rows] == [State.PENDING] * 4 + [State.REFUSED] * 8
    assert told == ["run1", "run2", "run3", "run4"]
    assert calls(programs) == 2
    assert "never queued: an array before it failed" in str(rows[-1].message)
    assert not workspace.run_dir(12).exists()


@pytest.mark.parametrize(
    ("throttle", "count", "split"), [(None, 2, [None, None]), (7, 3, [3, 2, 2]), (2, 4, [1, 1, 1, 1]), (4, 1, [4])]
)
def test_a_throttle_is_shared_out(throttle: int | None, count: int, split: list[int | None]) -> None:
    assert shares(throttle, count) == split


def test_what_a_job_asks_for_and_waits_for(workspace: Workspace, programs: Path) -> None:
    first, second = submit(workspace, HI), submit(workspace, HI)
    (plan,) = rehearse_all(
        workspace,
        [
            replace(
                HI,
                when=When(after=(first.number,), after_ok=(second.number,), hold=True, begin="now+2hours"),
                resources=Resources(
                    gpus=2, gpu_type="a100", account="vision", qos="short", constraint="nvlink&ib",
                    exclude="gpu2,gpu[7-9]", sbatch=("--exclusive", "--mail-type=END"),
                ),
            )
        ],
    )  # fmt: skip
    for line in (
        "dependency=afterany:71,afterok:72", "hold", "begin=now+2hours", "gres=gpu:a100:2", "account=vision",
        "qos=short", "constraint=nvlink&ib", "exclude=gpu2,gpu[7-9]", "exclusive", "mail-type=END",
        "kill-on-invalid-dep=yes",
    ):  # fmt: skip
        assert f"#SBATCH --{line}\n" in plan.script


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"when": When(after=(9,))}, "--after run9: there is no run9"),
        ({"when": When(after_ok=(1,))}, "--after-ok run1: it has ended as refused"),
        ({"when": When(begin="now; id")}, "--begin"),
        ({"when": When(hold=True), "cluster": "local"}, "the queue of this machine"),
        ({"resources": Resources(gpu_type="a100")}, "--gpu-type: a type without a number"),
        ({"resources": Resources(sbatch=("--job-name=x",))}, "--job-name is arctl's own"),
        ({"resources": Resources(sbatch=("oops",))}, "--sbatch: 'oops' is no directive"),
        ({"resources": Resources(exclude="gpu2\n#SBATCH -p x")}, "--exclude"),
        ({"resources": Resources(constraint="a`id`")}, "--constraint"),
    ],
)
def test_what_cannot_be_waited_or_asked_for(
    workspace: Workspace, programs: Path, change: dict[str, object], words: str
) -> None:
    does(programs / "sbatch", "echo 'Invalid partition name specified' >&2; exit 1")
    with pytest.raises(SubmitRefused):
        submit(workspace, HI)
    with pytest.raises(ArctlError) as caught:
        submit(workspace, replace(HI, **change))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert len(read.runs(workspace.db)) == 1


def test_a_run_that_has_ended_well_is_not_waited_for(workspace: Workspace, programs: Path) -> None:
    number = write.new_run(
        workspace.db, name="a", token="arctl-1", created=1.0, cluster="slurm", template="single", expects_events=False
    )
    write.record_job(workspace.db, number, cluster="slurm", job_id="5", submitted=1.0)
    from arctl.registry.connect import transaction
    from arctl.registry.ingest import store_job
    from arctl.registry.rows import JobRow
    from arctl.registry.settle import settle

    with transaction(workspace.db) as connection:
        store_job(connection, JobRow(number, "slurm", "5", 1.0, State.COMPLETED, "sacct", 2.0, 0, ended=2.0))
        settle(connection, number, now=1000.0)
    (plan,) = rehearse_all(workspace, [replace(HI, when=When(after=(number,), after_ok=(number,)))])
    assert "--dependency" not in plan.script
