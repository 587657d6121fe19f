"""One question for all: processes that want the same at once ask once, and a Slurm in trouble is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arctl.clusters import calls, once, slurm_share
from arctl.clusters.calls import Call, tally
from arctl.clusters.machine import look, read_cards
from arctl.clusters.slurm_share import read_shares
from arctl.errors import SchedulerError

ASK = """
import json, sys, time
from arctl.clusters.once import once
from arctl.errors import SchedulerError
began = time.time()
def ask():
    open(sys.argv[1], "a").write("asked\\n")
    time.sleep(2.0)
    if len(sys.argv) > 2:
        raise SchedulerError("no answer", where="here", cure="wait")
    return {"said": "yes"}
try:
    print(json.dumps(once("x.json", ("said",), ask, max_age_s=0.0)["said"]))
except SchedulerError as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.parametrize(("more", "said"), [([], "yes"), (["fails"], "here: no answer (wait)")])
def test_four_processes_ask_once(tmp_path: Path, more: list[str], said: str) -> None:
    asked = tmp_path / "asked"
    command = [sys.executable, "-c", ASK, str(asked), *more]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [json.loads(one.communicate(timeout=60)[0]) for one in together] == [said] * 4
    assert asked.read_text().count("asked") < 4, "who came while one asked heard what that one heard"


def test_an_answer_is_kept_and_a_failure_is_waited_out_by_the_patient() -> None:
    asked: list[float] = []

    def good() -> dict[str, str]:
        asked.append(time.time())
        return {"said": str(len(asked))}

    def bad() -> dict[str, str]:
        asked.append(time.time())
        raise SchedulerError("no answer", where="squeue")

    assert once.last("x.json", ("said",)) is None
    first = once.once("x.json", ("said",), good, max_age_s=60)
    assert once.once("x.json", ("said",), good, max_age_s=60) == first
    assert once.once("x.json", ("said",), good, max_age_s=0.0)["said"] == "2"
    for _ in range(2):
        with pytest.raises(SchedulerError, match="no answer"):
            once.once("x.json", ("said",), bad, max_age_s=0.0)
    assert len(asked) == 4, "a person who asks again is obeyed"
    with pytest.raises(SchedulerError, match="no answer") as caught:
        once.once("x.json", ("said",), good, max_age_s=0.0, patient=True)
    assert len(asked) == 4 and caught.value.where == "squeue"
    kept = once.last("x.json", ("said",))
    assert kept is not None and kept["said"] == "2", "what was said before stays"


def test_a_claim_of_a_dead_process_holds_up_nobody() -> None:
    place = calls.place()
    assert place is not None
    code = "import sys; from pathlib import Path; from arctl.clusters import claim; claim.claim(Path(sys.argv[1]), "
    subprocess.run([sys.executable, "-c", f"{code}patience_s=60)", str(place / "x.json.claim")], check=True)
    assert (place / "x.json.claim").exists()
    began = time.monotonic()
    assert once.once("x.json", ("said",), lambda: {"said": "yes"}, max_age_s=1)["said"] == "yes"
    assert time.monotonic() - began < 5 and not (place / "x.json.claim").exists()


def test_calls_are_summed_up() -> None:
    made = [Call("squeue", "", at, 10.0 * at, rc, pid, "queue") for at, rc, pid in ((1, 0, 7), (2, 1, 8), (3, None, 7))]
    made.append(Call("sshare", "", 4, 5.0, 0, 9, "share"))
    queue, share = tally(made)
    assert (queue.program, queue.count, queue.failed, queue.ms, queue.at, queue.pids) == (
        "squeue",
        3,
        2,
        20.0,
        3,
        (7, 8),
    )
    assert (share.why, share.count, share.failed) == ("share", 1, 0)
    assert tally([]) == []


def test_shares_are_read_and_a_site_without_them_is_no_error() -> None:
    (found,) = read_shares(
        "lab\x1b[31m |me|0.25|0.1|0.75\nroot|root||0.000000|0.000000\n|me|0.1|0.1|0.1\nx|y|inf|0|2\n"
    )
    assert (found.account, found.share, found.used, found.factor) == ("lab", 0.25, 0.1, 0.75)
    assert read_shares("") == ()


def test_a_site_without_sshare_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="cannot be started"):
        slurm_share.ask()
    (tmp_path / "sshare").write_text(
        "#!/bin/sh\necho 'You are not running a supported accounting_storage plugin' >&2; exit 1\n"
    )
    (tmp_path / "sshare").chmod(0o755)
    with pytest.raises(SchedulerError, match="does not tell its fair-share: You are not running"):
        slurm_share.ask(max_age_s=0.0)
    assert slurm_share.known() is None


def test_this_machine_is_read() -> None:
    cards = read_cards("0, NVIDIA H100 80GB HBM3, 97, 40960, 81559\n1, Odd\x1b[2J, [N/A], [N/A], 81559\nno devices\n")
    assert [(card.index, card.busy, card.used_mib, card.mib) for card in cards] == [
        ("0", 0.97, 40960, 81559),
        ("1", None, None, 81559),
    ]
    assert cards[1].name == "Odd"
    here = look()
    assert here.cores == len(os.sched_getaffinity(0)) and here.mib and here.free_mib and here.mib >= here.free_mib > 0
