"""The quick way through millions of step events says exactly what the careful one says, line by line."""

from __future__ import annotations

import json
import math
import os
import random
import re
from pathlib import Path

import pytest

from arctl import events
from arctl.intake import fresh_news
from arctl.registry import ingest, read, write
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, Curves, NewPoint
from arctl.registry.settle import settle
from arctl.rundir import RunDir

NAMES = ("step/loss", "optim/lr", "perf/data_wait")


def flat(news: list[AttemptNews]) -> list[tuple[str, int, float, float, float]]:
    return [
        (name, step, epoch, t, row[place])
        for item in news
        for block in item.curves
        for step, epoch, t, row in zip(block.steps, block.epochs, block.times, map(list, block.values), strict=True)
        for place, name in enumerate(block.names)
    ]


def carefully(lines: list[bytes]) -> tuple[list[tuple[str, int, float, float, float]], int, int, int]:
    """Read lines one by one: values, events, damaged lines, newest seq."""
    found: list[tuple[str, int, float, float, float]] = []
    counted = damaged = 0
    last, guess, step, epoch = -1, -2, 0, 0.0
    for line in lines:
        event = events.parse(line)
        damaged += isinstance(event, events.Damaged)
        if event is None or isinstance(event, events.Damaged) or event.seq <= last:
            continue
        last, guess = (event.seq, guess) if event.seq in (last + 1, guess + 1) else (last, event.seq)
        counted += 1
        if isinstance(event, events.Step | events.Epoch | events.Eval):
            step, epoch = event.step, event.epoch
        if isinstance(event, events.Step | events.Epoch | events.Eval | events.System):
            found += [(name, step, epoch, event.t, value) for name, value in event.metrics.items()]
        if isinstance(event, events.Start):
            step = event.resumed_step or step
    return found, counted, damaged, last


def same(left: object, right: object) -> bool:
    zero = re.compile(r"-0\.0(?=[,)}\]])")  # SQLite has no negative zero
    return zero.sub("0.0", repr(left)) == zero.sub("0.0", repr(right))


def plain(at: int, *, names: tuple[str, ...] = NAMES, **changes: object) -> bytes:
    metrics = {name: at / (place + 3) for place, name in enumerate(names)}
    event = {"seq": at, "t": 1000.0 + at, "kind": "step", "step": at, "epoch": at / 54, "metrics": metrics}
    return json.dumps({**event, **changes}).encode()


ODD = [
    b"", b"  ", b"garbage", b"\xff\xfe", b"[1]", b"null", b"3", b'{"seq": 1', b"[" * 200_000, b'{"kind": "step"}',
    plain(5, t=math.nan), plain(5, t=math.inf), plain(5, t=-1.0), plain(5, t=7), plain(5, t="7"), plain(5, t=2.0**60),
    plain(5, step=-1), plain(5, step=2**60), plain(5, step=True), plain(5, step=1.0), plain(5, step="1"),
    plain(5, epoch=-0.5), plain(5, epoch=3), plain(5, epoch=None), plain(5, epoch=math.nan), plain(5, epoch=1e400),
    plain(5, metrics=[]), plain(5, metrics={}), plain(5, metrics=None), plain(5, metrics={"noslash": 1.0}),
    plain(5, metrics={"step/loss": math.nan, "optim/lr": math.inf, "perf/data_wait": 1.0}),
    plain(5, metrics={"step/loss": "NaN", "optim/lr": "Infinity", "perf/data_wait": 1.0}),
    plain(5, metrics={"step/loss": 1, "optim/lr": 0.5, "perf/data_wait": 1.0}),
    plain(5, metrics={"step/loss": True, "optim/lr": 0.5, "perf/data_wait": 1.0}),
    plain(5, metrics={"step/loss": None, "optim/lr": 0.5, "perf/data_wait": 1.0}),
    plain(5, metrics={"step/loss": 1.0, "optim/lr": 0.5}), plain(5, metrics={"x/y\x1b": 1.0}),
    plain(5, kind="Step"), plain(5, kind="epoch", seconds=2.0), plain(5, kind="eval"), plain(5, kind=["step"]),
    plain(5, kind="system"), plain(5, kind="odd"), plain(5, seq=5.0), plain(5, seq=True), plain(5, seq=3),
    plain(5, seq=900), plain(5, seq="5"), plain(5) + plain(6), plain(5) + b",", b" " + plain(5), plain(5) + b" ",
    plain(5, pad="x" * events.LINE_LIMIT), plain(5, more={"deep": [1, {"a": 2}]}), plain(5, names=NAMES[::-1]),
    plain(5).replace(b'"step": 5', b'"step": 5, "step": 6'), plain(5).replace(b'"seq"', b'"\\ud800": 1, "seq"'),
    json.dumps({"seq": 5, "t": 1.0, "kind": "start", "resumed_step": 3}).encode(),
    json.dumps({"seq": 5, "t": 1.0, "kind": "end", "status": "completed"}).encode(),
    json.dumps({"seq": 5, "t": 1.0, "kind": "warning", "code": "x", "message": "y"}).encode(),
]  # fmt: skip


