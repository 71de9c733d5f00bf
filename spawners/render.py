"""render: Site + Resources + Job become a batch script. Pure; values are checked, never pasted text."""

import re
import shlex
from typing import Annotated

from pydantic import BaseModel, StringConstraints, model_validator

from spawners.request import Resources
from spawners.site import Site

NAME = re.compile(r"[a-z][a-z-]{1,30}", re.ASCII)
# What may stand in a directive without quotes. `#` would start a comment, white space a second option.
PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+,=-]{1,1000}", re.ASCII)
# What no quoting makes safe: Slurm's own parser reads quotes and backslashes in a directive.
UNSAFE = frozenset("\"'\\`$")


class RenderError(ValueError):
    """A value that cannot be written into a script."""


class Directive(BaseModel, frozen=True, extra="forbid"):
    """One `#SBATCH --name=value` line; a value of None makes it a bare `--name`."""

    name: Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z-]{1,30}\z")]
    value: str | None = None

    @model_validator(mode="after")
    def _one_line(self) -> "Directive":
        """A directive is one line with one value, whatever the value."""
        if self.value is not None and not PLAIN.fullmatch(self.value):
            _check_quotable(self.name, self.value)
        return self

    @property
    def line(self) -> str:
        """The line as it stands in the script."""
        if self.value is None:
            return f"#SBATCH --{self.name}"
        value = self.value if PLAIN.fullmatch(self.value) else f'"{self.value}"'
        return f"#SBATCH --{self.name}={value}"


class Job(BaseModel, frozen=True, extra="forbid"):
    """What is run: a name and a comment for Slurm, where output goes, where it starts, the argument list."""

    name: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z")]
    comment: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,255}\z")]
    output: Annotated[str, StringConstraints(pattern=r"\A/")]
    chdir: Annotated[str, StringConstraints(pattern=r"\A/")]
    argv: tuple[str, ...]


class Script(BaseModel, frozen=True, extra="forbid"):
    """A rendered script: `text` is what goes to sbatch's stdin, `directives` the same as data."""

    directives: tuple[Directive, ...]
    text: str


def render(site: Site, resources: Resources, job: Job) -> Script:
    """Render the script of a job; raises RenderError or another ValueError for what cannot be written."""
    if site.scheduler != "slurm":
        raise RenderError(f"{site.title} runs {site.scheduler}; only scripts for slurm can be rendered yet.")
    directives = (*_identity(job), *_place(resources), *_size(site, resources), *_manners(job))
    lines = ["#!/bin/sh", *(directive.line for directive in directives), "", *_body(resources, job), ""]
    return Script(directives=directives, text="\n".join(lines))


def _identity(job: Job) -> list[Directive]:
    """How the job is found again."""
    return [Directive(name="job-name", value=job.name), Directive(name="comment", value=job.comment)]


def _place(resources: Resources) -> list[Directive]:
    """Where the job may run and who pays."""
    values = {
        "partition": resources.partition,
        "qos": resources.qos,
        "account": resources.account,
        "reservation": resources.reservation,
    }
    return [Directive(name=name, value=value) for name, value in values.items() if value is not None]


def _size(site: Site, resources: Resources) -> list[Directive]:
    """How much the job gets: one task per node, memory and GPUs in the words of the site."""
    values = {
        "nodes": resources.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": resources.cpus_per_task,
        **_memory(site, resources),
        **_gpus(site, resources),
        "time": resources.time,
    }
    return [Directive(name=name, value=str(value)) for name, value in values.items()]


def _memory(site: Site, resources: Resources) -> dict[str, str]:
    """Memory per node, or per GPU where the site wants that and there are GPUs; or nothing at all."""
    if site.memory.syntax == "none":
        return {}
    if site.memory.syntax == "mem-per-gpu" and resources.gpus:
        return {"mem-per-gpu": f"{resources.mem * resources.nodes // resources.gpus}M"}
    return {"mem": f"{resources.mem}M"}


def _gpus(site: Site, resources: Resources) -> dict[str, str]:
    """GPUs in the site's syntax: `--gpus` counts over all nodes, the others per node (one task per node)."""
    if not resources.gpus:
        return {}
    if site.gpu is None:
        raise RenderError(f"{site.title} has no GPUs, but {resources.gpus} are asked for.")
    count = resources.gpus if site.gpu.syntax == "gpus" else resources.gpus // resources.nodes
    typed = f"{site.gpu.type}:{count}" if site.gpu.type else str(count)
    return {site.gpu.syntax: f"gpu:{typed}" if site.gpu.syntax == "gres" else typed}


def _manners(job: Job) -> list[Directive]:
    """How the job behaves.

    `--export=ALL` with the launcher's clean environment, since before Slurm 23.02 every other value also runs
    the user's start-up files; `--no-requeue`, since a second start would find neither secrets nor its port.
    """
    return [
        Directive(name="output", value=job.output),
        Directive(name="chdir", value=job.chdir),
        Directive(name="no-requeue"),
        Directive(name="export", value="ALL"),
    ]


def _body(resources: Resources, job: Job) -> list[str]:
    """The commands: private files, a known PATH, then the program, on every node where there are several."""
    argv: tuple[str, ...] = job.argv
    if not argv or any("\0" in word or not _utf8(word) for word in argv):
        raise RenderError("The program of a job is a list of words of UTF-8 text without a NUL.")
    if resources.nodes > 1:
        argv = ("srun", "--kill-on-bad-exit=1", f"--cpus-per-task={resources.cpus_per_task}", *argv)
    return ["umask 077", "export PATH=/usr/local/bin:/usr/bin:/bin", f"exec {shlex.join(argv)}"]


def _utf8(word: str) -> bool:
    """Whether a word can be written at all: lone surrogates cannot."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_quotable(name: str, value: str) -> None:
    """Refuse what double quotes do not keep in one piece; spaces and accents are fine."""
    if not value or len(value) > 1000 or not value.isprintable() or UNSAFE & set(value):
        raise RenderError(
            f"--{name} cannot be {ascii(value)[:80]}: control characters, quotes, '\\', '`' and '$' are refused."
        )
