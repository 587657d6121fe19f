"""What programs print when they die, and what it means: a table of causes, texts and sentences, read by `symptoms`.

The texts are those of Python, torch, NCCL, bash, Slurm's daemons and arctl's own trainer and templates.
"""

from __future__ import annotations

from collections.abc import Sequence

from arctl.autopsy.diagnosis import Cause

Row = tuple[Cause, str, tuple[str, ...]]
"""A cause, its sentence, and regular expressions: a line that one of them is found in tells of it.

`{0}` in the sentence is the expression's first group; `{0:at}` and the like vanish where the group is empty.
"""

CAUSES: Sequence[Row] = (
    (
        Cause.GPU_MEMORY,
        "the GPU's memory was full ({0} more were wanted)",
        (r"CUDA out of memory\. Tried to allocate ([\d.]+ \w+)",),
    ),
    (
        Cause.GPU_MEMORY,
        "the GPU's memory was full",
        (
            r"(?:CUDA|HIP) out of memory",
            r"CUDA error: out of memory",
            r"CUBLAS_STATUS_ALLOC_FAILED",
            r"the GPU's memory is full",
        ),
    ),
    (
        Cause.MEMORY,
        "the job used more memory than it had asked for ({0:bytes} of {1:bytes})",
        (r"exceeded memory limit \((\d+) > (\d+)\), being killed",),
    ),
    (
        Cause.MEMORY,
        "the job used more memory than it had asked for",
        (r"oom[-_ ]kill", r"OOM Killed", r"Exceeded (?:job|step) memory limit", r"Out Of Memory$"),
    ),
    (
        Cause.SHARED_MEMORY,
        "/dev/shm, which carries the clips of the data workers, was full",
        (
            r"unable to (?:write to file|open shared memory object|mmap \d+ bytes from file) </torch_",
            r"(?:^|error: )/dev/shm is full",
            r"out of shared memory|insufficient shared memory",
            r"No space left on device: '/dev/shm",
        ),
    ),
    (
        Cause.MEMORY,
        "the memory was full ({0} more were wanted)",
        (r"ArrayMemoryError: Unable to allocate ([\d.]+ \w+)",),
    ),
    (
        Cause.MEMORY,
        "the memory was full ({0:bytes} more were wanted)",
        (r"DefaultCPUAllocator: can't allocate memory: you tried to allocate (\d+) bytes",),
    ),
    (
        Cause.MEMORY,
        "the memory was full",
        (r"^MemoryError\b", r"std::bad_alloc", r"Cannot allocate memory", r"(?:^|error: )the memory is full"),
    ),
    (Cause.NOT_FINITE, "the loss became {0} at step {1}", (r"the loss is (-?nan|-?inf) at step (\d+)",)),
    (
        Cause.NOT_FINITE,
        "the gradient became {0} at step {1}",
        (r"the gradient norm is (\S+) \(loss \S+\) at step (\d+)",),
    ),
    (
        Cause.NOT_FINITE,
        "the loss became NaN",
        (r"(?i:\bloss is (?:nan|inf)\w*, stopping)", r"returned nan values in its"),
    ),
    (Cause.NOT_FINITE, "the model's scores became NaN", (r"the model's scores are not finite",)),
    (
        Cause.LOSS_SCALE,
        "fp16's loss scale collapsed: {0} steps in a row gave no finite gradient",
        (r"(\d+) steps in a row gave no finite gradient under fp16",),
    ),
    (
        Cause.WORKER,
        "a data worker (process {0}) was killed: {1}",
        (r"DataLoader worker \(pid (\d+)\) is killed by signal: ([A-Za-z ]+)",),
    ),
    (
        Cause.WORKER,
        "a data worker ended without a word",
        (r"DataLoader worker \(pid\(s\) ([\d, ]+)\) exited unexpectedly", r"error: a data worker died"),
    ),
    (
        Cause.DISK_FULL,
        "the disk quota was used up{0:at}",
        (r"Disk quota exceeded(?:: '([^']+)')?",),
    ),
    (Cause.DISK_FULL, "the disk was full{0:at}", (r"No space left on device(?:: '([^']+)')?",)),
    (Cause.DISK_FULL, "the disk was full ({0})", (r"(?:^|error: )([^\s:]+): no space left \(",)),
    (Cause.WEIGHTS, "the weights {0} could not be used: it {1}", (r"model\.weights (\S+): (.+?)(?: \(|$)",)),
    (
        Cause.WEIGHTS,
        "the weights do not fit the model{0:of}",
        (r"Error\(s\) in loading state_dict for (\w+)", r"Weights only load failed"),
    ),
    (
        Cause.IMPORT,
        "the Python module {0} is not installed there",
        (r"No module named '?([\w.]+)'?", r"(?:^|error: )([\w.]+) is not installed \("),
    ),
    (
        Cause.LIBRARY,
        "the shared library {0} is missing there",
        (r"([\w.+-]+\.so[\w.]*): cannot open shared object file", r"version [`']([\w.]+)' not found"),
    ),
    (
        Cause.IMPORT,
        "{1} has no {0}: another version is installed there",
        (r"ImportError: cannot import name '(\w+)' from '([\w.]+)'",),
    ),
    (
        Cause.GPU_FAULT,
        "the GPU itself failed",
        (
            r"uncorrectable ECC error",
            r"GPU is lost|fallen off the bus",
            r"CUDA error: (?:unspecified launch failure|unknown error|hardware stack error)",
            r"CUDA-capable device\(?s?\)? (?:is|are) busy or unavailable",
            r"Unable to determine the device handle",
        ),
    ),
    (
        Cause.GPU_ASSERT,
        "an index was out of range on the GPU, often a label that is no class",
        (r"device-side assert triggered", r"Assertion `t >= 0 && t < n_classes` failed"),
    ),
    (
        Cause.GPU_ASSERT,
        "a GPU kernel read or wrote outside of its memory",
        (r"an illegal memory access was encountered",),
    ),
    (
        Cause.NO_GPU,
        "the process had no GPU that it could use",
        (
            r"No CUDA GPUs are available",
            r"Found no NVIDIA driver",
            r"Torch not compiled with CUDA",
            r"no CUDA-capable device is detected",
            r"on a machine with \d+ usable GPUs",
        ),
    ),
    (
        Cause.DRIVER,
        "this torch does not work with the node's GPU or its driver",
        (
            r"driver on your system is too old",
            r"CUDA driver version is insufficient",
            r"no kernel image is available for execution",
        ),
    ),
    (
        Cause.NETWORK,
        "a download failed, the node does not reach the network{0:at}",
        (
            r"We couldn't connect to '?(https?://[^/' ]+)",
            r"Temporary failure in name resolution",
            r"Name or service not known",
            r"Network is unreachable",
        ),
    ),
    (Cause.PORT, "the port that the processes meet at was taken", (r"EADDRINUSE", r"[Aa]ddress already in use")),
    (
        Cause.PERMISSION,
        "no permission for {0}",
        (
            r"\[Errno (?:13|1|30)\] (?:Permission denied|Operation not permitted|Read-only file system): '([^']+)'",
            r"error: (/[^\s:]+): (?:Permission denied|Read-only file system|Operation not permitted) \(",
            r"^(/[^\s:]+): (?:Permission denied|Read-only file system|Operation not permitted) \(check",
        ),
    ),
    (
        Cause.MISSING_FILE,
        "{0} does not exist",
        (
            r"can't open file '([^']+)': \[Errno 2\]",
            r"\[Errno 2\] No such file or directory: '([^']+)'",
            r"(?:error: |^)(/[^\s:]+): no such file",
        ),
    ),
    (
        Cause.NOT_EXECUTABLE,
        "the interpreter of {0} does not exist there",
        (
            r"([^\s:']+): [^\s:]+: bad interpreter",
            r"([^\s:]+): cannot execute: required file not found",
            r"env: [‘'](\S+?)[’']: No such file",
        ),
    ),
    (
        Cause.NOT_EXECUTABLE,
        "{0} cannot be executed",
        (
            r"([^\s:]+): cannot execute(?!: required|: No such)",
            r"([^\s:]+): Permission denied$",
            r"([^\s:]+): Exec format error",
            r"Exec format error: '([^']+)'",
        ),
    ),
    (
        Cause.NOT_FOUND,
        "the program {0} was not found",
        (
            r"execve\(\): ([^\s:]+): No such file",
            r"exec: ([^\s:]+): not found",
            r"([^\s:]+): command not found",
            r"\d: ([^\s:]+): not found$",
            r"line \d+: ([^\s:]+): No such file or directory",
            r"([^\s:]+): cannot execute: No such file",
        ),
    ),
    (Cause.MODULES, "a module of arctl.yaml could not be loaded", (r"arctl: cannot load a module",)),
    (Cause.MODULES, "the environment of arctl.yaml could not be activated", (r"arctl: cannot activate the env",)),
    (Cause.WORKDIR, "the workspace is missing on {0}", (r"arctl: the workspace is missing on (\S+)",)),
    (
        Cause.WORKDIR,
        "the run directory of element {0} was missing on the node",
        (r"arctl: no run directory for element '(\w*)'",),
    ),
    (
        Cause.SUPERSEDED,
        "another start of the trainer had taken over this run",
        (r"a newer attempt has taken over", r"error: [^:]*: another start"),
    ),
)
"""What tells a cause."""