def news_of(directory: RunDir, lines: list[bytes]) -> list[AttemptNews]:
    path = directory.events("77.0")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")
    os.utime(path, (1e9, 1e9))  # NUL bytes of a file that is still written would be waited for
    return list(fresh_news(directory, 1, {}))


def check(directory: RunDir, lines: list[bytes]) -> None:
    news = news_of(directory, lines)
    values, counted, damaged, last = carefully(lines)
    assert same(flat(news), values)
    assert (sum(item.events for item in news), sum(item.damaged for item in news)) == (counted, damaged)
    assert news[-1].last_seq == last


@pytest.mark.parametrize("odd", range(len(ODD)))
def test_an_odd_line_in_the_middle_changes_nothing_around_it(tmp_path: Path, odd: int) -> None:
    before, after = [plain(seq) for seq in range(5)], [plain(seq) for seq in range(6, 12)]
    check(RunDir(tmp_path / "run0001"), [*before, ODD[odd], *after])
    check(RunDir(tmp_path / "run0002"), [ODD[odd], *before, plain(5), *after])


def test_the_place_of_a_damaged_line_is_told_behind_quick_ones(tmp_path: Path) -> None:
    lines = [plain(seq) for seq in range(40)]
    news = news_of(RunDir(tmp_path / "run0001"), [*lines, b"oops", plain(40)])
    assert news[0].trouble is not None and f"byte {sum(map(len, lines)) + 40}:" in news[0].trouble


@pytest.mark.parametrize("seed", range(20))
def test_random_files_with_flipped_bytes_and_mixed_events(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines: list[bytes] = []
    for seq in range(400):
        line = plain(seq, names=NAMES[: chance.choice((3, 3, 3, 2))])
        if chance.random() < 0.05:
            line = chance.choice(ODD[:12] + ODD[14:])
        if chance.random() < 0.05:
            flipped = bytearray(line or b"x")
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            line = bytes(flipped)
        lines.append(line)
    check(RunDir(tmp_path / "run0001"), [part for line in lines for part in line.split(b"\n")])


@pytest.mark.parametrize("seed", range(10))
def test_blocks_are_stored_and_summed_up_as_single_values_are(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    odd = (math.nan, math.inf, -math.inf, 0.0, -0.0)
    points = [
        NewPoint(name, chance.randrange(1, 200) if seed % 2 else step, step / 7, float(step),
                 chance.choice(odd) if chance.random() < 0.1 else chance.gauss(0, 1))
        for step in range(1, 150) for name in NAMES
    ]  # fmt: skip
    db = tmp_path / "runs.db"
    for number in (1, 2):
        write.new_run(db, name="a", token=f"arctl-{number}", created=1.0, cluster="slurm", template="single")
    blocks: list[Curves] = []
    for first in range(0, len(points), 3):
        if not blocks or chance.random() < 0.1:
            blocks.append(Curves(NAMES, [], [], [], []))
        row = points[first : first + 3]
        if len({point.step for point in row}) == 1:
            blocks[-1].add(row[0].step, row[0].epoch, row[0].t, tuple(point.value for point in row))
        else:
            for point in row:
                blocks.append(Curves((point.metric,), [point.step], [point.epoch], [point.t], [(point.value,)]))
            blocks.append(Curves(NAMES, [], [], [], []))
    with transaction(db) as connection:
        assert ingest.store_news(connection, AttemptNews(1, "77.0", 0, 9, 1, 9, points=points))
        full = [block for block in blocks if block.steps]
        assert ingest.store_news(connection, AttemptNews(2, "77.0", 0, 9, 1, 9, curves=full))
        for number in (1, 2):
            settle(connection, number, now=0.0)
    for name in NAMES:
        assert same(read.curve(db, 1, name), read.curve(db, 2, name))
        expected = {point.step: point.value for point in points if point.metric == name}
        assert same({point.step: point.value for point in read.curve(db, 1, name)}, dict(sorted(expected.items())))
    one, two = read.run(db, 1), read.run(db, 2)
    assert one is not None and two is not None and same(dict(one.metrics), dict(two.metrics))
    for name, summary in one.metrics.items():
        values = [point.value for point in points if point.metric == name and math.isfinite(point.value)]
        assert (summary.min, summary.max) == (min(values), max(values))
