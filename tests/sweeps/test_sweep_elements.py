"""From a sweep file to its elements: the order, the draws, conditions, exclusions, and what is never run twice."""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path

import pytest

from arctl.errors import UsageError
from arctl.sweeps.draw import Distribution
from arctl.sweeps.elements import Expansion, expand
from arctl.sweeps.reader import read_sweep
from arctl.sweeps.record import Element, Sweep, from_facts, named
from arctl.sweeps.values import identity, label, shown, spelled, value_of

HEAD = "model: r3d_tiny\ndata: motions\n"


def expanded(tmp_path: Path, text: str) -> Expansion:
    path = tmp_path / "lab.yaml"
    path.write_text(HEAD + text)
    return expand(read_sweep(path))


def params(found: Expansion) -> list[dict[str, object]]:
    return [dict(point.params) for point in found.points]


def test_the_parts_multiply_and_the_last_changes_fastest(tmp_path: Path) -> None:
    text = """list: [{model.dropout: 0.1}, {model.dropout: 0.2}]
grid:
  optim.lr: [1, 2]
  data.batch_size: [8, 16, 32]
seeds: [5, 6]
include: [{optim.lr: 9}]
"""
    found = params(expanded(tmp_path, text))
    wanted = [
        {"optim.lr": lr, "data.batch_size": size, "model.dropout": drop, "train.seed": seed}
        for drop, lr, size, seed in itertools.product((0.1, 0.2), (1, 2), (8, 16, 32), (5, 6))
    ]
    assert found == [*wanted, {"optim.lr": 9, "train.seed": 5}, {"optim.lr": 9, "train.seed": 6}]
    assert list(found[0]) == ["optim.lr", "data.batch_size", "model.dropout", "train.seed"]


def test_include_alone_makes_no_element_besides(tmp_path: Path) -> None:
    assert params(expanded(tmp_path, "include: [{optim.lr: 9}]\n")) == [{"optim.lr": 9}]


def test_draws_are_the_same_each_time_and_each_key_has_its_own(tmp_path: Path) -> None:
    lr = "optim.lr: {loguniform: [1e-5, 1e-2]}"
    first = params(expanded(tmp_path, f"random: {{count: 5, seed: 3, keys: {{{lr}}}}}\n"))
    more = f"random: {{count: 5, seed: 3, keys: {{model.dropout: {{uniform: [0, 0.5]}}, {lr}}}}}\n"
    both = params(expanded(tmp_path, more))
    assert [point["optim.lr"] for point in first] == [point["optim.lr"] for point in both]
    assert first != params(expanded(tmp_path, f"random: {{count: 5, seed: 4, keys: {{{lr}}}}}\n"))


def test_draws_never_change_with_a_new_release() -> None:
    assert Distribution("loguniform", (1e-5, 1e-2)).draws(2, seed=3, key="optim.lr") == [1.10733e-05, 0.00164587]
    assert Distribution("normal", (0.0, 1.0)).draws(3, seed=0, key="k") == [0.970213, 1.0913, -1.09309]
    assert Distribution("int", (4.0, 64.0)).draws(4, seed=0, key="b") == [36, 4, 18, 56]
    assert Distribution("choice", choices=("a", "b", "c")).draws(5, seed=1, key="c") == ["c", "a", "a", "c", "b"]


@pytest.mark.parametrize(
    ("distribution", "mean", "low", "high"),
    [
        (Distribution("uniform", (2.0, 4.0)), 3.0, 2.0, 4.0),
        (Distribution("int", (1.0, 9.0)), 5.0, 1.0, 9.0),
        (Distribution("normal", (10.0, 2.0)), 10.0, 0.0, 20.0),
        (Distribution("normal", (0.0, 1.0), low=0.0), 0.798, 0.0, 6.0),
        (Distribution("choice", choices=(1, 2, 3)), 2.0, 1.0, 3.0),
    ],
)
def test_draws_follow_their_distribution(distribution: Distribution, mean: float, low: float, high: float) -> None:
    drawn = [float(str(value)) for value in distribution.draws(4000, seed=0, key="k")]
    assert low <= min(drawn) and max(drawn) <= high
    assert statistics.fmean(drawn) == pytest.approx(mean, abs=0.12)


def test_loguniform_draws_are_even_over_the_powers_of_ten() -> None:
    drawn = [float(str(value)) for value in Distribution("loguniform", (1e-4, 1.0)).draws(4000, seed=1, key="k")]
    shares = [sum(10.0**power <= value < 10.0 ** (power + 1) for value in drawn) / 4000 for power in range(-4, 0)]
    assert shares == pytest.approx([0.25] * 4, abs=0.03)
    assert all(len(f"{value:.6g}") >= len(repr(value)) or value == float(f"{value:.6g}") for value in drawn)


def test_ends_of_whole_numbers_are_drawn_too() -> None:
    assert set(Distribution("int", (4.0, 6.0)).draws(200, seed=0, key="k")) == {4, 5, 6}


