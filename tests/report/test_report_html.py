"""The HTML of a report: whole, escaped, alone, legible to a screen reader, and with the numbers of the comparison."""

from __future__ import annotations

import re

import pytest

from arctl import compare, report
from tests.compare.conftest import Study
from tests.report.conftest import HOSTILE, Page, numbers


@pytest.fixture(scope="module")
def text(studied: Study) -> str:
    return report.write(report.report(studied.workspace, 1, 2), "html")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_report_needs_nothing_else(text: str, page: Page) -> None:
    assert not page.of("script") and not page.of("iframe") and not page.of("object") and not page.of("img")
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert not re.findall(r"https?:|@import|url\((?!#)", text)
    references = [value for _, attrs in page.tags for key, value in attrs.items() if key in ("href", "src") and value]
    assert references and all(one.startswith(("#", "data:")) for one in references)
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    policy = next(one for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_every_id_is_there_once_and_every_reference_has_one(text: str, page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids)) > 50
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
    assert used and set(used) <= set(ids)


def test_what_anything_is_called_stays_text(text: str, page: Page) -> None:
    assert "<script" not in text and "<b>marks" not in text and "lab & <co>" not in text
    shown = " ".join(page.texts)
    assert HOSTILE in shown and "a note with <b>marks</b>" in shown and "lab & <co>" in shown
    assert sum(HOSTILE[:20] in one for one in page.texts) > 4  # in the figures as well


def test_tables_and_figures_can_be_heard(page: Page) -> None:
    assert page.of("html")[0]["lang"] == "en"
    assert all(one.get("scope") in ("col", "row") for one in page.of("th"))
    assert len(page.of("table")) == len(page.of("caption")) > 8
    drawings = page.of("svg")
    assert len(drawings) == len(page.of("figure")) == len(page.of("figcaption")) == 6
    assert all(one["role"] == "img" and len(str(one["aria-label"])) > 40 for one in drawings)
    headings = [name for name, _ in page.tags if name in ("h1", "h2", "h3")]
    assert headings[0] == "h1" and headings.count("h1") == 1


def test_numbers_are_those_of_the_comparison(studied: Study, page: Page) -> None:
    told = compare.to_json(compare.compare(studied.workspace, 1, 2))
    figures = {one["name"]: one for one in told["figures"]}  # type: ignore[attr-defined, index]
    for name, title in (("mean_class", "mean-class accuracy"), ("macro_f1", "macro F1")):
        first, second, change, interval = page.row(title)
        one = figures[name]
        assert numbers(first) == [round(100 * one["values"][0], 1)]
        assert numbers(second) == [round(100 * one["values"][1], 1)]
        assert numbers(change) == [round(100 * one["difference"], 1)]
        assert numbers(interval) == [round(100 * one["interval"][end], 1) for end in ("low", "high")]
    (test,) = told["tests"]  # type: ignore[misc]
    assert numbers(page.row("only run1 right")[0]) == [test["paired"][0]["only_first"]]
    assert numbers(page.row("only run2 right")[0]) == [test["paired"][0]["only_second"]]
    assert told["verdict"]["sentence"] + "." in page.texts  # type: ignore[index, operator]


def test_every_table_of_figures_names_its_protocol(studied: Study, page: Page) -> None:
    stamps = [one.answers.protocol.stamp() for one in compare.compare(studied.workspace, 1, 2).moments if one.answers]
    assert len(stamps) == 2 and "240 videos #" in stamps[0]
    for label, stamp in zip(("run1", "run2"), stamps, strict=True):
        assert page.texts.count(f"{label}: {stamp}") >= 8
    assert [one for one in page.of("p") if one.get("class") == "protocol"]


def test_classes_with_and_without_samples(studied: Study, page: Page) -> None:
    captions = [page.texts[k] for k in range(len(page.texts)) if page.texts[k].startswith(("Classes of", "The most"))]
    assert captions == [
        "Classes of run1, the best recall first",
        "Classes of run2, the best recall first",
        "The most confused pairs of run1",
        "The most confused pairs of run2",
    ]
    assert page.row("unreadable samples")[:2] == ["3", "3"]


def test_one_run_alone(studied: Study) -> None:
    page = Page(report.write(report.report(studied.workspace, 1), "html"))
    texts = " ".join(page.texts)
    assert "run1 space-time after epoch 2: top-1" in texts and "Is it real?" not in texts
    assert page.row("model.name") == ["r3d_tiny"] and page.row("optim.lr") == ["0.01"]
    assert len(page.of("svg")) == 3


def test_recipes_with_seeds_and_runs_without_predictions(studied: Study) -> None:
    page = Page(report.write(report.report(studied.workspace, 1, 3, 4, 6), "html"))
    assert page.row("run3+run4")[0] == "2"
    assert "n=1" in page.row("run1")[-1] or any("(n=1)" in cell for row in page.rows for cell in row)
    assert any("run6: no predictions on val" in one for one in page.texts)
    assert any("run3+run4 mvit, mean of 2 seeds" in one for one in page.texts)
    assert page.row("top-1")[3] == "–"


def test_a_run_of_which_nothing_is_known(studied: Study) -> None:
    page = Page(report.write(report.report(studied.workspace, 6), "html"))
    assert "run6 nothing has no predictions to judge it by." in page.texts
    assert "These runs have logged no curves." in page.texts
