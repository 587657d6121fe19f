"""The sweep file is read strictly: each complaint names the line and the column, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.errors import NotFoundError, UsageError
from arctl.request import Resources
from arctl.sweeps.file import SweepFile
from arctl.sweeps.reader import overlaid, read_sweep

HEAD = "name: lab\nmodel: r3d_tiny\ndata: motions\n"
GRID = "grid:\n  optim.lr: [1e-4, 0.001]\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    return path


def read(tmp_path: Path, text: str) -> SweepFile:
    return read_sweep(written(tmp_path, text))


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_a_whole_file(tmp_path: Path) -> None:
    text = f"""{HEAD}preset: finetune
metric: val/loss
note: why not
tags: [a, b=c]
cluster: slurm
template: array
max_parallel: 4
resources: {{gpus: 0, cpus: 2, mem: 010, time: 1:30:00, sbatch: [--nice=5]}}
set: {{train.epochs: 5, model.weights: null}}
{GRID}  data.resize: [[48, 64], [64, 80]]
random:
  count: 3
  seed: 7
  keys: {{model.dropout: {{uniform: [0, 0.5]}}}}
seeds: [1, 2]
include: [{{optim.lr: 1}}]
exclude: [{{optim.lr: 1.0e-4, train.seed: 2}}]
when: {{model.dropout: {{optim.lr: [1e-4, 1]}}}}
"""
    file = read(tmp_path, text)
    assert (file.name, file.model, file.data, file.preset, file.metric) == (
        "lab",
        "r3d_tiny",
        "motions",
        "finetune",
        "val/loss",
    )
    assert (file.note, file.tags, file.cluster, file.template) == ("why not", ("a", "b=c"), "slurm", "array")
    assert file.resources == Resources(gpus=0, cpus=2, mem="010", time="1:30:00", sbatch=("--nice=5",))
    assert file.fixed == {"train.epochs": 5, "model.weights": None}
    assert file.grid == {"optim.lr": (0.0001, 0.001), "data.resize": ((48, 64), (64, 80))}
    assert file.random is not None and (file.random.count, file.random.seed) == (3, 7)
    assert (file.seeds, file.include, file.max_parallel) == ((1, 2), ({"optim.lr": 1},), 4)
    assert file.exclude == ({"optim.lr": 0.0001, "train.seed": 2},)
    assert file.when == {"model.dropout": {"optim.lr": (0.0001, 1)}}
    assert file.varied == ("optim.lr", "data.resize", "model.dropout", "train.seed")
    assert file.places["optim.lr"].endswith("lab.yaml:14:13")


def test_the_name_is_the_files_own_unless_it_says_another(tmp_path: Path) -> None:
    assert read(tmp_path, f"model: r3d_tiny\ndata: d\n{GRID}").name == "lab"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lab.yaml: nothing varies in this sweep"),
        ("grdi:\n  optim.lr: [1]\n", "lab.yaml:4:1: unknown key 'grdi' (did you mean 'grid'?)"),
        ("grid:\n  optim.lr: 1e-4\n", "lab.yaml:5:13: 'grid.optim.lr': this must be a list of the values"),
        ("grid:\n  optim.lr: []\n", "lab.yaml:5:13: 'grid.optim.lr': this must be a list of the values"),
        ("grid:\n  optim.lr: [{a: 1}]\n", "lab.yaml:5:13: 'grid.optim.lr': a mapping is no value"),
        ("grid:\n  optim.lr: [[[1]]]\n", "a list in a list is no value"),
        ("grid:\n  lr: [1]\n", "lab.yaml:5:7: 'grid.lr': 'lr' is no key of the trainer; write section.key"),
        ("grid:\n  data.root: [/a]\n", "write `data: ...` at the top"),
        (
            "grid:\n  optim.lr: [1]\n  optim.lr: [2]\n",
            "lab.yaml:6:3: the key 'grid.optim.lr' stands here a",
        ),
        (f"{GRID}set: {{optim.lr: 1}}\n", "lab.yaml:6:6: optim.lr is fixed in 'set' and varies in 'grid'"),
        (f"{GRID}list: [{{optim.lr: 1}}]\n", "optim.lr varies in 'grid' and in 'list'"),
        (f"{GRID}seeds: [1]\nset: {{train.seed: 1}}\n", "train.seed is fixed in 'set' and varies in 'seeds'"),
        ("seeds: [1, 1]\n", "lab.yaml:4:8: 'seeds': a seed stands here twice"),
        ("seeds: 3\n", "lab.yaml:4:8: 'seeds': this must be a list"),
        ("seeds: [-1]\n", "lab.yaml:4:8: 'seeds': '-1' does not look like 1, 2, 3"),
        ("list: {optim.lr: 3}\n", "lab.yaml:4:7: 'list': this must be a list of configurations"),
        ("list: [3]\n", "lab.yaml:4:7: 'list': entry 1 must be a mapping"),
        ("list: [{optim.lr: 1}, {lr: 2}]\n", "lab.yaml:4:7: 'list': entry 2: 'lr' is no key of the trainer"),
        (f"{GRID}exclude: [{{optim.lrr: 1}}]\n", "optim.lrr is not varied in this file (did you mean 'optim.lr'?)"),
        (f"{GRID}when: {{optim.momentum: {{optim.lr: 1}}}}\n", "optim.momentum is not varied in this file"),
        (f"{GRID}when: {{optim.lr: {{}}}}\n", "say which key must have which value"),
        (f"{GRID}when: {{optim.lr: {{optim.name: []}}}}\n", "name at least one value"),
        (f"{GRID}resources: {{gpu: 1}}\n", "lab.yaml:6:13: unknown key 'resources.gpu' (did you mean 'gpus'"),
        (f"{GRID}resources: {{gpus: x}}\n", "lab.yaml:6:19: 'resources.gpus': 'x' is no whole number of 0 or more"),
        (f"{GRID}max_parallel: 0\n", "'max_parallel': '0' is no whole number of 1 or more"),
        (f"{GRID}metric: 'a b'\n", "'metric': 'a b' does not look like val/top1"),
        ("random: {count: 3}\n", "'random': 'keys' is missing"),
        ("random: {count: 0, keys: {optim.lr: {uniform: [0, 1]}}}\n", "'0' is no whole number of 1 or more"),
        ("grid: &a {optim.lr: [1]}\n", "anchors and aliases are not supported"),
        ("grid: !!python/object:os.system {}\n", "is not supported here"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(tmp_path, HEAD + text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{uniform: [1, 0]}", "the first number must be below the second"),
        ("{uniform: [0, 1, 2]}", "this must be a list of two numbers"),
        ("{uniform: 3}", "this must be a list of two numbers"),
        ("{uniform: [a, b]}", "this must be a list of two numbers"),
        ("{uniform: [true, false]}", "this must be a list of two numbers"),
        ("{loguniform: [0, 1]}", "both numbers must be above 0"),
        ("{int: [1, 2.5]}", "both numbers must be whole"),
        ("{normal: [0, 0]}", "the second number is the standard deviation, above 0"),
        ("{normal: [0, 1], low: 9, high: 10}", "nearly no value lies between low and high"),
        ("{normal: [0, 1], low: 2, high: 1}", "this must be above low"),
        ("{uniform: [0, 1], low: 0}", "only a normal distribution is cut"),
        ("{choice: []}", "this must be a list of values"),
        ("{choice: [{a: 1}]}", "a mapping is no value of a key"),
        ("{gauss: [0, 1]}", "unknown key 'random.keys.optim.lr.gauss'"),
        ("{uniform: [0, 1], int: [0, 1]}", "name one distribution, as in {loguniform: [1e-5, 1e-2]}"),
        ("{}", "name one distribution, as in {loguniform: [1e-5, 1e-2]}"),
        ("0.1", "this must be a mapping"),
    ],
)
def test_distributions_are_checked(tmp_path: Path, text: str, said: str) -> None:
    found = complaint(tmp_path, f"{HEAD}random:\n  count: 2\n  keys:\n    optim.lr: {text}\n")
    assert said in found
    assert found.startswith("lab.yaml:7:")


@pytest.mark.parametrize("name", ["run12", "12", "RUN3", "-x", "a b", "a/b", "..", "x" * 57, "a\u202eb"])
def test_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    said = complaint(tmp_path, f'name: "{name}"\nmodel: m\ndata: d\n{GRID}')
    assert said.startswith("lab.yaml:1:7: ") and "is no name for a sweep" in said
    assert "\u202e" not in said


def test_a_missing_file_and_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        read_sweep(tmp_path / "nothere.yaml")
    assert "'model' is missing" in complaint(tmp_path, f"data: d\n{GRID}")


def test_the_command_line_goes_over_the_file(tmp_path: Path) -> None:
    file = read(tmp_path, f"{HEAD}tags: [a]\nresources: {{gpus: 1, mem: 4G}}\n{GRID}")
    over = overlaid(
        file,
        overrides=["optim.momentum=5e-1", "data.resize=[48, 64]"],
        tags=["b", "a"],
        resources=Resources(mem="8G"),
        name="other",
        note=None,
        max_parallel=3,
    )
    assert (over.name, over.tags, over.max_parallel, over.note) == ("other", ("a", "b"), 3, "")
    assert over.fixed == {"optim.momentum": 0.5, "data.resize": (48, 64)}
    assert over.resources == Resources(gpus=1, mem="8G")
    assert "resources.gpus" in over.places and "resources.mem" not in over.places


@pytest.mark.parametrize(
    "text", ["optim.lr=3", "foo", "lr=3", "model.name=x", "optim.momentum={a: 1}", "optim.momentum=["]
)
def test_a_set_option_that_cannot_be(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        overlaid(read(tmp_path, HEAD + GRID), overrides=[text])
    assert str(caught.value.where).startswith("--set ")
