"""`python -m benchmarks`: prints each table that a machine without a GPU can print, as in docs/benchmarks.md."""

from __future__ import annotations

from benchmarks import (
    code_snapshot,
    compare_speed,
    confusion_speed,
    curve_speed,
    dashboard_speed,
    event_writing,
    registry_size,
    startup,
    sync_speed,
)
from benchmarks.timing import hardware

_PAGES = {
    "Starting": startup,
    "Logging": event_writing,
    "The registry": registry_size,
    "Sync": sync_speed,
    "The code as submitted": code_snapshot,
    "Confusion": confusion_speed,
    "Comparing": compare_speed,
    "Curves": curve_speed,
    "The dashboard": dashboard_speed,
}


def main() -> None:
    """Measure and print."""
    print(f"{hardware()}\n")
    for title, page in _PAGES.items():
        print(f"## {title}\n\n{page.measure()}\n", flush=True)


if __name__ == "__main__":
    main()
