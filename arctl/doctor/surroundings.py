"""What surrounds arctl: job templates, data sets, the trainer's Python, environment variables, the terminal."""

from __future__ import annotations

import json
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from arctl.doctor.line import Line, Status
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.doctor import Ground
    from arctl.settings import Workspace

PATIENCE_S = 4.5
"""How long the trainer's Python may take to say what it has, seconds."""

_ASK = (
    "import importlib.metadata as m, json, sys\n"
    "def v(n):\n"
    "    try: return m.version(n)\n"
    "    except Exception: return None\n"
    "names = ('torch', 'torchvision', 'av', 'transformers')\n"
    "print(json.dumps({'python': sys.version.split()[0], **{n: v(n) for n in names}}))\n"
)
_SMALLEST = (80, 24)
_OF_SLURM = ("SQUEUE_", "SBATCH_", "SACCT_", "SINFO_", "SCANCEL_", "SALLOC_", "SRUN_")
_BITE = {
    "SLURM_CLUSTERS": "your own Slurm commands go to another cluster than arctl's",
    "SLURM_TIME_FORMAT": "your own Slurm commands write times in another way",
}
_TRAVEL = {
    "PYTHONPATH": "its modules may stand in for those of the trainer",
    "PYTHONHOME": "it can break the trainer's Python",
    "CUDA_VISIBLE_DEVICES": "jobs on this machine see those GPUs alone",
    "LD_PRELOAD": "it is loaded into every process of a job",
}


def data_sets(workspace: Workspace) -> Iterator[Line]:
    """See that the data sets that arctl.yaml names are there."""
    for name, card in workspace.settings.data.items():
        root = workspace.root / str(card.get("root", ""))
        if not root.is_dir():
            said = f"data set {name}: there is no directory {root}"
            cure = f"correct data.{name}.root in arctl.yaml"
            yield Line("workspace", Status.WARN, "data", said, cure)
        elif not os.access(root, os.R_OK | os.X_OK):
            said = f"data set {name}: {root} may not be read"
            yield Line("workspace", Status.WARN, "data", said, "ask its owner")


def templates(ground: Ground) -> Iterator[Line]:
    """Check every job template, as `arctl template check` does."""
    from arctl import templates as jobs

    overrides = ground.workspace.templates if ground.workspace is not None else None
    for name, error in jobs.broken(overrides=overrides).items():
        where = f"{error.where}: " if error.where else ""
        yield Line("templates", Status.FAIL, name, f"{where}{error.what}", error.cure)
    good = []
    for template in jobs.every(overrides=overrides):
        found = jobs.check(template)
        if not found:
            good.append(template.name)
        else:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            said = f"{template.path}, {safe_line(found[0])}{more}"
            cure = f"`arctl template check {template.name}` lists all; submitting with it is refused"
            yield Line("templates", Status.FAIL, template.name, said, cure)
    if good:
        yield Line("templates", Status.OK, "templates", f"{', '.join(good)}: nothing to mend")


def python(ground: Ground) -> Iterator[Line]:
    """See what the Python of jobs has, as far as this machine can tell; nothing is imported."""
    settings = ground.settings
    on_slurm = settings.cluster == "slurm"
    if on_slurm and settings.slurm.container:
        yield Line("python", Status.UNKNOWN, "python", "jobs run in a container, which is not looked into from here")
        return
    program = settings.python or sys.executable
    elsewhere = on_slurm and bool(settings.slurm.modules or settings.slurm.activate)
    found = _packages(program)
    if isinstance(found, str):
        status = Status.UNKNOWN if elsewhere else Status.FAIL
        cure = "correct `python:` in arctl.yaml" if settings.python else "install Python there"
        yield Line("python", status, "python", f"{program}: {found}", None if elsewhere else cure)
        return
    said = f"{program}: Python {found['python']}"
    lacking = [name for name in ("torch", "torchvision", "av") if found[name] is None]
    if not lacking:
        have = ", ".join(
            f"{name} {found[name]}" for name in ("torch", "torchvision", "av", "transformers") if found[name]
        )
        yield Line("python", Status.OK, "python", f"{said}, {have}")
    elif elsewhere:
        said += f" has no {', '.join(lacking)} here, before modules and activation"
        yield Line("python", Status.UNKNOWN, "python", said)
    else:
        cure = "pip install 'arctl[train]', or name a Python that has them as `python:` in arctl.yaml"
        yield Line("python", Status.WARN, "python", f"{said} has no {', '.join(lacking)}: it cannot train", cure)


