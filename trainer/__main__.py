"""`python -m trainer --run-dir DIR`: claims the run directory, trains, and ends with an end event and an exit status.

The one place that prints errors. torch is imported only once the claim, the signals and the configuration stand.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer import attempt, config
from trainer.errors import Interrupted, Superseded, TrainerError
from trainer.events import SYNC_SECONDS, EventLog, NoEvents
from trainer.explain import explain
from trainer.fields import describe
from trainer.position import Position
from trainer.signals import StopFlag
from trainer.start import Start


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trainer; return the exit status."""
    run_dir: Path = _parser().parse_args(arguments).run_dir
    stop = StopFlag()
    stop.install()
    writes = os.environ.get("RANK", "0") == "0"
    try:
        claim = attempt.claim(run_dir.absolute(), env=os.environ) if writes else None
        log = EventLog(claim.path / "events.jsonl") if claim else NoEvents()
    except TrainerError as error:
        return _print(error)
    position = Position()
    try:
        return _attempt(run_dir.absolute(), claim, log, stop, position)
    finally:
        stop.done()
        log.close()


def _attempt(
    run_dir: Path, claim: attempt.Claim | None, log: EventLog | NoEvents, stop: StopFlag, position: Position
) -> int:
    checked: config.Config | None = None
    superseded, end_watch = attempt.watch(claim, sync=log.sync, every=SYNC_SECONDS)
    try:
        checked = config.load(run_dir / "config.yaml")
        message = _train(Start(run_dir, checked, claim, log, stop, superseded.is_set, position))
        status, code = "completed", 0
    except KeyboardInterrupt:
        message, status, code = "stopped at once by a second SIGINT; nothing was saved", "interrupted", 130
        print(f"trainer: error: {message}", file=sys.stderr)
    except BaseException as caught:
        error = stop.parting or explain(caught, config=checked, attempt=claim.path if claim else None)
        message, status, code = str(error), _status(error), _print(error)
    finally:
        end_watch()
    if stop.parting is None:
        log.write("end", status=status, exit_code=code, message=message, epoch=position.reached, step=position.step)
    return code


def _train(start: Start) -> str:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    from trainer.train import train

    if start.claim is not None:
        attempt.write_json(start.claim.path / "env.json", attempt.environment())
    return train(start, env=os.environ)


def _status(error: TrainerError) -> str:
    return "interrupted" if isinstance(error, Interrupted | Superseded) else "failed"


def _print(error: TrainerError) -> int:
    rank = os.environ.get("RANK", "0")
    place = f"process {rank}: " if rank != "0" else ""
    print(f"trainer: error: {place}{error}", file=sys.stderr, flush=True)
    return error.exit_code


def _parser() -> argparse.ArgumentParser:
    lines = [
        f"  {key:<26} {meaning} [{kind}; {default}]"
        for section, cls in config.SECTIONS.items()
        for key, kind, default, meaning in describe(section, cls)
    ]
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Trains a video model as config.yaml in a run directory says; goes on from its checkpoint.",
        epilog="\n".join(["config.yaml, section.key [type; default]; a model has defaults of its own:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="where config.yaml lies")
    return parser


if __name__ == "__main__":
    sys.exit(main())
