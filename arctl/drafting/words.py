"""From the words of a form to requests: numbers, seeds, overrides, the runs that are waited for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from arctl import recipe, templates
from arctl.errors import ArctlError, NotFoundError, UsageError, nearest
from arctl.request import Request, Resources, When
from arctl.settings import CLUSTERS, Workspace
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.drafting.draft import Draft

MOST_SEEDS = 100
"""Runs that one form makes: more is the work of a sweep."""

_WHOLE = ("gpus", "nodes", "cpus")
_TEXTS = ("mem", "time", "partition", "gpu_type", "account", "qos", "constraint", "exclude")
_CLOSED = {"[": "]", "{": "}", "(": ")"}


def override_words(text: str) -> list[str]:
    """Split overrides at blanks and line ends, but not inside of brackets or quotes: `data.resize=[128, 171]`."""
    words: list[str] = []
    closing: list[str] = []
    word = quote = ""
    for place, char in enumerate(text):
        if char == "\n" or (char.isspace() and not closing and not quote):
            words.append(word)
            word, closing, quote = "", [], ""
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and text[place - 1 : place] in ("=", "[", ",", " ", ":", "{"):
            quote = char
        elif char in _CLOSED:
            closing.append(_CLOSED[char])
        elif closing and char == closing[-1]:
            closing.pop()
        word += char
    return [word for word in (*words, word) if word]


def requests_of(
    workspace: Workspace, draft: Draft, base: Draft | None = None
) -> tuple[list[Request], dict[str, ArctlError]]:
    """Return the requests of a form, and what is wrong in its fields by their names.

    What hangs on several fields together is found by `plan.admit`. Raises what `launch.again` does.
    """
    from arctl.drafting.draft import changes, locked

    given, wrong = changes(draft, base), {}
    read: dict[str, object] = {}
    for name, text in given.items():
        try:
            read[name] = _READERS.get(name, _plain)(workspace, text, draft)
        except ArctlError as error:
            wrong[name] = error
    if wrong:
        return [], wrong
    asked = {key: read[key] for key in (*_WHOLE, *_TEXTS, "sbatch") if key in read}
    when = When(**{key: read[key] for key in ("after", "after_ok", "hold", "begin") if key in read})  # type: ignore[arg-type]
    words = ("model", "data", "preset", "overrides", "command", "name", "tags", "note", "group", "cluster", "template")
    own = {key: read[key] for key in words if key in read and key not in locked(draft)}
    resources = Resources(**asked)  # type: ignore[arg-type]
    if draft.rerun_of is not None:
        from arctl.launch import again

        return [again(workspace, draft.rerun_of, resources=resources, when=when, **own)], {}
    seeds = read.get("seeds", ())
    assert isinstance(seeds, tuple)
    if seeds and given.get("command"):
        cure = "leave one of them out"
        return [], {"seeds": UsageError("seeds are for the trainer, not for a command of your own", cure=cure)}
    return Request(resources=resources, when=when, **own).with_seeds(seeds), {}  # type: ignore[arg-type]


def _plain(workspace: Workspace, text: str, draft: Draft) -> str:
    return text


def _model(workspace: Workspace, text: str, draft: Draft) -> str:
    return recipe.model(text).name


def _data(workspace: Workspace, text: str, draft: Draft) -> str:
    recipe.check_data(recipe.find_data(workspace, text))
    return text


def _preset(workspace: Workspace, text: str, draft: Draft) -> str:
    try:
        known = recipe.presets(draft.model.strip())
    except NotFoundError:
        return text  # the model is wrong, and is told of
    if text not in known:
        raise NotFoundError(f"no preset {safe_line(text, limit=80)!r} of {draft.model}", cure=nearest(text, known))
    return text


def _overrides(workspace: Workspace, text: str, draft: Draft) -> tuple[str, ...]:
    words = override_words(text)
    for word in words:
        try:
            recipe.parse_override(word)
        except UsageError as error:
            raise UsageError(error.what, where=f"--set {word}", cure=error.cure) from error
    return tuple(words)


def _whole(workspace: Workspace, text: str, draft: Draft) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(f"{safe_line(text, limit=40)!r} is no whole number", cure="write digits alone, as 4")
    return int(text)


def _seeds(workspace: Workspace, text: str, draft: Draft) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    sound = all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words)
    if not sound or len(set(map(int, words))) < len(words):
        raise UsageError(f"cannot read {safe_line(text, limit=60)!r}", cure="write different whole numbers, as 1,2,3")
    if len(words) > MOST_SEEDS:
        raise UsageError(f"{len(words)} seeds are more than {MOST_SEEDS}", cure="`arctl sweep` is for many runs")
    return tuple(map(int, words))


def _cluster(workspace: Workspace, text: str, draft: Draft) -> str:
    if text not in CLUSTERS:
        raise UsageError(f"no cluster is called {safe_line(text, limit=80)!r}", cure=nearest(text, CLUSTERS))
    return text


def _template(workspace: Workspace, text: str, draft: Draft) -> str:
    return templates.find(text, overrides=workspace.templates).name


def _group(workspace: Workspace, text: str, draft: Draft) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,63}", text) or re.fullmatch(r"(?i)(?:run)?\d+", text):
        cure = "use up to 64 letters, digits and ._:/=+-, and no run's number"
        raise UsageError(f"{safe_line(text, limit=80)!r} is no group", cure=cure)
    return text


def _words(workspace: Workspace, text: str, draft: Draft) -> tuple[str, ...]:
    return tuple(text.split())


def _runs(workspace: Workspace, text: str, draft: Draft) -> tuple[int, ...]:
    from arctl.references import resolve

    return tuple(resolve(workspace.db, text.split()))


def _quoted(workspace: Workspace, text: str, draft: Draft) -> tuple[str, ...]:
    from arctl.drafting.draft import split

    return tuple(split(text, where=""))


def _hold(workspace: Workspace, text: str, draft: Draft) -> bool:
    from arctl.drafting.draft import yes

    return yes(text)


_READERS: Mapping[str, Callable[[Workspace, str, Draft], object]] = {
    "model": _model,
    "data": _data,
    "preset": _preset,
    "overrides": _overrides,
    "command": _quoted,
    "seeds": _seeds,
    "tags": _words,
    "group": _group,
    "cluster": _cluster,
    "template": _template,
    **dict.fromkeys(_WHOLE, _whole),
    "sbatch": _quoted,
    "after": _runs,
    "after_ok": _runs,
    "hold": _hold,
}
