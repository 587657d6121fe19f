"""What a job script asks for, as Slurm's own parser reads it, and what Slurm says of a site."""

from __future__ import annotations

import pytest

from arctl.clusters.asked import Gres, asked, gres_list, mebibytes, options
from arctl.clusters.site_parse import associations, config, hosts, kinds, partitions, qualities

NODES = (
    "NodeName=gpu1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=0 CPUEfctv=8 CPUTot=8 CPULoad=0.07 AvailableFeatures=fast,ib "
    "ActiveFeatures=fast Gres=gpu:h100:4(S:0-1) NodeAddr=127.0.0.1 NodeHostName=localhost Port=23801 Version=22.05.8 "
    "OS=Linux 6.18.44 #1 SMP @0  RealMemory=12000 AllocMem=0 MemSpecLimit=2000 State=IDLE ThreadsPerCore=1 "
    "Owner=N/A MCS_label=N/A Partitions=low,high  BootTime=2026-11-21T02:20:13 CfgTRES=cpu=8,mem=12000M,gres/gpu=4\n"
)


def header(*lines: str) -> str:
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in lines), "true", ""])


def test_long_and_short_forms_mean_the_same() -> None:
    long = asked(header("--partition=low,high", "--time=4:00:00", "--nodes=2", "--cpus-per-task=8", "--account lab"))
    short = asked(header("-p low,high -t4:00:00", "-N 2 -c8", "-A lab # a comment"))
    for one in (long, short):
        assert (one.partitions, one.limit_s, one.nodes, one.cpus) == (("low", "high"), 14400, 2, 8)
        assert one.account == "lab"


def test_the_last_one_holds_and_lines_after_a_command_do_not() -> None:
    found = asked("#!/bin/bash\n#SBATCH --mem=1G\n\n# words\n#SBATCH --mem=2G\nset -e\n#SBATCH --mem=3G\n")
    assert found.mem_mib == 2048


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--gres=gpu:2", (Gres("gpu", None, 2),)),
        ("--gres=gpu:h100:2,shard:8", (Gres("gpu", "h100", 2), Gres("shard", None, 8))),
        ("--gres=gpu:1g.5gb:3", (Gres("gpu", "1g.5gb", 3),)),
        ("--gres=gpu", (Gres("gpu", None, 1),)),
        ("--gpus-per-node=a100:4", (Gres("gpu", "a100", 4),)),
        ("--nodes=2 --gpus=5", (Gres("gpu", None, 3),)),
        ("--ntasks-per-node=4 --gpus-per-task=1", (Gres("gpu", None, 4),)),
        ("--gres=none", ()),
    ],
)
def test_gpus_are_counted_for_each_node(line: str, wanted: tuple[Gres, ...]) -> None:
    found = asked(header(line)).gres
    assert found == (wanted or (Gres("none", None, 1),))


@pytest.mark.parametrize(
    ("lines", "mib"),
    [
        (["--mem=32G"], 32768), (["--mem=500"], 500), (["--mem=0"], 0), (["--mem=1T"], 1048576), ([], None),
        (["--mem-per-cpu=2G", "--cpus-per-task=4"], 8192), (["--mem-per-gpu=10G", "--gres=gpu:2"], 20480),
        (["--mem=lots"], None),
    ],
)  # fmt: skip
def test_memory_is_that_of_a_node(lines: list[str], mib: float | None) -> None:
    assert asked(header(*lines)).mem_mib == mib


@pytest.mark.parametrize(
    ("text", "elements", "highest"),
    [("0-9", 10, 9), ("0-9%2", 10, 9), ("0-9:3", 4, 9), ("1,5,7-8", 4, 8), ("x", 1, None)],
)
def test_arrays_are_counted(text: str, elements: int, highest: int | None) -> None:
    found = asked(header(f"--array={text}"))
    assert (found.elements, found.highest) == (elements, highest)


def test_nonsense_is_left_to_slurm() -> None:
    found = asked(
        header("--time=soon", "--nodes=many", "--cpus-per-task=-3", "--array=", "'unclosed --mem=1G", "-", "--")
    )
    assert (found.limit_s, found.nodes, found.cpus, found.elements) == (None, 1, 1, 1)
    assert asked("") == asked("#!/bin/bash\n")


