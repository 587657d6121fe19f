"""The `dashboard:` part of arctl.yaml: every key documented, mistakes placed, names left to the dashboard."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from arctl import settings
from arctl.dashboard_settings import DashboardSettings
from arctl.errors import UsageError
from arctl.settings import load_settings


def dashboard(tmp_path: Path, text: str) -> DashboardSettings:
    (tmp_path / "arctl.yaml").write_text("dashboard:\n" + text)
    return load_settings(tmp_path / "arctl.yaml").dashboard


def test_the_commented_file_has_every_key_with_its_default(tmp_path: Path) -> None:
    text = Path(settings.__file__).with_name("new_workspace.yaml").read_text()
    said = yaml.safe_load(text)["dashboard"]
    assert set(said) == {item.name for item in fields(DashboardSettings)} - {"places"}
    (tmp_path / "arctl.yaml").write_text(text)
    assert load_settings(tmp_path / "arctl.yaml").dashboard == DashboardSettings()


def test_all_keys_are_read(tmp_path: Path) -> None:
    found = dashboard(
        tmp_path,
        "  theme: nord\n  keys: {cancel: ctrl+x, next-tab: [n, right]}\n  columns: [run, name, val/loss]\n"
        "  sort: -best\n  bell: true\n  osc9: true\n  readonly: true\n  refresh_s: 7.5\n",
    )
    assert found == DashboardSettings(
        theme="nord",
        keys={"cancel": ("ctrl+x",), "next-tab": ("n", "right")},
        columns=("run", "name", "val/loss"),
        sort="-best",
        bell=True,
        osc9=True,
        readonly=True,
        refresh_s=7.5,
    )
    place = tmp_path / "arctl.yaml"
    assert found.places["theme"] == f"{place}:2:10"
    assert found.places["keys.cancel"] == f"{place}:3:18"


def test_an_empty_block_and_none_at_all_are_the_defaults(tmp_path: Path) -> None:
    assert dashboard(tmp_path, "") == DashboardSettings()
    assert dashboard(tmp_path, "  keys:\n  theme: null\n") == DashboardSettings()


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("  thme: arctl\n", ":2:3", "did you mean 'theme'?"),
        ("  bell: yes\n", ":2:9", "neither true nor false"),
        ("  refresh_s: 0.1\n", ":2:14", "no number of 0.5 or more"),
        ("  refresh_s: often\n", ":2:14", "no number"),
        ("  keys: ctrl+x\n", ":2:9", "a mapping of keys to values"),
        ("  keys: {cancel: []}\n", ":2:18", "name a key"),
        ("  keys: {cancel: null}\n", ":2:18", "name a key"),
        ("  keys: {cancel: {a: b}}\n", ":2:18", "list"),
        ("  columns: run\n", ":2:12", "list"),
        ("  theme: [light]\n", ":2:10", "single value"),
    ],
)
def test_a_mistake_is_placed(tmp_path: Path, text: str, place: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        dashboard(tmp_path, text)
    assert f"arctl.yaml{place}" in str(caught.value)
    assert what in str(caught.value)


def test_names_are_the_dashboards_to_check_so_that_a_slip_holds_up_no_submission(tmp_path: Path) -> None:
    found = dashboard(tmp_path, "  theme: lihgt\n  keys: {cansel: x}\n  sort: nothing\n")
    wrong = found.unknown("keys.cansel", "action", "cansel", ("cancel", "mark"))
    assert str(wrong).startswith(f"{tmp_path}/arctl.yaml:3:18: 'dashboard.keys.cansel': there is no action 'cansel'")
    assert wrong.cure == "did you mean 'cancel'?"
