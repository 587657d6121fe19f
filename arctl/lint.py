"""What is wrong with the text of a job template, line by line: what Slurm or bash would misread without a word.

`arctl template check` lists it and `arctl submit` refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

HEADER = re.compile(r"\{#-?(.*?)-?#\}", re.DOTALL)
"""A template's comments, the first of which is its header."""

SRUN = re.compile(r"^\s*(?:exec\s+)?srun\b", re.MULTILINE)
"""A line that starts a job step: its tasks get signals by themselves."""

OURS = {
    "job-name": "J", "comment": "", "output": "o", "error": "e", "open-mode": "", "array": "a", "chdir": "D",
    "parsable": "", "wrap": "", "wait": "W", "test-only": "",
}  # fmt: skip
"""Options by which arctl finds its jobs and their logs, with their short forms: a template must not set them."""

_EXEC = re.compile(r"(?:^|[;&|{]|\b(?:then|else|do)\b)[ \t]*exec[ \t]+(?![<>]|\d*[<>])", re.MULTILINE)
_HANDLER = re.compile(r"""^\s*trap\s+(?!(?:''|""|-)\s)\S.*\b(?:SIG)?USR2\b""", re.MULTILINE)
_TRAP = re.compile(r"^\s*trap\b.*\b(?:SIG)?USR2\b", re.MULTILINE)
_COMMAND = re.compile(r"\{\{[^}]*\bcommand\b")
_LONG, _SHORT = "|".join(OURS), "".join(OURS.values())
_OWN = re.compile(rf"#SBATCH\s+(?:.*\s)?(?:--({_LONG})\b|-([{_SHORT}]))")


def shape(text: str) -> list[str]:
    """Return what is wrong with a template's text, each as `line N: what`."""
    found: list[str] = []
    if not text.startswith("#!/"):
        found.append("line 1: the first line must be #!/bin/bash")
    if "\r" in text:
        found.append(
            f"line {text.count(chr(10), 0, text.index(chr(13))) + 1}: Windows line ends: sbatch refuses them (dos2unix)"
        )
    lines = HEADER.sub(lambda match: "\n" * match[0].count("\n"), text).split("\n")
    command = 0
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        found += [f"line {number}: {what}" for what in _line(word, line, command)]
        if word.startswith("#SBATCH") and "--signal" in word:
            found += _signal(number, word, text)
        if not command and word and not word.startswith(("#", "{")):
            command = number
    return [*found, *_warned(lines, HEADER.sub("", text))]


def _line(word: str, line: str, command: int) -> Iterator[str]:
    """Yield what is wrong with one line; `command` is the line of the first command before it, or 0."""
    if command and (word.startswith("#SBATCH") or "{{ directives" in word):
        yield f"directives after the command in line {command} are ignored by Slurm"
    if match := _OWN.match(word):
        name = match[1] or next(key for key, short in OURS.items() if short == match[2])
        yield f"--{name} is arctl's own: it finds its jobs and their logs by it"
    if word.startswith("#") and not word.startswith("#SBATCH") and "{{" in word:
        yield "a value in a comment ends the comment where it has a line break"
    if not word.startswith("#") and _in_quotes(line):
        yield "values are quoted already: leave the quotes around {{ ... }} away"


def _in_quotes(line: str) -> bool:
    """Say whether a value stands between shell quotes."""
    quote = ""
    for token in re.findall(r"\{\{|\\.|[\"']", line):
        if token == "{{" and quote:
            return True
        if token in {"'", '"'}:
            quote = "" if quote == token else quote or token
    return False


def _signal(number: int, word: str, text: str) -> list[str]:
    to_batch = "B:" in word
    if to_batch and not _EXEC.search(text) and "trap" not in text:
        return [f"line {number}: --signal=B: kills a shell without trap: start the command with exec"]
    if not to_batch and not SRUN.search(text):
        return [f"line {number}: --signal without B: reaches nobody where srun does not start the command"]
    return []


def _warned(lines: Sequence[str], text: str) -> list[str]:
    """Return why the warning before the time limit, which arctl asks for with --time, would miss the command."""
    if SRUN.search(text) or _EXEC.search(text) or _HANDLER.search(text):
        return []
    number = next((number for number, line in enumerate(lines, start=1) if _COMMAND.search(line)), None)
    if number is None:
        return []
    if _TRAP.search(text):
        return [f"line {number}: the warning before the time limit (USR2) reaches the shell alone: start it with exec"]
    return [f"line {number}: the warning before the time limit (USR2) kills the shell: start the command with exec"]
