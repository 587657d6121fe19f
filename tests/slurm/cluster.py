"""A whole Slurm cluster on loopback: munge, MariaDB, slurmdbd, slurmctld, two slurmd nodes with four GPUs of gres each.

Tests start one of their own for each session; `python tests/slurm/cluster.py up` gives a person the same one to try.
Every process carries the cluster's directory in its environment, so that nothing else is ever stopped by mistake.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "arctl-slurm-"
"""Scratch directories of test clusters start with this."""

MARK = "ARCTL_LOOPBACK_CLUSTER"
"""Environment variable by which a cluster's processes are known again."""

PACKAGES = "slurmctld slurmd slurmdbd slurm-client munge mariadb-server"
PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacctmgr")
NODES = ("gpu1", "gpu2")
LONGEST = 85
"""Characters of a cluster's directory: the path of a socket in it has 107 at most."""
CONF = Path(__file__).with_name("conf")


@dataclass(frozen=True)
class Loopback:
    """A cluster in its scratch directory."""

    directory: Path
    """Everything that belongs to it: configuration, state, logs, sockets."""

    @property
    def env(self) -> Mapping[str, str]:
        """What a client needs in its environment."""
        return {"SLURM_CONF": str(self.directory / "slurm.conf")}

    @property
    def env_without_accounting(self) -> Mapping[str, str]:
        """The same cluster as seen from a site that keeps no accounting."""
        return {"SLURM_CONF": str(self.directory / "noacct.conf")}

    def pid(self, daemon: str) -> int:
        """Return the process id of `slurmctld`, `slurmdbd` or `slurmd-gpu1`."""
        return int((self.directory / "run" / f"{daemon}.pid").read_text())

    def call(self, *args: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a Slurm client against this cluster."""
        env = {**os.environ, **self.env}
        return subprocess.run(args, env=env, capture_output=True, text=True, timeout=timeout, check=False)

    def start(self, daemon: str, *args: str) -> None:
        """Start a daemon again."""
        _spawn(self.directory, daemon, *args)


def missing() -> list[str]:
    """Name the programs that this machine lacks."""
    return [program for program in PROGRAMS if shutil.which(program, path=_search_path()) is None]


def up(directory: Path | None = None, **changes: object) -> Loopback:
    """Start a cluster (3 to 15 s), slurm.conf with `changes`, until both nodes are idle; an older one there goes."""
    if directory is None:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    else:
        down(directory)
        directory.mkdir(parents=True)
    directory.chmod(0o755)
    (directory / "owner").write_text(f"{os.getpid()} {_started(os.getpid())}\n")
    cluster = Loopback(directory.resolve())
    try:
        _start(cluster, changes)
    except BaseException:
        _print_logs(cluster.directory)
        down(directory)
        raise
    return cluster


def down(directory: Path) -> None:
    """Stop every process of the cluster in `directory` and remove it."""
    directory = directory.resolve()
    for sig in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5.0
        pids = list(_members(directory))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, sig)
        while time.monotonic() < deadline and any(_members(directory)):
            time.sleep(0.05)
    if (directory / "owner").exists():
        shutil.rmtree(directory, ignore_errors=True)


def sweep() -> None:
    """Remove the clusters of test sessions that were killed."""
    for directory in Path("/tmp").glob(f"{PREFIX}*"):
        try:
            pid, started = (directory / "owner").read_text().split()
        except (OSError, ValueError):
            continue
        if _started(int(pid)) != started:
            down(directory)


def _start(cluster: Loopback, changes: Mapping[str, object]) -> None:
    directory = cluster.directory
    for name in ("munge", "state", "spool", "run", "log", "dev", "sql"):
        (directory / name).mkdir(mode=0o755)
    ports = dict(zip(("ctld", "dbd", "sql", "node1", "node2"), _free_ports(5), strict=True))
    _configure(directory, ports, changes)
    _start_munge(directory)
    _start_sql(directory, ports["sql"])
    _spawn(directory, "slurmdbd")
    _until("slurmdbd answers", lambda: cluster.call("sacctmgr", "-i", "add", "cluster", "test").returncode == 0)
    _spawn(directory, "slurmctld", "-c")
    for node in NODES:
        _spawn(directory, "slurmd", "-N", node)
    _until(
        "both nodes are idle",
        lambda: cluster.call("sinfo", "-h", "-N", "-p", "low", "-o", "%T").stdout.split() == ["idle"] * 2,
    )


def _configure(directory: Path, ports: Mapping[str, int], changes: Mapping[str, object]) -> None:
    values = {"dir": directory, "user": getpass.getuser(), "password": secrets.token_hex(12), **ports}
    values["accounting"] = "accounting_storage/slurmdbd"
    for source in sorted(CONF.iterdir()):
        _write_secret(directory / source.name, source.read_text().format(**values))
    conf = directory / "slurm.conf"
    kept = [line for line in conf.read_text().splitlines() if line.partition("=")[0] not in changes]
    conf.write_text("\n".join([*(f"{name}={value}" for name, value in changes.items()), *kept, ""]))
    values["accounting"] = "accounting_storage/none"
    (directory / "noacct.conf").write_text((CONF / "slurm.conf").read_text().format(**values))
    grant = f"GRANT ALL ON *.* TO slurm@'127.0.0.1' IDENTIFIED BY '{values['password']}';\n"
    _write_secret(directory / "grant.sql", grant)
    for device in range(4):
        (directory / "dev" / f"nvidia{device}").touch()


def _write_secret(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def _start_munge(directory: Path) -> None:
    key = directory / "munge" / "key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(128))
    own = directory / "munge"
    _spawn(
        directory,
        "munged",
        "--force",
        f"--socket={own}/socket",
        f"--key-file={key}",
        f"--log-file={own}/log",
        f"--pid-file={own}/pid",
        f"--seed-file={own}/seed",
    )


def _start_sql(directory: Path, port: int) -> None:
    where = [f"--datadir={directory}/sql", f"--user={getpass.getuser()}"]
    _spawn(
        directory,
        "mariadb-install-db",
        "--no-defaults",
        *where,
        "--skip-test-db",
        "--auth-root-authentication-method=normal",
    )
    small = ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"]
    files = [f"--socket={directory}/run/sql", f"--pid-file={directory}/run/mariadb.pid"]
    quick = ["--skip-log-bin", "--skip-name-resolve", "--performance-schema=OFF", f"--init-file={directory}/grant.sql"]
    server = [_which("mariadbd"), "--no-defaults", *where, *small, *files, *quick]
    _spawn(directory, "sh", "-c", 'exec "$@" &', "sh", *server, "--bind-address=127.0.0.1", f"--port={port}")
    _until("MariaDB answers", lambda: (directory / "run" / "mariadb.pid").exists() and _listens(port))


def _spawn(directory: Path, program: str, *args: str) -> None:
    """Run a program that daemonises itself, and wait for its first process to leave."""
    with (directory / "log" / f"{program}.start").open("ab") as log:
        subprocess.run(
            [_which(program), *args],
            env=_daemon_env(directory), cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            timeout=60, check=True, start_new_session=True,
        )  # fmt: skip


def _daemon_env(directory: Path) -> dict[str, str]:
    return {
        "PATH": _search_path(),
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "SLURM_CONF": str(directory / "slurm.conf"),
        MARK: str(directory),
    }


def _members(directory: Path) -> Iterator[int]:
    """Yield the cluster's daemons, their step processes and the jobs, never a person's shell that only talks to it."""
    mark = f"{MARK}={directory}".encode()
    conf = f"SLURM_CONF={directory}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        in_job = any(item.startswith(b"SLURM_JOB_ID=") for item in environ)
        if mark in environ or (in_job and any(item.startswith(conf) for item in environ)):
            yield int(entry.name)


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, or nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _until(what: str, condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s until {what}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, below the range from which the kernel hands out its own."""
    ports: list[int] = []
    while len(ports) < count:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
    return ports


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin"])


def _which(program: str) -> str:
    return shutil.which(program, path=_search_path()) or program


def _print_logs(directory: Path) -> None:
    for log in sorted((directory / "log").glob("*")):
        print(f"--- {log}", *log.read_text(errors="replace").splitlines()[-15:], sep="\n", file=sys.stderr)


def main() -> int:
    """`up`, `down` or `env`, in a directory that stays until `down`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "env"])
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / f"arctl-play-{getpass.getuser()}")
    args = parser.parse_args()
    if args.verb == "down":
        down(args.dir)
        return 0
    if lacking := missing():
        print(f"error: not installed: {', '.join(lacking)} (apt-get install {PACKAGES})", file=sys.stderr)
        return 1
    if len(str(args.dir.resolve())) > LONGEST:
        print(f"error: {args.dir}: too long a path for the sockets in it (choose a shorter --dir)", file=sys.stderr)
        return 2
    if args.verb == "up":
        up(args.dir)
    print(f"export SLURM_CONF={args.dir.resolve()}/slurm.conf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
