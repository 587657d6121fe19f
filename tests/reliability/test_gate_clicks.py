"""B07, B08: markup in names is text; a click on it runs nothing, whatever it asks for."""

from __future__ import annotations

from pathlib import Path

from arctl.settings import init_workspace
from arctl.sync import rebuild
from arctl.tui.app import Dashboard
from tests.tui.workspace import new_run

EVIL = (
    "[@click=app.quit]quit[/]", "[@click=app.screenshot('authorized_keys','{home}')]shot[/]", "[@click=app.bell]x",
    "[@click=screen.cancel]c[/]", "[/]", "[/bold]", "[@click=nope(]", "[link=javascript:alert(1)]l[/link]", "run[3]",
)  # fmt: skip


async def test_a_click_on_a_hostile_name_runs_nothing(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "ws")
    for number, text in enumerate(EVIL, start=1):
        evil = text.replace("{home}", str(tmp_path))
        run = new_run(workspace, number, evil, model=evil, tags=[evil], note=evil)
        run.start(1)
        run.log(evil)
        run.end("failed", exit_code=1, message=evil)
    rebuild(workspace)
    app = Dashboard(workspace, active=0.5, idle=0.5)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        for _ in range(100):
            if app.snapshot.runs:
                break
            await pilot.pause(0.05)
        for column in (18, 76):
            for row in range(1, 14):
                await pilot.click(offset=(column, row))
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "[@click=app" in shown and "[link=java" in shown, shown
        assert app.is_running and app.return_code is None
    assert not list(tmp_path.rglob("authorized_keys*"))
