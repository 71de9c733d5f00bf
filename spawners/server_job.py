"""A server as a job: Request + account become the script that Slurm gets and the secrets that it does not."""

import secrets
from collections.abc import Mapping

from spawners.accounts import Account
from spawners.render import Job, Script, render
from spawners.request import Request, Resources, resolve
from spawners.scheduler import Secrets
from spawners.site import Site


def comment_prefix(hub: str, user: str, server: str) -> str:
    """Return how the comment of every job of this server begins: by it a start is found again."""
    return f"onramp:{hub}:{user}:{server}:"


def server_job(
    site: Site, request: Request, account: Account, *, comment: str, environment: Mapping[str, str]
) -> tuple[Script, Secrets]:
    """Return the script and the secrets of one start; nothing of `environment` is in the script."""
    nonce = secrets.token_hex(8)
    resources = resolve(request, site)
    told = Secrets(
        runtime=site.paths.runtime.format(user=account.name, account=request.account or ""),
        nonce=nonce,
        values=dict(environment),
    )
    job = Job(
        name="onramp-server",
        comment=comment + nonce,
        output=f"{told.runtime}/{nonce}.log",
        chdir="/",
        argv=_argv(resources, told.path, safe_start=request.safe_start),
    )
    return render(site, resources, job), told


def _argv(resources: Resources, path: str, *, safe_start: bool) -> tuple[str, ...]:
    program = ("python", "-I", "-m", "spawners.node", path, *(("--safe-start",) if safe_start else ()))
    return resources.environment.argv(*program) if resources.environment else program


def describe(resources: Resources) -> str:
    """Say in plain words what is asked for: "2 CPUs, 4 GB of memory, 1 GPU, for up to 1 hour"."""
    parts = [_count(resources.cpus_per_task, "CPU"), f"{resources.mem / 1000:.3g} GB of memory"]
    if resources.gpus:
        parts.append(_count(resources.gpus, "GPU"))
    if resources.nodes > 1:
        parts.append(f"on {resources.nodes} nodes")
    return f"{', '.join(parts)}, for up to {duration(resources.time)}"


def duration(minutes: int) -> str:
    """Say minutes as a person would: "45 minutes", "1 hour", "2 hours 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [_count(hours, "hour")] if hours else []
    return " ".join([*parts, *([_count(rest, "minute")] if rest or not hours else [])])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
