"""Deaths that need a GPU or cgroups: the texts are those that torch, NCCL, the kernel and Slurm's daemons print."""

from __future__ import annotations

import pytest

from arctl.autopsy.diagnosis import Cause
from arctl.autopsy.symptoms import deciding

KNOWN = [
    (
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.22 GiB. GPU 0 has a total capacity "
            "of 15.69 GiB of which 3.71 GiB is free. Including non-PyTorch memory, this process has 11.14 GiB memory "
            "in use."
        ),
        Cause.GPU_MEMORY,
        "the GPU's memory was full (4.22 GiB more were wanted)",
    ),
    (
        (
            "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 1.96 GiB total capacity; 1.24 GiB "
            "already allocated; 2.88 MiB free; 1.25 GiB reserved in total by PyTorch)"
        ),
        Cause.GPU_MEMORY,
        "the GPU's memory was full (20.00 MiB more were wanted)",
    ),
    ("RuntimeError: CUDA error: out of memory", Cause.GPU_MEMORY, "the GPU's memory was full"),
    (
        "slurmstepd: error: Detected 1 oom_kill event in StepId=1130.0. Some of the step tasks have been OOM Killed.",
        Cause.MEMORY,
        "the job used more memory than it had asked for",
    ),
    (
        (
            "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=191.batch cgroup. Some of your processes may "
            "have been killed by the cgroup out-of-memory handler."
        ),
        Cause.MEMORY,
        "the job used more memory than it had asked for",
    ),
    ("srun: error: node17: task 0: Out Of Memory", Cause.MEMORY, "the job used more memory than it had asked for"),
    (
        (
            "RuntimeError: DataLoader worker (pid 46794) is killed by signal: Bus error. It is possible that "
            "dataloader's workers are out of shared memory. Please try to raise your shared memory limit."
        ),
        Cause.SHARED_MEMORY,
        "/dev/shm, which carries the clips of the data workers, was full",
    ),
    (
        "RuntimeError: unable to write to file </torch_812_2937451362_3>: No space left on device (28)",
        Cause.SHARED_MEMORY,
        "/dev/shm, which carries the clips of the data workers, was full",
    ),
    (
        (
            "[rank1]:[E626 06:24:44.903881913 ProcessGroupNCCL.cpp:616] [Rank 1] Watchdog caught collective operation "
            "timeout: WorkNCCL(SeqNum=808, OpType=ALLREDUCE, NumelIn=9801523, NumelOut=9801523, Timeout(ms)=600000) "
            "ran for 600020 milliseconds before timing out."
        ),
        Cause.COLLECTIVE,
        "the GPUs waited 10 min for one another in ALLREDUCE (NCCL timeout): one process was stuck or gone",
    ),
    (
        (
            "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, "
            "unhandled system error (run with NCCL_DEBUG=INFO for details), NCCL version 2.26.2"
        ),
        Cause.COLLECTIVE,
        "NCCL, which joins the GPUs, failed: unhandled system error",
    ),
    (
        "RuntimeError: CUDA error: uncorrectable ECC error encountered",
        Cause.GPU_FAULT,
        "the GPU itself failed",
    ),
    (
        (
            "/pytorch/aten/src/ATen/native/cuda/Loss.cu:245: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], "
            "thread: [3,0,0] Assertion `t >= 0 && t < n_classes` failed."
        ),
        Cause.GPU_ASSERT,
        "an index was out of range on the GPU, often a label that is no class",
    ),
    (
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        Cause.GPU_ASSERT,
        "a GPU kernel read or wrote outside of its memory",
    ),
    (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your driver",
        Cause.DRIVER,
        "this torch does not work with the node's GPU or its driver",
    ),
    (
        "OSError: [Errno 122] Disk quota exceeded: '/home/u/runs/run0012/checkpoints/.last.pt.tmp'",
        Cause.DISK_FULL,
        "the disk quota was used up (/home/u/runs/run0012/checkpoints/.last.pt.tmp)",
    ),
    (
        "OSError: [Errno 30] Read-only file system: '/scratch/u/out.pt'",
        Cause.PERMISSION,
        "no permission for /scratch/u/out.pt",
    ),
    (
        "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
        Cause.NETWORK,
        "a download failed, the node does not reach the network",
    ),
    (
        "OSError: We couldn't connect to 'https://huggingface.co' to load this file",
        Cause.NETWORK,
        "a download failed, the node does not reach the network (https://huggingface.co)",
    ),
    ("Loss is nan, stopping training", Cause.NOT_FINITE, "the loss became NaN"),
    (
        "/var/spool/slurmd/job00191/slurm_script: line 28:  8156 Killed                  python3 main.py --epochs 400",
        Cause.SIGNAL,
        "a process ended: Killed",
    ),
]


@pytest.mark.parametrize(("line", "cause", "sentence"), KNOWN, ids=[text[:40] for text, _, _ in KNOWN])
def test_a_known_death(line: str, cause: Cause, sentence: str) -> None:
    found = deciding(["Traceback (most recent call last):", '  File "/w/train.py", line 3, in <module>', line, ""])
    assert found is not None
    assert (found.cause, found.sentence, found.index) == (cause, sentence, 2)


def test_of_eight_processes_the_one_that_died_first_counts() -> None:
    lines = [
        "[rank3]: Traceback (most recent call last):",
        "[rank3]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 3 has a total",
        *["RuntimeError: [/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.7]:24018"] * 7,
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
        "srun: error: gpu1: task 0: Exited with exit code 1",
    ]
    found = deciding(lines)
    assert found is not None
    assert (found.cause, found.index) == (Cause.GPU_MEMORY, 1)
    alone = deciding(lines[2:])
    assert alone is not None
    assert alone.cause is Cause.PEER


def test_an_oom_kill_goes_before_the_worker_that_it_killed() -> None:
    found = deciding(
        [
            "RuntimeError: DataLoader worker (pid 812) is killed by signal: Killed. ",
            "slurmstepd: error: Detected 2 oom_kill events in StepId=7.1. Some of the step tasks have been OOM Killed.",
        ]
    )
    assert found is not None
    assert found.cause is Cause.MEMORY


def test_a_log_that_ends_well_tells_nothing() -> None:
    assert (
        deciding(["epoch 1/3  train loss 2.0", "saved checkpoints/last.pt", "no errors found", "0 files missing"])
        is None
    )
