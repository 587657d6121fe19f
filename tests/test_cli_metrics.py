"""`arctl metrics` as a person types it: tables, JSON and CSV, unlike protocols, probes, speed, changed files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arctl.rundir import RunDir
from arctl.scores.answers import answers
from arctl.scores.metrics import score
from arctl.scores.predictions import read_predictions
from tests.scored import head_arrays, logits_of, meta, scored_arrays, write
from tests.seeing.conftest import Lab

LOGITS, TARGETS = logits_of(200, 3, 8)
SPEED = {"batch1": {"ms_per_clip": 12.5, "clips_per_s": 80.0}, "batched": {"batch": 8, "ms_per_clip": 2.5}}


def put(files: RunDir, name: str, logits: NDArray[Any], **about: Any) -> Path:
    """Write an evaluation of a run."""
    split, epoch, *_ = name.split("-")
    about = {"views": f"{logits.shape[1]}x1", **about}
    arrays = scored_arrays(logits, TARGETS, meta=meta(split, int(epoch), **about))
    return write(files.predictions / f"{name}.npz", arrays)


def trained(lab: Lab, number: int, logits: NDArray[Any]) -> RunDir:
    """Make a run of two epochs whose events say what its predictions files say."""
    files = lab.run(number)
    told = []
    for epoch in (1, 2):
        path = put(files, f"val-{epoch:04d}", logits if epoch == 2 else logits[:, :, ::-1], weights=None)
        found = score(answers(read_predictions(path)))
        figures = {"val/top1": found.top[1].value, "val/top5": found.top[5].value, "val/loss": found.nll}
        told.append({"kind": "eval", "split": "val", "epoch": epoch, "step": 10 * epoch, "metrics": figures})
    end = {"kind": "end", "status": "completed", "exit_code": 0, "message": None, "epoch": 2, "step": 20}
    lab.events(files, f"{100 + number}.0", [*told, end])
    return files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Three runs: two alike, of which the first was evaluated in many ways, and one on other samples."""
    lab = Lab(tmp_path_factory.mktemp("metrics") / "lab")
    files = trained(lab, 1, LOGITS[:, :1])
    put(files, "val-0002-1x1", LOGITS[:, :1], speed=SPEED)
    put(files, "val-0002-3x1", LOGITS)
    mixed = np.random.default_rng(0).standard_normal((200, 1, 8)).astype(np.float16)
    put(files, "val-0002-1x1-shuffled", mixed, probe="shuffled")
    put(files, "val-0002-1x1-still", LOGITS[:, :1], probe="still")
    put(files, "val-0002-1x1-reversed", mixed, probe="reversed", weights="cd" * 32)
    trained(lab, 2, LOGITS[:, 1:2])
    other = lab.run(3)
    arrays = scored_arrays(LOGITS[:100, :1], TARGETS[:100], meta=meta("val", 1, weights=None))
    write(other.predictions / "val-0001.npz", arrays)
    lab.index()
    return lab


def test_the_table_has_the_figures_and_their_protocols(made: Lab) -> None:
    said = made.arctl("metrics", "run1", "run2", "--k", "1,3")
    lines = said.out.splitlines()
    assert lines[0] == "run1 r3d_tiny after epoch 2 (best)"
    assert lines[1].startswith("  motions val, video level, 1x1 view, mean of softmax, 200 videos #")
    assert lines[1].endswith(", weights of epoch 2")
    hits = int((LOGITS[:, 0].argmax(1) == TARGETS).sum())
    top1 = next(line for line in lines if line.startswith("top-1 "))
    assert f"{100 * hits / 200:.1f}% [" in top1 and top1.count("[") == 2
    words = (
        "top-3",
        "mean-class accuracy",
        "macro F1",
        "weighted F1",
        "NLL",
        "Brier",
        "calibration error",
        "unreadable",
    )
    assert all(any(line.startswith(word) for line in lines) for word in words)
    assert "note: the best epoch was chosen on val" in said.err


def test_json_has_every_number(made: Lab) -> None:
    document = made.arctl("metrics", "run1", "--json", "--level", "both", "--views", "3x1").json
    assert document["schema"] == "arctl.metrics/1"
    video, clip = document["runs"][0]["scores"]
    expected = score(answers(read_predictions(made.workspace.run_dir(1) / "predictions/val-0002-3x1.npz")))
    assert video["protocol"]["level"] == "video" and clip["protocol"]["level"] == "clip"
    assert (video["samples"], clip["samples"]) == (200, 600)
    assert video["top"]["1"]["value"] == expected.top[1].value and video["nll"] == expected.nll
    assert video["classes"][3]["recall"]["low"] == float(expected.classes.recall_ends[0][3])
    assert document["runs"][0]["file"] == "val-0002-3x1.npz" and video["protocol"]["weights"] == "ab" * 32
    averaged = made.arctl("metrics", "run1", "--json", "--aggregation", "logit-mean", "--views", "3x1").json
    assert averaged["runs"][0]["scores"][0]["nll"] != expected.nll


