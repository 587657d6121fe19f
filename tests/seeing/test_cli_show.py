"""`arctl show`: the state with both of its facts, and why a run failed, before everything else."""

from __future__ import annotations

import json

import pytest

CONFIG = {"model": {"name": "r3d18"}, "optim": {"lr": 0.001}}


@pytest.fixture(scope="module")
def lab(shared_lab):
    files = shared_lab.trained(
        1, [0.5, 0.83], name="r3d18", config=CONFIG, note="first\x1b[31m try", values={"cpus": 4}
    )
    shared_lab.predictions(files, [0, 1], [0, 1], epoch=2)
    (files.path / "log-101.txt").write_text("hello\n")
    (files.attempts / "101.0" / "env.json").write_text(json.dumps({"torch": "2.15.0", "gpus": [{"name": "H100"}]}))
    broken = shared_lab.run(2, name="broken", config=CONFIG)
    end = {"kind": "end", "status": "failed", "exit_code": 1, "epoch": 0, "step": 0}
    shared_lab.events(broken, "102.0", [{**end, "message": "a.avi: no such file\x1b]0;x\x07"}])
    (broken.path / "config.yaml").write_text("a: [")
    shared_lab.run(3, name="queued")
    shared_lab.index()
    return shared_lab


def test_everything_is_there(lab) -> None:
    out = lab.arctl("show", "run1").out
    assert out.splitlines()[0] == "run1 r3d18  completed  epoch 2/50"
    for part in ("first try", "val/top1", "83.0%", "lr 0.001", "cpus 4", "torch 2.15.0", "gpus H100", "log-101.txt"):
        assert part in out
    assert "attempt 1 on node1, completed" in out
    assert "predictions after val 2" in out


def test_a_failure_is_explained_at_once(lab) -> None:
    said = lab.arctl("show", "broken")
    first, second = said.out.splitlines()[:2]
    assert first.startswith("run2 broken  failed")
    assert "a.avi: no such file" in second
    assert "config.yaml" in said.out, "a configuration that cannot be read is told of"


def test_a_run_without_news_has_a_page_too(lab) -> None:
    out = lab.arctl("show", "3").out
    assert "run3 queued  pending" in out
    assert "has not spoken of job 103 yet" in out


def test_the_json_holds_what_the_page_shows(lab) -> None:
    document = lab.arctl("show", "run1", "--json").json
    assert document["schema"] == "arctl.run/1"
    assert document["run"] == "run1" and document["state"] == "completed"
    assert document["metrics"]["val/top1"]["best"] == 0.83
    assert document["setup"]["optim.lr"] == 0.001 and document["setup"]["env.gpus"] == "H100"
    assert document["tries"][0]["host"] == "node1"
    assert [entry["epoch"] for entry in document["predictions"]] == [2]
    assert lab.arctl("show", "run2", "--json").json["troubles"]


def test_one_run_at_a_time(lab) -> None:
    assert "names 2 runs" in lab.arctl("show", "run1:run2", status=2).err
    assert "run9" in lab.arctl("show", "run9", status=3).err
