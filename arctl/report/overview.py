"""The first part of a report: the answer, which runs, how they were set up, what they cost, how they learned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from arctl.compare.code import CodeDifference
from arctl.facts import Setting
from arctl.numerals import plain
from arctl.report import words
from arctl.report.curve_plots import curve_plot, spoken
from arctl.report.findings import Findings
from arctl.report.page import Block, Cell, Code, Drawing, Head, Row, Section, Table, Text

_SOFTWARE = ("env.", "code.", "jobs", "created", "slurm.")
_MAIN = (
    "model.", "data.name", "data.split", "data.frames", "data.sampling", "data.resize", "data.crop", "data.batch_size",
    "optim.name", "optim.lr", "optim.weight_decay", "train.epochs", "train.seed", "train.precision", "preset",
    "command", "resources.",
)  # fmt: skip
_MOST_FILES, _MOST_LINES = 30, 200


def answer(findings: Findings) -> Section:
    """Return the verdict on several runs, or what a single one reached; then every doubt."""
    blocks: list[Block] = [Text(_answer(findings), "answer")]
    blocks += [Text(_sentence(note), "note") for note in findings.notes]
    blocks.append(_runs(findings))
    return Section("In short", tuple(blocks))


def setup(findings: Findings) -> Section:
    """Return in what the runs differ, or all that is known of a single one; and how their code differs."""
    compared = findings.comparison
    if compared is None:
        rows = [(key, plain(value)) for key, value in _settings(findings, 0).items() if key.startswith(_MAIN)]
        main = Table("Main settings (all of them are in the last part)", (Head("setting"), Head("value")), tuple(rows))
        return Section("Set-up", (main,) if rows else ())
    blocks: list[Block] = []
    heads = (Head("setting"), *(Head(label) for label in findings.labels))
    if compared.setup:
        blocks.append(Table("Settings that differ", heads, tuple(_setting(one) for one in compared.setup)))
    else:
        blocks.append(Text("No setting differs."))
    hidden = f"; {compared.hidden} more are left out, arctl compare --all lists them" if compared.hidden else ""
    blocks.append(Text(f"{compared.same} settings are the same (see the last part){hidden}.", "small"))
    blocks += _codes(findings.labels, compared.code)
    return Section("Set-up", tuple(blocks))


def cost(findings: Findings) -> Section:
    """Return what the runs have cost."""
    costs = findings.cost
    lines: list[Row] = [
        ("time on the machine", *(words.span(one.wall_s) for one in costs)),
        ("GPU-hours", *(_hours(one.gpu_hours) for one in costs)),
        ("of them in vain", *(_hours(one.wasted_gpu_hours) for one in costs)),
        ("GPUs", *(str(one.gpus or words.NOTHING) for one in costs)),
        ("clips a second in training, median", *(words.number(one.clips_per_s) for one in costs)),
        ("epochs", *(_of(one.epochs, one.planned) for one in costs)),
        ("best epoch", *(words.NOTHING if one.best_epoch is None else f"{one.best_epoch:g}" for one in costs)),
        ("optimizer steps", *(words.NOTHING if one.steps is None else f"{one.steps:,}" for one in costs)),
        ("starts of the trainer", *(str(one.attempts) for one in costs)),
        ("peak GPU memory", *(words.metric("sys/gpu_mem", one.peak_memory) for one in costs)),
    ]
    told = tuple(row for row in lines if any(cell not in (words.NOTHING, "0") for cell in row[1:]))
    heads = (Head(""), *(Head(label, right=True) for label in findings.labels))
    return Section("Cost", (Table("What each run has cost", heads, told),) if told else ())


def curves(findings: Findings) -> Section:
    """Return the learning curves."""
    if not findings.curves:
        return Section("Learning curves", (Text("These runs have logged no curves."),))
    restarts = sum(len(curve.restarts) for curve in findings.curves)
    several = any(arm.size > 1 for arm in findings.arms)
    seeds = "Thick lines are means over seeds, thin ones single seeds. " if several else ""
    marks = "A tick at the foot marks where a run was started again. " if restarts else ""
    caption = f"Learning curves over epochs. {seeds}{marks}".strip()
    whole = "as logged in training: one view of each video, after each epoch; training figures with augmentation"
    return Section("Learning curves", (Drawing(lambda: curve_plot(findings), spoken(findings), caption, (whole,)),))


def software(findings: Findings) -> Section:
    """Return the versions that each run ran with, its code and its jobs, and the settings that all share."""
    keys = sorted({key for one in findings.facts for key in one.values if key.startswith(_SOFTWARE)}, key=_rank)
    heads = (Head(""), *(Head(label) for label in findings.labels))
    rows = [(key.removeprefix("env."), *(_value(findings, k, key) for k in range(len(findings.runs)))) for key in keys]
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Software, hardware and code of each run", heads, tuple(rows)))
    same = _same(findings)
    if same:
        caption = "All settings" if findings.comparison is None else "Settings that are the same in all runs"
        blocks.append(Table(caption, (Head("setting"), Head("value")), tuple(same.items())))
    return Section("Software and settings", tuple(blocks))


def _answer(findings: Findings) -> str:
    if findings.comparison is not None:
        return _sentence(findings.comparison.verdict.sentence)
    (label,), row, moment = findings.labels, findings.runs[0], findings.moments[0]
    scores = findings.scores[0]
    if scores is None:
        return f"{label} {row.name} has no predictions to judge it by."
    epoch = f" after epoch {moment.answers.epoch}" if moment.answers is not None else ""
    rest = f", mean-class accuracy {words.percent(scores.mean_class)}, macro F1 {words.percent(scores.macro_f1)}"
    return f"{label} {row.name}{epoch}: top-1 {words.share(scores.top[1])} on {findings.asked.split}{rest}."


def _sentence(text: str) -> str:
    """Return a sentence with its full stop, and a capital unless it begins with a run's name."""
    return f"{text if re.match(r'run[0-9]', text) else text[:1].upper() + text[1:]}."


