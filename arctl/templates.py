"""Job templates: found, checked and rendered; text in, text out. The one door to jinja2.

A value can never become code: whatever a template prints is quoted for the shell, except the few variables that are
shell text by meaning.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import stat
import subprocess
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from arctl import lint
from arctl.errors import ArctlError, NotFoundError, UsageError, nearest
from arctl.text import safe_line

if TYPE_CHECKING:
    import jinja2

SUFFIX = ".sbatch"
LARGEST = 1 << 20
"""Bytes; Slurm takes a script of at most 4 MiB."""

SHELL_TEXT = frozenset({"directives", "command", "activate", "container"})
"""Variables that are shell text already when given as a string; a list of words is quoted word by word."""

KNOWN = SHELL_TEXT | {
    "run_dir", "elements", "run", "token", "workspace", "workdir", "cluster", "python", "modules", "env",
    "gpus", "nodes", "cpus",
}  # fmt: skip
"""Every variable that arctl gives to a template."""

_VARIABLE = re.compile(r"^\s{2,}([a-z_]+)\s{2,}(\S.*)$")
_ELEMENTS = re.compile(r"\{[{%][^}]*\belements\b")
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
        return "USR2" if lint.SRUN.search(self.text) else "B:USR2"

    @property
    def array(self) -> bool:
        """Whether it is for a job array, each element a run of its own: it reads `elements`."""
        return _ELEMENTS.search(lint.HEADER.sub("", self.text)) is not None


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
    """Return all templates by name; files that are none are left out, and `broken` names them."""
    return [found for found in _all(overrides).values() if isinstance(found, Template)]


def broken(*, overrides: Path | None = None) -> dict[str, ArctlError]:
    """Return the files that look like templates and cannot be read as such, by name, with the reason."""
    return {name: found for name, found in _all(overrides).items() if isinstance(found, ArctlError)}


def _all(overrides: Path | None) -> dict[str, Template | ArctlError]:
    found: dict[str, Template | ArctlError] = {}
    for name, path in sorted(_places(overrides).items()):
        try:
            found[name] = _load(name, path)
        except ArctlError as error:
            found[name] = error
    return found


def packaged(template: Template) -> bool:
    """Tell whether a template came with arctl: then it was checked before."""
    return template.path.parent == _packaged_root()


def render(template: Template, *, directives: Sequence[str], values: Mapping[str, object]) -> str:
    """Return the job script. `directives` are whole `#SBATCH` lines.

    Raises UsageError with file and line for a template that does not parse, a variable that is not given, or a value
    that no shell can hold.
    """
    import jinja2

    given = {"directives": "\n".join(directives), **values}
    context = {name: _prepared(name, value, template.path) for name, value in given.items()}
    try:
        return _compiled(template.text).render(context)
    except jinja2.TemplateSyntaxError as error:
        raise _syntax(template, error) from error
    except jinja2.UndefinedError as error:
        missing = _MISSING.search(str(error))
        cure = nearest(missing[1], context) if missing else "see `arctl template show`"
        raise UsageError(str(error), where=_place(template, error), cure=cure) from error
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(str(error), where=_place(template, error), cure="mend the template") from error


@functools.lru_cache(maxsize=64)
def _compiled(text: str) -> jinja2.Template:
    return _environment().from_string(text)


def check(template: Template) -> list[str]:
    """Return what is wrong with a template, each as `line N: what`; nothing for a good one."""
    return list(_checked(template.text, template.array))


@functools.lru_cache(maxsize=64)
def _checked(text: str, array: bool) -> tuple[str, ...]:
    import jinja2
    import jinja2.meta

    found = lint.shape(text)
    try:
        tree = _environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        return (*found, f"line {error.lineno}: {error.message}")
    used = jinja2.meta.find_undeclared_variables(tree)
    for name in sorted(used - KNOWN):
        line = _line_of(text, re.compile(rf"\{{[{{%][^}}]*\b{name}\b"))
        found.append(f"line {line}: arctl gives no variable {name!r}: {nearest(name, KNOWN)}")
    if "directives" not in used:
        found.append("line 1: {{ directives }} is missing: nothing would be asked of the scheduler")
    return tuple(found or _tried(text, array))


def _tried(text: str, array: bool) -> list[str]:
    """Render a template as a submission would, with every variable and with as few as may be, and let bash read it."""
    template = Template("", Path("template"), text, "", {})
    for values in _samples(array):
        try:
            script = render(template, directives=["#SBATCH --nodes=1"], values=values)
        except UsageError as error:
            return [f"line {str(error.where).rpartition(':')[2]}: {error.what}"]
        if said := _syntax_error(script):
            return [said]
    return []


def _samples(array: bool) -> list[dict[str, object]]:
    """Return what arctl gives to a template: a job with everything, and a plain one."""
    own: dict[str, object] = {"elements": "/e"} if array else {"run": "run1", "run_dir": "/r"}
    shared = {
        **own, "token": "arctl-0", "workspace": "/w", "workdir": "/w", "cluster": "slurm", "python": "/p",
        "command": "true x" if array else ["true", "x"],
    }  # fmt: skip
    full = {"modules": ["m"], "activate": "true", "container": "true", "env": {"A": "b"}}
    plain: dict[str, object] = {"modules": [], "activate": None, "container": None, "env": {}}
    counted, uncounted = dict.fromkeys(("gpus", "nodes", "cpus"), 2), dict.fromkeys(("gpus", "nodes", "cpus"))
    return [{**shared, **full, **counted}, {**shared, **plain, **uncounted}]


def _syntax_error(script: str) -> str | None:
    """Return what bash says of a script that it cannot read; it runs nothing of it."""
    bash = shutil.which("bash")
    if bash is None or not re.match(r"#!\s*/\S*(?:/env +)?\b(?:ba)?sh\b", script):
        return None
    done = subprocess.run(
        [bash, "-n"], input=script.encode(), env={"LC_ALL": "C"}, capture_output=True, timeout=10, check=False
    )
    match = re.search(r"line (\d+): (.*)", done.stderr.decode("utf-8", "replace"))
    if done.returncode == 0 or match is None:
        return None
    number, shown = int(match[1]), script.splitlines()[int(match[1]) - 1 : int(match[1])]
    place = (
        f"line {number} of the script, {safe_line(shown[0], limit=60)!r}" if shown else f"line {number} of the script"
    )
    return f"{place}: {safe_line(match[2], limit=200)}"


def _packaged_root() -> Path:
    package = Path(__file__).parent
    wheel = package / "job_templates"
    return wheel if wheel.is_dir() else package.parent / "templates"


def _places(overrides: Path | None) -> dict[str, Path]:
    roots = [_packaged_root()] + ([overrides] if overrides is not None else [])
    paths = (path for root in roots for path in sorted(root.glob(f"[!.]*{SUFFIX}")))
    return {path.name.removesuffix(SUFFIX): path for path in paths}


def _load(name: str, path: Path) -> Template:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            raw = file.read(LARGEST + 1) if plain else b""
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ArctlError(f"cannot read the template: {reason}", where=str(path), cure="mend the file") from error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError("this is no text (UTF-8)", where=str(path), cure="save it as UTF-8") from error
    if len(raw) > LARGEST or "\0" in text or not text.strip():
        raise UsageError("a job template is a script of at most 1 MiB", where=str(path), cure="mend the file")
    description, variables = _header(text)
    return Template(name=name, path=path, text=text, description=description, variables=variables)


def _header(text: str) -> tuple[str, dict[str, str]]:
    match = lint.HEADER.search(text)
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
    match = pattern.search(lint.HEADER.sub(lambda found: "\n" * found[0].count("\n"), text))
    return text.count("\n", 0, match.start()) + 1 if match else 1
