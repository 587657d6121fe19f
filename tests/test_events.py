"""Event lines: each kind of the contract, and everything that a line can be instead."""

from __future__ import annotations

import json
import math
import random

import pytest

from arctl import events


def line(**fields: object) -> bytes:
    return json.dumps({"seq": 0, "t": 12.5, **fields}).encode()


def test_every_kind_of_the_contract_is_read() -> None:
    start = events.parse(
        line(kind="start", contract=1, attempt="77.0", host="n1", pid=5, epochs=3, steps_per_epoch=10,
             resumed_step=None, device="cpu")
    )  # fmt: skip
    assert start == events.Start(0, 12.5, "77.0", "n1", 5, 3, 10, None, "cpu")
    step = events.parse(line(kind="step", step=3, epoch=0.3, metrics={"step/loss": 1, "optim/lr": 1e-3}))
    assert step == events.Step(0, 12.5, 3, 0.3, {"step/loss": 1.0, "optim/lr": 1e-3})
    epoch = events.parse(line(kind="epoch", step=10, epoch=1, metrics={"train/top1": 0.5}, seconds=2))
    assert epoch == events.Epoch(0, 12.5, 10, 1.0, {"train/top1": 0.5}, 2.0)
    evaluated = events.parse(
        line(kind="eval", split="val", step=10, epoch=1, metrics={"val/top1": 0.5}, predictions="p.npz", unreadable=1)
    )
    assert evaluated == events.Eval(0, 12.5, 10, 1.0, {"val/top1": 0.5}, "val", "p.npz", 1)
    assert events.parse(line(kind="system", metrics={"sys/rss": 5})) == events.System(0, 12.5, {"sys/rss": 5.0})
    saved = events.parse(line(kind="checkpoint", path="checkpoints/last.pt", step=10, epoch=1, best=True))
    assert saved == events.Checkpoint(0, 12.5, 10, 1.0, "checkpoints/last.pt", True)
    caution = events.parse(line(kind="warning", code="unreadable", message="v.avi", sample="v", path=None))
    assert caution == events.Caution(0, 12.5, "unreadable", "v.avi", "v", None)
    end = events.parse(line(kind="end", status="failed", exit_code=1, message="boom", epoch=1.5, step=15))
    assert end == events.End(0, 12.5, "failed", 1, "boom", 15, 1.5)
    assert events.parse(line(kind="heartbeat", x=1)) == events.Unknown(0, 12.5, "heartbeat")


@pytest.mark.parametrize("blank", [b"", b"  ", b"\r"])
def test_a_blank_line_is_nothing(blank: bytes) -> None:
    assert events.parse(blank) is None


@pytest.mark.parametrize(
    ("written", "value"),
    [('"NaN"', math.nan), ("NaN", math.nan), ('"Infinity"', math.inf), ("1e400", math.inf), ('"-Infinity"', -math.inf)],
)
def test_special_numbers_come_as_text_or_as_python_writes_them(written: str, value: float) -> None:
    event = events.parse(b'{"seq":0,"t":1,"kind":"system","metrics":{"a/b":%s}}' % written.encode())
    assert isinstance(event, events.System)
    assert event.metrics["a/b"] == value or (math.isnan(event.metrics["a/b"]) and math.isnan(value))


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b'{"seq": 0, "t": 1, "ki', "no JSON"),
        (b"\x00" * 20, "no JSON"),
        (b'\xff\xfe{"seq"', "not UTF-8"),
        (b"[" * 60_000, "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"seq": 0, "t": 1, "kind": "step"}' + b" " * 70_000, "longer"),
        (line(seq=-1, kind="end", status="failed"), "seq"),
        (line(seq=True, kind="end", status="failed"), "seq"),
        (line(seq=2**70, kind="end", status="failed"), "seq"),
        (b'{"seq": ' + b"9" * 5000 + b', "t": 1, "kind": "x"}', "no JSON"),
        (line(t="yesterday", kind="end", status="failed"), "t"),
        (b'{"seq": 0, "t": NaN, "kind": "x"}', "t"),
        (line(kind=7), "kind"),
        (line(kind="end", status="great"), "status"),
        (line(kind="step", step=1.5, epoch=1, metrics={}), "step"),
        (line(kind="step", step=1, epoch="1", metrics={}), "epoch"),
        (line(kind="step", step=1, epoch=1, metrics=[1]), "metrics"),
        (line(kind="step", step=1, epoch=1, metrics={"a/b": True}), "a/b"),
        (line(kind="step", step=1, epoch=1, metrics={"a/b": "0.5"}), "a/b"),
        (line(kind="step", step=1, epoch=1, metrics={"a/b": 10**400}), "a/b"),
        (line(kind="step", step=1, epoch=1, metrics={"loss": 1}), "family/name"),
        (line(kind="step", step=1, epoch=1, metrics={"a/b\x1b[2J": 1}), "family/name"),
        (line(kind="step", step=1, epoch=1, metrics={"a/" + "b" * 200: 1}), "family/name"),
        (line(kind="warning", message=5), "message"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_damaged_and_says_why(damaged: bytes, why: str) -> None:
    event = events.parse(damaged)
    assert isinstance(event, events.Damaged)
    assert why in event.why and "\x1b" not in event.why


def test_text_is_safe_and_can_be_stored() -> None:
    hostile = b'{"seq":0,"t":1,"kind":"end","status":"failed","message":"a\\u0000\\u001b]52;c;x\\u0007b\\ud800\\nc"}'
    event = events.parse(hostile)
    assert isinstance(event, events.End)
    assert event.message == "ab? c"


def test_no_flipped_or_cut_byte_raises() -> None:
    whole = line(kind="eval", split="val", step=10, epoch=1, metrics={"val/top1": 0.5}, predictions="p", unreadable=0)
    chance = random.Random(0)
    for place in range(len(whole)):
        events.parse(whole[:place])
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        events.parse(bytes(flipped))
