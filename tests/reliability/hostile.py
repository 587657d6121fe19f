"""A workspace in which every text that arctl reads tries to command the terminal: files, names, registry, settings."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import yaml

from arctl.registry import write
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from tests.reliability.payloads import payloads
from tests.tui.workspace import Written, new_run

RUNS = 6
SPLIT = (b"half a sequence \x1b", b"]52;c;Q0001q\x07 and the rest", b"an end \x1b]0;Q0002q", b"Q0003q\x1b[")
"""Lines of a log that tear a sequence apart."""


def hostile(root: Path) -> Workspace:
    """Make it: four failed runs, one that waits, one that runs; the first one's log holds every payload."""
    workspace = init_workspace(root)
    texts = cycle([one.text for one in payloads()])
    for number in range(1, RUNS + 1):
        _run(workspace, number, texts)
    _templates(workspace, texts)
    for text in (next(texts) for _ in range(12)):
        if "/" not in text and "\0" not in text:
            (root / "data" / text).mkdir(parents=True)
    rebuild(workspace)
    _registry(workspace.db, texts)
    return workspace


def _run(workspace: Workspace, number: int, texts: Iterator[str]) -> None:
    words = ("model", "data", "preset", "group", "sweep", "template")
    told = {word: f"{word}{next(texts)}" for word in words}
    run = new_run(
        workspace,
        number,
        f"n{number}{next(texts)}",
        tags=[next(texts) for _ in range(8)],
        note="".join(next(texts) for _ in range(20)),
        command=["python", next(texts)],
        values={"gpus": next(texts), "mem": next(texts), next(texts): next(texts)},
        **told,
    )
    sections = {next(texts): next(texts), "deep": {next(texts): [next(texts), 1]}}
    known = {"model": {"name": next(texts)}, "optim": {"lr": 0.1 / number}}
    run.files.config.write_text(yaml.safe_dump({**known, **sections}))
    _events(run, texts)
    lines = [one.raw for one in payloads()] if number == 1 else [next(texts).encode() for _ in range(30)]
    run.files.log(run.job).write_bytes(b"\n".join((*lines, *SPLIT)) + b"\n")
    run.predictions(1, mixed=number % 2 == 0, samples=3)
    _classes(run, payloads()[350:358])


def _events(run: Written, texts: Iterator[str]) -> None:
    run.start(3)
    run.epoch(1, top1=0.4, steps=2)
    run.epoch(2, top1=0.5, steps=2)
    run.event("warning", code=next(texts), message=next(texts), sample=next(texts), path=next(texts))
    run.event(next(texts), metrics={next(texts): 1.0})
    run.event("step", step=99, epoch=2.5, metrics={next(texts): 1.0})
    attempt = run.files.attempts / f"{run.job}.0"
    env = {"python": next(texts), "torch": next(texts), "gpus": [{"name": next(texts), "memory": 1}]}
    (attempt / "env.json").write_text(json.dumps(env))
    (attempt / "claim.json").write_text(json.dumps({"attempt": next(texts), "host": next(texts), "time": 1.0}))
    if run.number < 5:
        run.end("failed", exit_code=1, message="".join(next(texts) for _ in range(5)))
    (run.files.checkpoints).mkdir()
    (run.files.checkpoints / "manifest.json").write_text(json.dumps({"best.pt": {"epoch": next(texts)}}))


def _classes(run: Written, eight: list[object]) -> None:
    """Give the classes and samples of a predictions file hostile names."""
    path = run.files.prediction_file("val", 1)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["classes"] = np.array([getattr(one, "text") for one in eight])  # noqa: B009
    arrays["ids"] = np.array([f"\x1b]0;{name}\x07" for name in arrays["ids"]])
    np.savez(path, **arrays)


def _templates(workspace: Workspace, texts: Iterator[str]) -> None:
    workspace.templates.mkdir(exist_ok=True)
    body = "#!/bin/bash\n{{# {0} {1} #}}\n{{{{ directives }}}}\n# {2}\nexec {{{{ command }}}}\n"
    for name in (next(texts) for _ in range(12)):
        if "/" not in name and "\0" not in name:
            text = body.format(*(next(texts).replace("{", "").replace("#", "") for _ in range(3)))
            (workspace.templates / f"x{name}.sbatch").write_text(text.replace("\0", ""), encoding="utf-8")
    (workspace.templates / "bad.sbatch").write_text("".join(next(texts) for _ in range(4)).replace("\0", ""))


def _registry(db: Path, texts: Iterator[str]) -> None:
    """Put hostile text where only a scheduler or another program could have: straight into runs.db."""
    # Made by arctl, then changed by somebody else: its own functions would have made the text safe.
    write.create(db)
    with sqlite3.connect(db) as connection:
        for (number,) in connection.execute("SELECT number FROM runs").fetchall():
            node, reason, source = next(texts), next(texts), next(texts)
            state = {5: "pending", 6: "running"}.get(number, "failed")
            connection.execute(
                "UPDATE jobs SET node = ?, reason = ?, source = ?, state = ?, asked_at = ? WHERE run = ?",
                (node, reason, source, state, 1e9, number),
            )
            connection.execute(
                "UPDATE runs SET node = ?, reason = ?, message = ?, state = ?, cluster = 'local' WHERE number = ?",
                (node, reason, next(texts), state, number),
            )
            connection.execute(
                "UPDATE attempts SET host = ?, last_warning = ?, message = ? WHERE run = ?",
                (next(texts), next(texts), next(texts), number),
            )
        for key, name in connection.execute("SELECT id, name FROM metrics").fetchall():
            if name.startswith(("sys", "perf", "optim", "step", "gap")):
                connection.execute("UPDATE metrics SET name = ? WHERE id = ?", (f"{name}{next(texts)}", key))
    connection.close()
