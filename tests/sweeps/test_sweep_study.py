"""From a sweep file to a settled sweep: keys are checked, what is left out is filled, doubles are dropped."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from arctl.errors import DataError, NotFoundError, UsageError
from arctl.plan import admit
from arctl.settings import Workspace, init_workspace, load_settings
from arctl.sweeps import store
from arctl.sweeps.file import SweepFile
from arctl.sweeps.reader import overlaid, read_sweep
from arctl.sweeps.record import Sweep
from arctl.sweeps.study import placed, settle

EXAMPLE = Path(__file__).parents[2] / "examples" / "epic-kitchens-sweep.yaml"
HEAD = "name: lab\nmodel: r3d_tiny\ndata: motions\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "lab")
    data = made.root / "data" / "motions"
    (data / "Left").mkdir(parents=True)
    for video in ("a.avi", "b.avi"):
        (data / "Left" / video).touch()
    for name, text in {"classInd": "1 Left", "trainlist01": "Left/a.avi 1", "testlist01": "Left/b.avi"}.items():
        (data / f"{name}.txt").write_text(f"{text}\n")
    (made.root / "arctl.yaml").write_text("python: /bin/true\n")
    return Workspace(made.root, load_settings(made.root / "arctl.yaml"))


def file_of(workspace: Workspace, text: str) -> SweepFile:
    path = workspace.root / "lab.yaml"
    path.write_text(text)
    return read_sweep(path)


def settled(workspace: Workspace, text: str) -> tuple[Sweep, tuple[str, ...]]:
    return settle(workspace, file_of(workspace, HEAD + text))


def test_what_an_element_leaves_out_is_filled_from_below(workspace: Workspace) -> None:
    text = """set: {model.dropout: 0.25}
list:
  - {optim.lr: 1e-3}
  - {optim.lr: 1e-2, model.dropout: 0.5}
  - {train.epochs: 3}
"""
    sweep, notes = settled(workspace, text)
    assert [dict(element.params) for element in sweep.elements] == [
        {"optim.lr": 0.001, "model.dropout": 0.25, "train.epochs": 10},
        {"optim.lr": 0.01, "model.dropout": 0.5, "train.epochs": 10},
        {"optim.lr": 0.002, "model.dropout": 0.25, "train.epochs": 3},
    ], "from set, and from the model's own settings"
    assert notes == ()


def test_what_would_be_run_twice_is_left_out(workspace: Workspace) -> None:
    sweep, notes = settled(
        workspace, "list: [{optim.lr: 2e-3}, {model.dropout: 0}, {optim.lr: 0.002}, {optim.lr: 1}]\n"
    )
    assert [element.name for element in sweep.elements] == ["lab-000", "lab-001"]
    assert notes == ("2 elements that would repeat others: left out",)


def test_conditions_hold_for_what_is_filled_too(workspace: Workspace) -> None:
    text = """grid: {optim.name: [sgd], optim.momentum: [0.5]}
