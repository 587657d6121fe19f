"""The fields of the submission form, once: their order, labels, and what each takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FormField:
    """One field of the form."""

    name: str
    """Its name in a `drafting.Draft`."""
    label: str
    """What stands before it, at most 11 characters."""
    hint: str
    """What it takes, in a line."""
    section: str = ""
    """The heading above it."""
    brackets: bool = False
    """Whether `[` and `]` are typed into it; in the others they change the tab."""
    words: bool = False
    """Whether it holds several words, each of which is completed."""


OVERRIDES = "overrides"
"""The field that has as many lines as are needed."""

FIELDS = (
    FormField("model", "model", "a model of `arctl models`", "What is trained"),
    FormField("data", "data", "a data set of `arctl data ls`, or a path", brackets=True),
    FormField("preset", "preset", "settings that suit the purpose; empty: the model's own"),
    FormField(OVERRIDES, "set", "section.key=value, as optim.lr=1e-4", brackets=True, words=True),
    FormField("seeds", "seeds", "1,2,3: a run for each seed, all in one job array"),
    FormField(
        "command", "command", "or a program of your own and its arguments, in place of the trainer", brackets=True
    ),
    FormField("name", "name", "letters, digits and ._-; empty: the model's", "How it is found again"),
    FormField("tags", "tags", "words with blanks between", words=True),
    FormField("note", "note", "what the run is for", brackets=True),
    FormField("group", "group", "runs that belong together"),
    FormField("cluster", "cluster", "slurm, or local: this machine", "What the job asks for"),
    FormField("template", "template", "a job template of `arctl template ls`"),
    FormField("gpus", "gpus", "GPUs on each node"),
    FormField("gpu_type", "gpu type", "type of the GPUs, as `arctl nodes` names it"),
    FormField("nodes", "nodes", "nodes"),
    FormField("cpus", "cpus", "CPU cores on each node"),
    FormField("mem", "memory", "memory of each node, as 32G"),
    FormField("time", "time limit", "minutes, 8:00:00 or 2-12:00:00"),
    FormField("partition", "partition", "Slurm partition"),
    FormField("account", "account", "account that pays"),
    FormField("qos", "qos", "quality of service"),
    FormField("constraint", "constraint", "features of the nodes, as a100&nvlink", brackets=True),
    FormField("exclude", "exclude", "nodes to keep away from, as gpu2,gpu[7-9]", brackets=True),
    FormField("sbatch", "sbatch", "further directives, each --key=value; they win", brackets=True),
    FormField("after", "after", "start when these runs have ended", "When it starts", words=True),
    FormField("after_ok", "after ok", "start when these runs are complete", words=True),
    FormField("begin", "begin", "no sooner: 22:00, now+2hours, 2026-12-01T08:00"),
    FormField("hold", "hold", "yes: wait until `scontrol release`"),
)
"""All fields, from top to bottom."""
