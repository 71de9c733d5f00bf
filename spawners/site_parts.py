"""The parts of a site: partitions, limits, GPUs, rules, paths, money, profiles, and how sure each fact is."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from spawners.environment import AbsolutePath, Arch, Slug
from spawners.model_file import Contradiction

# The form of site files and of factories.yaml that this Onramp reads.
FORMAT = 1

Purpose = Literal["server", "kernel", "run", "cluster", "grading"]
PURPOSES: tuple[Purpose, ...] = ("server", "kernel", "run", "cluster", "grading")
# What Slurm calls partitions, features, reservations, GRES types: one word without white space.
Word = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z")]
# A word in which `{project}` or `{account}` stands for what a person brings: {project}@h100, {account}.
Template = Annotated[
    str,
    StringConstraints(
        pattern=r"\A(?:[A-Za-z0-9]|\{(?:project|account)\})(?:[A-Za-z0-9_.@-]|\{(?:project|account)\}){0,63}\z"
    ),
]
# A folder in which `{user}`, `{account}` and `{project}` stand for whose it is: /projects/{project}/{user}.
Folder = Annotated[str, StringConstraints(pattern=r"\A/(?:[A-Za-z0-9_./@+-]|\{(?:user|account|project)\}){0,400}\z")]
# A resource as PBS writes it in a select statement or a `-l`: node_type=mi300a.
Resource = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_]{0,31}=[A-Za-z0-9_.-]{1,64}\z")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=10_000_000)]


def account_pattern(template: str) -> re.Pattern[str]:
    """What accounts of a template look like; the first group is the project, or the account, in it."""
    return re.compile(re.escape(template).replace(r"\{project\}", "(.+?)").replace(r"\{account\}", "(.+?)"))


class Frozen(BaseModel):
    """What every part of a site has in common: it cannot change, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Frozen):
    """A whole file: `format` is its form."""

    format: int

    @model_validator(mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        """A later form may mean something else by the same key, so that nothing else in the file is looked at."""
        found = value.get("format") if isinstance(value, dict) else None
        if isinstance(found, int) and found != FORMAT:
            told = f"this Onramp reads files of format {FORMAT}. Take a newer Onramp, or an older file (found: {found})"
            raise Contradiction(told, "format")
        return value


class Source(Frozen):
    """Where a fact was read; `ref` is `unpublished` for notes that have no public address."""

    kind: Literal["official", "official-training", "config-repo", "user", "secondary", "press", "ours"]
    ref: Sentence


class Fact(Frozen):
    """How well one part of the site is known, and from where; `note` says what in it is weaker, or disputed."""

    confidence: Literal["seen", "inferred", "memory", "unknown", "mixed"]
    source: tuple[str, ...] = ()
    note: Sentence | None = None

    @model_validator(mode="after")
    def _cited(self) -> Self:
        """What was read was read somewhere."""
        if bool(self.source) == (self.confidence == "unknown"):
            raise ValueError("a fact has a 'source', unless its confidence is 'unknown'")
        return self


class Login(Frozen):
    """The login nodes: where people come in, by which proof of who they are, and what processor is there."""

    hosts: tuple[Word, ...] = ()
    arch: Arch | None = None
    signin: Sentence | None = None


class GPU(Frozen):
    """One kind of GPU as the scheduler counts it, and how it is asked for.

    `unit` is what one GPU of the scheduler really is (GPU, GCD, APU, MIG slice, shard) and `per_card` how many of them
    are one card. `cpus_per_gpu` and `mem_per_gpu` (MiB) are one GPU's share of a node.
    """

    name: Slug
    vendor: Literal["nvidia", "amd"]
    model: Sentence
    unit: Literal["GPU", "GCD", "APU", "MIG slice", "shard"] = "GPU"
    per_card: Positive = 1
    syntax: Literal["gres", "shard", "gpus", "gpus-per-node", "gpus-per-task", "select"]
    type: Word | None = None
    cpus_per_gpu: Positive | None = None
    mem_per_gpu: Positive | None = None


class QOS(Frozen):
    """A quality of service that a partition accepts, with its limits on a job (minutes, nodes, CPUs, GPUs) and on jobs.

    `{account}` in its name stands for the job's account. `default` is the one that Slurm takes where none is named.
    `min_gpus` is 1 where the QoS refuses jobs without a GPU.
    """

    name: Template
    default: bool = False
    max_time: Positive | None = None
    max_nodes: Positive | None = None
    max_cpus: Positive | None = None
    min_gpus: Count = 0
    max_gpus: Count | None = None
    max_jobs: Positive | None = None
    preemptible: bool = False


class Charge(Frozen):
    """What an hour costs: `rate` units for each GPU, node or CPU, or for each GPU's share of a node.

    A share is the largest of GPUs, CPUs over `cpus_per_gpu` and memory over `mem_per_gpu`: who asks for more memory
    than comes with a GPU pays for the GPUs that nobody else can use. `mem_per_cpu` (MiB) is the same for CPUs: memory
    above it is charged as further CPUs. `reading`: no page says it in these words, and it is what we made of them.
    """

    unit: Literal["GPU-hour", "node-hour", "core-hour", "SBU"]
    per: Literal["gpu", "share", "node", "cpu"]
    rate: Annotated[float, Field(ge=0, le=1_000_000)]
    mem_per_cpu: Positive | None = None
    reading: bool = False

    @model_validator(mode="after")
    def _counts_cpus(self) -> Self:
        """Memory is charged as CPUs where CPUs are what is charged."""
        if self.mem_per_cpu and self.per != "cpu":
            raise ValueError("'mem_per_cpu' belongs to a charge per: cpu")
        return self


class Partition(Frozen):
    """A partition (to PBS, a queue); times in minutes, memory in MiB; None means that it is not known.

    `exclusive` says when nodes are given, and billed, whole. `least_cpus` is the smallest slice of a CPU node.
    `constraints` are the features a job may name, and has to where `constraint_required`. `account` replaces the
    site's account template here. `login_nodes` marks a partition whose nodes are login nodes. `routed`: jobs reach it
    by naming no queue, so its name is ours.
    """

    name: Word
    title: Sentence
    arch: Arch | None = None
    gpu: Slug | None = None
    gpus_per_node: Count = 0
    gpus_required: bool = False
    cpus_per_node: Positive | None = None
    mem_per_node: Positive | None = None
    least_cpus: Positive | None = None
    max_time: Positive | None = None
    max_nodes: Positive | None = None
    exclusive: Literal["never", "multi-node", "always"] | None = None
    preemptible: bool = False
    login_nodes: bool = False
    routed: bool = False
    qos: tuple[QOS, ...] = ()
    qos_required: bool = False
    constraints: tuple[Word, ...] = ()
    constraint_required: bool = False
    account: Template | None = None
    charge: Charge | None = None
    select: tuple[Resource, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """What is mandatory can be named, GPUs have a kind, and one QoS at most is the default."""
        if self.qos_required and not self.qos:
            raise ValueError(f"partition {self.name} has 'qos_required', but lists no 'qos'")
        if self.constraint_required and not self.constraints:
            raise ValueError(f"partition {self.name} has 'constraint_required', but lists no 'constraints'")
        if bool(self.gpus_per_node) != (self.gpu is not None):
            raise ValueError(f"partition {self.name}: 'gpu' and 'gpus_per_node' belong together")
        if self.gpus_required and not self.gpus_per_node:
            raise ValueError(f"partition {self.name} has 'gpus_required', but no GPUs")
        if sum(qos.default for qos in self.qos) > 1:
            raise ValueError(f"partition {self.name} has more than one default QoS")
        return self


class AccountRule(Frozen):
    """Whether a job must name its account, what accounts look like here, and one for the error message."""

    required: bool
    template: Template = "{project}"
    example: Sentence


class MemoryRule(Frozen):
    """Which directive asks for memory; `none`: memory comes with the CPUs and may not be asked for.

    None: nobody read it, so that jobs ask for none.
    """

    syntax: Literal["mem", "mem-per-gpu", "none"] | None = None

    @property
    def asked(self) -> bool:
        """Whether jobs here say how much memory they want."""
        return self.syntax not in (None, "none")


class Teaching(Frozen):
    """How a course gets its own room: examples of its account and reservation, and its QoS."""

    account: Sentence | None = None
    reservation: Sentence | None = None
    qos: Word | None = None


class Paths(Frozen):
    """Folders; `{user}` stands for the Unix user, `{account}` for the Slurm account, `{project}` for the project in it.

    None means not known. `local` is disk on the node itself. `login_only` are trees that compute nodes do not see.
    `tmp_in_memory` says whether /tmp of a node is taken from its memory, and `tmp_size` (MiB) how large it is.
    """

    home: Folder
    runtime: Folder
    project: Folder | None = None
    scratch: Folder | None = None
    local: Folder | None = None
    login_only: tuple[AbsolutePath, ...] = ()
    tmp_in_memory: bool | None = None
    tmp_size: Positive | None = None
    note: Sentence | None = None

    def unseen(self, folder: str) -> str | None:
        """The tree of the login nodes alone that a folder lies in; None where compute nodes see it."""
        return next((tree for tree in self.login_only if PurePosixPath(folder).is_relative_to(tree)), None)

    @model_validator(mode="after")
    def _seen(self) -> Self:
        """A server works at home and leaves its files in the runtime directory, on whatever node it runs."""
        for key in ("home", "runtime"):
            folder = getattr(self, key)
            if (tree := self.unseen(folder)) is not None:
                told = f"{folder} lies in {tree}, which is in 'login_only': jobs need a folder that compute nodes see"
                raise Contradiction(told, key)
        return self


class Internet(Frozen):
    """Whether login and compute nodes reach the internet; None means not known.

    `staging` is the partition from which downloads are made where others cannot.
    """

    login: bool | None = None
    compute: bool | None = None
    staging: Word | None = None


class Policy(Frozen):
    """What the site allows a program to do for its users; None means not known.

    `unattended_submit`: jobs without a person at the keyboard. `login_notebooks`: notebooks on login nodes.
    `requeue`: a preempted job is put back into the queue, if it says that it may be.
    """

    unattended_submit: bool | None = None
    login_notebooks: bool | None = None
    requeue: bool | None = None
    note: Sentence | None = None


class IdleRule(Frozen):
    """When a server in which nothing happens is released: after so many minutes, and as many more of a warning."""

    after: Annotated[float, Field(gt=0, le=100_000)]
    grace: Annotated[float, Field(gt=0, le=1_000)] = 10


class Lane(Frozen):
    """One way into the queue: a partition, and where needed a QoS and a constraint."""

    partition: Word
    qos: Template | None = None
    constraint: Word | None = None


class Profile(Lane):
    """One entry of the start page: `mem` in MiB per node, times in minutes, `gpus` over all nodes.

    `lanes` are other ways into the queue for the same shape; `fallback` is the smaller profile to offer when this
    one has to wait. Without `idle`, servers are never released for being idle.
    """

    name: Slug
    display_name: Sentence
    description: Sentence
    purposes: tuple[Purpose, ...] = PURPOSES
    lanes: tuple[Lane, ...] = ()
    fallback: Slug | None = None
    nodes: Positive = 1
    cpus_per_task: Positive
    mem: Positive
    gpus: Count = 0
    time: Positive
    max_time: Positive
    idle: IdleRule | None = None
    verified: bool = False
