"""Evaluations: runs of their own that score another run's weights, checked before they queue."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from arctl.errors import ArctlError, DataError, NotFoundError, SubmittedTwice, UsageError
from arctl.evaluation import evaluate, of_run
from arctl.launch import again, rehearse, submit
from arctl.pace import expect
from arctl.rebuild import rebuild
from arctl.references import resolve
from arctl.registry import read, write
from arctl.request import Evaluation, Request, Resources, When
from arctl.resume import resume
from arctl.rundir import RunDir
from arctl.runfile import change_run, read_run
from arctl.settings import Workspace, load_settings
from arctl.snapshot import Snapshot, take
from arctl.states import State
from tests.evaluated import ends, scored, slurm_in, studio, train


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace where run1 has been trained on Slurm and is complete."""
    slurm_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    made = studio(tmp_path / "lab")
    train(made)
    return made


def asked(workspace: Workspace, **more: object) -> Request:
    return evaluate(workspace, Evaluation(1, **more)).request  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wanted",
    [
        Evaluation(4),
        Evaluation(4, "/a b/--probe.pt", "test", "5x3", ("shuffled", "still"), speed=True, batch_size=7),
    ],
)
def test_an_evaluation_is_read_back_from_its_command(wanted: Evaluation) -> None:
    assert Evaluation.read(4, ["python", "-m", "trainer", "eval", *wanted.words(), "--out", "/x"]) == wanted


def test_it_is_a_run_of_its_own_and_changes_nothing_of_the_other(workspace: Workspace) -> None:
    files = RunDir(workspace.run_dir(1))
    before = files.run_yaml.read_bytes(), read.run(workspace.db, 1)
    done = submit(workspace, asked(workspace, views="5x3", probes=("still", "still"), speed=True))
    assert (done.run, done.job_id) == ("run2", "72")
    record = read_run(RunDir(done.run_dir).run_yaml)
    assert record.command == (
        "/bin/true", "-m", "trainer", "eval", "--run-dir", str(files.path), "--checkpoint", "best", "--split", "val",
        "--views", "5x3", "--probe", "still", "--speed", "--out", str(done.run_dir),
    )  # fmt: skip
    assert f"exec {' '.join(record.command)}\n" in RunDir(done.run_dir).script.read_text()
    assert (record.evaluates, record.name, record.model, record.data) == (1, "base-eval", "r3d_tiny", "motions")
    assert (record.expects_events, record.tags, record.group) == (True, (), None)
    own, trained = (yaml.safe_load(one.config.read_text()) for one in (RunDir(done.run_dir), files))
    assert own == trained
    row = read.run(workspace.db, 2)
    assert row is not None and (row.evaluates, row.state, row.expects_events) == (1, State.PENDING, True)
    assert before == (files.run_yaml.read_bytes(), read.run(workspace.db, 1))
    assert of_run(workspace, 2) == Evaluation(1, views="5x3", probes=("still",), speed=True)
    assert of_run(workspace, 1) is None


def test_it_asks_for_the_share_of_one_process_and_for_the_time_of_arctl_yaml(workspace: Workspace) -> None:
    plan = rehearse(workspace, asked(workspace))
    assert plan.template.name == "single"  # run1 took `ddp`
    wanted = plan.request.resources
    assert (wanted.gpus, wanted.nodes, wanted.cpus, wanted.mem, wanted.time) == (1, 1, 5, "17G", "20")
    assert (wanted.partition, wanted.qos) == ("gpu", "long")
    more = evaluate(workspace, Evaluation(1), resources=Resources(gpus=2, time="5", mem="8G")).request.resources
    assert (more.gpus, more.cpus, more.mem, more.time) == (2, 5, "8G", "5")
    assert expect(workspace, plan) is None  # how long an epoch takes says nothing of it


def test_an_array_finds_its_directory_by_itself(workspace: Workspace) -> None:
    plan = rehearse(workspace, replace(asked(workspace), template="array"))
    assert f"trainer eval --run-dir {workspace.run_dir(1)} " in plan.script
    assert '--out "$ARCTL_RUN_DIR"\n' in plan.script


