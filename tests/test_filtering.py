"""The filter language: words and terms, what they hold for, and what missing values do."""

from __future__ import annotations

import math

import pytest

from arctl.errors import NotFoundError, UsageError
from arctl.filtering import Context, every, parse
from arctl.filtering.fields import FIELDS
from arctl.filtering.values import number, run_number, seconds
from arctl.forecast import Outlook
from arctl.registry.rows import RunRow
from arctl.states import State
from tests.rowing import NOW, H, row, summary

FIRST = row(
    12, name="lr-sweep 'wide'", tags=("base", "Paper"), note="two words, a comma", sweep="lr", epoch=10.0, gpus=4,
    metrics={"val/top1": summary("val/top1", 0.78, high=0.83), "val/loss": summary("val/loss", 0.9, low=0.7)},
)  # fmt: skip
SECOND = row(
    7, name="i3d", model="i3d_r50", state=State.OUT_OF_MEMORY, started=NOW - 5 * H, ended=NOW - 2 * H, damaged=3,
    created=NOW - 3 * 24 * H, params={"optim.lr": 0.1}, epoch=math.nan, epochs=None, evaluates=3, attempts=2,
    metrics={"val/top1": summary("val/top1", math.nan, high=0.5)}, node=None, job_id="77_3",
)  # fmt: skip
THIRD = row(1, name="own", model=None, data=None, state=State.PENDING, job_id=None, epoch=None, started=None)
CONTEXT = Context(
    NOW,
    configs={
        12: {"optim.lr": 1e-4, "optim.name": "AdamW", "data.flip": True, "data.sizes": [112, 128], "model.stem": None},
        1: {"optim.lr": "0.05", "optim.name": "sgd"},
    },
    hours={12: 9.5, 7: 0.0},
    outlooks={12: Outlook(eta_s=3 * H + 300, fits=False, reached=32, stale_s=40.0)},
)


def chosen(text: str) -> list[int]:
    """Return the runs that a filter holds for, as each way of asking says."""
    found = parse(text)
    rows: list[RunRow] = [FIRST, SECOND, THIRD]
    numbers = [one.number for one in rows if found.matches(one, CONTEXT)]
    assert numbers == [one.number for one in found.chosen(rows, CONTEXT)]
    return numbers


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", [12, 7, 1]),
        ("run12", [12]),
        ("R3D18", [12]),
        ("memory", [7]),
        ('"out of"', [7]),
        ("paper", [12]),
        ("-r3d18", [7, 1]),
        ("i3d|own", [7, 1]),
        ("'two words'", [12]),
        ("two words", [12]),
        ("state:running", [12]),
        ("state:running,pending", [12, 1]),
        ("state:running|oom", [12, 7]),
        ("state:live -own", [12]),
        ("state:ended", [7]),
        ("State!=running", [7, 1]),
        ("model:3D", [12, 7]),
        ("model=i3d", []),
        ("model!=i3d_r50", [12]),
        ("-model:r3d", [7, 1]),
        ("tag:BASE", [12]),
        ("tag:bas", []),
        ("tag~bas", [12]),
        ("-tag:base", [7, 1]),
        ('note:"a comma"', [12]),
        ("-note:words", [7, 1]),
        ('note=""', [7, 1]),
        ("""name:"'wide'" """, [12]),
        ("sweep:lr", [12]),
        ("job:77_3", [7]),
        ("run>=7 run<12", [7]),
        ("run:run1,12", [12, 1]),
        ("of:run3", [7]),
        ("damaged>0", [7]),
        ("attempts>1", [7]),
        ("gpus > 1", [12]),
        ("hours>5", [12]),
        ("hours=0", [7]),
        ("age<2d", [12, 1]),
        ("age>=2d12h", [7]),
        ("took>=3h", [7]),
        ("took<2h14", [12]),
        ("ended<1d", [7]),
        ("started<3h", [12]),
        ("eta>3h00", [12]),
        ("late:yes", [12]),
        ("late!=yes", []),
        ("silent<1m", [12]),
        ("progress=20%", [12]),
    ],
)
def test_what_a_filter_holds_for(text: str, runs: list[int]) -> None:
    assert chosen(text) == runs


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("val/top1>0.75", [12]),
        ("val/top1>80%", []),
        ("val/top1.best>80%", [12]),
        ("best(val/top1) >= 50%", [12, 7]),
        ('max("val/top1")=83%', [12]),
        ("best>0.8", [12]),
        ("last>0.8", []),
        ("val/loss.best<=0.7", [12]),
        ("min(val/loss)<0.8 last(val/loss)>0.8", [12]),
        ("val/top1<0.5", []),
        ("-val/top1<0.5", [12]),
        ("val/top1!=0.5", [12]),
        ("epoch>=0", [12]),
        ("-epoch>=100", [12]),
        ("has:val/top1", [12]),
        ("-has:val/top1", [7, 1]),
        ("has:note", [12]),
        ("has:cfg.optim.lr", [12, 7, 1]),
        ("cfg.optim.lr<=1e-4", [12]),
        ("cfg.optim.lr:0.0001,0.1", [12, 7]),
        ("cfg.optim.lr>0.01", [7, 1]),
        ("-cfg.optim.lr>0.01", [12]),
        ("cfg.optim.lr!=0.1", [12, 1]),
        ("cfg.optim.name=adamw", [12]),
        ("cfg.optim.name~ada", [12]),
        ("cfg.optim.name:d", [12, 1]),
        ("cfg.data.flip=true", [12]),
        ("cfg.data.sizes~128", [12]),
        ("cfg.model.stem=null", [12]),
        ("cfg.nothing=1", []),
        ("-cfg.nothing=1", []),
        ("cfg.nothing!=1", []),
    ],
)
def test_metrics_and_configurations(text: str, runs: list[int]) -> None:
    assert chosen(text) == runs


