"""Scripts for PBS Pro, in the syntax of its documentation and of the one PBS site that is known; none was run yet."""

import re
import shlex
from typing import Annotated

from pydantic import StringConstraints, model_validator

from spawners.resources import Resources
from spawners.script import PLAIN, Directive, Job, RenderError, Script, body
from spawners.site import Site

# Unlike srun, mpiexec is on the PATH of the site's own profile only.
_WITH_LAUNCHER = '. /etc/profile; exec "$0" "$@"'


class Qsub(Directive, frozen=True, extra="forbid"):
    """One `#PBS -x value` line."""

    name: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z]\z")]

    @model_validator(mode="after")
    def _plain(self) -> "Qsub":
        """PBS splits a directive at white space, and what it makes of quotes is not documented: none are written."""
        if self.value is not None and not PLAIN.fullmatch(self.value):
            raise RenderError(f"#PBS -{self.name} cannot be {ascii(self.value)[:80]}: it takes one plain word.")
        return self

    @property
    def line(self) -> str:
        """The line as it stands in the script."""
        return f"#PBS -{self.name}" if self.value is None else f"#PBS -{self.name} {self.value}"


def render(site: Site, resources: Resources, job: Job) -> Script:
    """Render the script of a job; raises RenderError or another ValueError for what cannot be written."""
    directives = (*_identity(job), *_place(site, resources), *_size(site, resources), *_manners(site, job))
    commands = [f"cd {shlex.quote(job.chdir)} || exit", *body(_argv(resources, job))]
    lines = ["#!/bin/sh", *(directive.line for directive in directives), "", *commands, ""]
    return Script(scheduler="pbs", directives=directives, text="\n".join(lines))


def _identity(job: Job) -> list[Qsub]:
    """How the job is found again: PBS has no comment that its owner may set, so a variable of the job holds it."""
    if job.array:
        raise RenderError("Arrays of jobs are written for Slurm only.")
    return [Qsub(name="N", value=job.name), Qsub(name="v", value=f"ONRAMP_COMMENT={job.comment}")]


def _place(site: Site, resources: Resources) -> list[Qsub]:
    """Where the job may run and who pays: a reservation of PBS is a queue, a project is a Unix group."""
    for name, value in (("qos", resources.qos), ("constraint", resources.constraint)):
        if value is not None:
            raise RenderError(f"PBS knows no '{name}', so {ascii(value)[:80]} cannot be asked for.")
    routed = site.partition(resources.partition).routed
    queue = resources.reservation or (None if routed else resources.partition)
    lines = [] if queue is None else [Qsub(name="q", value=queue)]
    if resources.account is not None:
        lines.append(Qsub(name="W", value=f"group_list={resources.account}"))
    return lines


def _size(site: Site, resources: Resources) -> list[Qsub]:
    """How much the job gets: whole nodes, one process on each, so that CPUs, memory and GPUs come with them."""
    partition = site.partition(resources.partition)
    if partition.exclusive != "always":
        raise RenderError(
            f"Queue '{partition.name}' of {site.title} does not give whole nodes, and scripts for PBS ask for no less. "
            "Set exclusive: always in the site file if it does."
        )
    hours, minutes = divmod(resources.time, 60)
    values = [
        f"select={':'.join([str(resources.nodes), *partition.select, 'mpiprocs=1'])}",
        f"walltime={hours:02}:{minutes:02}:00",
        *site.resource_list,
    ]
    return [Qsub(name="l", value=value) for value in values]


def _manners(site: Site, job: Job) -> list[Qsub]:
    """How the job behaves.

    `-S`, since else the user's own shell reads the script; `-r n`, since a second start would find neither secrets
    nor its port, unless the job takes no harm from one and the site puts back what it preempts; no `-V`, since the
    environment of whoever submits is not the job's.
    """
    return [
        Qsub(name="S", value="/bin/sh"),
        Qsub(name="o", value=_output(job.output)),
        Qsub(name="j", value="oe"),
        Qsub(name="r", value="y" if job.idempotent and site.policy.requeue is True else "n"),
    ]


def _output(path: str) -> str:
    """The file for output; where its name holds the job's number, its folder: PBS then names the file after the job."""
    return re.sub(r"/[^/]*%j[^/]*\Z", "/", path)


def _argv(resources: Resources, job: Job) -> tuple[str, ...]:
    """The program, on every node where there are several; one process may use all CPUs of its node."""
    if resources.nodes == 1:
        return job.argv
    launch = ("mpiexec", "-n", str(resources.nodes), "--ppn", "1", "--cpu-bind", "none")
    return ("/bin/bash", "--noprofile", "--norc", "-c", _WITH_LAUNCHER, *launch, *job.argv)