def snapshot_with(workspace: Workspace, place: Path, *files: str) -> Snapshot:
    """Take a copy of the project with a trainer that has these files."""
    for name in ("__init__.py", *files):
        (place / "trainer" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "trainer" / name).write_text(f"# {name}\n")
    return take(workspace, trainer=place / "trainer")


def test_it_runs_the_code_that_the_run_was_trained_with(workspace: Workspace, tmp_path: Path) -> None:
    able = snapshot_with(workspace, tmp_path / "able", "evaluation/__init__.py")
    change_run(RunDir(workspace.run_dir(1)).run_yaml, lambda run: replace(run, code=able.facts()))
    (workspace.root / "later.py").write_text("x = 1\n")
    found = evaluate(workspace, Evaluation(1))
    assert len(found.notes) == 1
    plan = rehearse(workspace, found.request)
    assert f"cd {able.path} " in plan.script and f"export PYTHONPATH={able.trainer}" in plan.script
    done = submit(workspace, found.request)
    assert read_run(RunDir(done.run_dir).run_yaml).code == able.facts()
    live = evaluate(workspace, Evaluation(1), snapshot=False).request
    assert f"cd {workspace.root} " in rehearse(workspace, live).script


@pytest.mark.parametrize("how", ["unable", "gone"])
def test_code_that_cannot_evaluate_gives_way_to_that_of_now(workspace: Workspace, tmp_path: Path, how: str) -> None:
    old = snapshot_with(workspace, tmp_path / "old", "train.py")
    change_run(RunDir(workspace.run_dir(1)).run_yaml, lambda run: replace(run, code=old.facts()))
    if how == "gone":
        shutil.rmtree(old.path.parent)
    found = evaluate(workspace, Evaluation(1))
    assert {"unable": "cannot evaluate yet", "gone": "is gone"}[how] in found.notes[-1]
    assert found.request.code is None
    done = submit(workspace, found.request)
    code = read_run(RunDir(done.run_dir).run_yaml).code
    assert code is not None and code["hash"] != old.hash