def test_a_key_is_set_only_where_its_condition_holds(tmp_path: Path) -> None:
    text = """grid:
  optim.momentum: [0.8, 0.9]
  optim.name: [sgd, adamw]
when:
  optim.momentum: {optim.name: sgd}
"""
    found = expanded(tmp_path, text)
    assert params(found) == [
        {"optim.momentum": 0.8, "optim.name": "sgd"},
        {"optim.name": "adamw"},
        {"optim.momentum": 0.9, "optim.name": "sgd"},
        {"optim.name": "adamw"},
    ]
    assert found.points[1].idle == {"optim.momentum"}


def test_conditions_go_on_and_look_at_what_is_set_for_all(tmp_path: Path) -> None:
    text = """set: {train.precision: fp16}
grid:
  optim.clip_grad: [1, 2]
  optim.momentum: [0.8]
  optim.name: [sgd, adamw]
when:
  optim.clip_grad: {optim.momentum: [0.8], train.precision: fp16}
  optim.momentum: {optim.name: sgd}
"""
    assert params(expanded(tmp_path, text)) == [
        {"optim.clip_grad": 1, "optim.momentum": 0.8, "optim.name": "sgd"},
        {"optim.name": "adamw"},
        {"optim.clip_grad": 2, "optim.momentum": 0.8, "optim.name": "sgd"},
        {"optim.name": "adamw"},
    ]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{optim.momentum: {optim.name: sgdd}}", 'optim.momentum waits for optim.name="sgdd", which no element has'),
        ("{optim.momentum: {optim.name: sgd}, optim.name: {optim.momentum: 0.8}}", "wait for one another"),
    ],
)
def test_a_condition_that_never_holds(tmp_path: Path, when: str, said: str) -> None:
    grid = "grid: {optim.momentum: [0.8], optim.name: [sgd, adamw]}\n"
    with pytest.raises(UsageError, match=r"lab\.yaml:4:") as caught:
        expanded(tmp_path, f"{grid}when: {when}\n")
    assert said in str(caught.value)


def test_exclusions_and_those_that_agree_with_nothing(tmp_path: Path) -> None:
    text = """grid:
  optim.lr: [1e-4, 1e-3]
  data.batch_size: [8, 16]
exclude:
  - {optim.lr: 0.0001, data.batch_size: 16}
  - {optim.lr: 7}
"""
    found = expanded(tmp_path, text)
    assert [tuple(point.values()) for point in params(found)] == [(0.0001, 8), (0.001, 8), (0.001, 16)]
    assert found.notes == ("1 of 4 elements: excluded", "warning: entry 2 of 'exclude' agrees with no element")
    with pytest.raises(UsageError, match="no element is left"):
        expanded(tmp_path, "grid: {optim.lr: [1]}\nexclude: [{optim.lr: 1}]\n")


def test_too_many_are_refused_before_they_are_made(tmp_path: Path) -> None:
    many = ", ".join(map(str, range(1, 1001)))
    text = f"grid:\n  optim.lr: [{many}]\n  optim.weight_decay: [{many}]\n  data.batch_size: [{many}]\n"
    with pytest.raises(UsageError, match=r"1000 \(optim.lr\) x 1000 .* makes 1,000,000,000 elements"):
        expanded(tmp_path, text)


def test_numbers_are_numbers_however_they_are_typed() -> None:
    same = [value_of(text) for text in ("1e-4", "0.0001", 0.0001, "1.0E-4", "+.0001")]
    assert {spelled(value) for value in same} == {"0.0001"}
    assert [spelled(value_of(one)) for one in (8.0, "8", "8.0", True, "true", None, "nan", [1.0, "a"])] == [
        "8", "8", "8", "true", '"true"', "null", '"nan"', '[1, "a"]',
    ]  # fmt: skip
    assert identity({"a": True}) != identity({"a": 1})
    assert (
        label({"optim.lr": 0.000123456, "data.cache": "off", "x": (1, 2)})
        == "optim.lr=0.0001235 data.cache=off x=[1, 2]"
    )
    assert shown(None) == "null"


def test_names_sort_in_the_order_of_the_elements() -> None:
    for count in (3, 1000, 1001):
        made = [element.name for element in named("lr", [{} for _ in range(count)])]
        assert made == sorted(made) and made[0] == ("lr-0000" if count > 1000 else "lr-000")


def test_a_record_is_read_back_as_it_was(tmp_path: Path) -> None:
    import json

    elements = (Element("a-000", {"optim.lr": 0.1, "data.resize": (48, 64), "model.weights": None}),)
    sweep = Sweep("a", 1.5, "r3d_tiny", "d", "val/top1", elements, fixed={"x.y": (1, 2)}, tags=("t",), max_parallel=3)
    assert from_facts(json.loads(json.dumps(sweep.facts())), where="x") == sweep
    request = sweep.request(elements[0], rerun_of=3)
    assert request.overrides == ("x.y=[1, 2]", "optim.lr=0.1", "data.resize=[48, 64]", "model.weights=null")
    assert (request.name, request.group, request.sweep, request.rerun_of) == ("a-000", "a", "a", 3)
    assert request.params == {"optim.lr": 0.1, "data.resize": [48, 64], "model.weights": None}
