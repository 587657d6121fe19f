"""The code as it was submitted: what is copied, what stays live, one copy for one content, jobs that run from it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from arctl.settings import Workspace, init_workspace, load_settings
from arctl.snapshot import Snapshot, find, look, python_path, take, trainer_of

ROOT = Path(__file__).parent.parent


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace in a git repository with one commit."""
    made = init_workspace(tmp_path / "lab")
    (made.root / "src").mkdir()
    (made.root / "train.py").write_text("from src.net import WIDTH\nprint(WIDTH)\n")
    (made.root / "src" / "net.py").write_text("WIDTH = 16\n")
    (made.root / ".gitignore").write_text("/runs*\n/.arctl/\n*.log\noutputs/\n")
    git(made, "init", "--quiet")
    commit(made)
    return made


def git(workspace: Workspace, *args: str) -> str:
    command = ["git", "-C", str(workspace.root), "-c", "user.name=n", "-c", "user.email=n@example.org", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(workspace: Workspace) -> str:
    git(workspace, "add", "--all")
    git(workspace, "commit", "--quiet", "--message=all")
    return git(workspace, "rev-parse", "HEAD").strip()


def copied(snapshot: Snapshot) -> set[str]:
    """Return the files and links of a snapshot that are no links to the live workspace."""
    found = set()
    for path in snapshot.path.rglob("*"):
        live = path.is_symlink() and path.readlink().is_relative_to(snapshot.root)
        if not live and (path.is_symlink() or not path.is_dir()):
            found.add(str(path.relative_to(snapshot.path)))
    return found


def test_what_git_tracks_or_does_not_ignore_is_copied(workspace: Workspace) -> None:
    (workspace.root / "new.py").write_text("1\n")
    (workspace.root / "gone.py").write_text("1\n")
    git(workspace, "add", "gone.py")
    (workspace.root / "gone.py").unlink()
    (workspace.root / "big.log").write_text("ignored\n")
    snapshot = take(workspace, trainer=None)
    usual = {"arctl.yaml", "train.py", "src/net.py", ".gitignore", "templates/README.md"}
    assert copied(snapshot) == usual | {"new.py"}
    assert snapshot.path == workspace.root / ".arctl" / "code" / snapshot.hash / "tree"
    assert (snapshot.path / "src" / "net.py").read_text() == "WIDTH = 16\n"
    assert snapshot.files == 6
    assert snapshot.bytes == sum((snapshot.path / name).stat().st_size for name in copied(snapshot))
    assert snapshot.dirty and snapshot.new and snapshot.notes == ()


def test_a_job_that_waits_runs_the_code_of_its_submission(workspace: Workspace) -> None:
    snapshot = take(workspace, trainer=ROOT / "trainer")
    (workspace.root / "src" / "net.py").write_text("WIDTH = 99\n")
    (workspace.root / "train.py").unlink()
    assert snapshot.trainer is not None
    env = {**os.environ, "PYTHONPATH": str(snapshot.trainer)}
    done = subprocess.run([sys.executable, "train.py"], cwd=snapshot.path, env=env, capture_output=True, text=True)
    assert done.stdout == "16\n", done.stderr
    code = "import trainer.config; print(trainer.config.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=snapshot.path, env=env, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == snapshot.trainer / "trainer" / "config.py", done.stderr
    assert take(workspace, trainer=ROOT / "trainer").hash != snapshot.hash


@pytest.mark.parametrize("layout", ["src/pkg", "pkg"])
def test_an_editable_installation_does_not_bring_the_live_code_back(
    workspace: Workspace, tmp_path: Path, layout: str
) -> None:
    package, site = workspace.root / layout, tmp_path / "site"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WHEN = 'submitted'\n")
    (workspace.root / "pyproject.toml").write_text("[project]\nname = 'pkg'\n")
    site.mkdir()
    (site / "editable.pth").write_text(f"{package.parent}\n")
    snapshot = take(workspace, trainer=None)
    (package / "__init__.py").write_text("WHEN = 'live'\n")
    path = python_path(snapshot.path, root=workspace.root, before=os.pathsep.join(["/opt/lib", str(package.parent)]))
    assert path.split(os.pathsep) == [str(snapshot.path / "src"), str(snapshot.path), "/opt/lib"]
    code = f"import site; site.addsitedir({str(site)!r}); import pkg; print(pkg.WHEN)"
    for value, printed in ((path, "submitted"), ("", "live")):
        command, env = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": value, "PYTHONSAFEPATH": "1"}
        done = subprocess.run(command, cwd=snapshot.path, env=env, capture_output=True, text=True, check=True)
        assert done.stdout == f"{printed}\n"


def test_the_search_path_of_a_plain_project_is_what_it_was(workspace: Workspace) -> None:
    tree = workspace.root / ".arctl" / "code" / "0" / "tree"
    assert python_path(tree, root=workspace.root) == ""
    before = f"lib:/opt/x:{workspace.root}/lib:{workspace.root}x"
    assert python_path(tree, root=workspace.root, before=before) == f"lib:/opt/x:{tree}/lib:{workspace.root}x"
    assert python_path(tree, root=workspace.root, trainer=tree.parent / "t", before="/o") == f"{tree.parent}/t:/o"


def test_relative_paths_to_what_is_not_copied_lead_to_the_live_files(workspace: Workspace) -> None:
    for name in ("data/ucf/list.txt", "outputs/a.txt", "notes.log", "runs/run0001/checkpoints/best.pt", "src/w.pt"):
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text("live")
    (workspace.root / "runs.db").write_text("the registry")
    (workspace.root / "src" / "__pycache__").mkdir()
    tree = take(workspace, trainer=None).path
    for name in ("data/ucf/list.txt", "outputs/a.txt", "notes.log", "runs/run0001/checkpoints/best.pt", "src/w.pt"):
        assert (tree / name).read_text() == "live"
    (tree / "outputs" / "b.txt").write_text("from the job")
    assert (workspace.root / "outputs" / "b.txt").read_text() == "from the job"
    assert not {".git", ".arctl", "runs.db"} & {path.name for path in tree.iterdir()}
    assert not (tree / "src" / "__pycache__").exists()


def test_links_follow_what_comes_and_goes_between_submissions(workspace: Workspace) -> None:
    (workspace.root / "outputs").mkdir()
    (workspace.root / "outputs" / "a.log").write_text("a")
    first = take(workspace, trainer=None)
    (workspace.root / "outputs" / "a.log").unlink()
    (workspace.root / "outputs").rmdir()
    (workspace.root / "later.log").write_text("b")
    second = take(workspace, trainer=None)
    assert (second.hash, second.new) == (first.hash, False)
    assert (second.path / "later.log").read_text() == "b"
    (second.path / "outputs").mkdir()


def test_the_same_content_is_kept_once_whatever_git_says_of_it(workspace: Workspace) -> None:
    (workspace.root / "src" / "net.py").write_text("WIDTH = 32\n")
    first = take(workspace, trainer=None)
    assert first.dirty and first.diff is not None
    after = commit(workspace)
    second = take(workspace, trainer=None)
    assert (second.hash, second.path, second.new) == (first.hash, first.path, False)
    assert (second.commit, second.dirty, second.diff) == (after, False, None)
    (workspace.root / "src" / "net.py").chmod(0o755)
    assert take(workspace, trainer=None).hash != first.hash
    assert len(list((workspace.state / "code").glob("?" * 16))) == 2


def test_the_patch_turns_the_commit_into_what_was_submitted(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "data.bin").write_bytes(bytes(range(256)))
    before = commit(workspace)
    (workspace.root / "data.bin").write_bytes(bytes(reversed(range(256))))
    (workspace.root / "train.py").unlink()
    (workspace.root / "src" / "net.py").write_text("WIDTH = 64\n")
    for setting in (["diff.noprefix", "true"], ["diff.external", "false"], ["color.ui", "always"]):
        git(workspace, "config", *setting)
    snapshot = take(workspace, trainer=None)
    assert snapshot.commit == before and snapshot.diff is not None
    patch = workspace.root / snapshot.diff
    assert stat.S_IMODE(patch.stat().st_mode) == 0o600
    subprocess.run(["git", "clone", "--quiet", str(workspace.root), str(tmp_path / "clone")], check=True)
    subprocess.run(["git", "-C", str(tmp_path / "clone"), "apply", str(patch)], check=True)
    for name in copied(snapshot):
        assert (tmp_path / "clone" / name).read_bytes() == (snapshot.path / name).read_bytes()
    assert not (tmp_path / "clone" / "train.py").exists()


def test_a_long_patch_is_cut_and_this_is_said(workspace: Workspace) -> None:
    (workspace.root / "table.txt").write_text("a\n")
    commit(workspace)
    (workspace.root / "table.txt").write_text("".join(f"line {k}\n" for k in range(200_000)))
    snapshot = take(workspace, trainer=None)
    assert snapshot.diff is not None
    patch = (workspace.root / snapshot.diff).read_text()
    assert len(patch) < (1 << 20) + 100 and "cut here" in patch[-100:]
    assert snapshot.notes == ("the difference from the commit is longer than 1 MiB; its beginning is kept",)


def test_modes_are_kept_but_nothing_is_writable(workspace: Workspace) -> None:
    (workspace.root / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (workspace.root / "run.sh").chmod(0o775)
    (workspace.root / "src" / "net.py").chmod(0o600)
    (workspace.root / "src").chmod(0o700)
    tree = take(workspace, trainer=None).path
    modes = {name: stat.S_IMODE((tree / name).stat().st_mode) for name in ("run.sh", "src/net.py", "src", "train.py")}
    assert modes == {"run.sh": 0o555, "src/net.py": 0o400, "src": 0o700, "train.py": 0o444}
    assert subprocess.run(["./run.sh"], cwd=tree, capture_output=True, check=True).stdout == b"ran\n"
    subprocess.run(["rm", "-r", "-f", str(tree.parent)], check=True)


def test_links_of_the_project_lead_to_the_same_place(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = workspace.root
    (root / "code").symlink_to("src")
    (root / "src" / "absolute.py").symlink_to(root / "train.py")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "src" / "up").symlink_to("../../elsewhere")
    (root / "nowhere").symlink_to("missing.py")
    snapshot = take(workspace, trainer=None)
    assert (snapshot.path / "code" / "net.py").resolve() == snapshot.path.resolve() / "src" / "net.py"
    assert (snapshot.path / "src" / "absolute.py").resolve() == snapshot.path.resolve() / "train.py"
    assert (snapshot.path / "out").resolve() == (snapshot.path / "src" / "up").resolve() == tmp_path / "elsewhere"
    assert str((snapshot.path / "nowhere").readlink()) == "missing.py"
    assert [note.split(" leads outside")[0] for note in snapshot.notes] == ["out", "src/up"]
    assert take(workspace, trainer=None).new is False


def test_unchanged_files_are_shared_with_the_snapshot_before(workspace: Workspace) -> None:
    first = take(workspace, trainer=None)
    (workspace.root / "train.py").write_text("print(2)\n")
    second = take(workspace, trainer=None)
    assert (first.path / "src" / "net.py").samefile(second.path / "src" / "net.py")
    assert not (workspace.root / "src" / "net.py").samefile(second.path / "src" / "net.py")
    assert (first.path / "train.py").read_text() != (second.path / "train.py").read_text() == "print(2)\n"


def test_a_look_says_what_would_be_taken_and_writes_nothing(workspace: Workspace) -> None:
    seen = look(workspace, trainer=ROOT / "trainer")
    assert not (workspace.state / "code").exists()
    taken = take(workspace, trainer=ROOT / "trainer")
    assert (seen.hash, seen.path, seen.trainer, seen.facts()) == (taken.hash, taken.path, taken.trainer, taken.facts())


def test_facts_are_plain_and_lead_back_to_the_snapshot(workspace: Workspace) -> None:
    (workspace.root / "train.py").write_text("print(3)\n")
    snapshot = take(workspace, trainer=ROOT / "trainer")
    facts = json.loads(json.dumps(snapshot.facts()))
    assert sorted(facts) == ["bytes", "commit", "diff", "dirty", "files", "hash", "path"]
    assert workspace.root / facts["path"] == snapshot.path
    assert (workspace.root / facts["diff"]).is_file()
    assert find(workspace, facts["hash"]) == snapshot.path
    assert trainer_of(snapshot.path) == snapshot.trainer
    assert find(workspace, "0" * 16) is None


def test_the_snapshots_stay_out_of_the_way_of_git_and_of_one_another(workspace: Workspace) -> None:
    (workspace.root / ".gitignore").write_text("")
    first = take(workspace, trainer=None)
    assert ".arctl" not in git(workspace, "status", "--porcelain", "--untracked-files=all")
    second = take(workspace, trainer=None)
    assert (first.hash, second.new) == (second.hash, False)
    assert copied(second) == copied(first)


def test_a_data_set_that_arctl_yaml_declares_is_not_copied(workspace: Workspace) -> None:
    (workspace.root / "arctl.yaml").write_text("data:\n  mine: {root: sets/mine}\n  same: {root: .}\n")
    (workspace.root / "sets" / "mine").mkdir(parents=True)
    (workspace.root / "sets" / "mine" / "a.avi").write_bytes(b"video")
    (workspace.root / "sets" / "readme.txt").write_text("sets")
    again = Workspace(workspace.root, load_settings(workspace.root / "arctl.yaml"))
    snapshot = take(again, trainer=None)
    assert "sets/readme.txt" in copied(snapshot) and "sets/mine/a.avi" not in copied(snapshot)
    assert (snapshot.path / "sets" / "mine" / "a.avi").read_bytes() == b"video"
