"""arctl.yaml: every key documented, every mistake placed, the workspace found from anywhere inside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from arctl import settings
from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.settings import Settings, SlurmSettings, find_workspace, init_workspace, load_settings

ROOT = Path(__file__).parent.parent


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "arctl.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_init_makes_a_workspace_that_loads_with_the_defaults(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "deep" / "lab")
    assert workspace.root == tmp_path / "deep" / "lab"
    assert workspace.settings == Settings()
    assert workspace.runs.is_dir()
    assert (workspace.templates / "README.md").is_file()
    assert workspace.run_dir(12) == workspace.root / "runs" / "run0012"
    assert workspace.db == workspace.root / "runs.db"


def test_init_keeps_what_exists(tmp_path: Path) -> None:
    write(tmp_path, "cluster: slurm\n")
    assert init_workspace(tmp_path).settings.cluster == "slurm"
    assert (tmp_path / "arctl.yaml").read_text() == "cluster: slurm\n"


def test_the_commented_file_documents_every_key_and_the_checkout_has_the_same() -> None:
    text = Path(settings.__file__).with_name("new_workspace.yaml").read_text()
    assert (ROOT / "arctl.yaml").read_text() == text
    said = yaml.safe_load(text)
    assert set(said) == {item.name for item in fields(Settings)}
    assert set(said["slurm"]) == {item.name for item in fields(SlurmSettings)}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line and not line.lstrip().startswith("#"):
            above = next(before for before in reversed(lines[:number]) if not before.endswith(": null"))
            assert above.lstrip().startswith("#"), f"{line!r} has no comment above it"


def test_the_examples_in_the_comments_load(tmp_path: Path) -> None:
    text = Path(settings.__file__).with_name("new_workspace.yaml").read_text()
    shown = text.replace("{}\n#", "\n#").replace("\n#  ", "\n  ")
    loaded = load_settings(write(tmp_path, shown))
    assert loaded.defaults == {
        "gpus": 1, "nodes": 1, "cpus": 8, "mem": "32G", "time": "8:00:00", "gpu_type": "a100",
        "template": "single",
    }  # fmt: skip
    assert loaded.data == {"ucf101": {"root": "/datasets/ucf101", "flip_keeps_labels": True}}


def test_all_keys_are_read_as_they_were_typed(tmp_path: Path) -> None:
    loaded = load_settings(
        write(
            tmp_path,
            "cluster: slurm\npython: /opt/py/bin/python\nslots: 3\n"
            "slurm:\n  partition: gpu\n  account: a1\n  modules: [cuda/12.4]\n  activate: |\n    source x\n    y\n"
            "  extra_sbatch: [--constraint=a100, --exclusive]\n  skip: [mem]\n  gres: gpu:a100\n  poll_s: 45\n"
            "data:\n  short: videos/short\n  long: {root: /long, flip_keeps_labels: no, brightness: 0.5, split: 2}\n"
            "defaults: {time: 1:30:00, mem: 010, cpus: 4}\n",
        )
    )
    assert (loaded.cluster, loaded.python, loaded.slots) == ("slurm", "/opt/py/bin/python", 3)
    assert loaded.slurm.modules == ("cuda/12.4",)
    assert loaded.slurm.activate == "source x\ny\n"
    assert loaded.slurm.extra_sbatch == ("--constraint=a100", "--exclusive")
    assert (loaded.slurm.skip, loaded.slurm.gres, loaded.slurm.poll_s) == (("mem",), "gpu:a100", 45.0)
    assert loaded.data["short"] == {"root": "videos/short"}
    assert loaded.data["long"] == {"root": "/long", "flip_keeps_labels": False, "brightness": 0.5, "split": 2}
    assert loaded.defaults == {"time": "1:30:00", "mem": "010", "cpus": 4}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("clustre: local\n", "1:1", ["unknown key 'clustre'", "did you mean 'cluster'"]),
        ("slurm:\n  partitoin: x\n", "2:3", ["'slurm.partitoin'", "did you mean 'partition'?"]),
        ("defaults: {gpu: 1}\n", "1:12", ["'defaults.gpu'", "did you mean 'gpus'"]),
        ("cluster: local\ncluster: slurm\n", "2:1", ["'cluster'", "second time"]),
        ("slurm: {qos: a, qos: b}\n", "1:17", ["'slurm.qos'", "second time"]),
        ("data: {a: {root: /x, root: /y}}\n", "1:22", ["'data.a.root'", "second time"]),
        ("cluster: pbs\n", "1:10", ["'pbs' is not one of local, slurm"]),
        ("slots: 0\n", "1:8", ["'0' is no whole number of 1 or more"]),
        ("slots: two\n", "1:8", ["'two'"]),
        ("slots: 99999999999999999999999\n", "1:8", ["whole number"]),
        ("slurm: {poll_s: .nan}\n", "1:17", ["'.nan'"]),
        ("slurm: {poll_s: 1e999}\n", "1:17", ["'1e999'"]),
        ("slurm: [a]\n", "1:8", ["must be a mapping"]),
        ("slurm: {modules: cuda}\n", "1:18", ["must be a list"]),
        ("slurm: {modules: [[a]]}\n", "1:18", ["single value"]),
        ("slurm: {extra_sbatch: [exclusive]}\n", "1:23", ["does not look like --key=value"]),
        ('slurm: {extra_sbatch: ["--a=b\\n#SBATCH -p x"]}\n', "1:23", ["one line"]),
        ("slurm: {skip: [--mem]}\n", "1:15", ["does not look like mem"]),
        ('python: ""\n', "1:9", ["must not be empty"]),
        ("data: {a: {flip_keeps_labels: true}}\n", "1:11", ["needs `root`"]),
        ("data: {a: null}\n", "1:11", ["needs `root`"]),
        ("data: {../a: /x}\n", "1:14", ["letters, digits"]),
        ("a: &x [*x]\n", "1:4", ["anchors and aliases"]),
        ("python: !!python/object/apply:os.system ['id']\n", "1:9", ["tag", "not supported"]),
        ("data: " + "{a: " * 3000 + "}" * 3000 + "\n", "1:67", ["nested deeper"]),
        ("slurm:\n\tqos: a\n", "2:1", ["no valid YAML"]),
        ("a: 1\n---\nb: 2\n", "2:1", ["no valid YAML"]),
        ("cluster: [local\n", "2:1", ["no valid YAML"]),
        ("? [a]\n: b\n", "1:3", ["a key must be a word"]),
    ],
)
def test_mistakes_are_placed_and_named(tmp_path: Path, text: str, place: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}:{place}: ")
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"- a\n", "top level must be a mapping"),
        (b"just words\n", "top level must be a mapping"),
        (b"cluster: lo\x00cal\n", "no valid YAML"),
        (b"cluster: local\n# caf\xe9\n", ":2: this is not UTF-8"),
        (b"# " + b"x" * (1 << 20), "larger than 1 MB"),
    ],
)
def test_files_that_are_no_settings(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_settings(write(tmp_path, raw))


def test_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")) == Settings()
    assert load_settings(write(tmp_path, "slurm:\ndata:\ndefaults:\n")) == Settings()


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "arctl.yaml")
    with pytest.raises(UsageError, match="no regular file"):
        load_settings(tmp_path / "arctl.yaml")


def test_found_by_walking_up_by_name_and_by_environment(tmp_path: Path) -> None:
    one, two = init_workspace(tmp_path / "one"), init_workspace(tmp_path / "two")
    deep = one.runs / "run0001" / "attempts"
    deep.mkdir(parents=True)
    assert find_workspace(cwd=deep, env={}).root == one.root
    assert find_workspace(cwd=deep, env={"ARCTL_WORKSPACE": str(two.root)}).root == two.root
    assert find_workspace(one.root, cwd=deep, env={"ARCTL_WORKSPACE": str(two.root)}).root == one.root
    assert find_workspace(two.root / "arctl.yaml", cwd=deep, env={}).root == two.root


def test_outside_of_a_workspace_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="arctl init"):
        find_workspace(cwd=tmp_path, env={})
    with pytest.raises(NotFoundError, match="--workspace names a directory without"):
        find_workspace(tmp_path / "none", cwd=tmp_path, env={})
    with pytest.raises(NotFoundError, match="ARCTL_WORKSPACE names"):
        find_workspace(cwd=tmp_path, env={"ARCTL_WORKSPACE": str(tmp_path)})


def test_a_place_that_cannot_hold_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArctlError, match="cannot make a workspace") as caught:
        init_workspace(tmp_path / "file" / "lab")
    assert "arctl init DIR" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="drops root's rights to test a directory without write permission")
def test_without_write_permission() -> None:
    program = (
        "import os, sys\nsys.path.insert(0, sys.argv[1])\nfrom arctl.cli import app, workspace\n"
        "import arctl.settings, arctl.text\nos.setuid(65534)\n"
        "app.main(['init', '/usr/arctl-may-not-write-here'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: /usr/arctl-may-not-write-here: cannot make a workspace: Permission denied")
    assert "Traceback" not in done.stderr