def test_csv_has_a_protocol_on_every_line(made: Lab) -> None:
    rows = list(csv.DictReader(io.StringIO(made.arctl("metrics", "run1", "run2", "--csv", "--per-class").out)))
    assert {row["run"] for row in rows} == {"run1", "run2"}
    assert all("200 videos #" in row["protocol"] for row in rows)
    recall = [row for row in rows if row["run"] == "run2" and row["metric"] == "recall"]
    assert [row["class"] for row in recall] == [f"class{k}" for k in range(8)]
    right = (LOGITS[:, 1].argmax(1) == TARGETS) & (TARGETS == 5)
    assert float(recall[5]["value"]) == right.sum() / (TARGETS == 5).sum()


def test_classes_on_a_narrow_and_a_wide_terminal(made: Lab) -> None:
    wide = made.on_terminal("metrics", "run1", "--per-class", columns=160)
    narrow = made.on_terminal("metrics", "run1", "--per-class", columns=44)
    assert "precision" in wide and "precision" not in narrow and "recall" in narrow
    rows = [line for line in narrow.splitlines() if line.startswith("class") and line[5].isdigit()]
    assert len(rows) == 8 and max(map(len, rows)) <= 44


def test_does_it_use_time_and_how_fast_is_it(made: Lab) -> None:
    said = made.arctl("metrics", "run1", "--views", "1x1")
    assert "Does run1 use time?" in said.out
    lines = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert "< 0.001" in lines["shuffled"] and "by group, " in lines["shuffled"]
    assert "+0.0" in lines["one repeated"] and "1.000" in lines["one repeated"]
    assert "reversed" not in lines, "its weights are others"
    assert "it does: " in said.out and "points are lost with the frames shuffled" in said.out
    assert "Speed of run1 on a GPU, fp16" in said.out and "12.5" in lines["one clip at a time"]
    probes = made.arctl("metrics", "run1", "--json").json["runs"][0]
    assert [line["probe"] for line in probes["probes"]] == [None, "shuffled", "still"]
    assert probes["speed"]["batched"] == {"batch": 8.0, "ms_per_clip": 2.5}
    assert "use time" not in made.arctl("metrics", "run2").out


def test_unlike_protocols_are_refused_or_warned_of_on_every_line(made: Lab) -> None:
    said = made.arctl("metrics", "run1", "run3", status=5).err
    assert "run1 and run3: unlike protocols: " in said and "number of videos 200 and 100" in said
    forced = made.arctl("metrics", "run1", "run3", "--force").out.splitlines()
    table = forced[forced.index(next(line for line in forced if line.startswith("metric"))) + 1 :]
    assert all("! unlike protocols: " in line for line in table[:9])
    rows = list(csv.DictReader(io.StringIO(made.arctl("metrics", "run1", "run3", "--force", "--csv").out)))
    assert all("unlike protocols" in row["warning"] for row in rows if row["run"] == "run3")


def test_two_heads(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    files = lab.run(1)
    verbs, nouns = logits_of(50, 1, 5, seed=1), logits_of(50, 1, 9, seed=2)
    arrays = {"ids": np.array([f"P18_{row}" for row in range(50)]), "participants": np.array(["P18"] * 50)}
    arrays |= head_arrays(*verbs, name="verb") | head_arrays(*nouns, name="noun")
    arrays |= {"tail_verb": np.array([4]), "tail_noun": np.array([8]), "unseen": np.array(["P18"])}
    write(files.predictions / "val-0001.npz", {**arrays, "meta": meta(heads=["verb", "noun"])})
    lab.index()
    said = lab.arctl("metrics", "run1").out
    assert "EPIC-KITCHENS-100" in said and "tail      action top-1" in said and "unseen" in said
    assert all(f"motions val, {head} head, " in said for head in ("verb", "noun", "action"))
    one = lab.arctl("metrics", "run1", "--head", "noun", "--json").json["runs"][0]
    assert len(one["scores"]) == 1 and len(one["scores"][0]["classes"]) == 9 and not one["epic"]
    assert "no head 'x'" in lab.arctl("metrics", "run1", "--head", "x", status=5).err


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("run9",), 3, "run9"),
        (("run1", "--split", "test"), 3, "no predictions on test"),
        (("run1", "--views", "5x3"), 3, "arctl eval run1 --views 5x3"),
        (("run1", "--views", "2x2"), 2, "'2x2' are no views"),
        (("run1", "--at", "epoch=9"), 3, "there are some after 1, 2"),
        (("run1", "--at", "noon"), 2, "'noon' is no moment"),
        (("run1", "--k", "1,0"), 2, "'1,0' are no ranks"),
        (("run1", "--k", "five"), 2, "are no ranks"),
        (("run1", "--json", "--csv"), 2, "take one of them"),
    ],
)
def test_bad_input(made: Lab, argv: tuple[str, ...], status: int, said: str) -> None:
    assert said in made.arctl("metrics", *argv, status=status).err


def test_a_file_that_was_changed_after_it_was_written(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    files = trained(lab, 1, LOGITS[:, :1])
    better = LOGITS[:, :1].copy()
    better[np.arange(200), 0, TARGETS] += 3
    put(files, "val-0002", better, weights=None)
    lab.index()
    said = lab.arctl("metrics", "run1", status=5).err
    assert "val-0002.npz: these predictions were changed: loss is " in said and "in the run's events" in said
    forced = lab.arctl("metrics", "run1", "--force").out
    assert sum("! changed predictions: loss is " in line for line in forced.splitlines()) == 10
    assert "top-1" in lab.arctl("metrics", "run1", "--at", "epoch=1").out
