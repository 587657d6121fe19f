"""`python -m trainer --run-dir DIR` trains, `python -m trainer eval --run-dir DIR` evaluates what was trained.

Both claim an attempt, and end with an end event and an exit status. The one place that prints errors. torch is imported
only once the claim, the signals and the configuration stand.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trainer import attempt, config
from trainer.errors import Interrupted, Superseded, TrainerError
from trainer.evaluation.asked import Asked, parse_views, read_asked
from trainer.events import SYNC_SECONDS, EventLog, NoEvents
from trainer.explain import explain
from trainer.fields import describe
from trainer.position import Position
from trainer.signals import StopFlag
from trainer.start import Start

Work = Callable[[Start], str]
"""What is done with a run; returns one sentence that says how it ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trainer; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words.pop(0) if words and words[0] in ("train", "eval") else "train"
    if command == "train":
        run_dir = _parser().parse_args(words).run_dir.absolute()
        return _start(run_dir, run_dir, _train)
    try:
        asked = read_asked(words, env=os.environ)
    except TrainerError as error:
        return _print(error)
    return _start(asked.run_dir, asked.out, lambda start: _evaluate(start, asked))


def _start(run_dir: Path, place: Path | None, work: Work) -> int:
    """Do the work of `run_dir` as an attempt of `place`; as none where there is no place."""
    stop = StopFlag()
    stop.install()
    writes = os.environ.get("RANK", "0") == "0" and place is not None
    try:
        claim = attempt.claim(place, env=os.environ) if writes and place is not None else None
        log = EventLog(claim.path / "events.jsonl") if claim else NoEvents()
    except TrainerError as error:
        return _print(error)
    position = Position()
    try:
        return _attempt(run_dir, claim, log, stop, position, work)
    finally:
        stop.done()
        log.close()


def _attempt(
    run_dir: Path,
    claim: attempt.Claim | None,
    log: EventLog | NoEvents,
    stop: StopFlag,
    position: Position,
    work: Work,
) -> int:
    checked: config.Config | None = None
    superseded, end_watch = attempt.watch(claim, sync=log.sync, every=SYNC_SECONDS)
    try:
        checked = config.load(run_dir / "config.yaml")
        message = work(Start(run_dir, checked, claim, log, stop, superseded.is_set, position))
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
    from trainer.train import train

    _describe_machine(start)
    return train(start, env=os.environ)


def _evaluate(start: Start, asked: Asked) -> str:
    parse_views(asked.views)
    from trainer.evaluation.page import evaluate_run

    _describe_machine(start)
    return evaluate_run(start, asked, env=os.environ)


def _describe_machine(start: Start) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if start.claim is not None:
        attempt.write_json(start.claim.path / "env.json", attempt.environment())


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
        description="Trains a video model as config.yaml in a run directory says; goes on from its checkpoint. "
        "`python -m trainer eval` evaluates one (`python -m trainer eval --help`).",
        epilog="\n".join(["config.yaml, section.key [type; default]; a model has defaults of its own:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="where config.yaml lies")
    return parser


if __name__ == "__main__":
    sys.exit(main())
