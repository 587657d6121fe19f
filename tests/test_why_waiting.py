"""Waiting jobs: place in the line, and what would start them sooner; from text as squeue and scontrol print it."""

from __future__ import annotations

from pathlib import Path

import pytest

from arctl.clusters.site_parse import Partition
from arctl.clusters.slurm_line import Waiting, read_line
from arctl.clusters.slurm_nodes import Node, nodes_of
from arctl.registry.rows import RunRow
from arctl.states import State
from arctl.why.answer import Answer
from arctl.why.sooner import place_of
from arctl.why.waiting import Queue, waiting, waiting_here

NOW = 1_795_240_800.0  # 2026-11-21T06:00:00 UTC
SCRIPT = "#!/bin/bash\n#SBATCH --nodes=1\n#SBATCH --cpus-per-task=4\n#SBATCH --mem=8G\n#SBATCH --gres=gpu:4\n"
NODE = (
    "NodeName={name} Arch=x86_64 CoresPerSocket=1 CPUAlloc={cpus} CPUEfctv=16 CPUTot=16 Gres=gpu:h100:4 "
    "GresUsed=gpu:h100:{gpus} RealMemory=64000 AllocMem=8000 State={state} Partitions={partitions}"
)
PARTITIONS = (Partition("low", max_time_s=86400), Partition("high", max_time_s=28800))


def line(*rows: str) -> tuple[Waiting, ...]:
    return read_line("\n".join(rows))


def nodes(*rows: tuple[str, str, int, int, str]) -> tuple[Node, ...]:
    fields = ("name", "partitions", "gpus", "cpus", "state")
    return nodes_of("\n".join(NODE.format(**dict(zip(fields, row, strict=True))) for row in rows))


def asked(
    place: Path, own: str, *others: str, around: tuple[Node, ...] = (), script: str = SCRIPT, sweep: str | None = None
) -> Answer:
    (place / "job.sbatch").write_text(script)
    row = RunRow(
        12, "r3d18", "arctl-0", "r3d18", "ucf101", None, "slurm", "single", NOW, State.PENDING, own.split("|")[0],
        "submitted", True, None, None, None, None, None, None, None, None, None, (), "", None, sweep, None, 0,
    )  # fmt: skip
    jobs = line(own, *others)
    queue = Queue(jobs[0] if jobs else None, jobs, around, PARTITIONS, ())
    return waiting(row, place, queue, runs={"76": 11}, now=NOW)


def test_the_line_is_counted_over_arrays_and_without_those_that_sit_out() -> None:
    jobs = line(
        "80|500|low|0|N/A|1:00:00|(null)|Priority",
        "75|900|low|7|2026-11-21T08:00:00|1:00:00|(null)|Resources",
        "76_[3-9%2]|700|low|7|N/A|UNLIMITED|(null)|Priority",
        "77|0|low|0|N/A|UNLIMITED|(null)|JobHeldUser",
        "78|600|low|0|N/A|UNLIMITED|afterok:75(unfulfilled)|Dependency",
        "79|500|low|0|N/A|1:00:00|(null)|Priority",
        "81|400|low|0|N/A|1:00:00|(null)|Priority",
        "82|999|high|0|N/A|1:00:00|(null)|Priority",
        "a banner | of a site",
    )
    place = place_of(jobs[0], jobs)
    assert (place.number, place.of) == (10, 11)  # 75, the seven of 76, and 79, which is older
    assert place.before[0].job_id == "75"


def test_a_free_partition_where_nobody_waits_is_named(tmp_path: Path) -> None:
    around = nodes(("gpu1", "low", 4, 8, "MIXED"), ("gpu2", "high", 0, 0, "IDLE"))
    own = "77|500|low|0|2026-11-21T08:00:00|4:00:00|(null)|Resources"
    answer = asked(tmp_path, own, around=around)
    assert answer.sentence == "no node has enough free GPUs, cores or memory"
    assert answer.remedies[0].command == "scontrol update jobid=77 partition=high"
    assert answer.notes[0] == "place 1 of 1 in partition low"
    assert answer.facts["expected_start"] == NOW + 7200
    assert not asked(tmp_path, own, "90|1|high|7|N/A|1:00|(null)|Priority", around=around).remedies
    assert not asked(tmp_path, own.replace("4:00:00", "9:00:00"), around=around).remedies  # above high's limit
    drained = nodes(("gpu1", "low", 4, 8, "MIXED"), ("gpu2", "high", 0, 0, "IDLE+DRAIN"))
    assert not asked(tmp_path, own, around=drained).remedies
    small = nodes(("gpu1", "low", 4, 8, "MIXED"), ("gpu2", "high", 0, 14, "MIXED"))
    assert not asked(tmp_path, own, around=small).remedies  # GPUs, but only two cores


