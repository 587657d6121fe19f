"""What a run starts from and where it writes: weights, data, cache directories, free space and quota."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl.launch import rehearse_all
from arctl.preflight import examine, inputs, room
from arctl.request import Request
from arctl.settings import Workspace, init_workspace


def found(path: Path) -> list[str]:
    return [finding.what for finding in inputs.check([{"model": {"weights": str(path)}}])]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the weights file is empty"),
        (b"<!DOCTYPE html>\n<html><body>404", "this is a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "this is a git-lfs pointer"),
        (b"PK\x03\x04" + bytes(500), "the weights file is cut off"),
    ],
)
def test_weights_that_cannot_be_weights(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    assert [says in what for what in found(path)] == [True]


def test_weights_that_can(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", bytes(5000))
    assert found(path) == []
    path.write_bytes(path.read_bytes()[:-30])
    assert "the weights file is cut off: its end is missing" in found(path)
    path.write_bytes(b"\x80\x02 another format")
    assert found(path) == []


def test_weights_that_are_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    assert found(tmp_path / "pipe") == ["the weights are no file"]
    assert "cannot be read" in found(tmp_path)[0] or found(tmp_path) == ["the weights are no file"]
    assert "cannot be read: too many levels" in found(tmp_path / "round")[0]
    assert "no such file" in found(tmp_path / "none")[0]


def test_a_file_is_looked_at_once_however_many_runs_name_it(tmp_path: Path) -> None:
    config = {"model": {"weights": str(tmp_path / "none")}}
    assert len(inputs.check([config] * 100)) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_what_this_user_may_not_read_or_write() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        for part in ("data", "cache"):
            (place / part).mkdir(mode=0o700)
        config = {"data": {"root": str(place / "data"), "cache_dir": str(place / "cache" / "frames")}}
        assert inputs.check([config]) == []
        code = "import os; from arctl.preflight.inputs import check; os.setuid(65534); "
        code += f"print(*(finding.level for finding in check([{config!r}])))"
        root = Path(__file__).parent.parent
        done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
        assert done.stdout.split() == ["error", "warning"], done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="gives a file away")
def test_a_template_that_others_may_have_written(tmp_path: Path) -> None:
    template = tmp_path / "mine.sbatch"
    template.write_text("#!/bin/bash\n")
    template.chmod(0o644)
    assert inputs.templates({template}, workspace=tmp_path) == []
    template.chmod(0o666)
    (finding,) = inputs.templates({template}, workspace=tmp_path)
    assert finding.level == "warning" and finding.cure == f"chmod o-w {template}"
    os.chown(template, 65534, 65534)
    (finding,) = inputs.templates({template}, workspace=tmp_path)
    assert "belongs to somebody else" in finding.what
    os.chown(tmp_path, 65534, 65534)  # in that person's own workspace it is no surprise
    template.chmod(0o644)
    assert inputs.templates({template, tmp_path / "gone"}, workspace=tmp_path) == []


def test_a_temporary_place_is_told_of() -> None:
    (finding,) = inputs.unshared({Path("/tmp/study/data"), Path("/home/me/study"), Path("/tmpx")})
    assert (finding.level, finding.where) == ("warning", "/tmp/study/data")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB and 1,000 files."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=1000,mode=755", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("no mount here")
    if done.returncode != 0:
        pytest.skip("a file system can be mounted by root alone")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_too_small_stops_a_submission(small: Path) -> None:
    workspace = init_workspace(small / "study")
    one = Request(command=("true",))
    assert examine(workspace, rehearse_all(workspace, [one])) == ()
    (warning,) = examine(workspace, rehearse_all(workspace, [one] * 6))  # a megabyte for each, of eight
    assert warning.level == "warning" and "hardly more than" in warning.what
    few, files = examine(workspace, rehearse_all(workspace, [one] * 20))
    assert few.level == files.level == "error"
    assert "and 20 runs will need about 21.0 MB" in few.what and few.where == str(workspace.root)
    assert "files left, and 20 runs will need about 1200" in files.what


def quota(directory: Path, program: str, answer: str, *, status: int = 0) -> None:
    script = directory / program
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {status}\n")
    script.chmod(0o755)


def test_a_quota_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    source = room._mount(tmp_path)
    assert source is not None
    head = (
        "Disk quotas for user me (uid 1000):\n     Filesystem  blocks   quota   limit   grace   files   quota   limit"
    )
    for line, wanted in [
        (f"{source[0]} 1000 0 3000 10 0 50", room.Space(2000 * 1024, 40, "your quota")),
        (f"{source[0]} 3000* 2000 3500 6days 60* 50 0", room.Space(500 * 1024, 0, "your quota")),
        (f"{source[0]} 1000 0 0 10 0 0", None),
        ("/dev/other 1000 0 3000 10 0 50", None),
        ("gibberish", None),
    ]:
        quota(tmp_path, "quota", f"{head}\n{line}", status=1)
        assert room.quota(tmp_path) == wanted, line


def test_a_quota_program_that_hangs_or_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    script = tmp_path / "quota"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    assert room.quota(tmp_path) is None
    script.write_text("not a program")
    assert room.quota(tmp_path) is None


def test_an_exceeded_quota_stops_a_submission(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace.root), prepend=os.pathsep)
    source = room._mount(workspace.root)
    assert source is not None
    quota(workspace.root, "quota", f"{source[0]} 2999 0 3000 10 0 0")
    (finding,) = examine(workspace, rehearse_all(workspace, [Request(command=("true",))]))
    assert finding.level == "error" and finding.what.startswith("your quota has 1 kB left")


def test_lustre_tells_its_own_quota(tmp_path: Path) -> None:
    words = ["/mnt/lustre", "1234*", "1000", "2000", "6d", "12", "0", "100", "-"]
    assert room._left(words[1:], graced=True) == room.Space((2000 - 1234) * 1024, 88, "your quota")
    assert room._left(["1234", "0", "0", "-", "12", "0", "0", "-"], graced=True) is None