def test_a_filter_says_what_it_needs() -> None:
    found = parse("cfg.optim.lr<1 best(val/loss)<1 val/top1>0 hours>1 eta<1d words")
    assert found.needs_config
    assert found.config_keys == {"optim.lr"}
    assert found.metrics == {"val/loss", "val/top1"}
    assert found.needs == {"configs", "hours", "outlooks"}
    assert not parse("state:running").needs
    both = every([parse("state:running"), parse("model:r3d18")])
    assert both.chosen([FIRST, SECOND, THIRD], CONTEXT) == [FIRST]


def test_a_row_that_changes_is_read_again() -> None:
    context = Context(NOW)
    found = parse("fresh")
    assert not found.matches(row(5, name="old"), context)
    assert found.matches(row(5, name="fresh"), context)
    context.haystack.keep(frozenset())
    assert found.matches(row(5, name="fresher"), context)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("stat:running", 1, "no field 'stat' (did you mean 'state'"),
        ("r3d18 optim.lr<=1e-4", 7, "a key of the configuration is 'cfg.optim.lr'"),
        ("state:runing", 1, "did you mean 'running'"),
        ("a  val/top1>x", 4, "val/top1 is compared with a number, such as 0.8, 80% or 1e-4, not 'x'"),
        ("val/top1>", 1, "val/top1> needs a value"),
        ("age<2", 1, "a time with its unit"),
        ("age:2d", 1, "compare it with < or >"),
        ("model<3", 1, "it is text"),
        ("tag>3", 1, "these are words"),
        ("epoch~3", 1, "it is a number"),
        ("epoch>3,4", 1, "compare it with one value"),
        ("run>x", 1, "such as 12 or run12"),
        ("cfg.a>b", 1, "compared with a number"),
        ("state>running", 1, "use : or !="),
        ("late<yes", 1, "use late:yes"),
        ("late:so", 1, "yes or no"),
        ('x note:"two', 3, "a quote is not closed"),
        ('note:"two"words', 1, "a blank is missing behind the quotes"),
        ("(state:running)", 1, "there are no brackets"),
        ("a OR b", 3, "OR is no word of a filter"),
        ("a -", 3, "a word is missing"),
        (">3", 1, "a field is missing before '>'"),
        ("has:a,b", 1, "has: needs one field"),
        ("http://x", 1, "in quotes it is looked for as text"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, place: int, says: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse(text, where="--where")
    assert wrong.value.where == f"--where, column {place}"
    assert says in str(wrong.value)
    lenient = parse(text, typing=True)
    assert lenient.problem is None or lenient.problem.startswith(f"column {place}: ")


def test_metrics_that_no_run_has_are_refused_where_they_are_known() -> None:
    with pytest.raises(UsageError, match="did you mean 'val/top1'"):
        parse("val/top2>1", metrics=["val/top1"])
    assert parse("a/b.best>1", metrics=["a/b.best"]).metrics == {"a/b.best"}
    assert parse("a/b.best>1", metrics=["a/b"]).metrics == {"a/b"}


def test_saved_filters_stand_in_others() -> None:
    saved = {"good": "val/top1.best>0.8", "mine": "-@good state:live", "a": "@b", "b": "@a", "bad": "stat:x"}
    assert [one.number for one in parse("@mine", saved=saved).chosen([FIRST, SECOND, THIRD], CONTEXT)] == [1]
    assert parse("-@good", saved=saved).metrics == {"val/top1"}
    for text, says in (("@a", "holds itself"), ("@bad", "in the saved filter '@bad': no field"), ("@goo", "'@good'")):
        with pytest.raises((UsageError, NotFoundError), match=says):
            parse(text, saved=saved)
    assert "none is saved yet" in (parse("x @good", typing=True).problem or "")


def test_numbers_times_and_runs_as_people_type_them() -> None:
    assert [number(text) for text in ("1e-4", "80%", ".5", "-3", "2GiB", "5k")] == [1e-4, 0.8, 0.5, -3, 2**31, 5000]
    assert [number(text) for text in ("nan", "inf", "1e999", "1_0", "", "3x", "0x3")] == [None] * 7
    assert [seconds(text) for text in ("90s", "1.5h", "1d12h", "3h05", "1w")] == [90, 5400, 129600, 11100, 604800]
    assert seconds("3h5m06") == 11106
    assert [seconds(text) for text in ("3", "", "h", "5h2d", "3h005", "-3h")] == [None] * 6
    assert [run_number(text) for text in ("12", "run12", "RUN3", "run", "1.5")] == [12, 12, 3, None, None]


def test_every_field_reads_every_row() -> None:
    for field in FIELDS.values():
        assert field.about
        read = field.bind(CONTEXT)
        for one in (FIRST, SECOND, THIRD):
            read(one)
