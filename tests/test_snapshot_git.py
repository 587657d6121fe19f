"""The project inside of a repository: below its top, ignored by it, with others in it, and with a git that fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arctl.settings import Workspace, init_workspace
from arctl.snapshot import gitwork, take
from arctl.snapshot.project import find_project
from tests.project import git, inside, write


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "lab")


def test_a_workspace_below_the_top_of_a_repository_is_the_project(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "repo" / "st[u]dy")
    write(workspace, "a.py", "runs/run0001/run.yaml", ".arctl/x")
    (tmp_path / "repo" / "other.py").write_text("1")
    git(tmp_path / "repo", "init", "--quiet")
    git(tmp_path / "repo", "add", "other.py", "st[u]dy/a.py")
    git(tmp_path / "repo", "commit", "--quiet", "--message=x")
    (tmp_path / "repo" / "other.py").write_text("changed")
    (workspace.root / "a.py").write_text("edited")
    snapshot = take(workspace, trainer=None)
    assert inside(workspace) == {"a.py"}
    assert snapshot.diff is not None
    patch = (workspace.root / snapshot.diff).read_text()
    assert "+++ b/st[u]dy/a.py" in patch and "other.py" not in patch


def test_a_workspace_that_the_repository_around_it_ignores_is_walked(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "repo" / "demo")
    write(workspace, "a.py")
    (tmp_path / "repo" / ".gitignore").write_text("/demo/\n")
    git(tmp_path / "repo", "init", "--quiet")
    project = find_project(workspace)
    assert inside(workspace) == {"a.py"} and (project.commit, project.notes) == (None, ())


def test_submodules_and_repositories_inside_are_copied(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("library", "stranger"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "--quiet")
        (tmp_path / name / "code.py").write_text(name)
        (tmp_path / name / ".gitignore").write_text("*.log\n")
        git(tmp_path / name, "add", ".")
        git(tmp_path / name, "commit", "--quiet", "--message=x")
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "submodule", "--quiet", "add", str(tmp_path / "library"), "lib/library")
    git(workspace.root, "submodule", "--quiet", "add", str(tmp_path / "library"), "lib/absent")
    git(workspace.root, "add", ".")
    git(workspace.root, "commit", "--quiet", "--message=x")
    git(workspace.root, "submodule", "--quiet", "deinit", "lib/absent")
    git(workspace.root, "clone", "--quiet", str(tmp_path / "stranger"), str(workspace.root / "stranger"))
    write(workspace, "lib/library/mine.py", "lib/library/x.log")
    found = inside(workspace)
    assert {"lib/library/code.py", "lib/library/mine.py", "stranger/code.py"} <= found
    assert not any(name.endswith(".log") or ".git/" in name or name.startswith("lib/absent") for name in found)
    snapshot = take(workspace, trainer=None)
    assert snapshot.dirty and not (snapshot.path / "lib" / "library" / ".git").exists()


def breaking(workspace: Workspace, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Break git for a workspace in one of several ways; return words of what is said."""
    if how == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
        return "git cannot be started: No such file or directory"
    if how == "broken index":
        (workspace.root / ".git" / "index").write_bytes(b"nonsense" * 20)
        return "git: index"
    if how == "no repository":
        (workspace.root / ".git" / "HEAD").unlink()
        return "git: not a git repository"
    os.chown(workspace.root, 65534, 65534)
    os.chown(workspace.root / ".git", 65534, 65534)
    return "git: detected dubious ownership"


@pytest.mark.parametrize("how", ["no git", "broken index", "no repository", "foreign owner"])
def test_where_git_fails_the_files_are_found_without_it(
    how: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "foreign owner" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    monkeypatch.setenv("HOME", str(tmp_path))
    write(workspace, "a.py", "x.log")
    (workspace.root / ".gitignore").write_text("*.log\n")
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", ".")
    git(workspace.root, "commit", "--quiet", "--message=x")
    said = breaking(workspace, how, tmp_path, monkeypatch)
    snapshot = take(workspace, trainer=None)
    assert inside(workspace) == {"a.py", ".gitignore"}
    assert len(snapshot.notes) == 1 and snapshot.notes[0].startswith(said)
    assert snapshot.notes[0].endswith("; the files were found without git, and no commit is recorded")
    assert (snapshot.commit, snapshot.dirty, snapshot.diff) == (None, False, None)


def test_a_git_that_hangs_is_ended(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(gitwork.GitFailed, match="git gave no answer within 1 s"):
        gitwork.listing(workspace.root, timeout=1)


def test_variables_of_a_git_hook_lead_nowhere_else(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workspace, "a.py")
    git(workspace.root, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert inside(workspace) == {"a.py"} and find_project(workspace).notes == ()


def test_programs_that_a_repository_names_are_not_run(workspace: Workspace, tmp_path: Path) -> None:
    write(workspace, "a.py")
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", ".")
    git(workspace.root, "commit", "--quiet", "--message=x")
    (workspace.root / ".gitattributes").write_text("*.py diff=mine\n")
    (workspace.root / "a.py").write_text("changed")
    for key in ("core.fsmonitor", "diff.external", "diff.mine.textconv", "diff.mine.command", "core.pager"):
        git(workspace.root, "config", key, f"touch {tmp_path}/ran-{key}; cat")
    assert take(workspace, trainer=None).diff is not None
    assert list(tmp_path.glob("ran-*")) == []
