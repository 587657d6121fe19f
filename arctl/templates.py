"""Job templates: found, checked and rendered; text in, text out. The one door to jinja2.

A value can never become code: whatever a template prints is quoted for the shell, except the few variables that are
shell text by meaning.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from arctl.errors import ArctlError, NotFoundError, UsageError, nearest

if TYPE_CHECKING:
    import jinja2

SUFFIX = ".sbatch"
LARGEST = 1 << 20
"""Bytes; Slurm takes a script of at most 4 MiB."""

SHELL_TEXT = frozenset({"directives", "command", "activate", "container"})
"""Variables that are shell text already when given as a string; a list of words is quoted word by word."""

KNOWN = SHELL_TEXT | {
    "run_dir", "run_dirs", "run", "token", "modules", "python", "workdir", "cluster", "gpus", "nodes", "cpus", "env",
}  # fmt: skip
"""Every variable that arctl gives to a template."""

_HEADER = re.compile(r"\{#-?(.*?)-?#\}", re.DOTALL)
_VARIABLE = re.compile(r"^\s{2,}([a-z_]+)\s{2,}(\S.*)$")
_SRUN = re.compile(r"^\s*(?:exec\s+)?srun\b", re.MULTILINE)
_EXEC = re.compile(r"^\s*exec\s+(?!>|<)", re.MULTILINE)
_RUN_DIRS = re.compile(r"\{[{%][^}]*\brun_dirs\b")
_MISSING = re.compile(r"'([A-Za-z_]\w*)' is undefined")


@dataclass(frozen=True)
class Template:
    """A job template."""

    name: str
    """`single`, `ddp`, `array`, or a user's own."""
    path: Path
    """Its file."""
    text: str
    """What the file says."""
    description: str
    """The first paragraph of its header."""
    variables: Mapping[str, str]
    """Variable -> meaning, from its header."""

    @property
    def signal(self) -> str:
        """The `--signal` that reaches the trainer: the job steps where srun starts it, else the batch process."""
        return "USR2" if _SRUN.search(self.text) else "B:USR2"

    @property
    def array(self) -> bool:
        """Whether it is for a job array, each element a run of its own: it reads `run_dirs`."""
        return _RUN_DIRS.search(_HEADER.sub("", self.text)) is not None


class _Shell(str):
    """Text that is meant for the shell as it stands."""


def find(name: str, *, overrides: Path | None = None) -> Template:
    """Return the template called `name`, a workspace's own before a packaged one.

    Raises NotFoundError for an unknown name, UsageError for a file that is no text, ArctlError where it cannot be read.
    """
    places = _places(overrides)
    if name not in places:
        raise NotFoundError(f"no job template is called {name!r}", where="--template", cure=nearest(name, places))
    return _load(name, places[name])


def every(*, overrides: Path | None = None) -> list[Template]:
    """Return all templates by name."""
    return [_load(name, path) for name, path in sorted(_places(overrides).items())]


def render(template: Template, *, directives: Sequence[str], values: Mapping[str, object]) -> str:
    """Return the job script. `directives` are whole `#SBATCH` lines.

    Raises UsageError with file and line for a template that does not parse, a variable that is not given, or a value
    that no shell can hold.
    """
    import jinja2

    given = {"directives": "\n".join(directives), **values}
    context = {name: _prepared(name, value, template.path) for name, value in given.items()}
    try:
        return _environment().from_string(template.text).render(context)
    except jinja2.TemplateSyntaxError as error:
        raise _syntax(template, error) from error
    except jinja2.UndefinedError as error:
        missing = _MISSING.search(str(error))
        cure = nearest(missing[1], context) if missing else "see `arctl template show`"
        raise UsageError(str(error), where=_place(template, error), cure=cure) from error
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(str(error), where=_place(template, error), cure="mend the template") from error


def check(template: Template) -> list[str]:
    """Return what is wrong with a template, each as `line N: what`; nothing for a good one."""
    import jinja2
    import jinja2.meta

    found = _shape(template.text)
    try:
        tree = _environment().parse(template.text)
    except jinja2.TemplateSyntaxError as error:
        return [*found, f"line {error.lineno}: {error.message}"]
    used = jinja2.meta.find_undeclared_variables(tree)
    for name in sorted(used - KNOWN):
        line = _line_of(template.text, re.compile(rf"\{{[{{%][^}}]*\b{name}\b"))
        found.append(f"line {line}: arctl gives no variable {name!r}: {nearest(name, KNOWN)}")
    if "directives" not in used:
        found.append("line 1: {{ directives }} is missing: nothing would be asked of the scheduler")
    return found


