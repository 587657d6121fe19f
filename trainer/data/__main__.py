"""`python -m trainer.data synth DIR` makes a data set; `python -m trainer.data check DIR` looks one over."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from trainer.data.annotations import Annotations, Sample, read_ucf101
from trainer.data.synth import Recipe, narrate, write_set
from trainer.errors import DataError, TrainerError


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; errors are one line on stderr."""
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.run(arguments))
    except TrainerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the words in one line, as all else is said."""

    def error(self, message: str) -> NoReturn:
        """End with exit status 2."""
        self.exit(2, f"error: {message} (see `{self.prog} --help`)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m trainer.data", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    synth = commands.add_parser("synth", help="make a set of moving sprites that only the order of frames tells apart")
    synth.add_argument("directory", type=Path, metavar="DIR")
    synth.add_argument("--per-group", type=_positive, default=Recipe.per_group, help="clips of a class in a group")
    synth.add_argument("--groups", type=_groups, default=Recipe.groups, help="groups; 22 or more for all three splits")
    synth.add_argument("--seed", type=int, default=Recipe.seed)
    synth.add_argument("--workers", type=_positive, help="processes; all cores by default")
    synth.add_argument("--force", action="store_true", help="make it anew over a set that this command made")
    synth.set_defaults(run=_synth)
    check = commands.add_parser("check", help="read the lists; with --decode every video")
    check.add_argument("directory", type=Path, metavar="DIR")
    check.add_argument("--split", type=int, choices=(1, 2, 3), default=1)
    check.add_argument("--decode", action="store_true", help="decode every video from its first to its last frame")
    check.add_argument("--workers", type=_positive, help="processes; all cores by default")
    check.set_defaults(run=_check)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _groups(text: str) -> int:
    number = int(text)
    if not 8 <= number <= 99:
        raise argparse.ArgumentTypeError("8 to 99: the first seven are the test of split 1")
    return number


def _synth(arguments: argparse.Namespace) -> int:
    recipe = Recipe(per_group=arguments.per_group, groups=arguments.groups, seed=arguments.seed)
    made = write_set(
        arguments.directory, recipe=recipe, workers=arguments.workers, force=arguments.force, report=narrate
    )
    print(f"{arguments.directory}: {recipe.videos} videos{'' if made else ', there already'}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    found = read_ucf101(arguments.directory, split=arguments.split)
    print(f"{found.name}: {len(found.classes)} classes, split {arguments.split}")
    for name, samples in (("train", found.train), ("test", found.val)):
        groups = {sample.group for sample in samples if sample.group}
        covered = {sample.target for sample in samples}
        print(f"{name}: {len(samples)} videos of {len(covered)} classes, {len(groups)} groups{_span(groups)}")
    for warning in found.warnings:
        print(f"warning: {warning}")
    unreadable = _unreadable(found, decode=arguments.decode, workers=arguments.workers)
    for sample, why in unreadable:
        print(f"unreadable: {sample.id}: {why}")
    how = "every frame decoded" if arguments.decode else "not decoded (--decode)"
    print(f"{len(unreadable)} videos unreadable, {how}")
    return DataError.exit_code if unreadable else 0


def _span(groups: set[str]) -> str:
    return f" ({min(groups)} to {max(groups)})" if groups else ""


def _unreadable(found: Annotations, *, decode: bool, workers: int | None) -> list[tuple[Sample, str]]:
    samples = sorted({*found.train, *found.val}, key=lambda sample: sample.id)
    if not decode:
        return [(sample, "is empty (0 bytes)") for sample in samples if sample.path.stat().st_size == 0]
    from torch.utils.data import DataLoader

    from trainer.data.clips import ClipSet, begin_worker, worker_count

    clips = ClipSet(samples, frames=1, resize=(8, 8))
    loader = DataLoader(clips, batch_size=None, num_workers=worker_count(workers), worker_init_fn=begin_worker)
    results = []
    for number, decoded in enumerate(loader, start=1):
        if decoded.why is not None:
            results.append((samples[decoded.index], decoded.why))
        if number % 500 == 0:
            narrate(f"decoded {number}/{len(samples)} videos")
    return results


if __name__ == "__main__":
    sys.exit(main())
