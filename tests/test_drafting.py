"""What a half-filled form means: each error beside its field, and the command that says the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arctl.drafting import Draft, choices, command_line, fill, override_words, sketch
from arctl.errors import NotFoundError
from arctl.launch import rehearse_all, submit, submit_plans
from arctl.request import Request, Resources
from arctl.rundir import RunDir
from arctl.settings import Workspace, init_workspace
from tests.conftest import Desk
from tests.launched import configured
from tests.twovideos import two_videos

TRAIN = Draft(model="r3d_tiny", data="motions")


@pytest.fixture
def lab(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "lab")
    two_videos(made.root / "data" / "motions")
    return configured(made, "python: /bin/true\ndefaults: {time: '1:00:00', cpus: 2}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optim.lr=1 train.epochs=2", ["optim.lr=1", "train.epochs=2"]),
        ("optim.lr=1\n\n train.epochs=2 \n", ["optim.lr=1", "train.epochs=2"]),
        ("data.resize=[48, 64] optim.lr=1", ["data.resize=[48, 64]", "optim.lr=1"]),
        ("model.weights='/a b/c' optim.lr=1", ["model.weights='/a b/c'", "optim.lr=1"]),
        ("data.resize=[48, 64\noptim.lr=1", ["data.resize=[48, 64", "optim.lr=1"]),
        ("data.cache_dir=/it's optim.lr=1", ["data.cache_dir=/it's", "optim.lr=1"]),
        ("", []),
    ],
)
def test_overrides_are_split_at_blanks_outside_of_brackets(text: str, words: list[str]) -> None:
    assert override_words(text) == words


def test_an_empty_form_says_what_is_missing_and_nothing_is_wrong(lab: Workspace) -> None:
    found = sketch(lab, Draft())
    assert set(found.gaps) == {"model", "data"}
    assert (found.problems, found.plans) == ({}, ())
    assert found.usual["time"] == "1:00:00"
    assert found.usual["cluster"] == "local"


def test_a_whole_form_makes_the_plan_of_the_same_request(lab: Workspace) -> None:
    draft = replace(TRAIN, overrides="optim.lr=0.01\ndata.resize=[56, 72]", name="a-name", tags="x y", note="why [b]")
    found = sketch(lab, replace(draft, mem="2G", seeds="3,1"))
    request = Request(
        model="r3d_tiny", data="motions", overrides=("optim.lr=0.01", "data.resize=[56, 72]"), name="a-name",
        tags=("x", "y"), note="why [b]", resources=Resources(mem="2G"),
    )  # fmt: skip
    assert list(found.plans) == rehearse_all(lab, request.with_seeds((3, 1)))
    assert (found.problems, found.jobs) == ({}, 1)
    assert found.usual["template"] == "array"


def test_each_mistake_stands_beside_its_field_and_hides_no_other(lab: Workspace) -> None:
    wrong = {
        "overrides": "optim.lrr=1", "name": "a name", "tags": "a,,b", "note": "\x1b[31mred", "group": "run3",
        "time": "8 hours", "mem": "much", "gpus": "two", "after": "run99", "hold": "maybe", "template": "doubel",
        "seeds": "1,1", "sbatch": "'open", "preset": "quik", "partition": "a b",
    }  # fmt: skip
    found = sketch(lab, replace(TRAIN, **wrong))  # type: ignore[arg-type]
    assert set(found.problems) == set(wrong)
    assert "did you mean optim.lr?" in found.problems["overrides"]
    assert "did you mean 'quick'" in found.problems["preset"]
    assert not any("\x1b" in problem for problem in found.problems.values())
    assert found.plans == ()


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"model": "r3d_tin"}, "model", "did you mean 'r3d_tiny'"),
        ({"data": "motion"}, "data", "did you mean 'motions'"),
        ({"overrides": "optim.lr"}, "overrides", "write --set section.key=value"),
        ({"overrides": "optim.lr=fast"}, "overrides", "must be a number"),
        ({"overrides": "optim.min_lr=1"}, "overrides", "above optim.lr"),
        ({"overrides": "model.weights=/no/such"}, "overrides", "no such weights file"),
        ({"overrides": "x" * 10_000}, "overrides", "cannot read"),
        ({"overrides": "train.epochs=1 a=\x1b]0;title\x07"}, "overrides", "cannot read"),
        ({"cluster": "slrum"}, "cluster", "did you mean 'slurm'"),
        ({"hold": "yes"}, "hold", "use --cluster slurm"),
        ({"gpu_type": "a100"}, "gpu_type", "add --gpus N"),
        ({"command": "sleep 1", "data": ""}, "model", "not for a command"),
        ({"command": "sleep '1", "model": "", "data": ""}, "command", "close the quotes"),
        ({"seeds": ",".join(map(str, range(101)))}, "seeds", "arctl sweep"),
    ],
)
def test_a_mistake_is_told_with_its_cure(lab: Workspace, changes: dict[str, str], name: str, words: str) -> None:
    found = sketch(lab, replace(TRAIN, **changes))  # type: ignore[arg-type]
    assert list(found.problems) == [name]
    assert words in found.problems[name]
    assert len(found.problems[name]) < 600


def test_a_template_with_an_error_is_told_beside_the_template(lab: Workspace) -> None:
    (lab.templates / "mine.sbatch").write_text("#!/bin/bash\n{{ directives }}\n{{ comand }}\n")
    found = sketch(lab, replace(TRAIN, template="mine"))
    assert list(found.problems) == ["template"]


def test_data_without_lists(lab: Workspace) -> None:
    (lab.root / "data" / "motions" / "testlist01.txt").unlink()
    found = sketch(lab, TRAIN)
    assert list(found.problems) == ["data"]
    assert "testlist01.txt" in found.problems["data"]


def test_while_somebody_types_no_list_is_read(lab: Workspace) -> None:
    listed = lab.root / "data" / "motions" / "trainlist01.txt"
    listed.write_text(listed.read_text() + "Left/v_Left_g09_c01.avi 1\n")
    assert sketch(lab, TRAIN, quick=True).plans
    assert "v_Left_g09" in sketch(lab, TRAIN).problems["data"]


def test_the_command_line_says_the_same(lab: Workspace, desk_in: type[Desk]) -> None:
    draft = replace(
        TRAIN, overrides="data.resize=[56, 72] optim.lr=0.01", seeds="1,2", name="n", tags="a b",
        note="it's \"quoted\" $HOME", time="30", sbatch="--mail-user='two words'",
    )  # fmt: skip
    line = command_line(draft)
    assert line[:2] == ["arctl", "submit"]
    told = desk_in(lab.root).json(*line[1:], "--dry-run")["runs"]
    assert told == [plan.facts() for plan in sketch(lab, draft).plans]


def test_a_repeated_run_sends_only_what_was_changed(lab: Workspace) -> None:
    first = submit(lab, Request(model="r3d_tiny", data="motions", name="base", note="n", resources=Resources(mem="3G")))
    base = fill(lab, first.number)
    assert (base.model, base.name, base.note, base.mem, base.time, base.cpus) == (
        "r3d_tiny", "base", "n", "3G", "1:00:00", "2",
    )  # fmt: skip
    changed = replace(base, overrides="optim.lr=0.5", time="20", note="")
    assert command_line(changed, base) == ["arctl", "rerun", "run1", "--set", "optim.lr=0.5", "--time", "20"]
    found = sketch(lab, changed, base=base)
    (plan,) = found.plans
    assert plan.config is not None
    assert plan.config["optim"]["lr"] == 0.5
    assert (plan.request.rerun_of, plan.request.note, plan.request.resources.time) == (1, "n", "20")
    assert sketch(lab, replace(base, overrides="optim.lrr=1"), base=base).problems.keys() == {"overrides"}
    done = submit_plans(lab, found.plans)
    assert done[0].run == "run2"


def test_a_repeated_command_is_kept_whatever_the_form_says(lab: Workspace) -> None:
    done = submit(lab, Request(command=("sh", "-c", "echo 'a  b'"), name="own", resources=Resources(cpus=1)))
    base = fill(lab, done.number)
    assert base.own
    (plan,) = sketch(lab, replace(base, cpus="3", command="rm -rf /", overrides="optim.lr=1"), base=base).plans
    assert plan.command == ("sh", "-c", "echo 'a  b'")
    assert plan.request.resources.cpus == 3


def test_a_run_without_directory_cannot_be_filled_in(lab: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"run7 has no run\.yaml"):
        fill(lab, 7)


def test_a_fused_or_damaged_run_yaml_has_its_words(lab: Workspace) -> None:
    done = submit(lab, Request(command=("true",), note="fine"))
    RunDir(done.run_dir).run_yaml.write_text("number: [")
    with pytest.raises(Exception, match=r"run\.yaml") as caught:
        fill(lab, done.number)
    assert type(caught.value).__name__ == "DataError"


def test_what_can_be_chosen(lab: Workspace) -> None:
    found = choices(lab)
    assert "r3d_tiny" in dict(found.fields["model"])
    assert dict(found.fields["data"]).keys() == {"motions"}
    assert "finetune" in found.presets["r3d18"]
    precision = next(key for key in found.keys if key.name == "train.precision")
    assert precision.values == ("fp32", "fp16", "bf16")
    assert precision.meaning
