"""What the sources never do: call a shell, load objects, read YAML that builds some, or take markup from data."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "arctl").rglob("*.py")) + sorted((ROOT / "trainer").rglob("*.py"))
FORBIDDEN_MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "joblib", "pty", "telnetlib",
    "http.server", "socketserver", "xmlrpc", "textual_serve", "code", "codeop",
}  # fmt: skip
FORBIDDEN_CALLS = {
    "os.system", "os.popen", "os.spawnl", "os.spawnv", "subprocess.getoutput", "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all",
    "pandas.read_pickle", "np.lib.format.read_array", "eval", "exec", "compile", "__import__", "tempfile.mktemp",
}  # fmt: skip
SAFE_LOADERS = {
    "StrictLoader", "_LOADER", "yaml.SafeLoader", "yaml.CSafeLoader", "getattr(yaml, 'CSafeLoader', yaml.SafeLoader)"
}  # fmt: skip


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return (place, dotted name, call) of every call in the sources."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func), node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def keywords(call: ast.Call) -> dict[str, str]:
    return {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg is not None}


def test_no_shell_and_no_code_from_data() -> None:
    found = []
    for place, name, call in calls():
        shebang = name == "slurm.script" and keywords(call).get("shell") == "'/bin/bash'"
        if name in FORBIDDEN_CALLS or ("shell" in keywords(call) and not shebang):
            found.append(f"{place} {name}")
    assert found == []


def test_no_module_that_loads_objects_or_serves_strangers() -> None:
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found += [f"{path}: {name}" for name in names if name in FORBIDDEN_MODULES]
    assert found == []
    assert "textual-serve" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_weights_arrays_and_yaml_are_loaded_as_plain_data() -> None:
    seen = {"torch.load": 0, "np.load": 0, "yaml.load": 0}
    for place, name, call in calls():
        given = keywords(call)
        if name == "torch.load":
            assert given.get("weights_only") == "True", place
        elif name in ("np.load", "numpy.load"):
            assert given.get("allow_pickle", "False") == "False", place
        elif name in ("yaml.load", "yaml.compose", "yaml.parse"):
            assert given.get("Loader") in SAFE_LOADERS, place
            name = "yaml.load"
        if name in seen:
            seen[name] += 1
    assert all(seen.values()), f"the test looks at nothing: {seen}"
    for path in SOURCES:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "_LOADER" not in line.partition("=")[0] or "CSafeLoader" in line or "Loader=" in line, line


def test_no_markup_from_data() -> None:
    widgets = 0
    for place, name, call in calls():
        last, given = name.rpartition(".")[2], keywords(call)
        assert last != "from_markup", place
        assert given.get("markup", "False") == "False", place
        if place.startswith("arctl/tui") and last in ("Static", "Label", "notify", "RichLog", "Log"):
            widgets += 1
            assert given.get("markup") == "False", f"{place}: markup=False is missing"
        if last == "Console":
            assert given.get("markup") == "False" and given.get("highlight") == "False", place
    assert widgets >= 10, "the test looks at nothing"


def test_titles_of_borders_are_no_markup() -> None:
    for path in sorted((ROOT / "arctl" / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for target in node.targets if isinstance(node, ast.Assign) else []:
                if isinstance(target, ast.Attribute) and target.attr in ("border_title", "border_subtitle"):
                    value = ast.unparse(node.value)
                    own = path.name == "compare.py" and value == "title"  # one of three words of its own
                    assert value.startswith("Text(") or isinstance(node.value, ast.Constant) or own, (
                        f"{path}:{node.lineno}: {value}"
                    )


def test_what_arctl_prints_passes_its_own_doors() -> None:
    prints = [place for place, name, _ in calls() if name == "print" and place.startswith("arctl/")]
    assert [
        place for place in prints if not place.startswith(("arctl/cli/tables.py", "arctl/cli/sweep_board.py"))
    ] == []
    direct = [place for place, name, _ in calls() if name in ("sys.stdout.write", "sys.stderr.write")]
    assert [place for place in direct if place.startswith("arctl/")] == []


@pytest.mark.parametrize("word", ['"/tmp', "'/tmp"])
def test_no_name_that_others_can_guess_in_a_directory_of_all(word: str) -> None:
    found = [path for path in SOURCES if word in path.read_text(encoding="utf-8")]
    allowed = {ROOT / "arctl" / "preflight" / "inputs.py", ROOT / "arctl" / "project.py"}
    assert [path for path in found if path not in allowed] == []


def test_simple_slurm_never_submits() -> None:
    # Its sbatch() writes a here-document for a shell: back-ticks in a name would run.
    users = [path for path in SOURCES if "import simple_slurm" in path.read_text(encoding="utf-8")]
    assert [path.name for path in users] == ["slurm.py"]
    assert [place for place, name, _ in calls() if name.endswith((".sbatch", ".srun")) and "slurm" in place] == []


def test_files_of_others_are_opened_without_following_a_link_or_waiting_for_a_pipe() -> None:
    for name in ("tail.py", "runfile.py", "scores/archive.py"):
        source = (ROOT / "arctl" / name).read_text(encoding="utf-8")
        opens = [
            line
            for line in source.splitlines()
            if "os.open(" in line and "O_RDONLY" in line and "O_DIRECTORY" not in line
        ]
        assert opens and all("O_NOFOLLOW" in line and "O_NONBLOCK" in line for line in opens), name
