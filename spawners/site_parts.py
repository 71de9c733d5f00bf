"""The parts of a site: partitions, limits, GPU syntax, rules, paths, profiles, and how sure each fact is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from spawners.environment import AbsolutePath, Slug

Purpose = Literal["server", "kernel", "run", "cluster", "grading"]
PURPOSES: tuple[Purpose, ...] = ("server", "kernel", "run", "cluster", "grading")
# What Slurm calls partitions, QoS, accounts, reservations, GRES types: one word without white space.
Word = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=10_000_000)]


class Frozen(BaseModel):
    """What every part of a site has in common: it cannot change, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a fact was read; `ref` is `unpublished` for notes that have no public address."""

    kind: Literal["official", "official-training", "config-repo", "user", "secondary", "press", "ours"]
    ref: Sentence


class Fact(Frozen):
    """How well one part of the site is known, and from where."""

    confidence: Literal["seen", "inferred", "memory", "unknown", "mixed"]
    source: tuple[str, ...] = ()


class GPU(Frozen):
    """How GPUs are asked for here; limits per GPU are what the site says one GPU's share of a node is."""

    vendor: Literal["nvidia", "amd"]
    model: Sentence
    syntax: Literal["gres", "gpus", "gpus-per-node", "gpus-per-task"]
    type: Word | None = None
    per_node: Positive
    cpus_per_gpu: Positive | None = None
    mem_per_gpu: Positive | None = None


class QOS(Frozen):
    """A quality of service that a partition accepts, with the limits it sets (minutes, nodes, GPUs)."""

    name: Word
    max_time: Positive | None = None
    max_nodes: Positive | None = None
    max_gpus: Positive | None = None


class Partition(Frozen):
    """A partition; times in minutes, memory in MiB; None means that the limit is not known."""

    name: Word
    title: Sentence
    qos: tuple[QOS, ...] = ()
    max_time: Positive | None = None
    max_nodes: Positive | None = None
    cpus_per_node: Positive | None = None
    mem_per_node: Positive | None = None
    gpus_per_node: Count = 0


class AccountRule(Frozen):
    """Whether a job must name its account, and what accounts look like here (for the error message)."""

    required: bool
    example: Sentence


class MemoryRule(Frozen):
    """Which directive asks for memory."""

    syntax: Literal["mem", "mem-per-gpu", "none"] = "mem"


class Paths(Frozen):
    """Folders of a user; `{user}` stands for the Unix user, `{account}` for the Slurm account."""

    home: AbsolutePath
    runtime: AbsolutePath
    scratch: AbsolutePath | None = None


class Internet(Frozen):
    """Whether login and compute nodes reach the internet; None means not known."""

    login: bool | None = None
    compute: bool | None = None


class Policy(Frozen):
    """What the site allows a program to do for its users; None means not known."""

    unattended_submit: bool | None = None
    note: Sentence | None = None


class Profile(Frozen):
    """One entry of the start page: `mem` in MiB per node, times in minutes, `gpus` over all nodes."""

    name: Slug
    display_name: Sentence
    description: Sentence
    purposes: tuple[Purpose, ...] = PURPOSES
    partition: Word
    qos: Word | None = None
    nodes: Positive = 1
    cpus_per_task: Positive
    mem: Positive
    gpus: Count = 0
    time: Positive
    max_time: Positive
    verified: bool = False
