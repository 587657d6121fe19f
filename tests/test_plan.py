"""Planning a submission: gaps filled, templates chosen, and all that is wrong said before anything is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.launch import rehearse, submit
from arctl.request import Request, Resources
from arctl.settings import Workspace, init_workspace
from tests.launched import configured, leftovers, settled
from tests.twovideos import two_videos

ROOT = Path(__file__).parent.parent
HI = Request(command=("sh", "-c", "echo hi"))
TRAIN = Request(model="r3d_tiny", data="motions")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "lab")
    two_videos(made.root / "data" / "motions")
    return made


# what a plan says


def test_a_plan_makes_nothing(workspace: Workspace) -> None:
    made = rehearse(workspace, TRAIN)
    assert made.name == "r3d_tiny"
    assert made.config is not None
    assert made.config["data"]["root"] == str(workspace.root / "data" / "motions")
    assert yaml.safe_load(made.config_text()) == made.config
    assert made.command == (sys.executable, "-m", "trainer", "--run-dir", str(workspace.runs / "run0001"))
    code = workspace.root / ".arctl" / "code"
    assert f"export PYTHONPATH={code}/" in made.script
    assert f"cd {code}/" in made.script
    assert not code.exists()
    assert made.script.startswith("#!/bin/bash\n#SBATCH --job-name=r3d_tiny-arctl-000000000000\n")
    assert leftovers(workspace) == []
    assert not workspace.db.exists()


def test_gaps_are_filled_from_arctl_yaml(workspace: Workspace) -> None:
    lab = configured(
        workspace,
        "cluster: slurm\npython: /opt/py\ndefaults: {gpus: 1, cpus: 8, mem: 32G, time: 8:00:00}\n"
        "slurm: {partition: gpu, account: vision, gres: 'gpu:a100', modules: [cuda/12.4], skip: [mem], "
        "extra_sbatch: [--constraint=big]}\n",
    )
    script = rehearse(lab, replace(TRAIN, resources=Resources(cpus=4))).script
    for line in ("partition=gpu", "account=vision", "gres=gpu:a100:1", "cpus-per-task=4", "time=8:00:00"):
        assert f"#SBATCH --{line}\n" in script
    assert "#SBATCH --constraint=big\n" in script
    assert "--mem" not in script
    assert "module load cuda/12.4" in script
    assert "exec /opt/py -m trainer --run-dir" in script


def test_a_container_has_its_own_python(workspace: Workspace) -> None:
    lab = configured(workspace, "cluster: slurm\nslurm: {container: apptainer exec --nv video.sif}\n")
    assert "exec apptainer exec --nv video.sif python3 -m trainer" in rehearse(lab, TRAIN).script
    assert f"exec {sys.executable} -m trainer" in rehearse(lab, replace(TRAIN, cluster="local")).script


def test_several_gpus_take_the_ddp_template(workspace: Workspace) -> None:
    assert rehearse(workspace, replace(TRAIN, resources=Resources(gpus=2))).template.name == "ddp"
    assert rehearse(workspace, replace(TRAIN, resources=Resources(gpus=1, nodes=2))).template.name == "ddp"
    assert rehearse(workspace, replace(TRAIN, resources=Resources(gpus=1))).template.name == "single"
    assert rehearse(workspace, replace(HI, resources=Resources(gpus=2))).template.name == "single"
    assert rehearse(workspace, replace(TRAIN, template="single", resources=Resources(gpus=2))).template.name == "single"


def test_seeds_make_a_group(workspace: Workspace) -> None:
    requests = replace(TRAIN, overrides=("optim.lr=0.1",)).with_seeds([1, 2])
    assert {request.group for request in requests} == {"r3d_tiny-seeds"}
    configs = [rehearse(workspace, request).config for request in requests]
    assert [config["train"]["seed"] for config in configs if config] == [1, 2]
    assert [config["optim"]["lr"] for config in configs if config] == [0.1, 0.1]
    assert TRAIN.with_seeds([]) == [TRAIN]


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (replace(TRAIN, model="r3d81"), 3, "'r3d18'"),
        (replace(TRAIN, data="motion"), 3, "'motions'"),
        (replace(TRAIN, preset="quik"), 2, "quick"),
        (replace(TRAIN, overrides=("optim.lrr=1",)), 2, "optim.lr"),
        (replace(TRAIN, template="singel"), 3, "'single'"),
        (replace(TRAIN, cluster="pbs"), 2, "--cluster"),
        (replace(TRAIN, data=None), 2, "--data is missing"),
        (Request(), 2, "--model is missing"),
        (replace(HI, model="r3d_tiny"), 2, "--model is for the trainer"),
        (replace(HI, overrides=("a.b=1",)), 2, "--set is for the trainer"),
        (replace(HI, resources=Resources(gpus=-1)), 2, "--gpus"),
        (replace(HI, resources=Resources(nodes=0)), 2, "--nodes"),
        (replace(HI, resources=Resources(cpus=0)), 2, "--cpus"),
        (replace(HI, resources=Resources(time="-5")), 2, "--time"),
        (replace(HI, resources=Resources(time="0")), 2, "--time"),
        (replace(HI, resources=Resources(mem="12 GB")), 2, "--mem"),
        (replace(HI, resources=Resources(partition="gpu --wrap=id")), 2, "--partition"),
        (replace(HI, name="x`touch PWN`"), 2, "--name"),
        (replace(HI, name="one\n#SBATCH --partition=secret"), 2, "--name"),
        (replace(HI, name="../../x"), 2, "--name"),
        (replace(HI, name="-rf"), 2, "--name"),
        (replace(HI, name="n" * 65), 2, "--name"),
        (replace(HI, name="run12"), 2, "would be taken for a run's number"),
        (replace(HI, name="7"), 2, "would be taken for a run's number"),
        (replace(HI, tags=("a b",)), 2, "--tag"),
        (replace(HI, note="\x1b[31m"), 2, "--note"),
        (replace(HI, command=("sh", "a\0b")), 2, "NUL"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    workspace: Workspace, request_: Request, status: int, words: str
) -> None:
    with pytest.raises(ArctlError) as caught:
        submit(workspace, request_)
    assert caught.value.exit_code == status
    assert words in str(caught.value)
    assert leftovers(workspace) == []
    assert not workspace.db.exists()


def test_a_template_with_a_mistake_is_refused(workspace: Workspace) -> None:
    (workspace.templates / "mine.sbatch").write_text("#!/bin/bash\n{{ directives }}\nexec {{ comand }}\n")
    with pytest.raises(UsageError, match=r"mine\.sbatch: line 3: .*'comand'"):
        submit(workspace, replace(HI, template="mine"))
    assert leftovers(workspace) == []


def test_a_python_that_cannot_train_is_told_of(workspace: Workspace) -> None:
    lab = configured(workspace, "python: /no/such/python\n")
    with pytest.raises(NotFoundError, match="/no/such/python: there is no such Python"):
        submit(lab, TRAIN)
    assert rehearse(lab, replace(TRAIN, cluster="slurm")).command[0] == "/no/such/python"
    program = "import sys; sys.modules['torch'] = None; from arctl.cli import main; main()"
    argv = [sys.executable, "-c", program, "submit", "--model", "r3d_tiny", "--data", "motions"]
    (workspace.root / "arctl.yaml").write_text("")
    env = {**os.environ, "ARCTL_WORKSPACE": str(workspace.root)}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "this Python has no torch" in done.stderr
    assert leftovers(workspace) == []


def test_a_command_arrives_word_for_word(workspace: Workspace, tmp_path: Path) -> None:
    words = ["", "two words", "$HOME", "`id`", "$(id)", "'", '"', "\\", "*", "a\nb", ";rm", "#x", "{{ x }}", "é"]
    program = "import json, sys; open(sys.argv[1], 'w').write(json.dumps(sys.argv[2:]))"
    out = tmp_path / "words.json"
    launched = submit(workspace, Request(command=(sys.executable, "-c", program, str(out), *words)))
    settled(out, "]")
    assert json.loads(out.read_text()) == words
    assert launched.cluster == "local"


# what a submission leaves behind
