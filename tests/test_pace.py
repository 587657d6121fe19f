"""How long a run will take: like runs are found, others are not, and limits are set against them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from arctl import pace
from arctl.launch import rehearse_all
from arctl.plan import Plan
from arctl.preflight import examine
from arctl.request import Request, Resources
from arctl.rundir import RunDir
from arctl.runfile import RunFile, write_run
from arctl.settings import Settings, Workspace
from arctl.sync import rebuild
from tests.twovideos import two_videos


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    two_videos(tmp_path / "data" / "motions")
    return Workspace(root=tmp_path, settings=Settings(python="/bin/true"))


def planned(workspace: Workspace, *overrides: str, **resources: object) -> Plan:
    wanted = Resources(**resources)  # type: ignore[arg-type]
    request = Request(model="r3d_tiny", data="motions", overrides=overrides, resources=wanted)
    (plan,) = rehearse_all(workspace, [request])
    return plan


def ran(
    workspace: Workspace, number: int, plan: Plan, times: Sequence[Sequence[float]], *, gpu: str | None = None
) -> None:
    """Make a finished run of a plan: for each attempt the times of its start and of the ends of its epochs."""
    directory = RunDir(workspace.run_dir(number))
    directory.path.mkdir()
    directory.config.write_text(plan.config_text())
    record = RunFile(
        number=number, token=f"arctl-{number:012x}", name="before", created=1000.0, cluster=plan.cluster,
        template="single", model="r3d_tiny", data="motions", values=plan.values, submission="submitted",
    )  # fmt: skip
    write_run(directory.run_yaml, record.with_job(plan.cluster, str(number), 1000.0))
    epoch = 0
    for restart, (began, *ends) in enumerate(times):
        lines: list[Mapping[str, object]] = [{"kind": "start", "t": began, "attempt": "x", "epochs": 9}]
        for t in ends:
            epoch += 1
            lines.append({"kind": "epoch", "t": t, "epoch": epoch, "step": epoch, "metrics": {"train/loss": 1.0}})
        path = directory.events(f"{number}.{restart}")
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps({"seq": seq, **line}) + "\n" for seq, line in enumerate(lines)))
        gpus = [{"name": gpu, "memory": 1}] if gpu else None
        (path.parent / "env.json").write_text(json.dumps({"gpus": gpus}))
    rebuild(workspace)


STEADY = [[1000.0, 1070.0, 1130.0, 1190.0]]
"""A minute for an epoch, and ten seconds to begin."""


def test_without_a_like_run_there_is_no_estimate(workspace: Workspace) -> None:
    plan = planned(workspace)
    assert pace.expect(workspace, plan) is None
    ran(workspace, 1, plan, [[1000.0, 1070.0]])  # one epoch alone says nothing of the next
    assert pace.expect(workspace, plan) is None


def test_an_epoch_is_timed_from_end_to_end(workspace: Workspace) -> None:
    plan = planned(workspace, "train.epochs=50", "optim.lr=0.1")
    ran(workspace, 1, planned(workspace, "train.epochs=3"), STEADY)
    found = pace.expect(workspace, plan)
    assert found is not None
    assert (found.epoch_s, found.start_s, found.epochs, found.by) == (60.0, 10.0, 50, "run1")
    assert found.total_s == 3010.0
    assert [found.reached(seconds) for seconds in (0, 69, 70, 190, 10**6)] == [0, 0, 1, 3, 50]
    assert found.reached(190, attempts=3) == 9


def test_a_restart_is_not_an_epoch(workspace: Workspace) -> None:
    plan = planned(workspace)
    ran(workspace, 1, plan, [[1000.0, 1070.0, 1130.0], [9000.0, 9070.0, 9130.0, 9190.0]])
    found = pace.expect(workspace, plan)
    assert found is not None and (found.epoch_s, found.start_s) == (60.0, 10.0)


def test_the_newest_three_are_asked_and_the_median_holds(workspace: Workspace) -> None:
    plan = planned(workspace)
    for number, length in enumerate([500.0, 60.0, 62.0, 90.0], start=1):
        ran(workspace, number, plan, [[0.0, *(length * count for count in range(1, 5))]])
    found = pace.expect(workspace, plan)
    assert found is not None and (found.epoch_s, found.slowest_s, found.by) == (62.0, 90.0, "run2, run3, run4")


@pytest.mark.parametrize(
    "override", ["data.batch_size=3", "train.precision=bf16", "data.frames=4", "data.workers=1", "data.limit_train=1"]
)
def test_what_decides_the_speed_must_be_the_same(workspace: Workspace, override: str) -> None:
    ran(workspace, 1, planned(workspace, override), STEADY)
    assert pace.expect(workspace, planned(workspace)) is None
    assert pace.expect(workspace, planned(workspace, override)) is not None


@pytest.mark.parametrize("override", ["optim.lr=0.5", "train.seed=7", "train.epochs=99", "optim.label_smoothing=0.1"])
def test_what_does_not_may_differ(workspace: Workspace, override: str) -> None:
    ran(workspace, 1, planned(workspace, override), STEADY)
    assert pace.expect(workspace, planned(workspace)) is not None


def test_other_resources_are_another_speed(workspace: Workspace) -> None:
    ran(workspace, 1, planned(workspace, cpus=2), STEADY)
    assert pace.expect(workspace, planned(workspace, cpus=4)) is None
    assert pace.expect(workspace, planned(workspace)) is None
    assert pace.expect(workspace, planned(workspace, cpus=2, mem="9G", time="30")) is not None


def test_the_kind_of_gpu_counts_where_one_is_named(workspace: Workspace) -> None:
    plan = planned(workspace)
    ran(workspace, 1, plan, STEADY, gpu="NVIDIA A100-SXM4-80GB")
    ran(workspace, 2, plan, [[0.0, 30.0, 60.0, 90.0]], gpu="NVIDIA H100 80GB HBM3")
    either = pace.expect(workspace, plan)
    assert either is not None and either.by == "run1, run2" and len(either.gpus) == 2
    for kind, number in (("a100", 1), ("H100", 2)):
        named = replace(plan, values={**plan.values, "gpu_type": kind})
        found = pace.expect(workspace, named)
        assert found is not None and found.runs == (number,)
    assert pace.expect(workspace, replace(plan, values={**plan.values, "gpu_type": "v100"})) is None


def test_runs_of_the_same_partition_are_believed_first(workspace: Workspace) -> None:
    plan = planned(workspace)
    fast, slow = (replace(plan, values={**plan.values, "partition": name}) for name in ("fast", "slow"))
    ran(workspace, 1, fast, [[0.0, 10.0, 20.0, 30.0]])
    ran(workspace, 2, slow, STEADY)
    found = pace.expect(workspace, fast)
    assert found is not None and found.runs == (1,)
    other = pace.expect(workspace, plan)
    assert other is not None and other.runs == (1, 2)


def test_damaged_runs_are_passed_over(workspace: Workspace) -> None:
    plan = planned(workspace)
    for number in range(1, 6):
        ran(workspace, number, plan, STEADY)
    for number, text in ((2, "{"), (3, "[1, 2]"), (4, "a: &a [*a]"), (5, "model: 3")):
        RunDir(workspace.run_dir(number)).config.write_text(text)
    for attempt in RunDir(workspace.run_dir(1)).attempt_dirs():
        (attempt / "env.json").write_text('{"gpus": [3]}')
    found = pace.expect(workspace, plan)
    assert found is not None and found.runs == (1,)


def said(workspace: Workspace, *plans: Plan) -> list[str]:
    return [f"{finding.level}: {finding}" for finding in examine(workspace, plans) if "need" in finding.what]


def test_a_limit_that_is_too_short_is_told_with_one_that_would_do(workspace: Workspace) -> None:
    ran(workspace, 1, planned(workspace), STEADY)
    epochs = "train.epochs=50"
    assert said(workspace, planned(workspace, epochs)) == ["note: 50 epochs need about 50 min (by run1)"]
    assert said(workspace, planned(workspace, epochs, time="2:00:00")) == [
        "note: 50 epochs need about 50 min (by run1)"
    ]
    (short,) = said(workspace, planned(workspace, epochs, time="30"))
    assert short == (
        "warning: --time: 50 epochs need about 50 min (by run1); with -t 30 it stops at epoch 27 and ends there: "
        "`arctl resume` goes on (--time 1:00:00 would do)"
    )


def test_on_slurm_it_is_requeued_so_often(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace.root))  # no Slurm answers, and none is needed
    slurm = replace(workspace, settings=Settings(cluster="slurm", python="/bin/true"))
    ran(slurm, 1, planned(slurm), STEADY)
    (fine,) = said(slurm, planned(slurm, "train.epochs=50", time="30"))
    assert "with -t 30 it stops at epoch 27, and will be requeued and resumed" in fine
    (short,) = said(slurm, planned(slurm, "train.epochs=200", time="30"))
    assert "it stops at epoch 27; requeued 3 times it ends at epoch 111 (--time 4:00:00 would do)" in short
    (never,) = said(slurm, planned(slurm, "train.epochs=50", time="30", sbatch=("--no-requeue",)))
    assert "it stops at epoch 27 and ends there" in never
    (first,) = said(slurm, planned(slurm, "train.epochs=50", time="2", sbatch=("--no-requeue",)))
    assert "it stops at epoch 1 and ends" in first


def test_of_several_runs_the_slowest_is_named(workspace: Workspace) -> None:
    ran(workspace, 1, planned(workspace), STEADY)
    plans = [planned(workspace, f"train.epochs={epochs}") for epochs in (10, 100, 50)]
    (line,) = said(workspace, *plans)
    assert line == "note: the slowest of 3 runs, r3d_tiny, needs about 1 h 40 (by run1; together about 3 hours)"