@pytest.mark.parametrize(
    ("wanted", "kind", "says"),
    [
        (Evaluation(1, views="0x3"), UsageError, "--views: '0x3'"),
        (Evaluation(1, views="2x2"), UsageError, "crops"),
        (Evaluation(1, views="101x1"), UsageError, "100 clips"),
        (Evaluation(1, views="10x3\n"), UsageError, "--views"),
        (Evaluation(1, split="tset"), UsageError, "--split: 'tset'"),
        (Evaluation(1, probes=("fast",)), UsageError, "--probe: 'fast'"),
        (Evaluation(1, batch_size=0), UsageError, "--batch-size: '0'"),
        (Evaluation(1, checkpoint="previous"), NotFoundError, "run1 has `best` and `last`"),
        (Evaluation(1, split="test"), DataError, "vallist01.txt"),
        (Evaluation(9), NotFoundError, "run9 has no run.yaml"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_queues(
    workspace: Workspace, wanted: Evaluation, kind: type[ArctlError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        evaluate(workspace, wanted)
    assert says in str(caught.value)


def test_a_split_for_tests_alone_is_known_by_its_list(workspace: Workspace) -> None:
    data = workspace.root / "data" / "motions"
    (data / "Left" / "v_Left_g03_c01.avi").touch()
    (data / "vallist01.txt").write_text("Left/v_Left_g03_c01.avi\n")
    assert "--split test" in " ".join(rehearse(workspace, asked(workspace, split="test")).command)


def test_runs_that_the_trainer_cannot_score(workspace: Workspace) -> None:
    submit(workspace, asked(workspace))
    submit(workspace, Request(command=("true",), cluster="slurm"))
    with pytest.raises(UsageError, match="itself an evaluation of run1"):
        evaluate(workspace, Evaluation(2))
    with pytest.raises(UsageError, match="a command of its own"):
        evaluate(workspace, Evaluation(3))
    RunDir(workspace.run_dir(1)).run_yaml.write_text("number: [1")
    with pytest.raises(DataError, match="no YAML"):
        evaluate(workspace, Evaluation(1))


def test_a_checkpoint_may_come_before_the_job_starts(workspace: Workspace) -> None:
    train(workspace, "young", saves=())
    with pytest.raises(NotFoundError, match="saved none; `--after-ok run2` waits for its end"):
        evaluate(workspace, Evaluation(2))
    found = evaluate(workspace, Evaluation(2), when=When(after_ok=(2,)))
    assert "once that has ended" in found.notes[0]
    done = submit(workspace, found.request)
    assert "#SBATCH --dependency=afterok:72" in RunDir(done.run_dir).script.read_text()
    ends(workspace, 2, State.FAILED)
    with pytest.raises(NotFoundError, match="run2 has saved none"):
        evaluate(workspace, Evaluation(2), when=When(after=(2,)))


def test_a_file_is_taken_from_where_it_lies(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.root / "other.pt").write_bytes(b"weights")
    monkeypatch.chdir(workspace.root)
    found = evaluate(workspace, Evaluation(1, checkpoint="other.pt"))
    assert str(workspace.root / "other.pt") in rehearse(workspace, found.request).command
    assert "with the configuration of run1" in found.notes[0]


def test_a_repeated_one_asks_the_same_and_a_resume_is_refused(workspace: Workspace) -> None:
    done = submit(workspace, replace(asked(workspace, views="3x1", probes=("reversed",)), note="why", tags=("t",)))
    scored(workspace, done, status="failed")
    with pytest.raises(UsageError, match=r"evaluates run1: an evaluation is repeated.*arctl rerun run2"):
        resume(workspace, 2)
    request = again(workspace, 2, resources=Resources(mem="9G"))
    assert (request.evaluation, request.rerun_of) == (of_run(workspace, 2), 2)
    assert (request.name, request.note, request.tags) == ("base-eval", "why", ("t",))
    assert (request.resources.mem, request.resources.gpus, request.resources.time) == ("9G", 1, "20")
    record = read_run(RunDir(submit(workspace, request).run_dir).run_yaml)
    assert (record.evaluates, record.rerun_of) == (1, 2)
    with pytest.raises(UsageError, match="--set changes how a run trains"):
        rehearse(workspace, again(workspace, 2, overrides=("optim.lr=1",)))


def test_the_same_one_is_not_sent_twice_while_the_first_is_under_way(workspace: Workspace) -> None:
    request = asked(workspace)
    done = submit(workspace, request)
    write.set_submission(workspace.db, done.number, "unconfirmed")
    with pytest.raises(SubmittedTwice):
        submit(workspace, request)
    submit(workspace, asked(workspace, views="1x1"))  # another one
    submit(workspace, replace(request, again=True))
    submit(workspace, replace(request, once="nightly", again=True))
    with pytest.raises(SubmittedTwice):
        submit(workspace, replace(asked(workspace, views="3x3"), once="nightly"))


def test_it_has_no_epochs_of_its_own_and_lives_through_a_rebuild(workspace: Workspace) -> None:
    done = submit(workspace, asked(workspace))
    scored(workspace, done)
    rebuild(workspace)
    row = read.run(workspace.db, 2)
    assert row is not None and (row.state, row.epoch, row.epochs) == (State.COMPLETED, None, None)
    assert (row.evaluates, row.metrics["val@10x3/top1"].last) == (1, 0.75)
    assert [one.number for one in read.evaluations(workspace.db, 1)] == [2]


def test_names_of_evaluations_give_way_to_those_of_runs(workspace: Workspace) -> None:
    submit(workspace, asked(workspace))
    assert resolve(workspace.db, ["ba"]) == [1]
    assert resolve(workspace.db, ["base"]) == [1]
    assert resolve(workspace.db, ["base-"]) == [2]
    assert resolve(workspace.db, ["base-eval"]) == [2]


def test_a_site_without_defaults_leaves_the_time_to_slurm(workspace: Workspace) -> None:
    (workspace.root / "arctl.yaml").write_text("python: /bin/true\n")
    bare = Workspace(root=workspace.root, settings=load_settings(workspace.root / "arctl.yaml"))
    assert "--time" not in rehearse(bare, asked(bare)).script
