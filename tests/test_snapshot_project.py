"""Which files are the project: with git and without it; ignore files, secrets, odd files, projects too large."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from arctl.errors import UsageError
from arctl.settings import SnapshotSettings, Workspace, init_workspace, load_settings
from arctl.snapshot import take
from arctl.snapshot.project import find_project
from tests.project import git, inside, write


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "lab")


def limited(workspace: Workspace, text: str) -> Workspace:
    (workspace.root / "arctl.yaml").write_text(text)
    return Workspace(workspace.root, load_settings(workspace.root / "arctl.yaml"))


LITTER = (
    "a.py",
    "src/b.py",
    "runs/run0001/log-1.txt",
    "runs.db",
    "runs.db-journal",
    ".arctl/local/x",
    "data/ucf/v.avi",
    ".venv/bin/python",
    "node_modules/x/y.js",
    "src/__pycache__/b.pyc",
    "last.pt",
    "src/best.pth",
    "image.sif",
)


def test_without_git_a_walk_leaves_out_what_is_no_code(workspace: Workspace) -> None:
    write(workspace, *LITTER)
    project = find_project(workspace)
    assert inside(workspace) == {"a.py", "src/b.py"}
    assert (project.commit, project.dirty, project.notes) == (None, False, ())
    linked = {"tree/runs", "tree/data", "tree/.venv", "tree/node_modules", "tree/last.pt", "tree/src/best.pth"}
    assert set(project.links) == linked | {"tree/image.sif"}


def test_the_same_with_git(workspace: Workspace) -> None:
    write(workspace, *LITTER)
    git(workspace.root, "init", "--quiet")
    assert inside(workspace) == {"a.py", "src/b.py"}
    assert find_project(workspace).commit is None


def test_what_git_tracks_belongs_to_the_project_whatever_its_name(workspace: Workspace) -> None:
    write(workspace, *LITTER, "data/__init__.py", "data/loader.py", "tiny.pt", ".env")
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", "--force", "data/__init__.py", "data/loader.py", "tiny.pt", "runs.db", ".env")
    assert inside(workspace) == {"a.py", "src/b.py", "data/__init__.py", "data/loader.py", "tiny.pt"}
    tree = take(workspace, trainer=None).path
    assert not (tree / "data").is_symlink() and (tree / "data" / "ucf").is_symlink()
    assert (tree / "data" / "ucf" / "v.avi").read_text() == "data/ucf/v.avi"


@pytest.mark.parametrize("with_git", [False, True], ids=["walk", "git"])
def test_arctlignore_leaves_out_and_keeps(workspace: Workspace, with_git: bool) -> None:
    write(workspace, *LITTER, "movies/a.mp4", "src/movies/b.mp4", "keep.pt", "notes.txt", "deep/x/y.txt")
    (workspace.root / ".arctlignore").write_text("# mine\n/movies\n*.txt\n!keep.pt\n")
    if with_git:
        git(workspace.root, "init", "--quiet")
        git(workspace.root, "add", "notes.txt")
    wanted = {"a.py", "src/b.py", ".arctlignore", "src/movies/b.mp4", "keep.pt"}
    assert inside(workspace) == wanted
    assert "tree/movies" in find_project(workspace).links and "tree/notes.txt" in find_project(workspace).links


def test_a_walk_honours_gitignore_files_as_git_would(workspace: Workspace) -> None:
    write(workspace, "a.log", "b.py", "src/a.log", "src/keep.log", "src/gen/x.py", "gen/x.py", "out/o.txt")
    (workspace.root / ".gitignore").write_text("*.log\nout/\n/runs\n/.arctl\n")
    (workspace.root / "src" / ".gitignore").write_text("!keep.log\n/gen/\n")
    walked = inside(workspace)
    git(workspace.root, "init", "--quiet")
    assert walked == inside(workspace) == {"b.py", "src/keep.log", "gen/x.py", ".gitignore", "src/.gitignore"}


def test_secrets_are_named_and_linked_but_never_copied(workspace: Workspace) -> None:
    secrets = {".env", ".env.local", "keys/id_rsa", "keys/site.pem", ".netrc", "Credentials.json", "src/.env"}
    write(workspace, "a.py", "src/b.py", *secrets)
    for with_git in (False, True):
        if with_git:
            git(workspace.root, "init", "--quiet")
            git(workspace.root, "add", ".env", "keys")
            git(workspace.root, "commit", "--quiet", "--message=x")
            (workspace.root / ".env").write_text("PASSWORD=in-the-diff")
        snapshot = take(workspace, trainer=None)
        assert set(snapshot.left_out) == secrets
        assert (snapshot.path / ".env").is_symlink() and (snapshot.path / ".env").exists()
        stored = [path for path in (workspace.state / "code").rglob("*") if path.is_file() and not path.is_symlink()]
        names = {path.name for path in stored}
        assert not names & {Path(secret).name for secret in secrets}
        assert not any(b"PASSWORD" in path.read_bytes() for path in stored)


def test_names_of_any_bytes_are_copied(workspace: Workspace) -> None:
    names = [
        b"caf\xe9.py",
        b"new\nline.py",
        b"tab\t.py",
        b" lead.py",
        b"-rf",
        b"quote'\".py",
        "ü☃.py".encode(),
        b"*.py",
    ]
    for name in names:
        (workspace.root / os.fsdecode(name)).write_bytes(name)
    walked = {one.name for one in find_project(workspace).entries}
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", "--", "*")
    git(workspace.root, "commit", "--quiet", "--message=x")
    (workspace.root / "new\nline.py").write_text("changed")
    snapshot = take(workspace, trainer=None)
    assert walked == {one.name for one in find_project(workspace).entries}
    assert all((snapshot.path / os.fsdecode(name)).is_file() for name in names)
    assert snapshot.diff is not None and "changed" in (workspace.root / snapshot.diff).read_text()
    assert take(workspace, trainer=None).new is False


def test_special_files_are_left_out_and_said(workspace: Workspace, tmp_path: Path) -> None:
    write(workspace, "a.py")
    os.mkfifo(workspace.root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(workspace.root)
        server.bind("door")
        os.chdir(here)
        snapshot = take(workspace, trainer=None)
    assert inside(workspace) == {"a.py"}
    assert set(snapshot.notes) == {f"{name} is no regular file and was left out" for name in ("door", "pipe")}


def test_a_project_that_is_too_large_is_refused_by_name(workspace: Workspace) -> None:
    small = limited(workspace, "snapshot: {max_mb: 1}\n")
    write(workspace, "a.py", "src/b.py")
    (workspace.root / "weights").mkdir()
    (workspace.root / "weights" / "big.bin").write_bytes(bytes(2_000_000))
    with pytest.raises(UsageError) as caught:
        take(small, trainer=None)
    assert caught.value.what.startswith(
        "the project has 2.0 MB, more than the 1 MB that a snapshot may have: weights/big.bin"
    )
    assert caught.value.where == str(workspace.root)
    assert ".arctlignore" in str(caught.value.cure) and "--no-snapshot" in str(caught.value.cure)
    assert not list((workspace.state / "code").glob("?" * 16))
    (workspace.root / ".arctlignore").write_text("/weights/\n")
    assert (take(small, trainer=None).path / "weights" / "big.bin").stat().st_size == 2_000_000


@pytest.mark.parametrize("count", [60, 400])
def test_too_many_files_are_refused_by_directory(workspace: Workspace, count: int) -> None:
    small = limited(workspace, "snapshot: {max_files: 50}\n")
    assert small.settings.snapshot == SnapshotSettings(max_files=50)
    write(workspace, "a.py", *(f"frames/{k % 7}/{k:04d}.jpg" for k in range(count)))
    with pytest.raises(UsageError, match="and a snapshot may have 50: frames/") as caught:
        find_project(small)
    assert ("frames/ 60" if count == 60 else "has more than 250 files") in caught.value.what


def test_many_files_that_are_left_out_get_no_links(workspace: Workspace) -> None:
    write(workspace, "a.py", *(f"frame{k:04d}.jpg" for k in range(1001)))
    (workspace.root / ".arctlignore").write_text("*.jpg\n")
    project = find_project(workspace)
    assert project.notes == (".: 1,002 files are left out, too many for links to them",)
    assert project.links == {}


def test_an_ignore_file_that_cannot_be_one_is_named(workspace: Workspace) -> None:
    (workspace.root / ".arctlignore").mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        find_project(workspace)