def _runs(findings: Findings) -> Table:
    heads = ("run", "name", "model", "data", "state", "epoch told of", "seed", "made", "tags", "note")
    seeds = {place: seed for arm in findings.arms for place, seed in zip(arm.members, arm.seeds, strict=True)}
    rows = []
    for place, (label, row) in enumerate(zip(findings.labels, findings.runs, strict=True)):
        moment = findings.moments[place]
        known = moment.answers.epoch if moment.answers is not None else moment.epoch
        epoch = words.NOTHING if known is None else f"{known:g}"
        given = seeds.get(place)
        cells = (label, row.name, row.model or "own command", row.data or words.NOTHING, row.state.replace("_", " "))
        rest = (epoch, words.NOTHING if given is None else plain(given), words.moment(row.created))
        rows.append((*cells, *rest, ", ".join(row.tags), row.note))
    keep = [k for k in range(len(heads)) if k < 6 or any(row[k] not in ("", words.NOTHING) for row in rows)]
    shown = tuple(tuple(row[k] for k in keep) for row in rows)
    return Table("Runs", tuple(Head(heads[k]) for k in keep), shown, findings.stamps)


def _setting(one: Setting) -> Row:
    return (one.key, *("(none)" if gone else plain(v) for v, gone in zip(one.values, one.missing, strict=True)))


def _settings(findings: Findings, place: int) -> dict[str, object]:
    values = findings.facts[place].values
    return {key: value for key, value in values.items() if not key.startswith(_SOFTWARE)}


def _same(findings: Findings) -> dict[str, str]:
    texts = [{key: plain(v) for key, v in _settings(findings, k).items()} for k in range(len(findings.runs))]
    return {key: text for key, text in texts[0].items() if all(one.get(key) == text for one in texts[1:])}


def _value(findings: Findings, place: int, key: str) -> str:
    values = findings.facts[place].values
    if key not in values:
        return words.NOTHING
    value = values[key]
    return words.moment(value) if key == "created" and isinstance(value, float) else plain(value)


def _rank(key: str) -> tuple[int, str]:
    return next(place for place, head in enumerate(_SOFTWARE) if key.startswith(head)), key


def _hours(hours: float | None) -> str:
    return f"{hours:.2f}" if hours else words.NOTHING


def _of(epochs: float | None, planned: int | None) -> str:
    if epochs is None:
        return words.NOTHING
    return f"{epochs:g}" if planned is None else f"{epochs:g} of {planned}"


def _codes(labels: Sequence[str], codes: Sequence[CodeDifference]) -> Iterator[Block]:
    """Give what differs between the code of the first run and of each other one; what is alike is said once."""
    plain: dict[str, list[str]] = {}
    for label, code in zip(labels[1:], codes, strict=True):
        if code.same is None:
            plain.setdefault(f"{code.why}", []).append(label)
        elif code.same:
            plain.setdefault(f"they ran the same code, {code.first}", []).append(label)
    for said, others in plain.items():
        yield Text(f"Code of {labels[0]} against {', '.join(others)}: {said}.", "small")
    for label, code in zip(labels[1:], codes, strict=True):
        if code.same is False:
            yield from _code(f"{labels[0]} and {label}", code)


def _code(between: str, code: CodeDifference) -> Iterator[Block]:
    commits = " and ".join(commit or "no commit" for commit in code.commits)
    heads = (Head("file"), Head("what"), Head("lines added", right=True), Head("lines removed", right=True))
    rows = [(one.path, one.kind, _count(one.added), _count(one.removed)) for one in code.changes]
    caption = f"Code: {between} differ in {len(rows)} files ({commits})"
    if rows:
        yield Table(caption, heads, tuple(rows[:_MOST_FILES]))
    if code.why or len(rows) > _MOST_FILES:
        yield Text("; ".join(filter(None, (code.why, _more(len(rows), _MOST_FILES, "files")))) + ".", "small")
    if code.patch:
        more = _more(len(code.patch), _MOST_LINES, "lines")
        yield Code(f"The lines that differ{f' ({more})' if more else ''}:", code.patch[:_MOST_LINES])


def _more(count: int, most: int, what: str) -> str:
    return f"the first {most} {what} of {count}" if count > most else ""


def _count(count: int | None) -> Cell | str:
    return Cell(words.NOTHING, "weak") if count is None else str(count)
