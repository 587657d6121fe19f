"""Where jobs run. `open_cluster` is the way in; each cluster is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arctl.errors import UsageError, nearest

if TYPE_CHECKING:
    from arctl.clusters.base import Cluster
    from arctl.settings import Workspace

NAMES = ("local", "slurm")
"""The clusters that there are."""


def open_cluster(name: str, workspace: Workspace) -> Cluster:
    """Return the cluster called `name`, as the workspace has it set up. Raises UsageError for an unknown name."""
    match name:
        case "slurm":
            from arctl.clusters.slurm import SlurmCluster

            return SlurmCluster(workspace.settings.slurm)
        case "local":
            from arctl.clusters.local import LocalCluster

            return LocalCluster(workspace.state / "local", slots=workspace.settings.slots)
        case _:
            raise UsageError(f"no cluster is called {name!r}", where="--cluster", cure=nearest(name, NAMES))
