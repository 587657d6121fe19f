"""Running runs: in time or late, starved of data, stalled; from event files as the trainer writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from arctl.registry.rows import AttemptRow, Point, RunRow
from arctl.states import State
from arctl.why.answer import Answer
from arctl.why.health import Life, Pulse, epoch_seconds, pulse_of, running

NOW = 1_800_000_000.0
LIFE = Life(limit_end=NOW + 36000, config={"data.workers": 4}, cpus=4, resumable=True)


def row(**more: object) -> RunRow:
    known: dict[str, object] = {
        "number": 12, "name": "r3d18", "token": "arctl-0", "model": "r3d18", "data": "ucf101", "preset": None,
        "cluster": "slurm", "template": "single", "created": NOW - 9000, "state": State.RUNNING, "job_id": "77",
        "submission": "submitted", "expects_events": True, "epoch": 10.0, "epochs": 50, "step": 500,
        "started": NOW - 8000, "ended": None, "exit_code": None, "message": None, "node": "gpu2", "reason": None,
        "tags": (), "note": "", "group": None, "sweep": None, "rerun_of": None, "damaged": 0,
    }  # fmt: skip
    return RunRow(**{**known, **more})  # type: ignore[arg-type]


def steps(path: Path, *, until: float, wait: float, count: int = 60, every: float = 4.0) -> None:
    """Write an event file whose last step is at `until`."""
    path.parent.mkdir(parents=True)

    def lines() -> Iterator[dict[str, object]]:
        yield {"kind": "start", "contract": 1, "attempt": "77.0", "host": "gpu2", "pid": 1, "epochs": 50,
               "steps_per_epoch": 50, "resumed_step": None, "device": "NVIDIA H100"}  # fmt: skip
        for step in range(1, count + 1):
            metrics = {"step/loss": 1.0, "perf/data_wait": wait}
            yield {"kind": "step", "step": step, "epoch": step / 50, "metrics": metrics}

    times = [until - every * (count - number) for number in range(count + 1)]
    text = "\n".join(
        json.dumps({"seq": seq, "t": at, **line}) for seq, (at, line) in enumerate(zip(times, lines(), strict=True))
    )
    path.write_text(f"{text}\n")


def attempt(name: str = "77.0") -> AttemptRow:
    return AttemptRow(12, 1, name, "gpu2", NOW - 8000, None, None, NOW, None)


def losses(*epochs: float, at: float = 600.0, attempt: int = 1) -> list[Point]:
    return [Point(int(epoch * 50), epoch, NOW - 8000 + at * epoch, 1.0, attempt) for epoch in epochs]


def pulse(tmp_path: Path, *, until: float = NOW, wait: float = 0.02, pace: float = 600.0) -> Pulse:
    steps(tmp_path / "attempts" / "77.0" / "events.jsonl", until=until, wait=wait)
    return pulse_of(tmp_path, [attempt()], losses(8, 9, 10, at=pace))


def judged(found: Pulse, *, life: Life = LIFE, **more: object) -> Answer:
    return running(row(**more), found, life, now=NOW)


def test_a_run_that_is_well_says_when_it_will_be_done(tmp_path: Path) -> None:
    answer = judged(pulse(tmp_path))
    assert answer.cause == "fine"
    assert answer.sentence == "all is well: it will be done in about 6 h 40"
    assert "epoch 10 of 50, 10 min an epoch (median of 2 epochs)" in answer.notes
    assert "its time limit leaves 3 h 20 to spare" in answer.notes
    assert answer.facts["seconds_left"] == 24000.0
    assert not answer.remedies


def test_a_late_one_says_where_it_will_stop_and_what_then(tmp_path: Path) -> None:
    found = pulse(tmp_path)
    short = replace(LIFE, limit_end=NOW + 6000)
    answer = judged(found, life=short)
    assert answer.cause == "late"
    assert "40 epochs need about 6 h 40, and 1 h 40 are left: it will stop at epoch 20 of 50" in answer.sentence
    assert answer.remedies[0].command == "arctl resume run12 --time 7:00:00"
    requeued = judged(found, life=replace(short, requeues=2))
    assert requeued.sentence.endswith("be queued again and go on from there")
    assert not requeued.remedies


def test_a_starved_gpu_gets_more_workers_and_cores(tmp_path: Path) -> None:
    answer = judged(pulse(tmp_path, wait=0.62))
    assert answer.sentence == "the GPU waits for data 62% of the time, with 4 data workers"
    assert answer.remedies[0].command == "arctl rerun run12 --set data.workers=8 --cpus 8"
    assert answer.evidence[0].source == "attempts/77.0/events.jsonl"


def test_silence_is_measured_by_the_run_s_own_habit(tmp_path: Path) -> None:
    found = pulse(tmp_path, until=NOW - 1500)
    answer = judged(found)
    assert answer.cause == "stalled"
    assert answer.sentence == "it has written nothing for 25 min, and was never silent for longer than 4 s"
    assert answer.remedies[-1].command == ("arctl cancel run12 && arctl wait run12; arctl resume run12 --exclude gpu2")
    assert judged(replace(found, longest=900.0)).cause == "fine"  # it often evaluates for a quarter of an hour
    assert judged(pulse_of(tmp_path, [], []), started=NOW - 3600).cause == "stalled"
    assert judged(pulse_of(tmp_path, [], []), started=NOW - 30).cause == "fine"


def test_a_program_of_ones_own_is_not_judged(tmp_path: Path) -> None:
    assert judged(Pulse(), expects_events=False, epochs=None, epoch=None).cause == "fine"


def test_the_pace_is_that_of_one_attempt() -> None:
    assert epoch_seconds(losses(1, 2, 3)) == 600.0
    resumed = [*losses(1, 2), *losses(40, 41, 42, at=300.0, attempt=2)]
    assert epoch_seconds(resumed) == 300.0
    assert epoch_seconds([]) is None


def test_before_the_first_epoch_the_steps_tell(tmp_path: Path) -> None:
    steps(tmp_path / "attempts" / "77.0" / "events.jsonl", until=NOW, wait=0.0, count=30)
    found = pulse_of(tmp_path, [attempt()], [])
    assert found.pace is not None
    assert abs(found.pace - 200.0) < 1e-6
    answer = judged(found, epoch=0.6)
    assert "by its first steps, without evaluation" in answer.notes[0]
