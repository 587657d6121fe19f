"""What people are told before a job is queued, and what stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.cli.preflight import check_first
from arctl.errors import UsageError
from arctl.launch import rehearse_all
from arctl.plan import Plan
from arctl.request import Request, Resources
from arctl.settings import Workspace, init_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path)


def planned(workspace: Workspace, **resources: object) -> list[Plan]:
    wanted = Resources(**resources)  # type: ignore[arg-type]
    return rehearse_all(workspace, [Request(command=("true",), resources=wanted)])


def test_what_is_right_passes_without_a_word(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_first(workspace, planned(workspace)) == ()
    assert capsys.readouterr() == ("", "")


def test_errors_stop_and_force_goes_on(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arctl.preflight import room

    mount = room._mount(tmp_path)
    assert mount is not None
    program = tmp_path / "quota"
    program.write_text(f"#!/bin/sh\necho '{mount[0]} 2999 0 3000 10 0 0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    plans = planned(workspace)
    with pytest.raises(UsageError, match="nothing was queued: something stands against it") as caught:
        check_first(workspace, plans)
    assert "--force" in str(caught.value)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {workspace.root}: your quota has 1 kB left, and the run will need about 1.0 MB (")
    (finding,) = check_first(workspace, plans, force=True)
    assert finding.level == "error"
    assert capsys.readouterr().err.startswith(f"warning: {workspace.root}: your quota has 1 kB left")
