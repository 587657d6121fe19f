"""`python -m benchmarks`: prints each table that a machine without a GPU can print, as in docs/benchmarks.md."""

from __future__ import annotations

from benchmarks import event_writing, registry_size, startup
from benchmarks.timing import hardware


def main() -> None:
    """Measure and print."""
    print(f"{hardware()}\n")
    for title, page in [("Starting", startup), ("Logging", event_writing), ("The registry", registry_size)]:
        print(f"## {title}\n\n{page.measure()}\n", flush=True)


if __name__ == "__main__":
    main()