def test_fewer_gpus_only_for_the_first_in_line(tmp_path: Path) -> None:
    around = nodes(("gpu1", "low", 1, 4, "MIXED"))
    own = "77|500|low|0|N/A|4:00:00|(null)|Resources"
    (remedy,) = asked(tmp_path, own, around=around).remedies
    assert remedy.command == "arctl cancel run12 && arctl rerun run12 --gpus 2"
    before = "70|900|low|7|N/A|4:00:00|(null)|Priority"
    assert not asked(tmp_path, own, before, around=around).remedies


def test_a_shorter_limit_slips_it_in_before_the_first(tmp_path: Path) -> None:
    around = nodes(("gpu1", "low", 0, 0, "IDLE"))
    own = "77|500|low|0|N/A|12:00:00|(null)|Priority"
    first = "70|900|low|7|2026-11-21T08:00:00|4:00:00|(null)|Resources"
    answer = asked(tmp_path, own, first, around=around)
    assert answer.remedies[0].command == "scontrol update jobid=77 timelimit=1:45:00"
    assert answer.notes[0] == "place 2 of 2 in partition low (1 other user before you)"


@pytest.mark.parametrize(
    ("own", "sentence", "command"),
    [
        ("77|0|low|0|N/A|1:00:00|(null)|JobHeldUser", "it is held by its owner", "scontrol release 77"),
        (
            "77|0|low|0|N/A|1:00:00|(null)|launch failed requeued held",
            "the start failed on its node, and Slurm holds it",
            "scontrol release 77",
        ),
        (
            "77|5|low|0|N/A|2-00:00:00|(null)|PartitionTimeLimit",
            "its time limit is above the partition's",
            "scontrol update jobid=77 timelimit=24:00:00",
        ),
        (
            "77|5|low|0|N/A|1:00:00|(null)|QOSMaxGRESPerUser",
            "you use all the GPUs that its QOS allows",
            "arctl queue",
        ),
        (
            "77|5|low|0|N/A|1:00:00|afterok:76(failed)|DependencyNeverSatisfied",
            "the job it depends on did not end as it must (run11 must end well)",
            "scontrol show job 77",
        ),
        (
            "77_[2-9%3]|5|low|0|N/A|1:00:00|(null)|JobArrayTaskLimit",
            "as many elements of its array run as its limit (%) allows",
            "scontrol update jobid=77 arraytaskthrottle=6",
        ),
    ],
)
def test_each_reason_has_its_remedy(own: str, sentence: str, command: str, tmp_path: Path) -> None:
    answer = asked(tmp_path, own)
    assert answer.sentence == sentence
    assert answer.remedies[0].command == command


def test_a_sweep_is_throttled_by_name(tmp_path: Path) -> None:
    answer = asked(tmp_path, "77_[2-9%3]|5|low|0|N/A|1:00|(null)|JobArrayTaskLimit", sweep="lr-study")
    assert answer.remedies[0].command == "arctl sweep throttle lr-study 6"


def test_a_dependency_names_the_run(tmp_path: Path) -> None:
    own = "77|5|low|0|N/A|1:00:00|afterok:76(unfulfilled),afterany:90_*(unfulfilled)|Dependency"
    assert asked(tmp_path, own).sentence == "another job comes first (run11 must end well, job 90_* must end)"


def test_a_job_that_squeue_does_not_know_keeps_the_registry_s_word(tmp_path: Path) -> None:
    answer = asked(tmp_path, "77")
    assert answer.evidence[0].source == "runs.db"
    assert answer.sentence == "Slurm has not looked at it yet"


def test_a_mark_keeps_a_hostile_job_name_out() -> None:
    text = "k7|77|5|low|0|N/A|1:00:00|(null)|Priority\n78|9|low|0|N/A|1:00:00|(null)|Priority\n"
    assert [job.job_id for job in read_line(text, mark="k7|")] == ["77"]


def test_on_this_machine_the_queue_is_counted() -> None:
    row = RunRow(
        4, "a", "t", None, None, None, "local", "single", NOW, State.PENDING, "9", "submitted", False, None, None, None,
        None, None, None, None, None, None, (), "", None, None, None, 0,
    )  # fmt: skip
    answer = waiting_here(row, running=1, before=2)
    assert answer.sentence == "it waits for its turn: 1 job runs on this machine, and 2 wait before it"
    assert answer.facts["place"] == 3
