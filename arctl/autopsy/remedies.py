"""What to do about a diagnosis: command lines with the run's own values, ready to paste."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace

from arctl.autopsy.diagnosis import Case, Cause, Diagnosis, Remedy
from arctl.request import Evaluation
from arctl.rundir import run_name

_PACKAGES = {"cv2": "opencv-python", "PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn"}
_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_USUAL_LR = 3e-4
_HOPELESS = frozenset({Cause.NOT_FINITE, Cause.LOSS_SCALE, Cause.CONFIG, Cause.SUPERSEDED})
"""Going on from the checkpoint would end the same way, or must not be."""


def remedies(found: Diagnosis, case: Case) -> tuple[Remedy, ...]:
    """Return what to do, the best first; there is always something."""
    made = _BY_CAUSE.get(found.cause, _mend)(found, case) or _mend(found, case)
    if case.evaluates is not None:
        made = _for_evaluation(found, case, made)
    anew = all(remedy.command.startswith("arctl rerun") for remedy in made)
    if case.resumable and anew and found.cause not in _HOPELESS:
        made = [*made, Remedy(f"arctl resume {case.run}", "goes on from its checkpoint, as it is")]
    return tuple(dict.fromkeys(made))


def again(case: Case, *options: str) -> str:
    """Return the command that goes on from the checkpoint where there is one, and else begins anew."""
    return again_with(case.run, *options, resumable=case.resumable)


def again_with(run: str, *options: str, resumable: bool) -> str:
    """Return the same for a run of that name; a changed configuration always begins anew."""
    sets = any(option.startswith("--set") for option in options)
    return " ".join(["arctl", "resume" if resumable and not sets else "rerun", run, *options])


def _for_evaluation(found: Diagnosis, case: Case, made: list[Remedy]) -> list[Remedy]:
    """Return the remedies that do not change how a run trains; a smaller batch is an option of the evaluation."""
    kept = [remedy for remedy in made if "--set" not in remedy.command]
    asked = Evaluation.read(case.evaluates or 0, case.command)
    batch = asked.batch_size or case.config.get("data.eval_batch_size") or case.config.get("data.batch_size")
    if found.cause is Cause.GPU_MEMORY and isinstance(batch, int) and batch > 1:
        words = replace(asked, batch_size=batch // 2).words()
        smaller = shlex.join(["arctl", "eval", run_name(asked.run), *words])
        kept.insert(0, Remedy(smaller, f"fewer views at a time than {batch}"))
    return kept or [Remedy(again(case), "scores it once more")]


def next_memory(asked: object, *, peak: int | None) -> str | None:
    """Return the next sensible `--mem` above what was asked for and a quarter above the peak; None without either."""
    have = memory_bytes(asked)
    wanted = max((have or 0) * 1.5, (peak or 0) * 1.25)
    if not wanted:
        return None
    return next((f"{size}G" for size in _SIZES if size * 2**30 >= wanted), f"{math.ceil(wanted / 2**30)}G")


def memory_bytes(text: object) -> int | None:
    """Read `32G`, `500M`, `4000` (MB) or `16Gn`; None for anything else, and for 0, which is a whole node."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)[nc]?", str(text).strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        return None
    return int(float(match[1]) * 1024 ** {"K": 1, "M": 2, "G": 3, "T": 4}.get(match[2].upper(), 2))


def time_text(seconds: float) -> str:
    """Return a `--time` of at least so many seconds, rounded up to what people write: `2:30:00`, `1-06:00:00`."""
    step = 900 if seconds < 6 * 3600 else 3600
    whole = max(step, math.ceil(seconds / step) * step)
    days, rest = divmod(whole, 86400)
    return f"{days}-{rest // 3600:02d}:00:00" if days else f"{rest // 3600}:{rest % 3600 // 60:02d}:00"


def _mend(found: Diagnosis, case: Case) -> list[Remedy]:
    cure = re.search(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)$", case.end_message or "")
    return [Remedy(again(case), f"after this: {cure[1]}" if cure else "once that is mended")]


