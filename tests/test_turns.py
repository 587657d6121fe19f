"""Many dashboards, one sync: who syncs, who waits for what that one says, and what happens when it dies."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from arctl import turns
from arctl.clusters import calls
from arctl.clusters.claim import claim
from arctl.settings import Workspace, init_workspace

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace without runs."""
    return init_workspace(tmp_path / "ws")


def test_the_first_syncs_and_the_next_takes_its_word(workspace: Workspace) -> None:
    first = turns.take(workspace, every=60.0)
    second = turns.take(workspace, every=60.0)
    assert first is not None and first.own
    assert second is not None and not second.own and second.at == first.at
    third = turns.take(workspace, every=0.0)
    assert third is not None and third.own and third.at > first.at
    forced = turns.take(workspace, every=60.0, force=True)
    assert forced is not None and forced.own


def test_trouble_is_told_to_those_who_did_not_sync(workspace: Workspace) -> None:
    workspace.state.mkdir(exist_ok=True)
    calls.put(workspace.state / "turn.json", {"at": time.time(), "trouble": "x\x1b[2Jy"})
    told = turns.take(workspace, every=60.0)
    assert told is not None and not told.own
    assert told.trouble and "\x1b" not in told.trouble


def _hold(path: Path, held: object) -> None:
    claim(path, patience_s=60.0)
    held.set()  # type: ignore[attr-defined]
    time.sleep(60)


def test_one_that_syncs_is_waited_for_and_a_dead_one_succeeded(workspace: Workspace) -> None:
    workspace.state.mkdir(exist_ok=True)
    held = FORK.Event()
    other = FORK.Process(target=_hold, args=(workspace.state / "turn.claim", held), daemon=True)
    other.start()
    assert held.wait(10)
    assert turns.take(workspace, every=0.0) is None, "the other one has just begun the first of all"
    other.kill()
    other.join()
    turn = turns.take(workspace, every=0.0)
    assert turn is not None and turn.own


def test_damaged_words_are_no_words(workspace: Workspace) -> None:
    workspace.state.mkdir(exist_ok=True)
    (workspace.state / "turn.json").write_text('{"at": "yesterday", "trouble": 3}', encoding="utf-8")
    turn = turns.take(workspace, every=60.0)
    assert turn is not None and turn.own


def test_where_nothing_can_be_written_everyone_syncs(workspace: Workspace) -> None:
    workspace.state.write_text("a file stands where the directory should be", encoding="utf-8")
    for _ in range(2):
        turn = turns.take(workspace, every=60.0)
        assert turn is not None and turn.own
