"""What `arctl fuse` says: each run and their fusion side by side, the verdict, the classes that rose and fell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import click

from arctl.cli.tables import BETTER, NOTHING, WORSE, Cell, Column, Row, say, show_table
from arctl.compare.statistics import number as json_number
from arctl.compare.statistics import verdict_json
from arctl.compare.words import p_number, points
from arctl.fusing import FUSED, Fusion, Judgement, facts, notes
from arctl.rundir import run_name
from arctl.scores.metrics import Scores

SCHEMA = "arctl.fusion/1"
"""Name and version of what `to_json` returns."""

_DIM = "bright_black"


def show(fusion: Fusion, judged: Sequence[Judgement], *, number: int | None, name: str, most: int) -> None:
    """Print everything for people; `number` is None where no run was made, `most` how many classes are listed."""
    say(Cell(f"{run_name(number)}  {name}" if number else f"(no run)  {name}", "bold"))
    say(fusion.words)
    if fusion.searched is not None:
        say(Cell(_search_words(fusion), "dim"))
    for one in judged:
        _figures(fusion, one)
        click.echo()
        say(Cell(f"Did combining improve it? {_answer(one)}", "bold"))
        say(one.verdict.sentence)
        for risen in (True, False):
            _classes(one, risen=risen, most=most)
    doubts = list(notes(fusion, judged))
    if doubts:
        click.echo()
    for note in doubts:
        say(Cell(f"note: {note}", "yellow"))


def _answer(one: Judgement) -> str:
    """Return the verdict in one or two words."""
    if one.verdict.outcome != "better":
        return "No sign of it." if one.verdict.outcome == "same answers" else "Cannot tell."
    return "Yes." if one.verdict.better == FUSED else "No, it is worse."


def _search_words(fusion: Fusion) -> str:
    searched = fusion.searched
    assert searched is not None
    cut = f"; videos of it have weights from {searched.folds} folds of {searched.by} that leave them out, twice"
    return (
        f"weights searched on {fusion.wanted.search_on}: highest top-1, then lowest loss{cut if searched.folds else ''}"
    )


def _figures(fusion: Fusion, one: Judgement) -> None:
    columns = (
        Column("run"),
        Column("name", shrink=True, drop=3),
        Column("epoch", right=True, drop=2),
        Column("weight", right=True, drop=1),
        Column("top-1", right=True),
        Column("top-5", right=True, drop=4),
        Column("mean class", right=True),
        Column("NLL", right=True),
        Column("ECE", right=True, drop=5),
    )
    click.echo()
    say(Cell(one.part.stored.protocol.stamp(), "dim"))
    rows: list[Row] = []
    for place, member in enumerate(one.part.lineup.members):
        style = "bold" if place == one.best else ""
        head = (Cell(member.run, style), member.name, str(member.epoch), f"{fusion.weights[place]:.3g}")
        rows.append((*head, *_cells(one.scores[place])))
    crossed = " (cross-fitted)" if one.part.crossed else ""
    rows.append((Cell(f"{FUSED}{crossed}", "bold"), "", "", "", *_cells(one.scores[-1])))
    searched = fusion.searched
    if searched is not None and one.part.lineup.split == fusion.wanted.search_on:
        told = (f"{100 * searched.top1:.1f}%", NOTHING, NOTHING, f"{searched.loss:.3f}", NOTHING)
        rows.append(tuple(Cell(text, _DIM) for text in ("fused, weights chosen here", "", "", "", *told)))
    rows += _heads(one)
    show_table(columns, rows)


def _heads(one: Judgement) -> Iterator[Row]:
    """Give the verb, the noun and the action of two-headed runs."""
    for head, scores in one.heads:
        for label, figures in zip(one.labels, scores, strict=True):
            yield (f"{label} {head}", "", "", "", *_cells(figures))


def _cells(scores: Scores) -> list[str]:
    top5 = scores.top.get(5)
    return [
        f"{100 * scores.top[1].value:.1f}%",
        NOTHING if top5 is None else f"{100 * top5.value:.1f}%",
        _percent(scores.mean_class),
        NOTHING if math.isnan(scores.nll) else f"{scores.nll:.3f}",
        _percent(scores.ece),
    ]


def _percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{100 * value:.1f}%"


def _classes(one: Judgement, *, risen: bool, most: int) -> None:
    where, alpha = one.where, 0.05
    chosen = where.ordered(risen=risen)
    word = "rose" if risen else "fell"
    real = len(set(where.significant(alpha)) & set(chosen))
    if not chosen[:most]:
        if most:
            say(Cell(f"no class {word}", "dim"))
        return
    titles = (one.labels[one.best], FUSED, "difference", "n", "p", "q")
    columns = (Column("class", shrink=True), *(Column(title, right=True) for title in titles))
    rows: list[Row] = []
    for k in chosen[:most]:
        testable, q = bool(where.tests.testable[k]), float(where.tests.adjusted[k])
        style = _DIM if not testable else (BETTER if risen else WORSE) if q < alpha else ""
        texts = (
            where.classes[k],
            *(_percent(float(where.recall(side)[k])) for side in (0, 1)),
            points(float(where.change[k])),
            str(where.support[k]),
            p_number(float(where.tests.p[k])),
            p_number(q) if testable else "too few",
        )
        rows.append(tuple(Cell(text, style) for text in texts))
    cut = f", the first {most}" if len(chosen) > most else ""
    show_table(columns, rows, title=f"Classes whose recall {word}: {len(chosen)}, of them {real} beyond chance{cut}")


def to_json(fusion: Fusion, judged: Sequence[Judgement], *, number: int | None, name: str) -> dict[str, object]:
    """Return all of it as JSON values."""
    return {
        "run": run_name(number) if number else None,
        "name": name,
        **facts(fusion),
        "fused": list(fusion.labels),
        "search": _search_json(fusion),
        "splits": [_split_json(one) for one in judged],
        "notes": list(notes(fusion, judged)),
    }


def _search_json(fusion: Fusion) -> dict[str, object] | None:
    searched = fusion.searched
    if searched is None:
        return None
    told = {"top1": json_number(searched.top1), "nll": json_number(searched.loss)}
    return {"on": fusion.wanted.search_on, "folds": searched.folds, "by": searched.by, "flattering": told}


def _split_json(one: Judgement) -> dict[str, object]:
    part, flips = one.part, one.pair.top1.flips
    clustered = one.pair.top1.clustered
    return {
        "split": part.lineup.split,
        "protocol": part.stored.protocol.facts(),
        "videos": len(part.lineup.ids),
        "cross_fitted": part.crossed,
        "runs": [
            {"run": member.run, "epoch": member.epoch, "chosen": member.chosen, **_scores_json(scores)}
            for member, scores in zip(part.lineup.members, one.scores, strict=False)
        ],
        "fused": _scores_json(one.scores[-1]),
        "heads": {head: [_scores_json(figures) for figures in scores] for head, scores in one.heads},
        "best_single": one.labels[one.best],
        "best_single_chosen_on": one.chosen_on,
        "verdict": verdict_json(one.verdict),
        "flips": flips._asdict(),
        "p_mcnemar": json_number(one.pair.top1.mcnemar.p),
        "p_by_groups": json_number(clustered.p) if clustered is not None else None,
        "classes": _classes_json(one),
    }


def _scores_json(scores: Scores) -> dict[str, object]:
    return {
        "samples": scores.samples,
        "unreadable": scores.unreadable,
        **{f"top{k}": json_number(share.value) for k, share in scores.top.items()},
        "mean_class": json_number(scores.mean_class),
        "macro_f1": json_number(scores.macro_f1),
        "nll": json_number(scores.nll),
        "ece": json_number(scores.ece),
    }


def _classes_json(one: Judgement) -> list[dict[str, object]]:
    where = one.where
    return [
        {
            "class": label,
            "n": int(where.support[k]),
            "best_single": json_number(float(where.recall(0)[k])),
            "fused": json_number(float(where.recall(1)[k])),
            "p": json_number(float(where.tests.p[k])),
            "testable": bool(where.tests.testable[k]),
            "q": json_number(float(where.tests.adjusted[k])),
        }
        for k, label in enumerate(where.classes)
    ]