def _shape(text: str) -> list[str]:
    found: list[str] = []
    if not text.startswith("#!/"):
        found.append("line 1: the first line must be #!/bin/bash")
    if "\r" in text:
        found.append(f"line {_line_of(text, re.compile(chr(13)))}: Windows line ends: sbatch refuses them (dos2unix)")
    lines = _HEADER.sub(lambda match: "\n" * match[0].count("\n"), text).split("\n")
    command = 0
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        if command and (word.startswith("#SBATCH") or "{{ directives" in word):
            found.append(f"line {number}: directives after the command in line {command} are ignored by Slurm")
        if word.startswith("#SBATCH") and "--signal" in word:
            found += _signal(number, word, text)
        if word.startswith("#") and not word.startswith("#SBATCH") and "{{" in word:
            found.append(f"line {number}: a value in a comment ends the comment where it has a line break")
        if not word.startswith("#") and _in_quotes(line):
            found.append(f"line {number}: values are quoted already: leave the quotes around {{{{ ... }}}} away")
        if not command and word and not word.startswith(("#", "{")):
            command = number
    return found


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
    if not to_batch and not _SRUN.search(text):
        return [f"line {number}: --signal without B: reaches nobody where srun does not start the command"]
    return []


def _places(overrides: Path | None) -> dict[str, Path]:
    package = Path(__file__).parent
    wheel = package / "job_templates"
    packaged = wheel if wheel.is_dir() else package.parent / "templates"
    roots = [packaged] + ([overrides] if overrides is not None else [])
    return {path.name.removesuffix(SUFFIX): path for root in roots for path in sorted(root.glob(f"*{SUFFIX}"))}


def _load(name: str, path: Path) -> Template:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ArctlError(
            f"cannot read the template: {error.strerror}", where=str(path), cure="mend the file"
        ) from error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError("this is no text (UTF-8)", where=str(path), cure="save it as UTF-8") from error
    if len(raw) > LARGEST or "\0" in text or not text.strip():
        raise UsageError("a job template is a script of at most 1 MiB", where=str(path), cure="mend the file")
    description, variables = _header(text)
    return Template(name=name, path=path, text=text, description=description, variables=variables)


def _header(text: str) -> tuple[str, dict[str, str]]:
    match = _HEADER.search(text)
    if match is None:
        return "", {}
    described = match[1].partition("Variables:")
    variables = {found[1]: found[2].strip() for line in described[2].splitlines() if (found := _VARIABLE.match(line))}
    return " ".join(described[0].split("\n\n")[0].split()), variables


def _environment() -> jinja2.Environment:
    import jinja2
    import jinja2.sandbox

    return jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _quoted(value: object) -> object:
    """Return what a template prints for a value; strict undefined ones pass and raise."""
    import jinja2

    if isinstance(value, _Shell | jinja2.Undefined):
        return value
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return shlex.join([str(word) for word in value])
    return shlex.quote(str(value))


def _prepared(name: str, value: object, path: Path) -> object:
    if any("\0" in text for text in _texts(value)):
        raise UsageError(f"the value of {name!r} holds a NUL byte", where=str(path), cure="no shell can hold it")
    return _Shell(value) if name in SHELL_TEXT and isinstance(value, str) else value


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        return [str(word) for item in value.items() for word in item]
    return [str(word) for word in value] if isinstance(value, list | tuple) else [str(value)]


def _syntax(template: Template, error: jinja2.TemplateSyntaxError) -> NoReturn:
    where = f"{template.path}:{error.lineno}"
    raise UsageError(f"the template does not parse: {error.message}", where=where, cure="mend that line") from error


def _place(template: Template, error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return f"{template.path}:{lines[-1]}" if lines else str(template.path)


def _line_of(text: str, pattern: re.Pattern[str]) -> int:
    match = pattern.search(_HEADER.sub(lambda found: "\n" * found[0].count("\n"), text))
    return text.count("\n", 0, match.start()) + 1 if match else 1
