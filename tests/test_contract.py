"""The contract is what is written: a real run is held against the tables of docs/run-directory.md.

Every file, event, field and metric that arctl and the trainer write has its place there, with its type, and the other
way round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

PAGE = (Path(__file__).parent.parent / "docs" / "run-directory.md").read_text(encoding="utf-8")
TYPES: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "list of str": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "list": lambda value: isinstance(value, list),
    "mapping": lambda value: isinstance(value, dict),
}
FIELDS = {
    **dict.fromkeys(["contract", "pid", "epochs", "steps_per_epoch", "step", "unreadable", "exit_code"], "int"),
    **dict.fromkeys(["attempt", "host", "device", "split", "path", "code", "message", "status"], "str"),
    **dict.fromkeys(["resumed_step"], "int or null"),
    **dict.fromkeys(["predictions"], "str or null"),
    **dict.fromkeys(["metrics"], "mapping"),
    **dict.fromkeys(["seconds", "t"], "float"),
    **dict.fromkeys(["sample"], "str"),
    **dict.fromkeys(["best"], "bool"),
}
"""Types of event fields; `epoch` is a float in steps and an int elsewhere."""
EXTRA = {"warning": {"sample", "path"}, "end": {"requeue", "cause"}}
"""Fields that an event may lack."""


def section(title: str) -> str:
    """Return the text of a section of the page."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, without the heads."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return [row for row in cells if row[0].startswith("`")]


def names(cell: str) -> list[str]:
    """Return what stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def is_of(value: Any, kind: str) -> bool:
    """Say whether a value has a type as the page spells it: `int or null`."""
    return any(TYPES[part](value) for part in kind.split(" or "))


def kinds() -> dict[str, set[str]]:
    """Return the fields of each event kind, with those that every event has."""
    found = {}
    for row in rows(section("events.jsonl").split("Kinds:")[1].split("`metrics` maps")[0]):
        told = re.sub(r"`(completed|failed|interrupted|sys/...)`", "", row[1])
        found[names(row[0])[0]] = set(names(told)) | {"seq", "t", "kind"}
    return found


def metric_names() -> dict[str, str]:
    """Return when each metric is written."""
    table = rows(section("events.jsonl").split("`metrics` maps")[1])
    return {name: row[1] for row in table for name in names(row[0])}


@pytest.fixture(scope="module")
def run_dir(desk_in: type[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on the local cluster, fp16, with a damaged video in training and one in validation."""
    desk = desk_in(tmp_path_factory.mktemp("contract"), {"CUDA_VISIBLE_DEVICES": ""})
    desk.arctl("init")
    desk.arctl("data", "synth", "data/motions", "--groups", "10", "--per-group", "1")
    for name in ("trainlist01.txt", "testlist01.txt"):
        first = (desk.directory / "data" / "motions" / name).read_text().split()[0]
        (desk.directory / "data" / "motions" / first).write_bytes(b"no video")
    sets = ["train.epochs=1", "train.precision=fp16", "data.batch_size=8", "data.workers=0"]
    desk.arctl(
        "submit", "--model", "r3d_tiny", "--data", "motions", *(word for text in sets for word in ("--set", text))
    )
    desk.arctl("wait", "run1", "--timeout", "200")
    found: Path = desk.directory / "runs" / "run0001"
    return found


@pytest.fixture(scope="module")
def events(run_dir: Path) -> list[dict[str, Any]]:
    (path,) = run_dir.glob("attempts/*/events.jsonl")
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_the_page_has_the_tables() -> None:
    assert set(kinds()) == {"start", "step", "epoch", "eval", "system", "checkpoint", "warning", "end"}
    assert kinds()["checkpoint"] == {"seq", "t", "kind", "path", "epoch", "step", "best"}
    assert "val/top5" in metric_names() and len(metric_names()) == 18


def test_the_files_are_those_of_the_page(run_dir: Path) -> None:
    attempt = (run_dir / "CURRENT").read_text().strip()
    written = {str(path.relative_to(run_dir)) for path in run_dir.rglob("*") if path.is_file()}
    job = yaml.safe_load((run_dir / "run.yaml").read_text())["jobs"][-1]["id"]
    assert attempt == f"{job}.0"
    assert written == {
        "run.yaml", "config.yaml", "job.sbatch", f"log-{job}.txt", "CURRENT", "predictions/val-0001.npz",
        *(f"attempts/{attempt}/{name}" for name in ("claim.json", "env.json", "events.jsonl")),
        *(f"checkpoints/{name}" for name in ("last.pt", "best.pt", "manifest.json")),
    }  # fmt: skip
    tree = PAGE.split("```")[1]
    assert all(Path(name).name.split("-")[0] in tree for name in written - {"predictions/val-0001.npz"})


