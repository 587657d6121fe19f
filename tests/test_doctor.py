"""The doctor: what it says of a healthy place, and of each thing that can be wrong with one; it never hangs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from arctl.doctor.storage import Mount, mount_of
from arctl.registry import write
from arctl.registry.lease import Owner
from arctl.registry.migrations import SCHEMA


@pytest.fixture
def desk(desk_in: type[Any], tmp_path: Path) -> Any:
    """A workspace on this machine, with one run, in an environment without surprises."""
    desk = desk_in(tmp_path / "study", {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})
    desk.directory.mkdir()
    for name in ("PYTHONPATH", "CUDA_VISIBLE_DEVICES", "SQUEUE_FORMAT"):
        desk.env.pop(name, None)
    desk.arctl("init")
    with_run(desk, 1)
    return desk


def with_run(desk: Any, number: int) -> Path:
    token = f"arctl-{number:012x}"
    write.new_run(desk.directory / "runs.db", name="a", token=token, created=1.0, cluster="local", template="single")
    directory = Path(desk.directory / "runs" / f"run{number:04d}")
    directory.mkdir()
    (directory / "run.yaml").write_text(f"number: {number}\n")
    return directory


def lines(desk: Any, *, status: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    document = json.loads(desk.arctl("doctor", "--json", status=status).stdout)
    assert document["schema"] == "arctl.doctor/1"
    return {(line["check"], line["name"]): line for line in document["lines"]}


def stands(found: dict[tuple[str, str], dict[str, Any]], check: str, name: str | None = None) -> tuple[str, str]:
    line = found[check, name or check]
    assert line["status"] in ("ok", "unknown") or line["cure"], "what is wrong has a cure"
    return line["status"], line["said"]


def test_a_healthy_place(desk: Any) -> None:
    found = lines(desk)
    assert stands(found, "workspace")[0] == "ok"
    assert stands(found, "storage", "locks") == ("ok", "hold between processes")
    assert stands(found, "registry", "runs.db")[1].startswith(f"1 runs, 0.1 MiB, schema {SCHEMA}, whole")
    assert stands(found, "registry", "directories") == ("ok", "1 run directories, all of them in runs.db")
    assert stands(found, "templates") == ("ok", "array, ddp, single: nothing to mend")
    assert "torch" in stands(found, "python")[1]
    assert stands(found, "environment")[0] == "ok"
    assert not [line for line in found.values() if line["status"] == "fail"]
    assert list(desk.directory.glob(".arctl-doctor-*")) == []


def test_the_text_has_a_line_each_and_the_cures_below(desk: Any) -> None:
    desk.env["PYTHONPATH"] = "/nowhere"
    done = desk.arctl("doctor")
    text = done.stdout.splitlines()
    at = next(place for place, line in enumerate(text) if "PYTHONPATH" in line)
    assert text[at].startswith("warn    environment")
    assert text[at + 1].strip() == "→ unset PYTHONPATH, unless you meant it"
    assert "1 warning" in done.stderr


def test_outside_of_a_workspace_it_still_looks_around(desk_in: type[Any], tmp_path: Path) -> None:
    found = lines(desk_in(tmp_path))
    assert stands(found, "workspace")[0] == "warn"
    assert ("storage", "room") in found and ("registry", "runs.db") not in found
    done = desk_in(tmp_path).arctl("-w", "/nowhere", "doctor", status=1)
    assert "--workspace names a directory without arctl.yaml" in done.stdout


def test_settings_that_are_wrong(desk: Any) -> None:
    (desk.directory / "arctl.yaml").write_text("cluster: lokal\n")
    found = lines(desk, status=1)
    assert stands(found, "workspace")[0] == "fail"
    assert "arctl.yaml:1:10" in found["workspace", "workspace"]["said"]
    assert stands(found, "templates")[0] == "ok"


def test_a_data_set_that_is_not_there(desk: Any) -> None:
    (desk.directory / "arctl.yaml").write_text("data:\n  ucf101: /no/such/place\n")
    assert stands(lines(desk), "workspace", "data")[0] == "warn"


def test_a_damaged_registry(desk: Any) -> None:
    db = desk.directory / "runs.db"
    content = bytearray(db.read_bytes())
    content[4096 * 2 : 4096 * 5] = os.urandom(4096 * 3)
    db.write_bytes(content)
    status, said = stands(lines(desk, status=1), *(("registry", "runs.db")))
    assert status == "fail" and "damaged" in said


def test_a_registry_of_somebody_else_and_of_tomorrow(desk: Any) -> None:
    db = desk.directory / "runs.db"
    with sqlite3.connect(db) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA + 7}")
    connection.close()
    assert "a newer arctl wrote it" in stands(lines(desk, status=1), "registry", "runs.db")[1]
    db.unlink()
    with sqlite3.connect(db) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    assert stands(lines(desk, status=1), "registry", "runs.db") == ("fail", "this database is not a registry of arctl")
    db.unlink()
    said = stands(lines(desk, status=1), "registry", "runs.db")[1]
    assert said == "runs.db is missing although there are 1 run directories"


def test_a_write_ahead_log(desk: Any) -> None:
    connection = sqlite3.connect(desk.directory / "runs.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE other (x)")
    try:
        assert stands(lines(desk), "registry", "journal")[0] == "warn"
    finally:
        connection.close()


def test_directories_and_registry_that_disagree(desk: Any) -> None:
    shutil.rmtree(with_run(desk, 2))
    (with_run(desk, 3) / "run.yaml").unlink()
    strange, stage = desk.directory / "runs/run0009", desk.directory / "runs/.stage-arctl-1"
    for path in (strange, stage):
        path.mkdir()
        (path / "run.yaml").write_text("number: 9\n")
        os.utime(path, (time.time() - 7200,) * 2)
    done = desk.arctl("doctor").stdout
    assert "run9: on disk, but not in runs.db" in done
    assert "run2: in runs.db, but their directories are gone" in done
    assert "run3: without run.yaml" in done
    assert "1 half-made directories" in done


def test_a_registry_that_another_machine_writes_to(desk: Any) -> None:
    owner = desk.directory / "runs.db.lease" / "owner.json"
    owner.parent.mkdir(exist_ok=True)
    told = Owner(host="login2", boot="x", machine="y", pid=7, since=time.time() - 60, heartbeat=time.time() - 20)
    owner.write_text(json.dumps(asdict(told)))
    assert stands(lines(desk), "registry", "lease")[1].startswith("arctl on login2 (pid 7, since ")
    os.utime(owner, (time.time() - 900,) * 2)
    assert stands(lines(desk), "registry", "lease")[0] == "ok"


def test_a_template_to_mend(desk: Any) -> None:
    (desk.directory / "templates/mine.sbatch").write_text("#!/bin/bash\n#SBATCH --time=1\necho {{ nothing }}\n")
    (desk.directory / "templates/torn.sbatch").write_bytes(b"\xff\xfe\x00")
    found = lines(desk, status=1)
    assert stands(found, "templates", "mine")[0] == "fail"
    assert stands(found, "templates", "torn")[0] == "fail"
    assert stands(found, "templates")[1] == "array, ddp, single: nothing to mend"


def test_variables_that_bite(desk: Any) -> None:
    desk.env |= {"SQUEUE_FORMAT": "%i", "SBATCH_PARTITION": "x", "SLURM_JOB_ID": "7\x1b]0;x\x07", "PYTHONPATH": "/x"}
    found = lines(desk)
    assert stands(found, "environment", "slurm")[1].startswith("SBATCH_PARTITION, SQUEUE_FORMAT set")
    status, said = stands(found, "environment", "allocation")
    assert status == "warn" and said.startswith("this shell is inside job 7:")
    assert stands(found, "environment", "PYTHONPATH")[0] == "warn"


def test_a_python_that_cannot_train(desk: Any, tmp_path: Path) -> None:
    settings = desk.directory / "arctl.yaml"
    settings.write_text("python: /no/such/python\n")
    assert stands(lines(desk, status=1), "python")[0] == "fail"
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho no json\n")
    silent.chmod(0o755)
    settings.write_text(f"python: {silent}\n")
    assert stands(lines(desk, status=1), "python")[1].endswith("failed: it said nothing")
    bare = tmp_path / "bare"
    bare.write_text('#!/bin/sh\nexec python3 -I -S "$@"\n')
    bare.chmod(0o755)
    settings.write_text(f"python: {bare}\n")
    status, said = stands(lines(desk), "python")
    assert status == "warn" and said.endswith("has no torch, torchvision, av: it cannot train")
    settings.write_text("cluster: slurm\nslurm:\n  container: apptainer exec x.sif\n")
    assert lines(desk, status=1)["python", "python"]["status"] == "unknown"


def test_a_terminal_without_letters(desk: Any) -> None:
    desk.env |= {"TERM": "dumb", "LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    found = lines(desk)
    assert stands(found, "terminal", "letters")[0] == "warn"
    assert stands(found, "terminal", "kind")[0] == "warn"
    desk.arctl("doctor").stdout.encode("ascii")


@pytest.fixture
def memory() -> Iterator[Path]:
    place = Path("/dev/shm")
    mount = mount_of(place)
    if mount is None or mount.kind != "tmpfs" or not os.access(place, os.W_OK):
        pytest.skip("no tmpfs at /dev/shm that can be written")
    directory = place / f"arctl-doctor-test-{os.getpid()}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


def test_a_workspace_in_memory(desk_in: type[Any], memory: Path) -> None:
    desk = desk_in(memory)
    desk.arctl("init")
    assert stands(lines(desk), "storage", "file system") == (
        "warn",
        "tmpfs at /dev/shm: in memory, gone at the next boot",
    )


TABLE = """\
22 1 0:21 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:22 / /home rw,relatime - nfs4 server:/home rw,vers=4.2,local_lock=none
24 22 0:23 / /home/my\\040data rw,nosuid shared:1 - nfs server:/data rw,nolock,vers=3
25 22 0:24 / /scratch ro,relatime - lustre mds@tcp:/scratch rw,flock
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/usr", "ext4", False),
        ("/home/x", "nfs4", True),
        ("/home/my data/runs", "nfs", True),
        ("/homes", "ext4", False),
        ("/scratch", "lustre", True),
    ],
)
def test_the_mount_of_a_path(path: str, kind: str, network: bool) -> None:
    mount = mount_of(Path(path), table=TABLE)
    assert mount is not None and (mount.kind, mount.network) == (kind, network)


def test_a_mount_whose_locks_are_its_own(desk: Any) -> None:
    from arctl.doctor.storage import _kind

    local = mount_of(Path("/home/my data"), table=TABLE)
    assert local is not None and "locks hold on this machine only" in _kind(local).said
    assert _kind(Mount("/scratch", "lustre", "x", "ro,relatime,rw")).status == "fail"
    assert _kind(Mount("/home", "nfs4", "server:/home", "rw,vers=4.2")).status == "ok"


def test_a_dead_disk_holds_nobody_up(desk: Any) -> None:
    """A pipe in the place of runs.db: opening it waits for ever."""
    (desk.directory / "runs.db").unlink()
    os.mkfifo(desk.directory / "runs.db")
    begun = time.monotonic()
    found = lines(desk)
    assert time.monotonic() - begun < 12
    assert found["registry", "registry"]["status"] == "unknown"
    assert found["registry", "registry"]["said"] == "no answer within 5 s"
    assert stands(found, "templates")[0] == "ok"
