"""The Config tab and `arctl show --config`: what differs from the preset, from another run, and what is hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from arctl import recipe
from arctl.configured import configured
from arctl.errors import NotFoundError, UsageError
from arctl.tui.look import Look
from arctl.tui.widgets.config_tab import ConfigTab
from tests.seeing.conftest import Lab
from tests.tui.tabs import seen_tab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Three runs of a model with a preset: as it is, with another rate, and a command of one's own."""
    lab = Lab(tmp_path / "lab")
    settings = recipe.defaults("r3d18", "finetune")
    settings["data"] |= {"name": "motion", "root": "/data/motion"}
    lab.run(1, name="r3d18", config=settings, preset="finetune")
    settings["optim"]["lr"] = 0.5
    settings["train"]["seed"] = 3
    lab.run(2, name="r3d18", config=settings, preset="finetune", rerun_of=1, code={"hash": "ab12", "dirty": True})
    lab.run(3, name="own", model=None, data=None, command=("train.sh", "--api_key=hush"))
    lab.index()
    return lab


async def test_what_differs_from_the_preset_is_marked_and_d_shows_only_that(lab: Lab) -> None:
    usual = recipe.defaults("r3d18", "finetune")["optim"]["lr"]
    tab = ConfigTab(Look())
    async with seen_tab(lab.workspace, tab, 2) as seen:
        await seen.shows("2 keys differ from preset finetune")
        assert tab.note == "against preset finetune"
        await seen.press("d")
        await seen.shows("optim", "lr", "0.5", f"(preset {usual:g})", "seed", "(preset 0)")
        assert "batch_size" not in seen.text
        await seen.press("d", "slash", *"batch_s", "enter")
        await seen.shows("batch_size")
        assert tab.page.has_focus


async def test_p_goes_from_preset_to_marked_run_to_parent(lab: Lab) -> None:
    tab = ConfigTab(Look())
    tab.marked = 3
    async with seen_tab(lab.workspace, tab, 2) as seen:
        await seen.shows("differ from preset finetune")
        await seen.press("p")
        await seen.shows("differ from run3")
        await seen.press("p", "d")
        await seen.shows("from run1", "(run1 0)")
        tab.marked = None
        seen.show(1)
        await seen.shows("0 keys differ from preset finetune", "nothing differs")


async def test_a_command_of_ones_own_has_no_preset_and_no_secret_is_shown(lab: Lab) -> None:
    tab = ConfigTab(Look())
    async with seen_tab(lab.workspace, tab, 3) as seen:
        await seen.shows("nothing to compare with", "no preset to compare with", "--api_key=(hidden)")
        assert "hush" not in seen.text
        for poison in ("\x1b]0;title\x07", "[/][bold]"):
            (lab.workspace.run_dir(1) / "config.yaml").write_text(yaml.safe_dump({"model": {"name": f"x{poison}"}}))
            seen.show(1)
            await seen.until(lambda: "name" in seen.text and "x" in seen.text)
            assert "\x1b" not in tab.page.text
        (lab.workspace.run_dir(1) / "config.yaml").write_text("model: [")
        seen.show(1)
        await seen.shows("config.yaml")


def test_the_command_line_and_the_tab_have_the_same_entries(lab: Lab) -> None:
    found = configured(lab.workspace, 2)
    assert {entry.key: (entry.value, entry.other) for entry in found.entries if entry.differs} == {
        "optim.lr": ("0.5", f"{recipe.defaults('r3d18', 'finetune')['optim']['lr']:g}"),
        "train.seed": ("3", "0"),
    }
    assert [entry.value for entry in found.entries if entry.section == "code"] == ["ab12", "true"]
    assert configured(lab.workspace, 2, against=None).differing == 0
    against = configured(lab.workspace, 3, against=2)
    assert {"optim.lr", "command"} <= {entry.key for entry in against.entries if entry.differs}
    with pytest.raises(UsageError, match="itself"):
        configured(lab.workspace, 2, against=2)
    with pytest.raises(NotFoundError, match="no run run9"):
        configured(lab.workspace, 2, against=9)
