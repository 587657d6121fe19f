"""The workspace and its settings (`arctl.yaml`): found by walking up, read strictly, made by `arctl init`.

Every key has a place in `arctl/new_workspace.yaml`, the commented file that `arctl init` writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arctl.dashboard_settings import DashboardSettings, read_dashboard
from arctl.errors import ArctlError, NotFoundError
from arctl.rundir import directory_name
from arctl.strictyaml import Block, read_block

FILE = "arctl.yaml"
"""The name of the file that makes a directory a workspace."""

CLUSTERS = ("local", "slurm")
"""Where jobs can run."""


@dataclass(frozen=True)
class SlurmSettings:
    """What a site's Slurm wants of every job: the `slurm:` part of arctl.yaml."""

    partition: str | None = None
    """Partition of a job that names none; None leaves the choice to Slurm."""
    account: str | None = None
    """Account that jobs are charged to."""
    qos: str | None = None
    """Quality of service."""
    modules: tuple[str, ...] = ()
    """Environment modules that a job loads."""
    activate: str | None = None
    """Shell lines that activate a conda or virtual environment in the job."""
    container: str | None = None
    """Command in front of the job's own: `apptainer exec --nv image.sif`."""
    extra_sbatch: tuple[str, ...] = ()
    """Further directives, each `--key=value` or `--flag`."""
    skip: tuple[str, ...] = ()
    """Names of directives to leave out, for sites that forbid them (`mem`, `gres`)."""
    gres: str = "gpu"
    """How GPUs are asked for: `gpu` gives `--gres=gpu:2`, `gpu:a100` gives `--gres=gpu:a100:2`."""
    poll_s: float = 30.0
    """Usual time between two questions to Slurm, seconds, shared by all arctl processes of a user; more when idle."""
    min_poll_s: float = 5.0
    """Least time between two questions, seconds, also for `arctl sync` and `arctl wait`: the site's own rule."""
    requeues: int = 3
    """How often a run that hit its time limit is queued again by itself; 0 is never. Preemptions do not count."""


@dataclass(frozen=True)
class SnapshotSettings:
    """What a job runs: the `snapshot:` part of arctl.yaml."""

    take: bool = True
    """Whether jobs run a copy of the code as it was when they were submitted."""
    max_mb: int = 200
    """Largest copy, MB."""
    max_files: int = 20_000
    """Most files of a copy."""


@dataclass(frozen=True)
class Settings:
    """All of arctl.yaml."""

    cluster: str = "local"
    """Where jobs run unless `--cluster` says otherwise: `local` or `slurm`."""
    python: str | None = None
    """The Python that runs the trainer; None means the one that runs arctl."""
    slots: int | None = None
    """Jobs at a time on this machine; None means one for each GPU, or one."""
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    """What Slurm needs."""
    data: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Data sets by name; each has at least `root`, a path relative to the workspace."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Resources of a job that names none: gpus, nodes, cpus (int), mem, time, gpu_type, template (str)."""
    snapshot: SnapshotSettings = field(default_factory=SnapshotSettings)
    """The code that a job runs."""
    share: str = "nobody"
    """Who else may read and write what arctl makes here: `nobody`, or the `group`."""
    registry_lock: str = "lease"
    """`lease`: one host at a time writes runs.db; `trusted`: the file system's own locks hold between hosts."""
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    """How the dashboard looks and behaves."""


@dataclass(frozen=True)
class Workspace:
    """A directory with an arctl.yaml, and the places in it."""

    root: Path
    """The directory, absolute."""
    settings: Settings
    """Its arctl.yaml."""

    @property
    def runs(self) -> Path:
        """Where the run directories are."""
        return self.root / "runs"

    @property
    def db(self) -> Path:
        """The registry."""
        return self.root / "runs.db"

    @property
    def templates(self) -> Path:
        """Job templates that override the packaged ones."""
        return self.root / "templates"

    @property
    def state(self) -> Path:
        """Where the local cluster keeps its queue."""
        return self.root / ".arctl"

    def run_dir(self, number: int) -> Path:
        """Return the directory of a run, whether it exists or not."""
        return self.runs / directory_name(number)