def test_run_yaml_has_the_keys_of_the_page(run_dir: Path) -> None:
    found = yaml.safe_load((run_dir / "run.yaml").read_text())
    wanted = {name: row[1] for row in rows(section("run.yaml")) for name in names(row[0])}
    assert set(found) == set(wanted)
    assert [key for key, kind in wanted.items() if not is_of(found[key], kind)] == []
    assert re.fullmatch(r"arctl-[0-9a-f]{12}", found["token"])
    assert [set(job) for job in found["jobs"]] == [{"cluster", "id", "submitted"}]


@pytest.mark.parametrize("name", ["claim.json", "env.json"])
def test_an_attempt_says_who_and_where(name: str, run_dir: Path) -> None:
    (path,) = run_dir.glob(f"attempts/*/{name}")
    line = section("An attempt").split(f"`{name}`: ")[1].split(".\n")[0].split("; `null`")[0]
    assert set(json.loads(path.read_text())) == set(names(re.sub(r"\(list of [^)]*\)", "", line)))


def test_every_event_has_its_fields_and_no_other(events: list[dict[str, Any]]) -> None:
    wanted = kinds()
    assert {event["kind"] for event in events} == set(wanted)
    for event in events:
        may_lack = EXTRA.get(event["kind"], set())
        assert wanted[event["kind"]] - may_lack <= set(event) <= wanted[event["kind"]], event
        for name in set(event) - {"seq", "kind"}:
            kind = ("float" if event["kind"] == "step" else "int") if name == "epoch" else FIELDS[name]
            assert is_of(event[name], kind), (name, event)


def test_events_are_counted_without_gaps_in_the_order_of_time(events: list[dict[str, Any]]) -> None:
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert (events[0]["kind"], events[-1]["kind"], events[-1]["status"]) == ("start", "end", "completed")


def test_metrics_are_those_of_the_page_when_it_says(events: list[dict[str, Any]]) -> None:
    table = metric_names()
    met: dict[str, set[str]] = {}
    for event in events:
        for name, value in event.get("metrics", {}).items():
            assert type(value) in (int, float) and re.fullmatch(r"[A-Za-z0-9_.@-]+/[A-Za-z0-9_./@-]+", name)
            met.setdefault(name, set()).add(event["kind"])
    assert set(met) == set(table) - {"sys/gpu_mem", "perf/gpu_util"}
    for name, kinds_met in met.items():
        assert (kinds_met == {"step"}) == table[name].startswith("each step"), name


def test_unreadable_videos_are_named_and_wrong_and_never_replaced(events: list[dict[str, Any]], run_dir: Path) -> None:
    told = [event for event in events if event["kind"] == "warning"]
    assert {event["code"] for event in told} == {"unreadable_video"} and len(told) == 2
    (evaluated,) = (event for event in events if event["kind"] == "eval")
    assert evaluated["unreadable"] == 1
    with np.load(run_dir / evaluated["predictions"], allow_pickle=False) as archive:
        lost = np.isnan(archive["scores"]).all(axis=(1, 2))
        best = archive["scores"].astype(float).mean(axis=1)
        right = (~lost) & (np.nan_to_num(best, nan=-1e9).argmax(axis=1) == archive["targets"])
        (name,) = archive["ids"][lost]
    assert name in {event["sample"] for event in told}
    assert evaluated["metrics"]["val/top1"] == pytest.approx(right.mean())
    (log,) = run_dir.glob("log-*.txt")
    assert all(event["message"] in log.read_text() for event in told)
    assert "fp16 can be many times slower on a CPU: set train.precision=fp32" in log.read_text()


def test_predictions_are_the_arrays_of_the_page(run_dir: Path) -> None:
    table = {names(row[0])[0]: row for row in rows(section("predictions/&lt;split&gt;-&lt;epoch&gt;.npz"))}
    with np.load(run_dir / "predictions" / "val-0001.npz", allow_pickle=False) as archive:
        assert set(archive.files) == set(table)
        sizes = {"N": len(archive["ids"]), "V": 1, "K": len(archive["classes"])}
        for name, row in table.items():
            shape, dtype = re.fullmatch(r"\(([^)]*)\) (\w+)", row[1]).groups()  # type: ignore[union-attr]
            assert archive[name].shape == tuple(sizes[side.strip()] for side in shape.split(",") if side.strip()), name
            assert archive[name].dtype.kind == "U" if dtype == "str" else archive[name].dtype == dtype, name
        wanted = re.sub(r"\([^)]*\)", "", table["meta"][2])
        assert set(json.loads(str(archive["meta"]))) == set(names(wanted))


def test_checkpoints_are_plain_and_in_the_manifest(run_dir: Path) -> None:
    manifest = json.loads((run_dir / "checkpoints" / "manifest.json").read_text())
    assert set(manifest) == {"last.pt", "best.pt"}
    assert all(set(entry) == {"bytes", "sha256", "epoch", "step", "attempt"} for entry in manifest.values())
    for name in manifest:
        state = torch.load(run_dir / "checkpoints" / name, map_location="cpu", weights_only=True)
        assert {"model", "optimizer", "schedule", "scaler", "random", "position"} <= set(state)
