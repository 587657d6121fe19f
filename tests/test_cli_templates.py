"""`arctl template`: packaged templates, a workspace's own, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.settings import init_workspace

ROOT = Path(__file__).parent.parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return init_workspace(tmp_path).root


def run(root: Path, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(root), "template", *argv])


def test_ls_names_the_packaged_ones_and_what_hides_them(root: Path) -> None:
    (root / "templates" / "single.sbatch").write_text(
        "#!/bin/bash\n{# Mine. #}\n{{ directives }}\nexec {{ command }}\n"
    )
    document = json.loads(run(root, "ls", "--json").stdout)
    assert document["schema"] == "arctl.templates/1"
    found = {template["name"]: template for template in document["templates"]}
    assert set(found) == {"single", "ddp", "array"}
    assert found["single"]["path"] == str(root / "templates" / "single.sbatch")
    assert found["single"]["description"] == "Mine."
    assert found["ddp"]["variables"]["gpus"]
    assert "Mine." in run(root, "ls").stdout


def test_show_prints_the_file(root: Path) -> None:
    assert run(root, "show", "single").stdout == (ROOT / "templates" / "single.sbatch").read_text()
    result = run(root, "show", "singel")
    assert result.exit_code == 3
    assert "did you mean 'single'" in result.stderr


def test_the_packaged_ones_are_in_order(root: Path) -> None:
    result = run(root, "check")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.count("nothing to mend") == 3


def test_mistakes_are_listed_by_line(root: Path) -> None:
    path = root / "templates" / "mine.sbatch"
    path.write_text("#!/bin/bash\n{{ directives }}\necho {{ comand }}\n#SBATCH --mem=1G\n")
    for named in ("mine", str(path)):
        result = run(root, "check", named)
        assert result.exit_code == 2
        assert "mine: line 3: " in result.stdout
        assert "'comand'" in result.stdout
        assert "mine: line 4: " in result.stdout
        assert "1 of 1 templates need mending" in result.stderr
    document = json.loads(run(root, "check", "mine", "--json").stdout)
    assert document["schema"] == "arctl.template-check/1"
    assert len(document["findings"]["mine"]) == 2
    assert run(root, "check", str(root / "none.sbatch")).exit_code == 3


def test_an_unknown_subcommand_names_the_nearest(root: Path) -> None:
    result = run(root, "chekc")
    assert (result.exit_code, result.stderr) == (2, "error: no such command 'chekc' (did you mean 'check'?)\n")


def test_outside_of_a_workspace_the_packaged_ones_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "ddp" in CliRunner().invoke(app, ["template", "ls"]).stdout
    assert CliRunner().invoke(app, ["-w", str(tmp_path), "template", "ls"]).exit_code == 3


def test_a_file_that_is_no_template_is_told_of_and_hides_nothing(root: Path) -> None:
    (root / "templates" / "binary.sbatch").write_bytes(b"\xff\xfe\x1b]0;x\x07")
    result = run(root, "ls")
    assert result.exit_code == 0
    assert "single" in result.stdout
    assert f"warning: {root}/templates/binary.sbatch: this is no text (UTF-8)" in result.stderr
    document = json.loads(run(root, "ls", "--json").stdout)
    assert [broken["name"] for broken in document["broken"]] == ["binary"]
    result = run(root, "check")
    assert result.exit_code == 2
    assert "binary: this is no text (UTF-8)" in result.stdout
    assert result.stdout.count("nothing to mend") == 3
    assert "1 of 4 templates need mending" in result.stderr
    assert json.loads(run(root, "check", "--json").stdout)["findings"]["binary"] == ["this is no text (UTF-8)"]
    assert run(root, "check", "binary").exit_code == 2


def test_submit_refuses_what_check_finds(root: Path) -> None:
    (root / "templates" / "mine.sbatch").write_text("#!/bin/bash\n{{ directives }}\n{{ command }}\n")
    (line,) = run(root, "check", "mine").stdout.splitlines()
    result = CliRunner().invoke(app, ["-w", str(root), "submit", "--template", "mine", "--", "true"])
    assert result.exit_code == 2
    assert line.removeprefix("mine: ") in result.stderr


def test_a_name_with_an_escape_does_not_reach_the_terminal(root: Path) -> None:
    (root / "templates" / "a\x1b]0;title\x07b.sbatch").write_text("#!/bin/bash\n{{ directives }}\nexec {{ command }}\n")
    for verb in ("ls", "check"):
        result = run(root, verb)
        assert "\x1b" not in result.output and "ab" in result.stdout
