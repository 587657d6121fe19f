"""B46-B54: event lines that are torn, doubled, from elsewhere, too large, too deep, or of the wrong kind."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from arctl.cli import app
from arctl.registry import read
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from tests.tui.workspace import new_run

GOOD = 8
"""Steps of the trainer that are right, with a hostile text between each two."""


def step(number: int, *, seq: int | None = None, **more: object) -> bytes:
    metrics = {"step/loss": 1.0 / (number + 1)}
    fields = {"seq": number if seq is None else seq, "t": 1e9 + number, "kind": "step", "step": number, "epoch": 0.5}
    return json.dumps({**fields, "metrics": metrics, **more}).encode()


def odd(**fields: object) -> Callable[[int], bytes]:
    """Return a line with its right `seq` and something odd in it."""
    return lambda seq: json.dumps({**json.loads(step(seq)), **fields}).encode()


BAD: dict[str, tuple[Callable[[int], bytes], int]] = {
    "B46 torn": (lambda seq: step(seq)[:20], 1),
    "B46 glued": (lambda seq: step(seq) + step(seq), 1),
    "B46 zeros": (lambda seq: b"\0" * 4096, 1),
    "B46 zeros in front": (lambda seq: b"\0" * 10 + step(seq), 1),
    "B46 interleaved": (lambda seq: step(seq)[:30] + step(seq)[:30] + step(seq)[30:], 1),
    "B47 1e400": (lambda seq: step(seq).replace(b'"epoch": 0.5', b'"epoch": 1e400'), 1),
    "B48 surrogate": (odd(kind="warning", message="\ud800", code="x\udfff"), 0),
    "B48 doubled key": (lambda seq: step(seq)[:-1] + b', "step": "x"}', 1),
    "B49 deep": (lambda seq: b"[" * 60_000, 1),
    "B49 large": (odd(kind="warning", code="x", message="m" * 70_000), 1),
    "B51 markup": (odd(metrics={"[/]": 1.0}), 1),
    "B51 path": (odd(metrics={"../../etc/passwd": 1.0}), 0),
    "B51 absolute": (odd(metrics={"/etc/passwd": 1.0}), 1),
    "B51 long": (odd(metrics={"a/" + "x" * 10_000: 1.0}), 1),
    "B52 unknown kind": (odd(kind="from_the_future"), 0),
    "B52 unknown field": (odd(future={"a": [1]}), 0),
    "B53 huge": (odd(step=1 << 63), 1),
    "B53 huge value": (
        lambda seq: step(seq).replace(b'{"step/loss": ', b'{"step/loss": 1' + b"0" * 400 + b', "x/y": '),
        1,
    ),
    "B53 bool": (odd(metrics={"step/loss": True}), 1),
    "B53 text": (odd(metrics={"step/loss": "low"}), 1),
    "B53 negative": (odd(step=-1), 1),
    "B53 no object": (lambda seq: b"[1, 2]", 1),
    "B53 not UTF-8": (lambda seq: b"\xff\xfe" + step(seq), 1),
    "B54 nul": (odd(kind="warning", code="a\0b", message="before\0after"), 0),
}
"""The line that stands where step 4 should, and how many lines are damaged by it."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "ws")


def write(workspace: Workspace, lines: list[bytes], *, end: bytes = b"\n") -> Path:
    made = new_run(workspace, 1, "n")
    path = made.files.events(f"{made.job}.0")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\n".join(lines) + end)
    settle(path)
    return path


def settle(path: Path) -> None:
    """Let a file be two minutes old: zeros in a file that grows are waited for, since they may be data on its way."""
    os.utime(path, (time.time() - 120,) * 2)


def shown(workspace: Workspace, *words: str) -> str:
    result = CliRunner().invoke(app, ["-w", str(workspace.root), *words])
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.output and "\0" not in result.output
    return result.stdout


@pytest.mark.parametrize("number", BAD)
def test_a_bad_line_costs_itself_alone_and_is_counted(workspace: Workspace, number: str) -> None:
    make, damaged = BAD[number]
    write(workspace, [make(seq) if seq == 4 else step(seq) for seq in range(GOOD)])
    report = rebuild(workspace)
    steps = {point.step for point in read.curve(workspace.db, 1, "step/loss")}
    assert {0, 1, 2, 3, 5, 6, 7} <= steps
    assert report.damaged == damaged
    assert (len(report.troubles) == 1 and "byte" in report.troubles[0]) if damaged else report.troubles == ()
    page = shown(workspace, "show", "1")
    assert ("1 event lines could not be read" in page) is (damaged == 1)
    json.loads(shown(workspace, "show", "1", "--json"))


def test_nan_and_infinity_are_kept_and_never_bare_in_json(workspace: Workspace) -> None:
    values = ["NaN", "Infinity", "-Infinity"]
    lines = [step(seq, metrics={"step/loss": value}) for seq, value in enumerate(values)]
    lines += [b'{"seq": 3, "t": 1.0, "kind": "step", "step": 3, "epoch": 0.5, "metrics": {"step/loss": NaN}}']
    lines += [b'{"seq": 4, "t": 1.0, "kind": "step", "step": 4, "epoch": 0.5, "metrics": {"step/loss": 1e400}}']
    write(workspace, lines)
    assert rebuild(workspace).damaged == 0
    found = [point.value for point in read.curve(workspace.db, 1, "step/loss")]
    assert (
        math.isnan(found[0]) and found[1:3] == [math.inf, -math.inf] and math.isnan(found[3]) and found[4] == math.inf
    )
    for words in (["curves", "1", "--json", "-m", "step/loss"], ["show", "1", "--json"], ["ls", "--json"]):
        json.loads(shown(workspace, *words), parse_constant=lambda word: pytest.fail(word))


def test_order_repeats_and_gaps(workspace: Workspace) -> None:
    order = [0, 1, 1, 2, 0, 3, 7, 8, 9]
    write(workspace, [step(seq, step=seq) for seq in order])
    rebuild(workspace)
    assert [point.step for point in read.curve(workspace.db, 1, "step/loss")] == [0, 1, 2, 3, 7, 8, 9]


def test_a_million_names_do_not_fill_the_registry(workspace: Workspace) -> None:
    lines = [
        step(seq, metrics={"step/loss": 0.5} | {f"a/{seq}_{name}": 1.0 for name in range(1000)}) for seq in range(20)
    ]
    write(workspace, lines)
    rebuild(workspace)
    assert len(read.metric_names(workspace.db, [1])) <= 1000
    assert "too many metric names" in shown(workspace, "show", "1")
    assert "step/loss" in read.metric_names(workspace.db, [1])


def test_a_file_that_is_all_noise_is_read_to_its_end(workspace: Workspace) -> None:
    path = write(workspace, [step(0)])
    with path.open("ab") as file:
        file.write(random.Random(1).randbytes(300_000) + b"\n" + step(1) + b"\n")
    settle(path)
    report = rebuild(workspace)
    assert report.damaged > 500 and [point.step for point in read.curve(workspace.db, 1, "step/loss")] == [0, 1]
    assert len(report.troubles) == 1, "a thousand damaged lines are one warning"
