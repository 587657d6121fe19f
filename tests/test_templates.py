"""Job templates: found, linted, rendered; and whatever a value holds, bash reads exactly that value back."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arctl import templates
from arctl.errors import ArctlError, NotFoundError, UsageError

HOSTILE = [
    "plain", "two words", "it's", 'say "hi"', "$HOME", "$(touch PWN)", "`touch PWN`", "a;b|c&d>e", "line\nbreak",
    "tab\there", "-rf", "--", "*", "?[a]", "~", "!", "#comment", "back\\slash", "\\", "'", "''", "", " ",
    "{{ run_dir }}", "{% raw %}", "été 視", "\x1b[31m", "EOF", "a=b", "(", ")", "\r", "%j", "$'x'",
]  # fmt: skip


def own(tmp_path: Path, text: str, name: str = "mine") -> templates.Template:
    tmp_path.joinpath(f"{name}.sbatch").write_bytes(text.encode())
    return templates.find(name, overrides=tmp_path)


def run(script: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
    path = directory / "script.sh"
    path.write_text(script, encoding="utf-8", newline="")
    return subprocess.run(["/bin/bash", str(path)], cwd=directory, capture_output=True, check=False)


VALUES: dict[str, object] = {
    "run": "run12", "token": "arctl-0123456789ab", "modules": [], "activate": None, "container": None,
    "python": "python3", "cluster": "local", "workspace": "/w", "gpus": 0, "nodes": 1, "cpus": 1, "env": {},
}  # fmt: skip


def test_packaged_templates_are_described_and_clean() -> None:
    found = {template.name: template for template in templates.every()}
    assert set(found) >= {"single", "ddp", "array"}
    for template in found.values():
        assert templates.check(template) == []
        assert template.description.endswith(".")
        assert "directives" in template.variables and set(template.variables) <= templates.KNOWN
    assert found["single"].signal == "B:USR2" and found["ddp"].signal == "USR2"


def test_a_workspaces_own_template_comes_first(tmp_path: Path) -> None:
    template = own(tmp_path, "#!/bin/bash\n{{ directives }}\ntrue\n", name="single")
    assert template.path.parent == tmp_path
    with pytest.raises(NotFoundError, match="did you mean 'single'"):
        templates.find("singel", overrides=tmp_path)


def test_single_runs_the_command_where_it_should(tmp_path: Path) -> None:
    work = tmp_path / "a 'work' $HOME"
    work.mkdir()
    command = ["/bin/bash", "-c", 'printf "%s|%s|%s\\n" "$PWD" "$ARCTL_RUN_DIR" "$NOTE"; kill -USR2 $$; echo alive']
    values = {**VALUES, "run_dir": "/r d", "workdir": str(work), "command": command, "env": {"NOTE": "a b'c"}}
    values |= {"activate": "export X=1\ntrue", "container": "env -u NOTHING"}
    script = templates.render(templates.find("single"), directives=["#SBATCH --time=5"], values=values)
    assert script.startswith("#!/bin/bash\n#SBATCH --time=5\n")
    done = run(script, tmp_path)
    assert done.stdout.decode() == f"{work}|/r d|a b'c\nalive\n" and done.returncode == 0


def test_a_missing_workspace_a_module_and_an_activation_have_exit_statuses(tmp_path: Path) -> None:
    template = templates.find("single")
    for change, status in (
        ({"workdir": "/no/where"}, 97),
        ({"workdir": "/", "modules": ["no/such"]}, 96),
        ({"workdir": "/", "activate": "false"}, 96),
    ):
        values = {**VALUES, "run_dir": "/r", "command": ["true"], **change}
        done = run(templates.render(template, directives=[], values=values), tmp_path)
        assert done.returncode == status and b"arctl: " in done.stderr


def test_without_a_container_there_is_one_blank_before_the_command() -> None:
    values = {**VALUES, "run_dir": "/r", "elements": "/e", "workdir": "/", "command": ["true"]}
    values |= {"python": "/py", "gpus": 1}
    for name in ("single", "array", "ddp"):
        for container, before in ((None, ""), ("apptainer exec x.sif", "apptainer exec x.sif ")):
            given = {**values, "container": container}
            script = templates.render(templates.find(name), directives=[], values=given)
            assert f"exec {before}{'/py -m' if name == 'ddp' else 'true'}" in script
            assert name != "ddp" or f"\n    {before}/py -m torch.distributed.run " in script


def test_array_elements_find_their_run_directory_and_log(tmp_path: Path) -> None:
    dirs = [tmp_path / name for name in ("run 0001", "run$HOME", "it's")]
    links = tmp_path / "it's an array"
    links.mkdir()
    for index, place in enumerate(dirs):
        place.mkdir()
        (links / str(index)).symlink_to(place)
    values = {**VALUES, "elements": str(links), "workdir": str(tmp_path)}
    values["command"] = 'printf "%s\\n" "$ARCTL_RUN_DIR"'.replace("printf", "/usr/bin/printf")
    script = templates.render(templates.find("array"), directives=[], values=values)
    for index, place in enumerate(dirs):
        env = {"SLURM_ARRAY_TASK_ID": str(index), "SLURM_ARRAY_JOB_ID": "77", "PATH": "/usr/bin:/bin"}
        subprocess.run(["/bin/bash", "-c", script], env=env, check=True)
        assert (place / f"log-77_{index}.txt").read_text() == f"{place}\n"
    outside = subprocess.run(
        ["/bin/bash", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False
    )
    assert outside.returncode == 97


def test_hostile_values_come_back_as_they_went_in(tmp_path: Path) -> None:
    text = (
        "#!/bin/bash\n{{ directives }}\n"
        "printf '%s\\0' {{ run_dir }} --x={{ token }}\nexport V={{ run }}\nprintf '%s\\0' \"$V\"\n"
        "printf '%s\\0' {{ command }} end\n{% for d in run_dirs %}\nprintf '%s\\0' {{ d }}\n{% endfor %}\n"
    )
    template = own(tmp_path, text)
    letters = "".join(HOSTILE)
    chance = random.Random(3)
    made = ["".join(chance.choice(letters) for _ in range(chance.randrange(1, 40))) for _ in range(60)]
    pool = HOSTILE + made
    for _ in range(40):
        a, b, c, d, e, f = (chance.choice(pool) for _ in range(6))
        values = {"run_dir": a, "token": b, "run": c, "command": [d, e], "run_dirs": [f, a]}
        done = run(templates.render(template, directives=[], values=values), tmp_path)
        assert done.stdout.decode().split("\0")[:-1] == [a, f"--x={b}", c, d, e, "end", f, a]
        assert done.stderr == b"" and not (tmp_path / "PWN").exists()


def test_a_nul_byte_is_refused(tmp_path: Path) -> None:
    template = own(tmp_path, "#!/bin/bash\n{{ directives }}\necho {{ run }}\n")
    with pytest.raises(UsageError, match="NUL"):
        templates.render(template, directives=[], values={"run": "a\0b"})


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("#!/bin/bash\n{{ directives }}\n\necho {{ modle }}\n", 4, "'modle' is undefined"),
        ("#!/bin/bash\n{{ directives }}\n{% if %}\n", 3, "does not parse"),
        ("#!/bin/bash\n{{ directives }}\n{{ run", 3, "does not parse"),
        ("#!/bin/bash\n{{ directives }}\n{{ run.__class__.__mro__ }}\n", 3, "unsafe|undefined"),
        ("#!/bin/bash\n{{ directives }}\n{{ 1 / 0 }}\n", 3, "division"),
        ("#!/bin/bash\n{{ directives }}\n{% include 'x' %}\n", 3, "no loader"),
    ],
)
def test_a_bad_template_names_its_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    template = own(tmp_path, text)
    with pytest.raises(UsageError, match=says) as caught:
        templates.render(template, directives=[], values={"run": "run1"})
    assert caught.value.where == f"{template.path}:{line}" and caught.value.cure


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("echo\n{{ directives }}\n", "line 1: the first line"),
        ("#!/bin/bash\necho\n{{ directives }}\n", "line 3: directives after the command in line 2"),
        ("#!/bin/bash\n{{ directives }}\necho\n#SBATCH --time=1\n", "line 4: directives after"),
        ("#!/bin/bash\necho\n", "{{ directives }} is missing"),
        ("#!/bin/bash\r\n{{ directives }}\r\n", "line 1: Windows line ends"),
        ("#!/bin/bash\n{{ directives }}\necho {{ rundir }}\n", "line 3: arctl gives no variable 'rundir'"),
        ('#!/bin/bash\n{{ directives }}\necho "{{ run }}"\n', "line 3: values are quoted already"),
        ("#!/bin/bash\n{{ directives }}\n# run {{ run }}\n", "line 3: a value in a comment"),
        ("#!/bin/bash\n#SBATCH --signal=B:USR2@60\n{{ directives }}\npython x\n", "line 2: --signal=B:"),
        ("#!/bin/bash\n#SBATCH --signal=USR2@60\n{{ directives }}\nexec python x\n", "line 2: --signal without B:"),
        ("#!/bin/bash\n{{ directives }}\n{% for %}\n", "line 3: "),
    ],
)
def test_lint_names_line_and_fault(tmp_path: Path, text: str, finding: str) -> None:
    found = templates.check(own(tmp_path, text))
    assert any(finding in line for line in found), found


@pytest.mark.parametrize("raw", [b"", b"  \n", b"#!/bin/bash\n\0", b"\xff\xfe#!", b"#!/bin/bash\n" + b"x" * (1 << 20)])
def test_what_is_no_script_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "odd.sbatch").write_bytes(raw)
    with pytest.raises(UsageError):
        templates.find("odd", overrides=tmp_path)


def test_rendered_packaged_templates_parse_as_bash(tmp_path: Path) -> None:
    shellcheck = shutil.which("bash")
    assert shellcheck is not None
    values = {
        **VALUES,
        "run_dir": "/r",
        "elements": "/e",
        "workdir": "/w",
        "command": ["true"],
        "modules": ["m"],
        "gpus": 2,
    }
    for name in ("single", "ddp", "array"):
        script = templates.render(templates.find(name), directives=["#SBATCH --nodes=2"], values=values)
        done = subprocess.run([shellcheck, "-n", "-c", script], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_ddp_starts_its_processes_on_one_machine(tmp_path: Path) -> None:
    # One write for each line: two processes share the output.
    rank = "import os; os.write(1, '{RANK} of {WORLD_SIZE} in {ARCTL_RUN_DIR}\\n'.format(**os.environ).encode())"
    values = {**VALUES, "run_dir": "/r d", "workdir": str(tmp_path), "python": sys.executable, "gpus": 2}
    values["command"] = [sys.executable, "-c", rank]
    done = run(templates.render(templates.find("ddp"), directives=[], values=values), tmp_path)
    lines = sorted(done.stdout.decode().splitlines())
    assert (done.returncode, lines) == (0, ["0 of 2 in /r d", "1 of 2 in /r d"]), done.stderr.decode()


BODY = "#!/bin/bash\n{{ directives }}\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (BODY + "{{ command }}\n", "line 3: the warning before the time limit (USR2) kills the shell"),
        (BODY + "trap '' USR2\n{{ command }}\n", "line 4: the warning before the time limit (USR2) reaches the shell"),
        ("#!/bin/bash\n#SBATCH --job-name=mine\n{{ directives }}\nexec true\n", "line 2: --job-name is arctl's own"),
        ("#!/bin/bash\n{{ directives }}\n#SBATCH -p x -o log\nexec true\n", "line 3: --output is arctl's own"),
        ("#!/bin/bash\n#SBATCH -a 0-3\n{{ directives }}\nexec true\n", "line 2: --array is arctl's own"),
        (BODY + "if true; then\nexec {{ command }}\n", "of the script"),
        (BODY + "echo {{ elements }} {{ run_dir }}\n", "line 3: 'run_dir' is undefined"),
        (BODY + "{% if modules %}\necho {{ run.x.y }}\n{% endif %}\n", "line 4: "),
        (BODY + "{% if not modules %}\necho {{ gpus + 1 }}\n{% endif %}\n", "line 4: unsupported operand"),
        (BODY + "echo {{ gpus / 0 }}\n", "line 3: division by zero"),
        (BODY + "{% include 'other' %}\n", "line 3: no loader"),
    ],
)
def test_what_a_submission_would_refuse_is_found_before(tmp_path: Path, text: str, finding: str) -> None:
    template = own(tmp_path, text)
    found = templates.check(template)
    assert any(finding in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        BODY + "exec {{ command }}\n",
        BODY + "cd / && exec {{ command }}\n",
        BODY + "if true; then exec {{ command }}; fi\n",
        BODY + "srun {{ command }}\n",
        BODY + "trap 'kill -USR2 $child' USR2\n{{ command }} & child=$!; wait\n",
        "#!/bin/bash\n#SBATCH --mail-type=END --partition=x -N 1 --export=NONE\n{{ directives }}\nexec {{ command }}\n",
        "#!/usr/bin/env python3\n{{ directives }}\nimport os; os.execvp('x', ['x'])\n",
        BODY + "exec {{ container or '' }} {{ command }} {{ (gpus or 1) }}\n",
    ],
)
def test_what_reaches_the_command_is_clean(tmp_path: Path, text: str) -> None:
    assert templates.check(own(tmp_path, text)) == []


def test_a_check_is_made_once_for_a_text(tmp_path: Path) -> None:
    template = own(tmp_path, BODY + "exec {{ command }}\n")
    templates.check(template)
    began = time.perf_counter()
    for _ in range(1000):
        templates.check(template)
    assert time.perf_counter() - began < 0.5  # bash alone takes 3 ms each time


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    own(tmp_path, BODY + "exec {{ command }}\n")
    (tmp_path / "binary.sbatch").write_bytes(b"\xff\xfe#!")
    (tmp_path / "gone.sbatch").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.sbatch").mkdir()
    (tmp_path / ".#mine.sbatch").symlink_to("user@host.123")  # an editor's lock
    os.mkfifo(tmp_path / "pipe.sbatch")
    assert {one.name for one in templates.every(overrides=tmp_path)} == {"mine", "single", "ddp", "array"}
    broken = templates.broken(overrides=tmp_path)
    assert set(broken) == {"binary", "gone", "folder", "pipe"}
    assert all(str(tmp_path) in str(error.where) and error.cure for error in broken.values())
    for name in broken:
        with pytest.raises(ArctlError):
            templates.find(name, overrides=tmp_path)