include: [{optim.lr: 7}]
when: {optim.momentum: {optim.name: sgd}}
"""
    sweep, _ = settled(workspace, text)
    assert [dict(element.params) for element in sweep.elements] == [
        {"optim.name": "sgd", "optim.momentum": 0.5, "optim.lr": 0.002},
        {"optim.name": "adamw", "optim.lr": 7},
    ]
    assert sweep.varied == ("optim.name", "optim.momentum", "optim.lr")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grid: {optim.lrr: [1]}\n", "lab.yaml:4:19: the trainer has no key 'optim.lrr' (did you mean 'optim.lr'"),
        ("set: {model.dropot: 1}\nseeds: [1]\n", "lab.yaml:4:21: the trainer has no key 'model.dropot' (did you"),
        ("list: [{optim.lr: -1}, {model.dropout: 0}]\n", "lab.yaml:4:7: optim.lr is -1.0: it must be above 0"),
    ],
)
def test_what_the_trainer_has_not_is_named_with_its_place(workspace: Workspace, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        settled(workspace, text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("model: r3d_tinyy\ndata: motions\n", "lab.yaml:1:8: no model 'r3d_tinyy' (did you mean 'r3d_tiny'"),
        ("model: r3d_tiny\ndata: motionss\n", "lab.yaml:2:7: no data set 'motionss' (did you mean 'motions'?"),
    ],
)
def test_a_model_or_data_set_that_is_not_there(workspace: Workspace, head: str, said: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        settle(workspace, file_of(workspace, f"{head}seeds: [1]\n"))
    assert said in str(caught.value)


def test_complaints_about_options_name_the_file_only_where_it_says_so(workspace: Workspace) -> None:
    file = file_of(workspace, f"{HEAD}resources: {{mem: 3Q}}\ntags: ['a b']\nseeds: [1]\n")
    for where, place in (("--mem", ":4:18"), ("--tag", ":5:7"), ("--time", None), ("arctl.yaml", None)):
        with pytest.raises(UsageError) as caught, placed(file):
            raise UsageError("no", where=where)
        assert caught.value.where == (where if place is None else f"{file.path}{place}")
    over = overlaid(file, resources=replace(file.resources, mem="4Q"))
    with pytest.raises(UsageError) as caught, placed(over):
        raise UsageError("no", where="--mem")
    assert caught.value.where == "--mem", "the command line said it"


def test_each_of_a_thousand_elements_is_checked(workspace: Workspace) -> None:
    many = ", ".join(str(number) for number in range(1, 501))
    sweep, _ = settled(workspace, f"grid: {{data.batch_size: [{many}]}}\nseeds: [1, 2]\n")
    plans = admit(workspace, [sweep.request(element) for element in sweep.elements])
    assert len(plans) == 1000
    configs = [plan.config for plan in plans if plan.config is not None]
    assert [(config["data"]["batch_size"], config["train"]["seed"]) for config in configs[:3]] == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]
    assert sweep.elements[-1].name == "lab-999"


def test_records_are_kept_whole_or_not_at_all(workspace: Workspace) -> None:
    sweep, _ = settled(workspace, "seeds: [1, 2]\n")
    store.keep(workspace, sweep, b"# as typed\n")
    assert store.load(workspace, "lab") == sweep
    assert (store.place(workspace, "lab") / "sweep.yaml").read_bytes() == b"# as typed\n"
    with pytest.raises(UsageError, match="there is a sweep 'lab' already"):
        store.keep(workspace, sweep, b"")
    store.set_max_parallel(workspace, sweep, 3)
    assert store.load(workspace, "lab") == replace(sweep, max_parallel=3)
    assert [path.name for path in (workspace.state / "sweeps").iterdir()] == ["lab"], "no stage stays"
    assert store.names(workspace) == ["lab"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": "arctl.sweep-record/9"}', b"\xff\xfe", b"null"])
def test_a_damaged_record_is_said_to_be(workspace: Workspace, damage: bytes) -> None:
    sweep, _ = settled(workspace, "seeds: [1]\n")
    store.keep(workspace, sweep, b"")
    path = store.place(workspace, "lab") / "sweep.json"
    whole = json.loads(path.read_text())
    path.write_bytes(damage)
    with pytest.raises(DataError, match=r"sweep\.json"):
        store.load(workspace, "lab")
    for key in ("elements", "resources", "model"):
        path.write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        with pytest.raises(DataError, match="damaged"):
            store.load(workspace, "lab")


def test_the_shipped_example_holds_what_its_comment_says(workspace: Workspace) -> None:
    file = replace(read_sweep(EXAMPLE), data="motions")
    sweep, notes = settle(workspace, file)
    assert (len(sweep.elements), notes, file.model) == (8, (), "videomae_b")
    keys = ("optim.lr", "data.batch_size", "model.dropout", "optim.label_smoothing", "model.drop_path")
    assert sweep.varied == keys
    for key in keys:
        assert set(Counter(element.params[key] for element in sweep.elements).values()) == {4}
    for one, other in itertools.combinations(keys[:3], 2):
        pairs = Counter((element.params[one], element.params[other]) for element in sweep.elements)
        assert set(pairs.values()) == {2} and len(pairs) == 4
    plans = admit(workspace, [sweep.request(element) for element in sweep.elements])
    assert {plan.template.name for plan in plans} == {"array"}
