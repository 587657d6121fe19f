"""Each cause is found in the text that the real program prints: provoked here wherever this machine can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arctl.autopsy.diagnosis import Cause
from arctl.autopsy.symptoms import Symptom, deciding


def said_by(*command: str, cwd: Path) -> list[str]:
    """Run a program that fails and return what it printed."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    assert done.returncode != 0, done.stdout
    return done.stdout.decode("utf-8", "replace").splitlines()


def cause_of(lines: list[str]) -> Symptom:
    found = deciding(lines)
    assert found is not None, lines
    return found


PYTHON = [
    ("import nosuchmodule", Cause.IMPORT, "the Python module nosuchmodule is not installed there"),
    ("from json import nosuchname", Cause.IMPORT, "json has no nosuchname: another version is installed there"),
    ("open('/no/such/file.csv')", Cause.MISSING_FILE, "/no/such/file.csv does not exist"),
    ("import subprocess; subprocess.run(['/etc/passwd'])", Cause.PERMISSION, "no permission for /etc/passwd"),
    ("with open('/dev/full', 'w') as f: f.write('x' * 9999)", Cause.DISK_FULL, "the disk was full"),
    (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); x = bytearray(1 << 30)",
        Cause.MEMORY,
        "the memory was full",
    ),
    ("import numpy; numpy.ones(10**14)", Cause.MEMORY, "the memory was full (728. TiB more were wanted)"),
    (
        "import ctypes; ctypes.CDLL('libnosuch.so.9')",
        Cause.LIBRARY,
        "the shared library libnosuch.so.9 is missing there",
    ),
    (
        "import socket; a, b = socket.socket(), socket.socket(); a.bind(('127.0.0.1', 0)); b.bind(a.getsockname())",
        Cause.PORT,
        "the port that the processes meet at was taken",
    ),
    ("raise ValueError('bad split')", Cause.PYTHON, "ValueError: bad split"),
    (
        "try: open('/no/such')\nexcept OSError as error: raise RuntimeError('cannot begin') from error",
        Cause.MISSING_FILE,
        "/no/such does not exist",
    ),
    (
        "import traceback\ntry: open('/no/such')\nexcept OSError: traceback.print_exc()\nraise ValueError('later')",
        Cause.PYTHON,
        "ValueError: later",
    ),
]


@pytest.mark.parametrize(("program", "cause", "sentence"), PYTHON, ids=lambda value: str(value)[:40])
def test_python_dies(program: str, cause: Cause, sentence: str, tmp_path: Path) -> None:
    found = cause_of(said_by(sys.executable, "-c", program, cwd=tmp_path))
    assert (found.cause, found.sentence) == (cause, sentence)


SHELL = [
    ("nosuchprogram --x", Cause.NOT_FOUND, "the program nosuchprogram was not found"),
    ("exec nosuchprogram --x", Cause.NOT_FOUND, "the program nosuchprogram was not found"),
    ("./nosuch.sh", Cause.NOT_FOUND, "the program ./nosuch.sh was not found"),
    ("./plain.txt", Cause.NOT_EXECUTABLE, "./plain.txt cannot be executed"),
    ("./garbage", Cause.NOT_EXECUTABLE, "./garbage cannot be executed"),
    ("./badinterp", Cause.NOT_EXECUTABLE, "the interpreter of ./badinterp does not exist there"),
    ("./badenv", Cause.NOT_EXECUTABLE, "the interpreter of nosuchpython does not exist there"),
    ("cp /etc/hostname /dev/full", Cause.DISK_FULL, "the disk was full"),
    ("cat /no/such/list.txt", Cause.MISSING_FILE, "/no/such/list.txt does not exist"),
    ("python3 nosuch.py", Cause.MISSING_FILE, "{cwd}/nosuch.py does not exist"),
    ("python3 -m nosuchmodule", Cause.IMPORT, "the Python module nosuchmodule is not installed there"),
    ("python3 -c 'import ctypes; ctypes.string_at(0)'; exit 1", Cause.SIGNAL, "a process ended: Segmentation fault"),
    ("sh -c 'kill -9 $$'; exit 1", Cause.SIGNAL, "a process ended: Killed"),
]


@pytest.mark.parametrize(("script", "cause", "sentence"), SHELL, ids=lambda value: str(value)[:30])
def test_a_job_script_dies(script: str, cause: Cause, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("text\n")
    for name, text in [
        ("garbage", "\x7fELF no program"),
        ("badinterp", "#!/no/such/python\n"),
        ("badenv", "#!/usr/bin/env nosuchpython\n"),
    ]:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "job").write_text(f"#!/bin/bash\n{script}\n")
    found = cause_of(said_by("/bin/bash", str(tmp_path / "job"), cwd=tmp_path))
    assert (found.cause, found.sentence) == (cause, sentence.format(cwd=tmp_path))


TORCH = """
import datetime, os, sys, threading, traceback
import torch
from torch.utils.data import DataLoader, Dataset

class Dying(Dataset):
    def __init__(self, how): self.how = how
    def __len__(self): return 4
    def __getitem__(self, index):
        if self.how == "killed": os.kill(os.getpid(), 9)
        raise FileNotFoundError(2, "No such file or directory", "/data/clip7.mp4")

def joins_nobody():
    from torch.distributed import TCPStore
    TCPStore("127.0.0.1", 0, 2, True, timeout=datetime.timedelta(seconds=1), wait_for_workers=True)

cases = {
    "alloc": lambda: torch.empty(10**15),
    "killed": lambda: list(DataLoader(Dying("killed"), num_workers=1)),
    "in worker": lambda: list(DataLoader(Dying("raises"), num_workers=1)),
    "weights": lambda: torch.nn.Linear(2, 2).load_state_dict({"weight": torch.zeros(3, 3)}),
    "no gpu": lambda: torch.zeros(1).cuda(),
    "store": joins_nobody,
    "anomaly": lambda: anomaly(),
}

def anomaly():
    with torch.autograd.set_detect_anomaly(True):
        x = torch.zeros(1, requires_grad=True)
        (torch.sqrt(x) * 0.0).sum().backward()

if __name__ == "__main__":
    for name, run in cases.items():
        print(f"### {name}", file=sys.stderr, flush=True)
        try: run()
        except Exception: traceback.print_exc()
        sys.stderr.flush()
    sys.exit(1)
"""


@pytest.fixture(scope="module")
def torch_says(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the installed torch prints at each death, all provoked in one process, since it takes long to load."""
    place = tmp_path_factory.mktemp("torch")
    (place / "dies.py").write_text(TORCH)
    found: dict[str, list[str]] = {}
    for line in said_by(sys.executable, "dies.py", cwd=place):
        if line.startswith("### "):
            found[line[4:]] = current = []
        elif found:
            current.append(line)
    return found


@pytest.mark.parametrize(
    ("case", "cause", "part"),
    [
        ("alloc", Cause.MEMORY, "the memory was full ("),
        ("killed", Cause.WORKER, "was killed: Killed"),
        ("in worker", Cause.MISSING_FILE, "/data/clip7.mp4 does not exist"),
        ("weights", Cause.WEIGHTS, "the weights do not fit the model Linear"),
        ("no gpu", Cause.NO_GPU, "the process had no GPU that it could use"),
        ("store", Cause.RENDEZVOUS, "the processes of the run did not all find one another (1/2 joined)"),
        ("anomaly", Cause.NOT_FINITE, "the loss became NaN"),
    ],
)
def test_torch_dies(case: str, cause: Cause, part: str, torch_says: dict[str, list[str]]) -> None:
    found = cause_of(torch_says[case])
    assert found.cause is cause
    assert part in found.sentence