TRACES: Sequence[Row] = (
    (
        Cause.SIGNAL,
        "a process ended: {0}",
        (
            r"(?:^|[\s:])(Segmentation fault|Bus error|Illegal instruction|Aborted|Killed)(?: +\(core dumped\)|$|  )",
            r"traceback : Signal \d+ \((SIG\w+)\) received by PID",
        ),
    ),
    (Cause.WORKDIR, "the directory {0} is missing on the node", (r"couldn't chdir to `([^']+)'",)),
    (Cause.MISSING_FILE, "{0} does not exist", (r": '?([^\s:']+)'?: No such file or directory$",)),
)
"""Traces of a cause."""

CONSEQUENCES: Sequence[Row] = (
    (
        Cause.COLLECTIVE,
        "the GPUs waited {1:ms} for one another in {0} (NCCL timeout): one process was stuck or gone",
        (r"Watchdog caught collective operation timeout: .*?OpType=(\w+).* ran for (\d+) milliseconds",),
    ),
    (
        Cause.COLLECTIVE,
        "NCCL, which joins the GPUs, failed: {0}",
        (r"NCCL error.*?(unhandled \w+ error|remote process exited|invalid usage|internal error)", r"(nccl\w+Error)\b"),
    ),
    (
        Cause.RENDEZVOUS,
        "the processes of the run did not all find one another{0:joined}",
        (r"waiting for clients\. (\d+/\d+) clients joined", r"RendezvousTimeoutError"),
    ),
    (
        Cause.RENDEZVOUS,
        "the processes could not reach {1} within {0}",
        (r"client socket has timed out after (\w+) while trying to connect to \(([^)]+)\)",),
    ),
    (
        Cause.PEER,
        "another process of this run ended first",
        (r"Connection closed by peer", r"Connection reset by peer", r"another process of this run has failed"),
    ),
    (
        Cause.PEER,
        "a process of the run ended with an error",
        (r"ChildFailedError", r"error: \w+: task \d+: Exited with exit code (\d+)"),
    ),
)
"""What follows from the end of another process."""
