"""The log of calls, and the directory that arctl processes share: who may write there, and for which cluster it is."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from arctl.clusters import calls, slurm_call
from arctl.clusters.claim import claim
from arctl.errors import SchedulerError

FORK = multiprocessing.get_context("fork")


def place() -> Path:
    found = calls.place()
    assert found is not None
    return found


def note(number: int) -> None:
    calls.record(["squeue", f"--user={number}"], at=time.time(), ms=1.0, rc=0, why="queue")


def _fill(first: int) -> None:
    for number in range(first, first + 2000):
        note(number)


def test_many_processes_write_whole_lines_and_the_log_stays_small() -> None:
    workers = [FORK.Process(target=_fill, args=(10_000 * worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    files = sorted(place().glob("calls*.jsonl"))
    assert [path.name for path in files] == ["calls.1.jsonl", "calls.jsonl"]
    assert all(path.stat().st_size < calls.ROTATE_AT + 4096 for path in files)
    assert all(json.loads(line) for path in files for line in path.read_text().splitlines())
    assert 1000 < len(calls.recent(since=0.0)) < 8000


def test_arguments_are_cut_and_made_harmless() -> None:
    calls.record(["sacct", "\x1b]0;x\x07--jobs=" + "1," * 5000], at=time.time(), ms=1.0, rc=None, why="accounts")
    (found,) = calls.recent(since=0.0)
    assert "\x1b" not in found.args and len(found.args) < 400 and found.rc is None


def test_old_calls_and_damaged_lines_do_not_count() -> None:
    calls.record(["squeue"], at=time.time() - 7200, ms=1.0, rc=0, why="")
    note(1)
    with (place() / "calls.jsonl").open("ab") as file:
        file.write(b'{"program": 3}\n\xff\n[1]\n{"at"')
    assert [call.args for call in calls.recent(since=time.time() - 3600)] == ["--user=1"]
    assert calls.per_minute(minutes=10) == {"squeue": 0.1}


def test_a_program_that_is_missing_is_a_call_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="--cluster local"):
        slurm_call.query(["squeue", "--me"], why="queue")
    assert [(call.program, call.rc) for call in calls.recent(since=0.0)] == [("squeue", None)]


def test_a_directory_that_others_may_read_is_closed_and_a_foreign_one_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = place()
    first.chmod(0o777)
    assert stat.S_IMODE(place().stat().st_mode) == 0o700
    first.rmdir()
    first.symlink_to(tmp_path)
    assert calls.place() is None, "a link leads who knows where"
    first.unlink()
    first.mkdir()
    if os.getuid() == 0:
        os.chown(first, 65534, 65534)
        assert calls.place() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place().parent == tmp_path / "home" / ".cache" / "arctl"
    note(1)


def test_clusters_are_told_apart_without_asking_them(tmp_path: Path) -> None:
    conf, other = tmp_path / "a.conf", tmp_path / "b.conf"
    conf.write_text("ClusterName=one\nSlurmctldHost=head1\n")
    other.write_text("ClusterName=one\nSlurmctldHost=head1\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "squeue").touch(0o755)
    env = {"SLURM_CONF": str(conf), "PATH": "/usr/bin"}
    keys = {calls.cluster_key(env), calls.cluster_key({**env, "SLURM_CONF": str(other)})}
    keys.add(calls.cluster_key({**env, "PATH": str(tools)}))
    before = calls.cluster_key(env)
    conf.write_text("# comment\nClusterName=one\nSlurmctldHost=head1\nMinJobAge=8\n")
    assert calls.cluster_key(env) == before, "other settings make no other cluster"
    conf.write_text("ClusterName=two\nSlurmctldHost=head1\n")
    keys |= {before, calls.cluster_key(env)}
    assert len(keys) == 4
    assert calls.cluster_key({"SLURM_CONF": "/nowhere"}) and calls.cluster_key({})


def test_a_claim_excludes_and_outlives_nobody(tmp_path: Path) -> None:
    path = tmp_path / "x.claim"
    mine = claim(path, patience_s=60)
    assert mine is not None and claim(path, patience_s=60) is None
    assert claim(path, patience_s=-1) is not None, "a holder that takes too long is succeeded"
    mine.release()
    assert path.exists(), "and does not end its successor's claim"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_a_claim_that_cannot_be_read_is_waited_for_and_then_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.claim"
    path.write_bytes(content)
    assert claim(path, patience_s=60) is None
    os.utime(path, (time.time() - 90,) * 2)
    assert claim(path, patience_s=60) is not None


def _race(path: Path, box: object) -> None:
    mine = claim(path, patience_s=60)
    box.put(mine is not None)  # type: ignore[attr-defined]
    time.sleep(2.0)


def test_of_many_that_find_a_dead_holder_one_gets_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.claim"
    dead = FORK.Process(target=claim, args=(path,), kwargs={"patience_s": 60})
    dead.start()
    dead.join(10)
    box = FORK.Queue()
    workers = [FORK.Process(target=_race, args=(path, box)) for _ in range(12)]
    for worker in workers:
        worker.start()
    assert sum(box.get(timeout=20) for _ in workers) == 1
    for worker in workers:
        worker.join(20)
