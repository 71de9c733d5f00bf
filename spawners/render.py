"""render: Site + Resources + Job become a batch script. Pure; this module writes Slurm's, render_pbs PBS Pro's."""

from typing import Annotated

from pydantic import StringConstraints, model_validator

from spawners import render_pbs
from spawners.resources import Resources
from spawners.script import PLAIN, Directive, Job, RenderError, Script, body
from spawners.site import Site

__all__ = ["Job", "RenderError", "Sbatch", "Script", "render"]

# What no quoting makes safe: Slurm's own parser reads quotes and backslashes in a directive.
UNSAFE = frozenset("\"'\\`$")


class Sbatch(Directive, frozen=True, extra="forbid"):
    """One `#SBATCH --name=value` line."""

    name: Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z-]{1,30}\z")]

    @model_validator(mode="after")
    def _one_line(self) -> "Sbatch":
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


def render(site: Site, resources: Resources, job: Job) -> Script:
    """Render the script of a job; raises RenderError or another ValueError for what cannot be written."""
    if site.scheduler == "pbs":
        return render_pbs.render(site, resources, job)
    directives = (*_identity(job), *_place(resources), *_size(site, resources), *_manners(site, job))
    lines = [
        "#!/bin/sh",
        *(directive.line for directive in directives),
        "",
        *body(_argv(resources, job), warned=job.warn is not None),
        "",
    ]
    return Script(scheduler="slurm", directives=directives, text="\n".join(lines))


def _identity(job: Job) -> list[Sbatch]:
    """How the job is found again."""
    array = [Sbatch(name="array", value=f"0-{job.array - 1}")] if job.array else []
    return [Sbatch(name="job-name", value=job.name), Sbatch(name="comment", value=job.comment), *array]


def _place(resources: Resources) -> list[Sbatch]:
    """Where the job may run and who pays."""
    values = {
        "partition": resources.partition,
        "qos": resources.qos,
        "account": resources.account,
        "constraint": resources.constraint,
        "reservation": resources.reservation,
    }
    return [Sbatch(name=name, value=value) for name, value in values.items() if value is not None]


def _size(site: Site, resources: Resources) -> list[Sbatch]:
    """How much the job gets: one task per node, memory and GPUs in the words of the site."""
    values = {
        "nodes": resources.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": resources.cpus_per_task,
        **_memory(site, resources),
        **_gpus(site, resources),
        **({"hint": site.hint} if site.hint else {}),
        "time": resources.time,
    }
    return [Sbatch(name=name, value=str(value)) for name, value in values.items()]


def _memory(site: Site, resources: Resources) -> dict[str, str]:
    """Memory per node, or per GPU where the site wants that and there are GPUs; or nothing, where it may not be asked.

    Nobody knows how it is asked for either where nobody read it: a number of ours would be a guess at the site's rules.
    """
    if not site.memory.asked:
        return {}
    if site.memory.syntax == "mem-per-gpu" and resources.gpus:
        return {"mem-per-gpu": f"{resources.mem * resources.nodes // resources.gpus}M"}
    return {"mem": f"{resources.mem}M"}


def _gpus(site: Site, resources: Resources) -> dict[str, str]:
    """GPUs in the site's syntax: `--gpus` counts over all nodes, the others per node (one task per node)."""
    if not resources.gpus:
        return {}
    gpu = site.gpu(site.partition(resources.partition))
    if gpu is None:
        raise RenderError(f"Partition '{resources.partition}' has no GPUs, but {resources.gpus} are asked for.")
    count = resources.gpus if gpu.syntax == "gpus" else resources.gpus // resources.nodes
    typed = f"{gpu.type}:{count}" if gpu.type else str(count)
    # Newer Slurm (23.11, say) refuses --gpus-per-task where only --nodes and --ntasks-per-node count the tasks.
    tasks = {"ntasks": str(resources.nodes)} if gpu.syntax == "gpus-per-task" else {}
    gres = {"gres": "gpu", "shard": "shard"}.get(gpu.syntax)
    return {"gres": f"{gres}:{typed}"} if gres else tasks | {gpu.syntax: typed}


def _manners(site: Site, job: Job) -> list[Sbatch]:
    """How the job behaves.

    `--export=ALL` with the launcher's clean environment, since before Slurm 23.02 every other value also runs
    the user's start-up files; `--no-requeue`, since a second start would find neither secrets nor its port, unless
    the job takes no harm from one and the site puts back what it preempts.
    """
    again = job.idempotent and site.policy.requeue is True
    # B: the signal goes to the script itself, whose program has taken its place.
    signal = [Sbatch(name="signal", value=f"B:USR1@{job.warn}")] if job.warn is not None else []
    after = [Sbatch(name="dependency", value=f"afterany:{job.after}")] if job.after is not None else []
    append = [Sbatch(name="open-mode", value="append")] if job.append else []
    return [
        Sbatch(name="output", value=job.output),
        *append,
        Sbatch(name="chdir", value=job.chdir),
        Sbatch(name="requeue" if again else "no-requeue"),
        Sbatch(name="export", value="ALL"),
        *signal,
        *after,
    ]


def _argv(resources: Resources, job: Job) -> tuple[str, ...]:
    """The program, on every node where it does not see to that itself."""
    return job.argv if job.own_steps else on_every_node(resources, job.argv)


def on_every_node(resources: Resources, argv: tuple[str, ...]) -> tuple[str, ...]:
    """What runs a program once on every node of a job; they end together where one of them fails."""
    if resources.nodes == 1:
        return argv
    return ("srun", "--kill-on-bad-exit=1", f"--cpus-per-task={resources.cpus_per_task}", *argv)


def _check_quotable(name: str, value: str) -> None:
    """Refuse what double quotes do not keep in one piece; spaces and accents are fine."""
    if not value or len(value) > 1000 or not value.isprintable() or UNSAFE & set(value):
        raise RenderError(
            f"--{name} cannot be {ascii(value)[:80]}: control characters, quotes, '\\', '`' and '$' are refused."
        )
