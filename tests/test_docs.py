"""The documents tell the truth: each command that they show exists, each page that they link is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from arctl.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?:console|bash|sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return (page, line) of every `arctl ...` line in a fenced block of a page."""
    found = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                text = line.removeprefix("$ ").split("  #")[0].strip()
                if text == "arctl" or text.startswith("arctl "):
                    found.append((page.name, text))
    return found


def options_of(command: click.Command) -> set[str]:
    return {name for param in command.params for name in [*param.opts, *param.secondary_opts]}


def test_the_pages_show_commands() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda text: text)
def test_a_shown_command_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line.split("|")[0].split(" && ")[0])[1:]
    command: click.Command = app
    context = click.Context(app)
    known = options_of(app) | {"--help"}
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        child = command.get_command(context, words.pop(0))
        assert child is not None, f"{page}: {line}"
        command, context = child, click.Context(child, parent=context)
        known |= options_of(command)
    own = words[: words.index("--")] if "--" in words else words
    unknown = [word for word in own if re.match(r"--?[A-Za-z]", word) and word.split("=")[0] not in known]
    assert not unknown, f"{page}: {line}"


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_verb_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in app.list_commands(click.Context(app)) if f"arctl {name}" not in text]
    assert missing == []