def _gpu_memory(found: Diagnosis, case: Case) -> list[Remedy]:
    batch, steps = case.config.get("data.batch_size"), case.config.get("optim.accumulate")
    made = []
    if isinstance(batch, int) and isinstance(steps, int) and batch > 1:
        half = batch // 2
        more = -(-steps * batch // half)
        exact = half * more == steps * batch
        change = f"--set data.batch_size={half} --set optim.accumulate={more}"
        same = "the same clips a step, fewer at a time" if exact else f"{half * more} clips a step, fewer at a time"
        made.append(Remedy(again(case, change), same))
    elif isinstance(batch, int) and isinstance(frames := case.config.get("data.frames"), int) and frames > 1:
        made.append(Remedy(again(case, f"--set data.frames={frames // 2}"), "half the frames of a clip"))
    if case.config.get("train.precision") == "fp32":
        made.append(Remedy(again(case, "--set train.precision=bf16"), "activations take half the memory"))
    return made or [Remedy(again(case), "once its batch size is lower; or on GPUs with more memory")]


def _memory(found: Diagnosis, case: Case) -> list[Remedy]:
    peak = case.accounts.peak if case.accounts else None
    asked = case.asked.get("mem") or (case.accounts.granted if case.accounts else None)
    mem = next_memory(asked, peak=peak) or "32G"
    made = []
    if case.cluster != "local":
        old = f"instead of {asked}" if asked else "it asked for none"
        made.append(Remedy(again(case, f"--mem {mem}"), f"more memory, {old}"))
    return [*made, *_workers(found, case)]


def _workers(found: Diagnosis, case: Case) -> list[Remedy]:
    workers = case.config.get("data.workers")
    if isinstance(workers, int) and workers > 0:
        return [Remedy(again(case, f"--set data.workers={workers // 2}"), f"fewer data workers than {workers}")]
    return []


def _time(found: Diagnosis, case: Case) -> list[Remedy]:
    need = _time_needed(case)
    if need is not None:
        return [Remedy(again(case, f"--time {time_text(need)}"), "what is left needs about that long, with a reserve")]
    if case.elapsed:
        return [Remedy(again(case, f"--time {time_text(2 * case.elapsed)}"), "twice as long")]
    return [Remedy(again(case), "with a longer --time")]


def _time_needed(case: Case) -> float | None:
    """Return the seconds that the job needs from where it would start, a fifth above the estimate; None if unknown."""
    if case.pace is None or not case.epochs:
        return None
    done = math.floor(case.epoch or 0) if case.resumable else 0
    left = case.epochs - done
    return left * case.pace * 1.2 + 300 if left > 0 else None


def _not_finite(found: Diagnosis, case: Case) -> list[Remedy]:
    rate, clip = case.config.get("optim.lr"), case.config.get("optim.clip_grad")
    if not isinstance(rate, int | float):
        return [Remedy(again(case), "once its learning rate is lower, or its gradients are clipped")]
    lower = _USUAL_LR if rate > 0.1 else float(f"{rate / 3:.1g}")
    options = [f"--set optim.lr={lower:g}", *(["--set optim.clip_grad=1.0"] if clip is None else [])]
    made = [Remedy(again(case, *options), f"a lower rate than {rate:g}" + ("" if clip else ", and clipped gradients"))]
    if case.config.get("train.precision") == "fp16":
        made.insert(0, Remedy(again(case, "--set train.precision=bf16"), "bf16 has the range that fp16 lacks"))
    return made


def _import(found: Diagnosis, case: Case) -> list[Remedy]:
    match = re.search(r"module ([\w.]+) is not", found.sentence)
    if match is None:
        return _mend(found, case)
    name = match[1].partition(".")[0]
    first = next((word for word in case.command if re.search(r"(^|/)python[\d.]*$", word)), "python")
    install = f"{shlex.quote(first)} -m pip install {_PACKAGES.get(name, name)}"
    return [Remedy(install, "in the environment that the job uses"), Remedy(again(case), "then")]


def _file(found: Diagnosis, case: Case) -> list[Remedy]:
    if "copy of the code" in found.sentence:
        name = found.sentence.partition(" is not in")[0]
        ignored = Remedy(f"git check-ignore -v {shlex.quote(name)}", "whether it is ignored; see .arctlignore too")
        return [ignored, Remedy(again(case), "once it is there: takes a new copy")]
    path = next(iter(re.findall(r"/[^\s()]+", found.sentence)), None)
    root = str(case.config.get("data.root") or "")
    made = []
    if path and root and path.startswith(root):
        made.append(
            Remedy(f"arctl data check {shlex.quote(str(case.config.get('data.name')))}", "what else is missing")
        )
    elif path:
        made.append(Remedy(f"ls -ld {shlex.quote(path)}", "look from here; compute nodes may see other disks"))
    return [*made, *_mend(found, case)]


def _data(found: Diagnosis, case: Case) -> list[Remedy]:
    name = case.config.get("data.name")
    check = [Remedy(f"arctl data check {shlex.quote(str(name))}", "checks all lists and files")] if name else []
    blocking = Remedy(f"CUDA_LAUNCH_BLOCKING=1 {again(case)}", "the traceback then names the very line")
    return [*check, blocking] if found.cause is Cause.GPU_ASSERT else [*check, *_mend(found, case)]


def _disk(found: Diagnosis, case: Case) -> list[Remedy]:
    full = next(iter(re.findall(r"\((/[^\s()]+)\)", found.sentence)), case.path or ".")
    where = f"df -h {shlex.quote(full)}"
    return [Remedy(where, "what is full; make room there"), Remedy(again(case), "then")]


def _elsewhere(found: Diagnosis, case: Case) -> list[Remedy]:
    if case.cluster == "local" or not case.node:
        return _mend(found, case)
    return [Remedy(again(case, f"--exclude {case.node}"), f"on another node than {case.node}")]


def _gpu_missing(found: Diagnosis, case: Case) -> list[Remedy]:
    if case.cluster == "local" and case.config:
        return [Remedy(again(case, "--set train.device=cpu", "--set train.precision=fp32"), "without a GPU")]
    if not case.asked.get("gpus"):
        return [Remedy(again(case, "--gpus 1"), "it asked for none")]
    return _elsewhere(found, case)


def _network(found: Diagnosis, case: Case) -> list[Remedy]:
    return [Remedy(again(case), "once what it downloads lies on disk: fetch it on the login node first")]


def _together(found: Diagnosis, case: Case) -> list[Remedy]:
    made = [Remedy(f"NCCL_DEBUG=INFO {again(case)}", "NCCL then says in the log what it does")]
    return made if found.cause is Cause.COLLECTIVE else [Remedy(again(case), "it is often a moment's trouble"), *made]


def _signal(found: Diagnosis, case: Case) -> list[Remedy]:
    if re.search(r"SIGKILL|Killed", found.sentence):
        return _memory(found, case)
    if re.search(r"SIGBUS|Bus error", found.sentence):
        return [*_workers(found, case), Remedy(again(case), "once /dev/shm is larger")]
    if re.search(r"SIGTERM|SIGUSR|SIGINT", found.sentence):
        return [Remedy(again(case), "goes on" if case.resumable else "starts again")]
    return [Remedy(f"PYTHONFAULTHANDLER=1 {again(case)}", "Python then writes where it crashed to the log")]


def _simply(found: Diagnosis, case: Case) -> list[Remedy]:
    return [Remedy(again(case), "goes on from its checkpoint" if case.resumable else "starts it again")]


def _look(found: Diagnosis, case: Case) -> list[Remedy]:
    return [Remedy(f"arctl logs {case.run} -n 200", "the rest of the log"), *_mend(found, case)]


def _weights(found: Diagnosis, case: Case) -> list[Remedy]:
    return [*_mend(found, case), Remedy(again(case, "--set model.weights=null"), "starts from random weights")]


_BY_CAUSE: Mapping[Cause, Callable[[Diagnosis, Case], list[Remedy]]] = {
    Cause.GPU_MEMORY: _gpu_memory,
    Cause.MEMORY: _memory,
    Cause.SHARED_MEMORY: _workers,
    Cause.WORKER: _memory,
    Cause.TIME_LIMIT: _time,
    Cause.NOT_FINITE: _not_finite,
    Cause.LOSS_SCALE: _not_finite,
    Cause.IMPORT: _import,
    Cause.MISSING_FILE: _file,
    Cause.PERMISSION: _file,
    Cause.DATA: _data,
    Cause.GPU_ASSERT: _data,
    Cause.DISK_FULL: _disk,
    Cause.GPU_FAULT: _elsewhere,
    Cause.DRIVER: _elsewhere,
    Cause.WORKDIR: _elsewhere,
    Cause.NODE_FAILURE: _elsewhere,
    Cause.NO_LOG: _elsewhere,
    Cause.NO_GPU: _gpu_missing,
    Cause.NETWORK: _network,
    Cause.COLLECTIVE: _together,
    Cause.RENDEZVOUS: _together,
    Cause.PORT: _simply,
    Cause.CANCELLED: _simply,
    Cause.PREEMPTED: _simply,
    Cause.LOST: _simply,
    Cause.DEPENDENCY: _simply,
    Cause.SIGNAL: _signal,
    Cause.WEIGHTS: _weights,
    Cause.PEER: _look,
    Cause.PYTHON: _look,
    Cause.NO_END: _look,
    Cause.UNKNOWN: _look,
}
