"""What differs between runs: settings, Slurm's directives, versions, code, cost, and which epoch is compared."""

from __future__ import annotations

import json

import pytest
import yaml

from arctl.compare import compare
from arctl.compare.code import code_difference
from arctl.errors import NotFoundError
from arctl.facts import differing, flat, read_facts
from arctl.rundir import RunDir
from arctl.runfile import change_run
from arctl.snapshot import take

CONFIG = {"model": {"name": "r3d_tiny", "dropout": 0.0}, "optim": {"lr": 0.001}, "train": {"seed": 0, "epochs": 4}}
TWIN = {**CONFIG, "model": {"name": "frame_tiny", "dropout": 0.0}}
TARGETS = [k // 10 for k in range(80)]
MIXED = [(k // 10) ^ (k % 2) for k in range(80)]
WORSE = [0] * 80
SCRIPT = (
    "#!/bin/bash\n#SBATCH --job-name={name}-{token}\n#SBATCH --output={run_dir}/log-%j.txt\n#SBATCH --{extra}\ntrue\n"
)


def dressed(study, files: RunDir, *, extra: str, torch: str, av: str) -> None:
    """Give a run a job script and an environment."""
    number = int(files.path.name[3:])
    token = f"arctl-{number:012x}"
    files.script.write_text(SCRIPT.format(name="x", token=token, run_dir=files.path, extra=extra))
    packages = {"av": av, "torch": torch}
    env = {
        "python": "3.11.7",
        "torch": torch,
        "host": f"node{number}",
        "packages": packages,
        "gpus": [{"name": "H100"}],
    }
    (files.attempt_dirs()[-1] / "env.json").write_text(json.dumps(env))


@pytest.fixture
def lab(study):
    one = study.answered(1, {1: WORSE, 2: TARGETS, 3: MIXED, 4: MIXED}, TARGETS, config=CONFIG, values={"cpus": 2})
    two = study.answered(2, {1: WORSE, 2: WORSE, 3: MIXED, 4: WORSE}, TARGETS, config=TWIN, values={"cpus": 4})
    dressed(study, one, extra="qos=long", torch="2.4", av="12")
    dressed(study, two, extra="qos=short", torch="2.5", av="12")
    study.index()
    return study


def measured(comparison, name: str):
    return next(measure for measure in comparison.metrics if measure.name == name)


def test_only_what_differs_and_says_something_is_listed(lab) -> None:
    comparison = compare(lab.workspace, 1, 2)
    assert {(s.key, s.values) for s in comparison.setup} == {
        ("model.name", ("r3d_tiny", "frame_tiny")),
        ("resources.cpus", (2, 4)),
        ("slurm.qos", ("long", "short")),
        ("env.torch", ("2.4", "2.5")),
    }
    everything = {setting.key for setting in compare(lab.workspace, 1, 2, everything=True).setup}
    assert {"number", "token", "jobs", "slurm.job-name", "slurm.output", "env.host"} <= everything
    assert comparison.hidden == len(everything) - len(comparison.setup)


def test_figures_are_of_the_best_epoch_of_each(lab) -> None:
    comparison = compare(lab.workspace, 1, 2)
    assert comparison.epochs == (2.0, 3.0)
    assert [moment.answers.epoch for moment in comparison.moments] == [2, 3]
    top1 = measured(comparison, "val/top1")
    assert top1.values == (1.0, 0.5) and top1.difference == -0.5 and top1.better == 0
    assert measured(comparison, "gap/top1").better == 0
    assert [gap.top1 for gap in comparison.gaps] == pytest.approx([-0.1, 0.4])
    assert any("best epoch chosen on val" in note for note in comparison.notes)


def test_other_moments(lab) -> None:
    last = compare(lab.workspace, 1, 2, at="last")
    assert measured(last, "val/top1").values == (0.5, 0.125)
    assert not any("best epoch" in note for note in last.notes)
    assert last.confusion.a.epoch == 4
    second = compare(lab.workspace, 1, 2, at="epoch=2")
    assert measured(second, "val/top1").values == (1.0, 0.125)
    missing = compare(lab.workspace, 1, 2, at="epoch=9")
    assert "after epoch 9 (there are some after 1, 2, 3, 4)" in missing.verdict.sentence


def test_a_test_split_takes_the_epoch_that_validation_chose(lab) -> None:
    import numpy as np

    for number in (1, 2):
        logits = np.repeat(np.eye(8, dtype=np.float16)[TARGETS][:, None, :] * 4, 15, axis=1)
        files = RunDir(lab.workspace.run_dir(number))
        for epoch in (number + 1, 4):
            lab.store(files, logits, TARGETS, epoch=epoch, split="test", variant="5x3", meta={"weights": "ab" * 32})
    found = compare(lab.workspace, 1, 2, split="test")
    assert [moment.answers.epoch for moment in found.moments] == [2, 3] and found.verdict.outcome == "same answers"
    assert not any("very split" in note for note in found.notes)


def test_cost(lab) -> None:
    cost = compare(lab.workspace, 1, 2).cost[0]
    assert (cost.epochs, cost.planned, cost.best_epoch, cost.attempts) == (4.0, 50, 2.0, 1)
    assert cost.clips_per_s == pytest.approx(102.5) and cost.wall_s is not None and cost.wall_s > 0


def test_code_is_compared_file_by_file(lab) -> None:
    root = lab.workspace.root
    (root / "model.py").write_text("a = 1\nb = 2\nc = 3\n")
    (root / "old.py").write_text("x = 1\n")
    first = take(lab.workspace, trainer=None).facts()
    (root / "model.py").write_text("a = 1\nb = 20\nc = 3\nd = 4\nAPI_KEY=hush\n")
    (root / "old.py").unlink()
    (root / "weights.bin").write_bytes(b"\xff\xfe\x00")
    second = take(lab.workspace, trainer=None).facts()
    for number, code in ((1, first), (2, second)):
        change_run(RunDir(lab.workspace.run_dir(number)).run_yaml, lambda run, code=code: _with(run, code))
    (found,) = compare(lab.workspace, 1, 2).code
    changes = {change.path.rpartition("/")[2]: (change.kind, change.added, change.removed) for change in found.changes}
    assert changes["model.py"] == ("changed", 3, 1) and changes["old.py"] == ("removed", 0, 1)
    assert changes["weights.bin"] == ("added", None, None) and found.same is False
    assert "+d = 4" in found.patch and "hush" not in "\n".join(found.patch)
    page = lab.arctl("compare", "1", "2", "--no-map", "--code").out
    assert "Code: run1 and run2 differ in 3 files" in page and "-b = 2" in page and "hush" not in page
    assert code_difference(lab.workspace, first, first).same is True
    assert code_difference(lab.workspace, None, first).same is None
    gone = code_difference(lab.workspace, first, {**second, "hash": "0" * 16})
    assert gone.same is False and "gone" in gone.why


def _with(run, code):
    from dataclasses import replace

    return replace(run, code=code)


def test_flat_keys_and_what_counts_as_different(tmp_path) -> None:
    assert dict(flat({"a": {"b.c": 1, "d": {}}, "e": [1, 2]})) == {"a.b\\.c": 1, "a.d": {}, "e": [1, 2]}
    made = []
    for index, text in enumerate(("x: 1\ny: '1'\nz: null\nw: true\nl: [1, 2]\n", "x: 1.0\ny: 1\nw: 1\nl: [1, 3]\n")):
        directory = tmp_path / str(index)
        directory.mkdir()
        (directory / "config.yaml").write_text(text)
        made.append(read_facts(directory))
    settings, same = differing(made)
    assert [setting.key for setting in settings] == ["l", "w", "y", "z"] and same == 1
    assert settings[-1].missing == (False, True)


def test_a_damaged_configuration_is_a_note_not_a_failure(lab) -> None:
    path = lab.workspace.run_dir(2) / "config.yaml"
    path.write_text("a: [1\n")
    notes = compare(lab.workspace, 1, 2).notes
    assert any(str(path) in note for note in notes)
    assert any("run2: no configuration of the trainer" in note for note in notes)


def test_secrets_stay_hidden(lab) -> None:
    for number, word in ((1, "first-word"), (2, "second-word")):
        path = lab.workspace.run_dir(number) / "config.yaml"
        path.write_text(yaml.safe_dump({"logger": {"api_key": word}}))
    for style in ("table", "json", "csv", "markdown", "latex"):
        said = lab.arctl("compare", "1", "2", "--all", "--format", style).out
        assert "first-word" not in said and "second-word" not in said


def test_an_unknown_run_is_refused(lab) -> None:
    with pytest.raises(NotFoundError, match="run9"):
        compare(lab.workspace, 1, 9)
