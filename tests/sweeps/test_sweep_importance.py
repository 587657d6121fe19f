"""Which parameter mattered: the statistics agree with those of others, and nothing is claimed of too few runs."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from scipy import stats

from arctl.sweeps.importance import FEW, LEAST, MAYBE, NONE, YES, Effect, effects
from arctl.sweeps.values import Params


def judged(rows: list[tuple[dict[str, object], float]]) -> dict[str, Effect]:
    params: list[Params] = [dict(row) for row, _ in rows]  # type: ignore[arg-type]
    keys = list(dict.fromkeys(key for row in params for key in row))
    return {effect.key: effect for effect in effects(params, [value for _, value in rows], keys)}


def grid(noise: float, *, seed: int = 0, repeats: int = 2) -> list[tuple[dict[str, object], float]]:
    """Results that depend on the rate (best in the middle) and, much less, on the optimizer; never on the dropout."""
    chance = random.Random(seed)
    rows: list[tuple[dict[str, object], float]] = []
    for lr, name, drop, _ in itertools.product((1e-4, 1e-3, 1e-2), ("sgd", "adamw"), (0.0, 0.5), range(repeats)):
        value = {1e-4: 0.5, 1e-3: 0.7, 1e-2: 0.3}[lr] + (0.05 if name == "adamw" else 0) + chance.gauss(0, noise)
        rows.append(({"optim.lr": lr, "optim.name": name, "model.dropout": drop}, value))
    return rows


def test_what_matters_is_found_and_what_does_not_is_not() -> None:
    found = judged(grid(0.02))
    assert next(iter(found)) == "optim.lr"
    lr, dropout = found["optim.lr"], found["model.dropout"]
    assert (lr.verdict, dropout.verdict) == (YES, NONE)
    assert lr.share is not None and lr.share > 0.8
    best, worst = lr.ends(lower=False)
    assert (best.label, worst.label) == ("0.001", "0.01")
    assert (best.count, round(best.mean, 1), round(worst.mean, 1)) == (8, 0.7, 0.3)
    assert lr.ends(lower=True)[0].label == "0.01"
    assert [group.label for group in lr.groups] == ["0.0001", "0.001", "0.01"]
    assert found["optim.name"].trend is None


def test_trend_and_share_agree_with_scipy() -> None:
    rows = grid(0.1, seed=4)
    effect = judged(rows)["optim.lr"]
    x, y = [float(str(row["optim.lr"])) for row, _ in rows], [value for _, value in rows]
    assert effect.trend == pytest.approx(stats.spearmanr(x, y).statistic)
    parts = [[value for row, value in rows if row["optim.lr"] == lr] for lr in (1e-4, 1e-3, 1e-2)]
    assert effect.share == pytest.approx(stats.kruskal(*parts).statistic / (len(rows) - 1))


def test_p_is_what_all_shuffles_give() -> None:
    values = [0.1, 0.2, 0.3, 0.6, 0.7, 0.8]
    rows: list[tuple[dict[str, object], float]] = [
        ({"a.b": "low" if k < 3 else "high"}, v) for k, v in enumerate(values)
    ]
    assert judged(rows)["a.b"].p is None, "3 against 3 can be dealt in 10 ways: even this could be chance"
    rows += [({"a.b": "low"}, 0.15), ({"a.b": "high"}, 0.75)]
    assert judged(rows)["a.b"].p == pytest.approx(2 / 70, abs=0.012)


def test_chance_alone_is_called_significant_as_seldom_as_it_should() -> None:
    claims = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        rows = [({"a.b": float(k % 4)}, float(chance.random())) for k in range(16)]
        claims += judged(rows)["a.b"].verdict == YES  # type: ignore[arg-type]
    assert claims <= 8


def test_too_few_to_tell() -> None:
    few = [({"a.b": k}, float(k)) for k in range(LEAST - 1)]
    assert judged(few)["a.b"].verdict == FEW  # type: ignore[arg-type]
    lonely = [({"a.b": 1 if k else 2}, float(k)) for k in range(12)]
    assert judged(lonely)["a.b"].verdict == FEW  # type: ignore[arg-type]
    assert judged([({"a.b": 1}, 0.5)] * 10) == {}, "what does not vary is not judged"


def test_equal_results_say_nothing() -> None:
    rows: list[tuple[dict[str, object], float]] = [({"a.b": k % 2}, 0.5) for k in range(12)]
    effect = judged(rows)["a.b"]
    assert (effect.share, effect.trend, effect.verdict) == (None, None, NONE)


def test_drawn_values_are_judged_by_thirds_and_by_their_trend() -> None:
    chance = random.Random(2)
    drawn = [chance.uniform(0, 1) for _ in range(30)]
    rows: list[tuple[dict[str, object], float]] = [({"a.b": x}, 3 * x + chance.gauss(0, 0.1)) for x in drawn]
    effect = judged(rows)["a.b"]
    assert effect.verdict == YES and effect.trend is not None and effect.trend > 0.9
    assert [group.count for group in effect.groups] == [10, 10, 10]
    assert effect.groups[0].mean < effect.groups[1].mean < effect.groups[2].mean
    assert effect.groups[0].label.startswith(f"{min(drawn):.4g}..")


def test_parameters_that_change_together_are_named() -> None:
    rows: list[tuple[dict[str, object], float]] = [
        ({"a.lr": k % 2, "a.batch": 8 * (k % 2), "a.free": k // 8}, float(k % 2) + k / 100) for k in range(16)
    ]
    found = judged(rows)
    assert (found["a.lr"].twins, found["a.batch"].twins, found["a.free"].twins) == (("a.batch",), ("a.lr",), ())


def test_a_key_is_judged_where_it_is_set() -> None:
    rows = grid(0.02) + [({"optim.name": "none"}, 0.9)] * 5  # type: ignore[list-item]
    assert judged(rows)["optim.lr"].count == 24
    assert judged(rows)["optim.name"].count == 29


def test_one_diverged_run_decides_nothing() -> None:
    rows: list[tuple[dict[str, object], float]] = [({"a.b": k % 2}, 1.0 + (k * 7 % 5) / 10) for k in range(20)]
    rows[1] = (rows[1][0], 1e30)
    assert judged(rows)["a.b"].verdict in (NONE, MAYBE)