def _packages(program: str) -> dict[str, str | None] | str:
    """Return the versions of Python and packages, or why they are not known."""
    try:
        done = subprocess.run(
            [program, "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        found = json.loads(done.stdout)
        return {str(name): None if version is None else safe_line(str(version)) for name, version in found.items()}
    except subprocess.TimeoutExpired:
        return f"said nothing within {PATIENCE_S:.0f} s"
    except OSError as error:
        return f"cannot be started: {(error.strerror or 'no reason given').lower()}"
    except (ValueError, AttributeError):
        return f"failed: {safe_line(done.stderr, limit=200) or 'it said nothing'}"


def environment(ground: Ground) -> Iterator[Line]:
    """Name the variables that change what Slurm or a job does."""
    names = sorted(name for name in os.environ if name.startswith(_OF_SLURM))
    inside = os.environ.get("SLURM_JOB_ID")
    if inside:
        said = f"this shell is inside job {safe_line(inside, limit=40)}: what you start here ends with it"
        yield _line(
            Status.WARN, "allocation", said, "start arctl from a login shell of its own; its own calls are clean"
        )
    if names:
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        said = f"{shown} set: arctl's own calls are made without them, yours are not"
        yield _line(Status.OK, "slurm", said)
    conf = os.environ.get("SLURM_CONF")
    if conf and not Path(conf).exists():
        said = f"names a file that is not there: {safe_line(conf, limit=200)}"
        yield _line(Status.WARN, "SLURM_CONF", said, "unset it, or name your site's slurm.conf")
    for name, harm in _BITE.items():
        if name in os.environ:
            yield _line(Status.WARN, name, harm, f"unset {name}, unless you meant it")
    for name, harm in _TRAVEL.items():
        if os.environ.get(name):
            yield _line(Status.WARN, name, f"is handed to every job: {harm}", f"unset {name}, unless you meant it")
    named = os.environ.get("ARCTL_WORKSPACE")
    if named and ground.workspace is not None and os.path.realpath(named) != os.path.realpath(ground.workspace.root):
        yield _line(Status.OK, "workspace", "--workspace goes before ARCTL_WORKSPACE")
    if not (names or inside or any(os.environ.get(name) for name in (*_BITE, *_TRAVEL))):
        yield _line(Status.OK, "environment", "nothing in it changes what Slurm or a job does")


def terminal(ground: Ground) -> Iterator[Line]:
    """See what the terminal can show."""
    shown = sys.stdout.isatty()
    kind = safe_line(os.environ.get("TERM", ""), limit=40)
    size = shutil.get_terminal_size()
    within = "tmux" if os.environ.get("TMUX") else "screen" if os.environ.get("STY") else None
    words = [kind or "TERM is not set", f"{size.columns}x{size.lines}" if shown else "stdout is no terminal"]
    words += [f"inside {within}"] if within else []
    colours = os.environ.get("COLORTERM") in ("truecolor", "24bit") or "direct" in kind
    words.append("colours off (NO_COLOR)" if os.environ.get("NO_COLOR") else "16 million colours" if colours else
                 "256 colours" if "256" in kind else "few colours")  # fmt: skip
    yield Line("terminal", Status.OK, "terminal", ", ".join(words))
    encoding = locale.getencoding()
    if encoding.lower().replace("-", "") != "utf8":
        said = f"the locale's encoding is {encoding}: plots are drawn in plain letters"
        yield Line("terminal", Status.WARN, "letters", said, "export LANG=C.UTF-8")
    if kind in ("", "dumb"):
        yield Line(
            "terminal", Status.WARN, "kind", "a terminal without movement: no dashboard", "export TERM=xterm-256color"
        )
    if shown and (size.columns < _SMALLEST[0] or size.lines < _SMALLEST[1]):
        said = f"{size.columns}x{size.lines} is small: tables lose columns, the dashboard panels"
        yield Line("terminal", Status.WARN, "size", said, f"{_SMALLEST[0]}x{_SMALLEST[1]} or more is comfortable")


def _line(status: Status, name: str, said: str, cure: str | None = None) -> Line:
    return Line("environment", status, name, said, cure)
