"""Says no to a project that is too large to be copied for each submission, and names what makes it large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from arctl.errors import UsageError
from arctl.settings import Workspace
from arctl.snapshot.choosing import IGNORE_FILE
from arctl.text import safe_line

_CURE = (
    f"name what no job needs a copy of in {IGNORE_FILE}, raise `snapshot` in arctl.yaml, or submit with --no-snapshot"
)


def check_size(workspace: Workspace, sizes: Mapping[str, int]) -> None:
    """See that files (path -> bytes) are few and small enough. Raises UsageError naming the largest."""
    limit, total = workspace.settings.snapshot, sum(sizes.values())
    if len(sizes) > limit.max_files:
        raise too_many(workspace, sizes)
    if total > limit.max_mb * 1e6:
        most = ", ".join(f"{name} {megabytes(size)}" for name, size in largest(sizes))
        what = f"the project has {megabytes(total)}, more than the {limit.max_mb:,} MB that a snapshot may have: {most}"
        raise UsageError(what, where=str(workspace.root), cure=_CURE)


def too_many(workspace: Workspace, paths: Collection[str], *, at_least: bool = False) -> UsageError:
    """Return the error for a project of too many files, or of more than those that a walk has seen."""
    most = ", ".join(f"{name} {count:,}" for name, count in largest(dict.fromkeys(paths, 1)))
    limit, number = workspace.settings.snapshot.max_files, f"{'more than ' if at_least else ''}{len(paths):,}"
    what = f"the project has {number} files, and a snapshot may have {limit:,}: {most}"
    return UsageError(what, where=str(workspace.root), cure=_CURE)


def largest(weights: Mapping[str, int], *, count: int = 3) -> list[tuple[str, int]]:
    """Return the heaviest files and directories, heaviest first.

    Where one directory has most of it, and a few things most of that directory, they are named in its place.
    """
    heaviest = _inside(weights, "").most_common(count)
    while heaviest and heaviest[0][0].endswith("/"):
        top, weight = heaviest[0]
        below = _inside(weights, top).most_common(count)
        if weight < 0.6 * sum(weights.values()) or sum(part for _, part in below) < 0.5 * weight:
            break
        heaviest = below
    return [(safe_line(name, limit=80), weight) for name, weight in heaviest]


def megabytes(size: int) -> str:
    """Return bytes as people read them: `0.4 MB`, `1,200 MB`."""
    return f"{size / 1e6:.1f} MB" if size < 10e6 else f"{size / 1e6:,.0f} MB"


def _inside(weights: Mapping[str, int], place: str) -> Counter[str]:
    """Return the weight of each file and directory of a directory (empty, or with a slash at its end)."""
    found: Counter[str] = Counter()
    for path, weight in weights.items():
        if path.startswith(place):
            name, slash, _ = path[len(place) :].partition("/")
            found[place + name + slash] += weight
    return found
