"""What a site says is asked for seldom, kept privately and never missed: stand-ins for Slurm's programs count calls."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from arctl.clusters import slurm_site
from arctl.launch import rehearse_all
from arctl.preflight import examine
from arctl.request import Request, Resources
from arctl.settings import Workspace, init_workspace, load_settings

SCONTROL = """#!/bin/sh
echo "scontrol $*" >> "$CALLS"
case "$*" in
*config) echo "ClusterName = far"; echo "AccountingStorageType = accounting_storage/slurmdbd" ;;
*partition) echo "PartitionName=low Default=YES State=$STATE MaxTime=01:00:00" ;;
*node) for i in 1 2 3; do
    echo "NodeName=n$i CPUTot=8 RealMemory=9000 Gres=(null) NodeHostName=n$i State=IDLE Partitions=low"
    done ;;
esac
"""
SACCTMGR = """#!/bin/sh
echo "sacctmgr $*" >> "$CALLS"
[ -z "$DEAF" ] || { echo "sacctmgr: error: Problem talking to the database" >&2; exit 1; }
"""
SBATCH = """#!/bin/sh
echo "sbatch $1" >> "$CALLS"; cat > "$CALLS.script"
echo "$SAID" >&2; exit ${STATUS:-0}
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that stand in for Slurm's, and the file where they note their calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("scontrol", SCONTROL), ("sacctmgr", SACCTMGR), ("sbatch", SBATCH)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    for name, value in {"CALLS": str(tmp_path / "calls"), "STATE": "UP", "SLURM_CONF": str(tmp_path / "none")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "calls"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "study")
    (made.root / "arctl.yaml").write_text("cluster: slurm\n")
    return Workspace(made.root, load_settings(made.root / "arctl.yaml"))


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def cached(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "cache" / "arctl").glob("*/site.json")
    return path


def test_it_is_asked_once_in_ten_minutes(calls: Path, tmp_path: Path) -> None:
    first = slurm_site.ask()
    assert count(calls) == 5
    assert slurm_site.ask() == first and count(calls) == 5
    assert first.kinds is not None and [kind.names for kind in first.kinds] == [("n1", "n2", "n3")]
    path = cached(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    aged = json.loads(path.read_text())
    aged["when"]["at"] = str(time.time() - 601)
    path.write_text(json.dumps(aged))
    slurm_site.ask()
    assert count(calls) == 10


def test_another_cluster_has_answers_of_its_own(calls: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slurm_site.ask()
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "other.conf"))
    slurm_site.ask()
    assert count(calls) == 10
    (tmp_path / "other.conf").write_text("changed\n")
    slurm_site.ask()
    assert count(calls) == 15


@pytest.mark.parametrize("text", ["", "{", "[]", '{"when": {"at": "x"}}', "null", '{"when": 3, "raw": {}}', "[" * 9999])
def test_a_damaged_cache_is_asked_again(calls: Path, tmp_path: Path, text: str) -> None:
    slurm_site.ask()
    cached(tmp_path).write_text(text)
    assert slurm_site.ask().partitions and count(calls) == 10


def test_a_cache_that_is_a_link_is_not_followed(calls: Path, tmp_path: Path) -> None:
    slurm_site.ask()
    path = cached(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    slurm_site.ask()
    assert count(calls) == 10 and not path.is_symlink()


def test_a_cache_that_cannot_be_written_is_none(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert slurm_site.ask().partitions and slurm_site.ask().partitions and count(calls) == 10


def test_accounting_that_does_not_answer_is_noted(
    calls: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAF", "1")
    plans = rehearse_all(workspace, [Request(command=("true",))])
    (note,) = [finding for finding in examine(workspace, plans) if finding.where == "Slurm"]
    assert note.level == "note"
    assert "(accounts, qos: sacctmgr: error: Problem talking to the database)" in note.what


def test_without_slurm_there_is_a_note_and_nothing_is_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plans = rehearse_all(workspace, [Request(command=("true",), resources=Resources(partition="any", time="9-0"))])
    (note,) = examine(workspace, plans)
    assert note.level == "note" and "scontrol cannot be started" in note.what
    assert not list((tmp_path / "cache").rglob("site.json"))


def test_an_old_answer_refuses_nothing(
    calls: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE", "DRAIN")
    slurm_site.ask()
    path = cached(tmp_path)
    aged = json.loads(path.read_text())
    aged["when"]["at"] = str(time.time() - 60)
    path.write_text(json.dumps(aged))
    plans = rehearse_all(workspace, [Request(command=("true",))])
    monkeypatch.setenv("STATE", "UP")
    assert not [finding for finding in examine(workspace, plans) if finding.level == "error"]
    assert count(calls) == 11  # both times all five, and then sbatch --test-only


@pytest.mark.parametrize(
    ("said", "status", "wanted"),
    [
        ("sbatch: Job 9 to start at {now} using 8 processors on nodes n1 in partition low", 0, "at once on n1"),
        ("sbatch: Job 9 to start at {later} using 8 processors on nodes n[1-2] in partition low", 0, "in about 2 h,"),
        ("sbatch: Job 9 to start at 3558-01-15T07:45:05 using 1 processors on nodes n1", 0, None),
        ("allocation failure: Requested node configuration is not available", 1, "it says 'Requested node"),
        ("sbatch: error: Unable to contact slurm controller", 1, None),
        ("\x1b]0;x\x07 nonsense", 0, None),
    ],
)
def test_what_test_only_says_is_quoted_with_care(
    calls: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, said: str, status: int, wanted: str | None
) -> None:
    now, later = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + wait)) for wait in (0, 7200))
    monkeypatch.setenv("SAID", said.format(now=now, later=later))
    monkeypatch.setenv("STATUS", str(status))
    plans = rehearse_all(workspace, [Request(command=("true",))])
    notes = [finding.what for finding in examine(workspace, plans) if finding.level == "note"]
    assert [wanted in note for note in notes] == ([True] if wanted else []), notes
    assert calls.with_name("calls.script").read_text() == plans[0].script  # the very script


def test_a_job_that_waits_for_something_is_not_asked_about(calls: Path, workspace: Workspace) -> None:
    held = Resources(sbatch=("--begin=now+2hours",))
    examine(workspace, rehearse_all(workspace, [Request(command=("true",), resources=held)]))
    assert "sbatch" not in calls.read_text()


def test_a_workspace_in_tmp_is_told_of_where_the_nodes_are_others(calls: Path, workspace: Workspace) -> None:
    plans = rehearse_all(workspace, [Request(command=("true",))])
    place = str(workspace.root)
    expected = ["warning"] if place.startswith("/tmp/") else []
    assert [finding.level for finding in examine(workspace, plans) if finding.where == place] == expected
