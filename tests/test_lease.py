"""One host at a time writes a registry: real processes that play two hosts, some of them killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from arctl.registry import lease
from arctl.registry.lease import LIVE_S, RegistryHeld, acquire

TAKE = "import sys; from pathlib import Path; from arctl.registry.lease import acquire; acquire(Path(sys.argv[1]))"
HOLD = f"{TAKE}; print('held', flush=True); sys.stdin.read()"
COUNT = """
import os, sys, time
from pathlib import Path
from arctl.errors import ArctlError
from arctl.registry.lease import acquire, release
db, sheet = Path(sys.argv[1]), Path(sys.argv[1]).with_name("sheet")
end, done, held = time.monotonic() + 2.0, 0, 0
while time.monotonic() < end:
    try:
        acquire(db)
    except ArctlError:
        held += 1
        time.sleep(0.005)
        continue
    inside = Path(sys.argv[1]).with_name("inside")
    mark = inside / os.environ["ARCTL_HOST"] / str(os.getpid())
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    hosts = {path.parent.name for path in inside.glob("*/*")}
    mark.unlink()
    if len(hosts) > 1:
        print("BOTH", *hosts)
    done += 1
    if done % 7 == 0:
        release(db)
        time.sleep(0.01)
print(done, held)
"""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda host: monkeypatch.setenv("ARCTL_HOST", host)


def run(code: str, db: Path, host: str) -> subprocess.Popen[str]:
    env = {**os.environ, "ARCTL_HOST": host}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code, str(db)], env=env, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def grow_old(db: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(db.with_name("runs.db.lease") / "owner.json", (at, at))


def test_processes_of_one_host_share_and_the_other_host_is_told_who(db: Path, on: Callable[[str], None]) -> None:
    on("login1")
    acquire(db)
    other = run(TAKE, db, "login1")
    assert other.communicate(timeout=30)[1] == "" and other.returncode == 0
    on("login2")
    with pytest.raises(RegistryHeld, match=rf"login1 \(pid {os.getpid()}, since .*can only be read.*--take-over"):
        acquire(db)
    held = lease.holder(db)
    assert held is not None and held[0].host == "login1" and held[1] < 30


def test_the_end_of_the_last_process_gives_the_lease_back(db: Path, on: Callable[[str], None]) -> None:
    first, second = run(HOLD, db, "login1"), run(HOLD, db, "login1")
    for process in (first, second):
        assert process.stdout is not None and process.stdout.readline() == "held\n"
    on("login2")
    first.communicate(timeout=30)
    with pytest.raises(RegistryHeld):
        acquire(db)
    second.communicate(timeout=30)
    acquire(db)
    assert lease.news(db) is None, "nothing was taken from anybody"


def test_killed_holders_are_outlived_on_their_host_at_once_and_elsewhere_after_a_while(
    db: Path, on: Callable[[str], None]
) -> None:
    holder = run(HOLD, db, "login1")
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    on("login1")
    acquire(db)
    grow_old(db, LIVE_S - 60)
    on("login2")
    with pytest.raises(RegistryHeld, match=r"last 2[34]\d s ago"):
        acquire(db)
    grow_old(db, LIVE_S + 60)
    acquire(db)
    assert "login1" in str(lease.news(db)) and lease.news(db) is None, "said once"
    on("login1")
    with pytest.raises(RegistryHeld, match="login2"):
        acquire(db)


def test_a_live_lease_is_taken_over_on_demand(db: Path, on: Callable[[str], None]) -> None:
    on("login1")
    acquire(db)
    on("login2")
    acquire(db, take_over=True)
    on("login1")
    with pytest.raises(RegistryHeld, match="login2"):
        acquire(db)


def test_whoever_writes_says_that_the_host_is_alive(db: Path, on: Callable[[str], None]) -> None:
    on("login1")
    acquire(db)
    before = db.with_name("runs.db.lease") / "owner.json"
    at = before.stat().st_mtime_ns
    acquire(db)
    assert before.stat().st_mtime_ns == at, "not at each write"
    grow_old(db, lease.BEAT_S + 5)
    acquire(db)
    assert time.time() - before.stat().st_mtime < 5


@pytest.mark.parametrize("content", [None, b"", b"\xff{", b"[]", b'{"host": 1}', b"[" * 100_000])
def test_a_lease_whose_maker_died_half_way_holds_nobody_up_for_long(
    db: Path, on: Callable[[str], None], content: bytes | None
) -> None:
    place = db.with_name("runs.db.lease")
    place.mkdir()
    if content is not None:
        (place / "owner.json").write_bytes(content)
    os.utime(place, (time.time() - 60,) * 2)
    on("login1")
    acquire(db)
    assert json.loads((place / "owner.json").read_text())["host"] == "login1"


def test_a_reboot_is_the_same_host(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCTL_HOST", raising=False)
    acquire(db)
    path = db.with_name("runs.db.lease") / "owner.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "an earlier one", "machine": "m"}))
    if not Path("/etc/machine-id").exists():
        pytest.skip("this machine has no machine id")
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "machine": Path("/etc/machine-id").read_text().strip()})
    )
    acquire(db)
    assert json.loads(path.read_text())["boot"] != "an earlier one"


def test_where_no_lease_can_be_made_the_registry_speaks_for_itself(db: Path, on: Callable[[str], None]) -> None:
    on("login1")
    db.with_name("runs.db.lease").write_text("a file")
    acquire(db)
    acquire(db.with_name("nowhere") / "runs.db")
    assert lease.holder(db) is None


def test_trusted_file_systems_need_none(db: Path, on: Callable[[str], None]) -> None:
    on("login1")
    lease.trust(db)
    acquire(db)
    assert not db.with_name("runs.db.lease").exists()


def test_many_processes_of_two_hosts_never_both_write(db: Path) -> None:
    workers = [run(COUNT, db, f"login{1 + place % 2}") for place in range(6)]
    said = [worker.communicate(timeout=60) for worker in workers]
    assert [error for _, error in said] == [""] * 6
    assert not [text for text, _ in said if "BOTH" in text], said
    turns = [tuple(map(int, text.split())) for text, _ in said]
    assert sum(done for done, _ in turns) > 50 and sum(held for _, held in turns) > 0