def test_flags_take_no_value() -> None:
    assert options(header("--requeue --exclusive -H", "--hold -p low")) == {
        "requeue": "", "exclusive": "", "hold": "", "partition": "low",
    }  # fmt: skip


def test_a_node_is_read_whole_and_alike_ones_are_one_kind() -> None:
    other = NODES.replace("NodeName=gpu1", "NodeName=gpu2")
    down = NODES.replace("NodeName=gpu1", "NodeName=gpu3").replace("State=IDLE", "State=DOWN*+DRAIN")
    one, two = kinds(NODES + other + down, host="login1")
    assert one.names == ("gpu1", "gpu2") and one.usable and one.here
    assert (one.cpus, one.mem_mib, one.features, one.partitions) == (8, 10000, ("fast", "ib"), ("low", "high"))
    assert one.gres == (Gres("gpu", "h100", 4),)
    assert two.names == ("gpu3",) and not two.usable


@pytest.mark.parametrize(
    ("state", "usable"),
    [
        ("IDLE", True), ("MIXED+CLOUD", True), ("ALLOCATED", True), ("IDLE+CLOUD+POWERED_DOWN", True),
        ("IDLE+DRAIN", False), ("DOWN", False), ("ALLOCATED*", False), ("FUTURE", False), ("MIXED+DRAIN", False),
    ],
)  # fmt: skip
def test_states_of_nodes(state: str, usable: bool) -> None:
    (kind,) = kinds(NODES.replace("State=IDLE", f"State={state}"), host="x")
    assert kind.usable is usable


def test_a_partition_without_limits_has_none() -> None:
    text = (
        "PartitionName=low AllowGroups=ALL AllowAccounts=ALL DenyQos=bad AllowQos=a,b Default=YES QoS=N/A "
        "DefaultTime=NONE MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxMemPerNode=UNLIMITED State=UP ReqResv=NO\n"
        "PartitionName=high MaxTime=1-00:00:00 DefaultTime=01:00:00 MaxNodes=4 MaxMemPerNode=2000 State=DOWN QoS=q\n"
    )
    low, high = partitions(text)
    assert (low.max_time_s, low.default_time_s, low.max_nodes, low.max_mem_mib) == (None, None, None, None)
    assert (low.default, low.allow, low.deny, low.qos) == (True, {"qos": ("a", "b")}, {"qos": ("bad",)}, None)
    assert (high.max_time_s, high.default_time_s, high.max_nodes, high.max_mem_mib) == (86400, 3600, 4, 2000)
    assert (high.state, high.qos) == ("DOWN", "q")


def test_accounts_of_other_clusters_are_not_mine_here() -> None:
    text = "test|root||normal,short|short\nother|lab||normal|\ntest|lab|high||\nbroken\n"
    mine = associations(text, cluster="test")
    assert [(one.account, one.partition, one.qos, one.default_qos) for one in mine] == [
        ("root", None, ("normal", "short"), "short"), ("lab", "high", (), None),
    ]  # fmt: skip


def test_limits_of_a_quality_of_service() -> None:
    normal, short = qualities("normal|||||\nshort|1-00:00:00|gres/gpu=2,mem=4G|cpu=4|5|DenyOnLimit,OverPartQOS\n")
    assert (normal.max_wall_s, normal.per_job, normal.max_submitted) == (None, {}, None)
    assert (short.max_wall_s, short.max_submitted) == (86400, 5)
    assert (short.per_job, short.per_user) == ({"gres/gpu": 2.0, "mem": 4096.0}, {"cpu": 4.0})
    assert "DenyOnLimit" in short.flags


def test_host_lists() -> None:
    assert hosts("gpu[1-3,07],login,a[1-2]b[08-09]") == {
        "gpu1", "gpu2", "gpu3", "gpu07", "login", "a1b08", "a1b09", "a2b08", "a2b09",
    }  # fmt: skip
    for text in (None, "", "gpu[", "gpu[1-99999999999]", "gpu[a-b]", "n[1-60000],m[1-60000]"):
        assert not hosts(text) - {"gpu"}


def test_small_readers() -> None:
    assert config("Configuration data as of now\nMaxArraySize            = 11\nEmpty   = \n")["MaxArraySize"] == "11"
    assert (mebibytes("UNLIMITED"), mebibytes(None), mebibytes("1.5G")) == (None, None, 1536)
    assert gres_list("(null)") == () and gres_list(None) == ()