def find_workspace(
    explicit: Path | None = None, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Workspace:
    """Return the workspace named by `explicit`, else by ARCTL_WORKSPACE, else the nearest one at or above `cwd`.

    Raises NotFoundError where there is none, UsageError where its arctl.yaml is wrong.
    """
    named = (env if env is not None else os.environ).get("ARCTL_WORKSPACE")
    if explicit is not None:
        return _open(explicit, "--workspace")
    if named:
        return _open(Path(named), "ARCTL_WORKSPACE")
    start = (cwd or _here()).absolute()
    for directory in (start, *start.parents):
        if (directory / FILE).is_file() and not _in_snapshot(directory):
            return Workspace(root=directory, settings=load_settings(directory / FILE))
    raise NotFoundError(
        f"no {FILE} here or in a directory above, so this is not an arctl workspace",
        where=str(start),
        cure="run `arctl init`, or name one with --workspace DIR or ARCTL_WORKSPACE",
    )


def _in_snapshot(directory: Path) -> bool:
    """Tell whether a directory is a copy of a workspace's code, which has its arctl.yaml but not its runs."""
    return directory.name == "tree" and directory.parts[-4:-2] == (".arctl", "code")


def load_settings(path: Path) -> Settings:
    """Read an arctl.yaml. Raises UsageError with line and column: unknown, repeated or ill-typed keys, broken YAML."""
    block = read_block(path)
    block.only(Settings.__dataclass_fields__)
    slurm = block.block("slurm") if "slurm" in block else None
    return Settings(
        cluster=block.choice("cluster", CLUSTERS, default="local"),
        python=block.text("python"),
        slots=block.whole("slots", least=1),
        slurm=_slurm(slurm) if slurm is not None else SlurmSettings(),
        data=_data(block.block("data")) if "data" in block else {},
        defaults=_defaults(block.block("defaults")) if "defaults" in block else {},
        snapshot=_snapshot(block.block("snapshot")) if "snapshot" in block else SnapshotSettings(),
        share=block.choice("share", ("nobody", "group"), default="nobody"),
        registry_lock=block.choice("registry_lock", ("lease", "trusted"), default="lease"),
        dashboard=read_dashboard(block.block("dashboard")) if "dashboard" in block else DashboardSettings(),
    )


def init_workspace(directory: Path) -> Workspace:
    """Make a workspace: a commented arctl.yaml, templates/ for overrides, runs/. What exists is left as it is."""
    root = directory.absolute()
    try:
        for place in (root, root / "templates", root / "runs"):
            place.mkdir(parents=True, exist_ok=True)
        _write_new(root / FILE, Path(__file__).with_name("new_workspace.yaml").read_text(encoding="utf-8"))
        _write_new(root / "templates" / "README.md", _TEMPLATES_README)
    except OSError as error:
        raise ArctlError(
            f"cannot make a workspace: {error.strerror}",
            where=str(error.filename or root),
            cure="choose a directory that you may write to: `arctl init DIR`",
        ) from error
    return Workspace(root=root, settings=load_settings(root / FILE))


_TEMPLATES_README = """\
A job template here replaces the packaged one of the same name, and any other name can be given to
`arctl submit --template`. Start from a packaged one:

    arctl template show single > templates/single.sbatch
    arctl template check single
"""

_FLAG = re.compile(r"--[a-z][a-z0-9-]*(=[^\n]*)?")
_DIRECTIVE = re.compile(r"[a-z][a-z0-9-]*")
_GRES = re.compile(r"[A-Za-z0-9_.:-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _slurm(block: Block) -> SlurmSettings:
    block.only(SlurmSettings.__dataclass_fields__)
    poll_s, min_poll_s = block.number("poll_s", least=1.0), block.number("min_poll_s", least=0.0)
    requeues = block.whole("requeues", least=0)
    return SlurmSettings(
        partition=block.text("partition"),
        account=block.text("account"),
        qos=block.text("qos"),
        modules=block.texts("modules"),
        activate=block.text("activate", lines=True),
        container=block.text("container"),
        extra_sbatch=block.texts("extra_sbatch", pattern=_FLAG, example="--key=value"),
        skip=block.texts("skip", pattern=_DIRECTIVE, example="mem"),
        gres=block.text("gres", pattern=_GRES, example="gpu") or "gpu",
        poll_s=30.0 if poll_s is None else poll_s,
        min_poll_s=5.0 if min_poll_s is None else min_poll_s,
        requeues=3 if requeues is None else requeues,
    )


def _snapshot(block: Block) -> SnapshotSettings:
    block.only(SnapshotSettings.__dataclass_fields__)
    usual = SnapshotSettings()
    take, max_mb, max_files = block.truth("take"), block.whole("max_mb", least=1), block.whole("max_files", least=1)
    return SnapshotSettings(
        take=usual.take if take is None else take,
        max_mb=usual.max_mb if max_mb is None else max_mb,
        max_files=usual.max_files if max_files is None else max_files,
    )


def _data(block: Block) -> dict[str, Mapping[str, object]]:
    cards: dict[str, Mapping[str, object]] = {}
    for name in block:
        if not _NAME.fullmatch(name):
            raise block.error(name, "a data set's name has letters, digits and ._- only")
        card = {"root": block.text(name)} if block.is_scalar(name) else block.block(name).plain()
        root = card.get("root")
        if not isinstance(root, str) or not root:
            raise block.error(name, "a data set needs `root`, the directory that holds it")
        cards[name] = card
    return cards


def _defaults(block: Block) -> dict[str, object]:
    readers: dict[str, Callable[[str], object]] = {
        "gpus": lambda key: block.whole(key, least=0),
        "nodes": lambda key: block.whole(key, least=1),
        "cpus": lambda key: block.whole(key, least=1),
        "mem": block.text,
        "time": block.text,
        "gpu_type": block.text,
        "template": block.text,
    }
    block.only(readers)
    values = {key: readers[key](key) for key in block}
    return {key: value for key, value in values.items() if value is not None}


def _open(named: Path, by: str) -> Workspace:
    path = named.expanduser().absolute()
    if path.name == FILE and path.is_file():
        path = path.parent
    if not (path / FILE).is_file():
        raise NotFoundError(
            f"{by} names a directory without {FILE}",
            where=str(path),
            cure=f"run `arctl init {path}`, or name another",
        )
    return Workspace(root=path, settings=load_settings(path / FILE))


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ArctlError("the current directory no longer exists", cure="change to another one") from error


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return
