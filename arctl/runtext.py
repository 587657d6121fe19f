"""run.yaml as text, and the first job of a run put into that text.

A sweep writes a thousand of them twice: making the text anew for the job's id alone would cost as much again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNTIL_QUEUED = ("\nsubmission: submitting\n", "\njobs: []\n")


def text_of(run: object) -> str:
    """Return what run.yaml says of a `runfile.RunFile`, in the order of its fields, the keys of a newer arctl last."""
    facts = vars(run)
    mapping = {"contract": facts["contract"]}
    for name, value in facts.items():
        if name != "extra":
            mapping[name] = [_job(job) for job in value] if name == "jobs" else plain(value)
    return _dumped({**mapping, **{key: plain(value) for key, value in facts["extra"].items()}})


def with_first_job(text: str, job: object) -> str | None:
    """Return the text of a run that is being submitted (`text_of`) with its `runfile.JobFile`; None for any other."""
    if any(text.count(part) != 1 for part in _UNTIL_QUEUED):
        return None
    submitting, none = _UNTIL_QUEUED
    changed = text.replace(submitting, "\nsubmission: submitted\n")
    return changed.replace(none, f"\n{_dumped({'jobs': [_job(job)]})}")


def plain(value: object) -> object:
    """Return lists for tuples and text for paths and words of an enum, so that YAML needs no tags."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or type(value) in (bool, int, float):
        return value
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _job(job: object) -> dict[str, object]:
    return {name: value for name, value in vars(job).items() if value is not None}


def _dumped(mapping: Mapping[str, object]) -> str:
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(mapping, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1 << 16))
