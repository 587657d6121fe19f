"""All that is known of a run as JSON values: what `arctl show --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from arctl.cli.showing import Known
from arctl.registry.rows import json_number
from arctl.request import Evaluation
from arctl.rundir import run_name


def payload(known: Known) -> Mapping[str, object]:
    """Return all of it as JSON values."""
    row = asdict(known.row)
    metrics = {
        name: {
            **{key: json_number(value) for key, value in summary._asdict().items() if key != "name"},
            "best": json_number(summary.best),
            "best_epoch": json_number(summary.best_epoch),
        }
        for name, summary in known.row.metrics.items()
    }
    return {
        "run": run_name(known.row.number),
        **{key: json_number(value) if isinstance(value, float) else value for key, value in row.items()},
        "metrics": metrics,
        "jobs": [asdict(job) for job in known.jobs],
        "tries": [asdict(attempt) for attempt in known.attempts],
        "setup": dict(known.facts.values),
        "troubles": list(known.facts.troubles),
        "path": str(known.files.path),
        "logs": [str(path) for path in known.files.logs()],
        "predictions": [
            {"split": file.split, "epoch": file.epoch, "variant": file.variant, "path": str(file.path)}
            for file in known.files.prediction_names()
        ],
        "evaluation": _protocol(known.asked),
        "evaluations": [
            {"run": run_name(one.number), "state": one.state, **(_protocol(asked) or {})}
            for one, asked in known.evaluations
        ],
        "outlook": asdict(known.outlook) if known.outlook else None,
        "history": [moment.facts() for moment in known.moments],
        **known.lineage.facts(),
    }


def _protocol(asked: Evaluation | None) -> dict[str, object] | None:
    return None if asked is None else {key: value for key, value in asdict(asked).items() if key != "run"}
